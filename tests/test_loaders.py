"""Batches in memory that goes to and fro between a loader process and its trainer."""

from __future__ import annotations

import pytest
import torch

from imbseg.loaders import KEPT, Slots, as_it_is, give_back, start_worker


class Numbers(torch.utils.data.Dataset[torch.Tensor]):
    """Batches full of a number, and where they lay in the process that made them."""

    def __init__(self) -> None:
        self.slots = Slots()

    def __getitems__(self, numbers: list[int]) -> dict[str, torch.Tensor]:
        whole = self.slots.take((5, 7), torch.float32).fill_(numbers[0])
        parts = self.slots.stacked([torch.full((2,), number, dtype=torch.uint8) for number in numbers])
        return {"whole": whole, "parts": parts, "place": torch.tensor([whole.data_ptr(), parts.data_ptr()])}


def batches(workers: int) -> torch.utils.data.DataLoader[torch.Tensor]:
    order = [[number, number + 1, number + 2] for number in range(40)]
    how = {"collate_fn": as_it_is, "worker_init_fn": start_worker, "num_workers": workers}
    return torch.utils.data.DataLoader(Numbers(), batch_sampler=order, **how)


def check(number: int, batch: dict[str, torch.Tensor]) -> None:
    assert (batch["whole"].shape, batch["whole"].unique().tolist()) == ((5, 7), [number])
    assert batch["parts"].tolist() == [[one, one] for one in range(number, number + 3)]
    assert (batch["whole"].dtype, batch["parts"].dtype) == (torch.float32, torch.uint8)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_what_is_given_back_is_used_again(workers: int) -> None:
    places: set[tuple[int, ...]] = set()
    for number, batch in enumerate(batches(workers)):
        check(number, batch)
        places.add((number % max(workers, 1), *batch["place"].tolist()))
        give_back(batch)
    if workers:
        assert len({place[:2] for place in places}) <= KEPT * workers
        assert len({(place[0], place[2]) for place in places}) <= KEPT * workers


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_what_is_kept_stays(workers: int) -> None:
    for number, batch in enumerate(list(batches(workers))):
        check(number, batch)
