"""Killed at any moment and started again at once, a trial ends as if it had never stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from killing import INTERRUPTED, Moment, ending, start
from small_trial import SMALL, make_data

pytestmark = pytest.mark.slow

SEED = 16
EVERYTHING = {
    "strategy": "full/mskf/adaptive/adaptive", "adaptive_from": "confidence", "workers": "2", "ema": "0.9",
    "batch_size": "3", "accumulate": "4",  # checkpoints lie within groups of batches, and an epoch ends within one
    "epochs": "2", "finish_epochs": "1", "finish_size": "80x96", "retrain_head_epochs": "1",
    "aspp_dropout": "0.3", "loss": "cross_entropy", "post_hoc": "prior", "keep_last": "true", "patience": "0",
    "encoder": SMALL["encoder"], "checkpoint_minutes": "1000000",
}  # fmt: skip
# In turn, each after a start again: within epoch 1, at its end, within 2, within 3 (the last layer anew), at the end
NAMED = [
    ("write begun", 2), ("after best.pt", 1), ("evaluation", 2), ("between epochs", 1), ("after previous.pt", 2),
    ("write begun", 3), ("after best.pt", 1), ("after counts_test.npz", 1),
]  # fmt: skip


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("data")
    found = {**make_data(folder, n=12), **EVERYTHING}
    ids = sorted({path.stem for path in (folder / "cracks").rglob("*.png")})
    weights = "".join(f"{one},{0.5 + place / 8}\n" for place, one in enumerate(ids))
    (folder / "weights.csv").write_text("id,weight\n" + weights, encoding="utf-8")
    return {**found, "image_weights": str(folder / "weights.csv")}


@pytest.fixture(scope="module")
def through(flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict]:
    """The moments of a trial that ran through, and its end."""
    out = tmp_path_factory.mktemp("through") / "trial"
    status, names, _ = start(flags, out)
    assert status == 0
    assert {name for name, _ in NAMED} <= set(names)
    return names, ending(out)


def check(flags: dict[str, str], out: Path, through: tuple[list[str], dict], *moments: Moment) -> list[str]:
    """Kill it there, start it again at once, and so on; what the last start said."""
    for moment in moments:
        assert start(flags, out, moment)[0] == -signal.SIGKILL, moments
    status, _, lines = start(flags, out)
    assert status == 0, moments
    found = ending(out)
    differ = [name for name in {**through[1], **found} if through[1].get(name) != found.get(name)]
    assert not differ, (moments, differ)
    return lines


def drawn(names: list[str], number: int) -> list[int]:
    return np.random.default_rng(SEED).integers(0, len(names), number).tolist()


@pytest.mark.parametrize("place", [*range(4), *(pytest.param(one, marks=pytest.mark.long) for one in range(4, 20))])
def test_killed_at_a_drawn_moment(
    flags: dict[str, str], through: tuple[list[str], dict], tmp_path: Path, place: int
) -> None:
    moment = drawn(through[0], 20)[place]
    print(f"seed {SEED}, moment {moment} of {len(through[0])}: {through[0][moment]}")
    check(flags, tmp_path / "trial", through, moment)


def test_killed_at_every_named_moment(flags: dict[str, str], through: tuple[list[str], dict], tmp_path: Path) -> None:
    check(flags, tmp_path / "trial", through, *NAMED)


# In turn: the step is finished; so is a checkpoint; after the steps of an epoch all are kept; and between epochs
SIGNALS = [
    (signal.SIGTERM, ("step begins", 3), "going on after epoch 0, step 3"),
    (signal.SIGINT, ("write begun", 1), "going on after epoch 0, step "),
    (signal.SIGINT, ("evaluation", 2), "going on after epoch 0, step "),
    (signal.SIGTERM, ("between epochs", 1), "going on after epoch 1"),
]


def test_a_signal_loses_no_step(flags: dict[str, str], through: tuple[list[str], dict], tmp_path: Path) -> None:
    out = tmp_path / "trial"
    for number, moment, _ in SIGNALS:
        assert start(flags, out, moment, number)[0] == INTERRUPTED, moment
        status = json.loads((out / "status.json").read_text())
        assert (status["status"], status["message"]) == ("interrupted", "stopped from outside; start it again to go on")
    check(flags, out, through)
    said = [line for line in (out / "log.txt").read_text().splitlines() if line.startswith("going on")]
    assert len(said) == len(SIGNALS)
    assert all(line.startswith(where) for line, (_, _, where) in zip(said, SIGNALS, strict=True))
