"""Batches in memory that goes to and fro between a loader process and its trainer."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator

import pytest
import torch

from imbseg import loaders
from imbseg.loaders import KEPT, Block, SharedBatch, Slots, give_back, loading

CPU = torch.device("cpu")
PARTS = 3  # numbers in a batch


class Numbers(torch.utils.data.Dataset[torch.Tensor]):
    """Batches full of a number, of sizes that come round; where they lay in the process that made them, and which."""

    def __init__(self, widths: tuple[int, ...] = (7,)) -> None:
        self.slots, self.widths = Slots(), widths

    def __getitems__(self, numbers: list[int]) -> SharedBatch:
        width = self.widths[numbers[0] % len(self.widths)]
        batch = self.slots.take(
            {"whole": ((5, width), torch.float32), "parts": ((PARTS, 2), torch.uint8), "told": ((3,), torch.int64)}
        )
        batch["whole"].fill_(numbers[0])
        batch["parts"][:] = torch.tensor(numbers, dtype=torch.uint8)[:, None]
        batch["told"][:] = torch.tensor([batch["whole"].data_ptr(), os.getpid(), len(self.slots.kept)])
        return batch


def batches(workers: int, widths: tuple[int, ...] = (7,), count: int = 40) -> Iterator[SharedBatch]:
    order = [[number + part for part in range(PARTS)] for number in range(count)]
    return iter(torch.utils.data.DataLoader(Numbers(widths), batch_sampler=order, **loading(workers, CPU)))


def check(number: int, batch: SharedBatch, width: int = 7) -> None:
    assert (batch["whole"].shape, batch["whole"].unique().tolist()) == ((5, width), [number])
    assert batch["parts"].tolist() == [[one, one] for one in range(number, number + PARTS)]
    assert (batch["whole"].dtype, batch["parts"].dtype) == (torch.float32, torch.uint8)
    assert all(tensor.data_ptr() % 64 == 0 for tensor in batch.values())


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_what_is_given_back_is_used_again(workers: int) -> None:
    places, handed_over = set[tuple[int, ...]](), set[Block | None]()
    for number, batch in enumerate(batches(workers)):
        check(number, batch)
        places.add(tuple(batch["told"].tolist()[:2]))
        handed_over.add(batch.block)
        give_back(batch)
    if workers:
        assert len(places) <= KEPT * workers
        assert len(handed_over) <= KEPT * workers
    else:
        assert handed_over == {None}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_what_is_kept_stays(workers: int) -> None:
    for number, batch in enumerate(list(batches(workers))):
        check(number, batch)
        assert batch["told"][2] <= KEPT


def test_some_kept_and_some_given_back() -> None:
    kept = {}
    for number, batch in enumerate(batches(2)):
        check(number, batch)
        if number % 3:
            give_back(batch)
        else:
            kept[number] = batch
    for number, batch in kept.items():
        check(number, batch)


def test_batches_of_many_sizes_take_the_memory_of_a_few() -> None:
    widths, late = tuple(range(7, 27)), set[Block | None]()  # at first each is larger than all before
    for number, batch in enumerate(batches(1, widths, count=60)):
        check(number, batch, widths[number % len(widths)])
        assert batch["told"][2] <= KEPT
        if number >= 40:
            late.add(batch.block)
        give_back(batch)
    assert len(late) <= 2 * KEPT


def test_the_memory_of_ended_loaders_is_returned() -> None:
    for _ in range(3):
        for batch in batches(2, count=8):
            give_back(batch)
    last = {name[0] for name in loaders._blocks}
    assert len(last) == 2
    loading(0, CPU)
    assert not loaders._blocks


def test_a_loader_that_is_half_read_is_not_forgotten() -> None:
    first = batches(1)
    for number, batch in enumerate(first):
        check(number, batch)
        give_back(batch)
        if number == 10:
            for other, again in enumerate(batches(1)):
                check(other, again)
                give_back(again)


def test_a_pinned_batch_gives_back_the_block_that_it_was_copied_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor, *_: tensor.clone())  # there may be no GPU
    seen = set[int]()
    for number, batch in enumerate(batches(1)):
        pinned = torch.utils.data._utils.pin_memory.pin_memory(batch)
        assert pinned["whole"].data_ptr() != batch["whole"].data_ptr()
        seen.add(batch["whole"].data_ptr())
        check(number, pinned)
        give_back(pinned)
        assert copy.copy(batch).block.free
    assert len(seen) <= KEPT


def test_a_copy_lies_in_memory_of_its_own() -> None:
    for number, batch in enumerate(batches(1)):
        copied = copy.deepcopy(batch)
        batch["whole"].add_(1)
        check(number, copied)
        batch["whole"].sub_(1)
        check(number, batch)
        give_back(batch)
