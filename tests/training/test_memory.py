"""Memory too small for a batch, which then passes the network in parts; a loss of one's own stands in for memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from small_trial import make_data, train

from imbseg import ranks
from imbseg.errors import InputError
from imbseg.losses import LOSSES
from imbseg.losses.mixing import mixes
from imbseg.losses.terms import build
from imbseg.training.loop import Learner, _step
from imbseg.trial import Trial
from imbseg.trial.micro_batch import halved, line, parts

OWN = """
import os
from pathlib import Path

import torch
from imbseg.losses.cross_entropy import cross_entropy


def narrow(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    calls = Path(os.environ["CALLS"])
    with calls.open("a") as file:
        file.write("x")
    late = calls.stat().st_size > int(os.environ["AFTER"])
    if late and len(logits) > int(os.environ["HOLDS"]):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    return cross_entropy(logits, target, class_weights=None)
"""
BATCH = {"batch_size": "8", "loss": "narrow_memory:narrow", "post_hoc": "none", "strategy": "full/mskf/none/none"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("data")
    found = make_data(folder, n=24)
    (Path(found["dataset"]).parent / "narrow_memory.py").write_text(OWN)
    return {**found, **BATCH}


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say how many samples it holds, and from which step on."""
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))

    def holds(samples: int, after: int = 0) -> None:
        (tmp_path / "calls").write_text("")
        monkeypatch.setenv("HOLDS", str(samples))
        monkeypatch.setenv("AFTER", str(after))

    holds(99)
    return holds


def stored(out: Path, name: str) -> dict[str, Any]:
    return dict(json.loads((out / name).read_text()))


def test_the_batch_stays_and_its_parts_are_halved(data: dict[str, str], memory: Any, tmp_path: Path) -> None:
    memory(3)
    heard = train(data, tmp_path / "halved")
    about, status = stored(tmp_path / "halved", "trial.json"), stored(tmp_path / "halved", "status.json")
    assert (about["micro_batch"], status["micro_batch"]) == (2, 2)
    assert (about["parameters"]["batch_size"], about["parameters"]["micro_batch"]) == (8, None)
    assert [row["micro_batch"] for row in heard["intermediate"]] == [2, 2]
    assert heard["final"][0]["micro_batch"] == 2
    said = [words.partition(";")[0] for words in heard["lines"] if "memory was too small" in words]
    assert said == [
        f"memory was too small: micro_batch {most}, the 8 samples of a step pass the network in {number} parts"
        for most, number in ((4, 2), (2, 4))
    ]
    # It is the trial that says so from the beginning.
    memory(99)
    train({**data, "micro_batch": "2"}, tmp_path / "told")
    assert "micro_batch" not in stored(tmp_path / "told", "trial.json")
    epochs = [(tmp_path / name / "epochs.csv").read_bytes() for name in ("halved", "told")]
    assert epochs[0] == epochs[1]
    # Batch norm saw two samples at a time, and not eight.
    train(data, tmp_path / "whole")
    assert (tmp_path / "whole" / "epochs.csv").read_bytes() != epochs[0]


def test_it_goes_on_from_its_checkpoint_and_a_further_start_remembers(
    data: dict[str, str], memory: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train({**data, "epochs": "1"}, tmp_path / "one")
    steps = (tmp_path / "calls").stat().st_size
    memory(4, after=steps)
    lines: list[str] = []

    def stop_late(line: str) -> None:
        lines.append(line)
        if line.startswith("epoch 2"):
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        train({**data, "epochs": "3"}, out, say=stop_late)
    first = next(place for place, words in enumerate(lines) if "memory was too small: micro_batch 4" in words)
    assert [words for words in lines[:first] if words.startswith("epoch 1/3")]
    assert "going on after epoch 1" in lines[first + 1 :]
    memory(4)
    heard = train({**data, "epochs": "3"}, out)
    assert not [words for words in heard["lines"] if "memory was too small" in words]
    assert stored(out, "status.json")["micro_batch"] == 4
    assert len((out / "epochs.csv").read_text().splitlines()) == 4


def test_where_two_samples_are_too_many_it_ends_in_a_sentence(
    data: dict[str, str], memory: Any, tmp_path: Path
) -> None:
    memory(1)
    with pytest.raises(InputError, match="2 samples of 64x64 pixels in deeplabv3plus are more than the memory of cpu"):
        train(data, tmp_path / "out")
    status = stored(tmp_path / "out", "status.json")
    assert (status["status"], stored(tmp_path / "out", "trial.json")["micro_batch"]) == ("failed", 2)


def test_the_gradient_of_the_parts_is_that_of_the_batch() -> None:
    images = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    target = torch.randint(2, (5, 4, 4), generator=torch.Generator().manual_seed(2))
    found = {}
    for most in (None, 3, 2):
        model = torch.nn.Conv2d(3, 2, 1)
        torch.nn.init.constant_(model.weight, 0.1)
        torch.nn.init.zeros_(model.bias)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        learner = Learner(model, optimizer, torch.amp.GradScaler(enabled=False), torch.device("cpu"))
        loss_of = build("cross_entropy", {"class_weights": None})
        trial = Trial(batch_size=5, micro_batch=most)
        loss, logits = _step(learner, {"image": images, "target": target}, loss_of, trial, [], None, last=True)
        assert model.weight.grad is not None
        found[most] = loss, logits, model.weight.grad
    for most in (3, 2):
        for part, whole in zip(found[most], found[None], strict=True):
            torch.testing.assert_close(part, whole)


def test_parts_are_as_equal_as_can_be_and_never_single() -> None:
    assert [parts(number, 4) for number in (1, 2, 4, 5, 9, 16)] == [[1], [2], [4], [3, 2], [3, 3, 3], [4] * 4]
    assert all(min(parts(number, most)) > 1 for number in range(2, 40) for most in range(2, 40))
    assert all(sum(parts(number, most)) == number for number in range(1, 40) for most in range(2, 40))
    trial, found = Trial(batch_size=20), []
    while trial is not None:
        found.append(parts(20, trial.at_once)[0])
        trial = halved(trial)
    assert found == [20, 10, 5, 3, 2]


def test_which_losses_are_over_a_whole_batch_is_found_by_trying() -> None:
    weights = {"class_weights": torch.ones(3), "class_priors": torch.full((3,), 1 / 3)}
    device = torch.device("cpu")
    before = torch.get_rng_state()
    found = {}
    for name in LOSSES:
        settings = {key: getattr(Trial(), key) for key in LOSSES.declares()}
        found[name] = mixes(build(name, {**settings, **weights, "ohem_min": 10}), 3, (16, 12), device)
    assert torch.equal(torch.get_rng_state(), before)
    apart = {"cross_entropy", "weighted_cross_entropy", "focal", "softmax_focal", "logit_adjusted", "logit_variation"}
    assert {name for name, whole in found.items() if not whole} == apart | {"size_balanced", "cc_dice"}
    said = line(Trial(batch_size=8, micro_batch=4, loss="dice"), mixes=True)
    assert "batch norm, and the loss dice, which is over a whole batch, now see 4 at a time" in said
    assert "batch norm now sees 4 at a time" in line(Trial(batch_size=8, micro_batch=4), mixes=False)


def test_several_processes_take_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "size", lambda: 2)
    with pytest.raises(InputError, match="micro_batch: is of a single process, found 2"):
        ranks.check_batch(8, 4)
