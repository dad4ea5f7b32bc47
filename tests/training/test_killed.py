"""Killed at any moment and started again at once, a trial ends as if it had never stopped."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest
from killing import INTERRUPTED, Ended, Moment, ending, everything, start

pytestmark = pytest.mark.slow

SEED = 16
# In turn, each after a start again: within epoch 1, at its end, within 2, within 3 (the last layer anew), at the end
NAMED = [
    ("write begun", 2), ("after best.pt", 1), ("evaluation", 2), ("between epochs", 1), ("after previous.pt", 2),
    ("write begun", 3), ("after best.pt", 1), ("after counts_test.npz", 1),
]  # fmt: skip


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return everything(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def through(flags: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, dict]:
    """A trial that ran through, and its end."""
    out = tmp_path_factory.mktemp("through") / "trial"
    ended = start(flags, out)
    assert ended.status == 0
    assert {name for name, _ in NAMED} <= set(ended.names)
    return ended, ending(out)


def check(flags: dict[str, str], out: Path, through: tuple[Ended, dict], *moments: Moment) -> list[str]:
    """Kill it there, start it again at once, and so on; what the last start said."""
    for moment in moments:
        status = start(flags, out, moment).status
        # A machine that is less busy now may have ended it before: then it isn't trained again
        assert status == -signal.SIGKILL or (isinstance(moment, float) and status == 0), moments
    again = start(flags, out)
    assert again.status == 0, moments
    found = ending(out)
    differ = [name for name in {**through[1], **found} if through[1].get(name) != found.get(name)]
    assert not differ, (moments, differ)
    return again.lines


@pytest.mark.parametrize("place", [*range(4), *(pytest.param(one, marks=pytest.mark.long) for one in range(4, 20))])
def test_killed_at_a_drawn_moment(
    flags: dict[str, str], through: tuple[Ended, dict], tmp_path: Path, place: int
) -> None:
    seconds = through[0].seconds
    moment = np.random.default_rng(SEED).uniform(0, seconds, 20).tolist()[place]
    print(f"seed {SEED}, moment {place}: {moment:.2f} of {seconds:.2f} s")
    check(flags, tmp_path / "trial", through, moment)


def test_killed_at_every_named_moment(flags: dict[str, str], through: tuple[Ended, dict], tmp_path: Path) -> None:
    check(flags, tmp_path / "trial", through, *NAMED)


# In turn: the step is finished; so is a checkpoint; after the steps of an epoch all are kept; and between epochs
SIGNALS = [
    (signal.SIGTERM, ("step begins", 3), "going on after epoch 0, step 3"),
    (signal.SIGINT, ("write begun", 1), "going on after epoch 0, step "),
    (signal.SIGINT, ("evaluation", 2), "going on after epoch 0, step "),
    (signal.SIGTERM, ("between epochs", 1), "going on after epoch 1"),
]


def test_a_signal_loses_no_step(flags: dict[str, str], through: tuple[Ended, dict], tmp_path: Path) -> None:
    out = tmp_path / "trial"
    for number, moment, _ in SIGNALS:
        assert start(flags, out, moment, number)[0] == INTERRUPTED, moment
        status = json.loads((out / "status.json").read_text())
        assert (status["status"], status["message"]) == ("interrupted", "stopped from outside; start it again to go on")
    check(flags, out, through)
    said = [line for line in (out / "log.txt").read_text().splitlines() if line.startswith("going on")]
    assert len(said) == len(SIGNALS)
    assert all(line.startswith(where) for line, (_, _, where) in zip(said, SIGNALS, strict=True))
