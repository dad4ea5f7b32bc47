"""A row of draws.csv by hand, and an epoch under way."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
import torch

from imbseg import ranks
from imbseg.training.begun import Begun, chance_states, cpu_seconds, restored, set_chance
from imbseg.training.draws import Draws, true_class_probability

TARGET = torch.tensor([[[0, 0], [1, 255]], [[0, 0], [0, 0]]])
LOGITS = torch.zeros(2, 3, 2, 2)
LOGITS[0, 1, 1, 0] = math.log(2)  # the one pixel of class 1: 2 of 1 + 2 + 1


def test_pixels_samples_and_pasted_objects() -> None:
    draws = Draws(["sky", "pole", "bird"], confidence=False)
    draws.add({"target": TARGET, "pasted": torch.tensor([[0, 1, 0], [0, 2, 0]])}, LOGITS)
    draws.add({"target": TARGET[1:], "pasted": torch.tensor([[0, 0, 1]])}, LOGITS[1:])
    assert draws.row(4, images=2) == {
        "epoch": 4, "samples": 3, "images": 2,
        "samples:sky": 3, "samples:pole": 1, "samples:bird": 0,
        "pixels:sky": 10, "pixels:pole": 1, "pixels:bird": 0, "pixels:ignore": 1,
        "pasted:sky": 0, "pasted:pole": 3, "pasted:bird": 1,
    }  # fmt: skip
    assert all(isinstance(value, int) for value in draws.row(4, images=2).values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_confidence_is_the_mean_over_the_pixels_of_a_class(dtype: torch.dtype) -> None:
    np.testing.assert_allclose(true_class_probability(TARGET, LOGITS.to(dtype)), [2, 0.5, 0], rtol=1e-3)
    draws = Draws(["sky", "pole", "bird"], confidence=True)
    draws.add({"target": TARGET}, LOGITS.to(dtype))
    assert draws.row(1, images=2)["confidence:pole"] == pytest.approx(0.5, rel=1e-3)  # of one pixel
    for _ in range(2):
        draws.add({"target": TARGET}, LOGITS.to(dtype))
    row = draws.row(1, images=2)
    assert row["confidence:sky"] == pytest.approx(1 / 3)
    assert row["confidence:pole"] == pytest.approx(0.5, rel=1e-3)
    assert math.isnan(row["confidence:bird"])


@pytest.mark.parametrize("pasted", [{}, {"pasted": torch.tensor([[0, 1, 0], [0, 2, 0]])}])
def test_an_epoch_under_way_is_stored_and_added_to_another_processes(pasted: dict[str, torch.Tensor]) -> None:
    """Two processes have counted the same step: all counts twice, the mean confidence as it is."""
    names, cpu = ["sky", "pole", "bird"], torch.device("cpu")
    begun = Begun(Draws(names, confidence=True), step=3, loss=torch.tensor(1.5), spent=(2.0, 1.0), gathered=[4])
    begun.draws.add({"target": TARGET, **pasted}, LOGITS)
    torch.manual_seed(5)
    state = begun.stored(cpu)
    row, drawn = begun.draws.row(1, images=2), torch.rand(1)
    again = restored(state, Draws(names, confidence=True))
    set_chance(again.chance, cpu)
    assert torch.equal(torch.rand(1), drawn)
    assert (again.step, again.loss.item(), again.spent, again.gathered, again.torn) == (3, 1.5, (2.0, 1.0), [4], False)
    assert again.draws.row(1, images=2) == pytest.approx(row, nan_ok=True)
    assert begun.draws_of_all() is begun.draws
    begun.of_all = [state, state]
    both = begun.draws_of_all().row(1, images=2)
    kept = {name: one for name, one in row.items() if name in ("epoch", "images") or name.startswith("confidence")}
    assert both == pytest.approx({**{name: 2 * one for name, one in row.items()}, **kept}, nan_ok=True)
    assert begun.stored(cpu) == [state, state]
    begun.torn = True
    assert begun.stored(cpu) is None


def test_each_of_several_processes_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    names, cpu = ["sky", "pole", "bird"], torch.device("cpu")
    begun = Begun(Draws(names, confidence=False), step=3, loss=torch.tensor(1.5))
    begun.draws.add({"target": TARGET}, LOGITS)
    begun.share(cpu)
    assert begun.of_all == []  # nobody else trains
    monkeypatch.setattr(ranks, "size", lambda: 2)
    monkeypatch.setattr(ranks, "everyone", lambda own: [own, own | {"waited": 7.0}])
    begun.of_all = [{"step": 2}, {"step": 2}]
    assert begun.stored(cpu) is None  # what is known of the other is a step old
    begun.share(cpu)
    stored = begun.stored(cpu)
    assert isinstance(stored, list)
    assert not [one for one in stored if "of_all" in one]  # or each checkpoint would hold those before
    assert begun.draws_of_all().row(1, images=2).keys() == begun.draws.row(1, images=2).keys()
    for rank, waited in ((0, 0.0), (1, 7.0)):
        monkeypatch.setattr(ranks, "rank", lambda rank=rank: rank)
        again = restored(stored, Draws(names, confidence=False))
        assert (again.step, float(again.loss), again.waited) == (3, 1.5, waited)
    begun.step = 4
    assert begun.stored(cpu) is None


def test_the_generator_of_a_gpu_is_kept_beside_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """With torch's two calls replaced: this needs no GPU."""
    cpu, gpu, given = torch.device("cpu"), torch.device("cuda", 1), []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.tensor([7, device.index]))
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: given.append((state.tolist(), device)))
    states = chance_states(gpu)
    set_chance(states, cpu)
    set_chance(chance_states(cpu), gpu)  # a checkpoint of one goes on on the other
    assert given == []
    set_chance(states, gpu)
    assert given == [([7, 1], gpu)]


def test_the_processor_seconds_are_those_of_ended_loaders_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "times", lambda: os.times_result((1.0, 2.0, 4.0, 8.0, 100.0)))
    assert cpu_seconds() == 15


def test_only_ignored_pixels() -> None:
    draws = Draws(["sky", "pole"], confidence=True)
    draws.add({"target": torch.full((2, 4, 4), 255)}, torch.zeros(2, 2, 4, 4))
    row = draws.row(1, images=1)
    assert (row["samples:sky"], row["pixels:sky"], row["pixels:ignore"]) == (0, 0, 32)
    assert math.isnan(row["confidence:sky"])
