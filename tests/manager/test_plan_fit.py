"""What a number of hours holds."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imbseg.errors import InputError
from imbseg.manager.candidates import BASELINE, PLAIN, Candidate, in_setup
from imbseg.manager.plan_fit import Timed, check_baseline, fit, fit_measured, least_epochs
from imbseg.trial.pace import START_S, Pace

HOUR = 3600.0
FOCAL = Candidate("softmax_focal", reason="one")
DRAWN = Candidate(sampling="repeat_factor", parameters={"repeat_threshold": 0.5}, reason="two")
GEOMETRY = {"architecture": "unet"}
MINE: Any = SimpleNamespace(path=Path("mine.yml"))


def pace(seconds: float, steps: int = 8) -> Pace:
    """An epoch of so many seconds; what a trial takes beside its epochs is START_S."""
    return Pace(steps, seconds / steps, 0.0, 0.0, 0.0, 0.0, bytes=7)


def one(candidate: Candidate, hours: float) -> Timed:
    """A trial of one epoch that takes so many hours in all."""
    return Timed(candidate, pace(hours * HOUR - START_S))


TIMED = [one(BASELINE, 2), one(PLAIN, 1), one(FOCAL, 3), one(DRAWN, 2)]


@pytest.mark.parametrize(
    ("budget", "at_once", "kept", "left", "seeds", "hours"),
    [
        (None, 1, [BASELINE, PLAIN, FOCAL, DRAWN], [], 1, 8.0),
        (8.0, 1, [BASELINE, PLAIN, FOCAL, DRAWN], [], 1, 8.0),
        (7.9, 1, [BASELINE, PLAIN, FOCAL], [DRAWN], 1, 6.0),
        (5.5, 1, [BASELINE, PLAIN, DRAWN], [FOCAL], 1, 5.0),  # a cheaper one further down still fits
        (2.0, 1, [BASELINE], [PLAIN, FOCAL, DRAWN], 1, 2.0),
        (25.0, 1, [BASELINE, PLAIN, FOCAL, DRAWN], [], 3, 24.0),
        (999.0, 1, [BASELINE, PLAIN, FOCAL, DRAWN], [], 5, 40.0),
        (4.0, 2, [BASELINE, PLAIN, FOCAL, DRAWN], [], 1, 4.0),
        (2.0, 8, [BASELINE, PLAIN, DRAWN], [FOCAL], 3, 2.0),  # none takes less than its own time
    ],
)
def test_what_a_budget_holds_where_epochs_are_fixed(
    budget: float | None, at_once: int, kept: list[Candidate], left: list[Candidate], seeds: int, hours: float
) -> None:
    found = fit(TIMED, (1, 1), budget, at_once)
    assert [each.candidate for each in found.kept] == kept
    assert [each.candidate for each in found.left_out] == left
    assert (found.seeds, found.epochs) == (seeds, 1)
    assert found.hours == pytest.approx(hours)
    assert found.bytes == 7 * len(kept) * seeds


def test_forty_images_in_two_hours_are_five_settings_of_25_epochs_not_one_of_125() -> None:
    # 40 images, 32 of them train, each twice: 8 steps of 8 images; 125 epochs make the 1000 steps of a plan
    trial: Any = SimpleNamespace(epochs=125, finish_epochs=0)
    least = least_epochs(trial, 8, "cpu")
    assert least == 25  # 200 steps
    losses = ["cross_entropy", "focal", "dice", "ohem", "lovasz", "tversky"]
    trials = [Timed(Candidate(loss), pace(56.0)) for loss in losses]  # 125 epochs take 1.95 hours, 25 take .39
    alone = fit(trials, (125, 125), 2.0, 1)
    assert len(alone.kept) == 1
    found = fit(trials, (least, 125), 2.0, 1)
    assert [each.candidate.loss for each in found.kept] == losses[:5]
    assert (found.epochs, found.wished, found.seeds) == (25, 125, 1)
    assert found.hours == pytest.approx(5 * (25 * 56 + START_S) / HOUR)


def test_epochs_are_only_as_much_shorter_as_all_trials_ask_for() -> None:
    trials = [Timed(Candidate(loss), pace(36.0)) for loss in ("cross_entropy", "focal")]
    # 2 x (e x 36 + 12) s within 1 hour: e = 49 (3552 s), and 50 would be 3624 s
    found = fit(trials, (25, 125), 1.0, 1)
    assert (len(found.kept), found.epochs, found.seeds) == (2, 49, 1)
    assert fit(trials, (25, 125), 2.52, 1).epochs == 125  # 2 x 4512 s are 2.507 h
    assert fit(trials, (25, 125), 2.5, 1).epochs == 124
    assert fit(trials, (25, 125), 5.02, 1).seeds == 2  # more hours go into seeds


@pytest.mark.parametrize(
    ("epochs", "finish", "steps", "device", "fixed", "expected"),
    [
        (125, 0, 8, "cpu", False, 25),
        (125, 0, 8, "gpu", False, 125),  # 250 epochs would make 2000 steps; never more than are wished
        (5, 0, 91, "cpu", False, 3),  # 273 steps; 2 epochs are 182
        (20, 4, 91, "cpu", False, 5),  # an epoch at least before those at the larger input
        (125, 0, 8, "cpu", True, 125),
    ],
)
def test_the_fewest_epochs(epochs: int, finish: int, steps: int, device: str, fixed: bool, expected: int) -> None:
    trial: Any = SimpleNamespace(epochs=epochs, finish_epochs=finish)
    assert least_epochs(trial, steps, device, fixed=fixed) == expected


def cells() -> list[Candidate]:
    return [BASELINE, FOCAL, *in_setup(GEOMETRY, "why", (BASELINE, FOCAL)), DRAWN]


def test_the_cells_of_a_geometry_are_taken_together_or_not_at_all() -> None:
    assert [each.label for each in cells()[2:4]] == [
        "x2, cross_entropy, architecture unet", "x2, softmax_focal, architecture unet"]  # fmt: skip
    trials = [one(each, 1) for each in cells()]
    assert [each.candidate for each in fit(trials, (1, 1), 4.5, 1).kept] == cells()[:4]
    found = fit(trials, (1, 1), 3.5, 1)  # room for one of the two
    assert [each.candidate for each in found.kept] == [BASELINE, FOCAL, DRAWN]
    assert [each.candidate for each in found.left_out] == cells()[2:4]
    trials[1] = one(FOCAL, 9)  # its remedy doesn't fit, so nothing could be told apart
    assert [each.candidate for each in fit(trials, (1, 1), 6.0, 1).kept] == [BASELINE, DRAWN]


@pytest.mark.parametrize(("broken", "left"), [(1, 3), (2, 3), (3, 3)])
def test_of_cells_that_can_run_in_part_none_is_kept(broken: int, left: int) -> None:
    paces: list[Any] = [pace(1.0) for _ in cells()]
    paces[broken] = InputError("no")
    found, refused = fit_measured(cells(), paces, epochs=(1, 1), budget=None, at_once=1)
    expected = [BASELINE, DRAWN] if broken == 1 else [BASELINE, FOCAL, DRAWN]
    assert [each.candidate for each in found.kept] == expected
    assert refused[0] == f"Can't run: {cells()[broken].label}: no."
    assert len(refused) == len(cells()) - len(expected)
    assert all(line.startswith("Left out beside it: x2") for line in refused[1:])


def test_what_cannot_run_is_told_and_left_out() -> None:
    paces: list[Any] = [pace(1.0), InputError("no object is small"), pace(1.0)]
    found, refused = fit_measured([BASELINE, FOCAL, DRAWN], paces, epochs=(1, 1), budget=None, at_once=1)
    assert [each.candidate for each in found.kept] == [BASELINE, DRAWN]
    assert refused == ["Can't run: x2, softmax_focal: no object is small."]


def test_a_budget_below_the_baseline_says_what_it_needs() -> None:
    slow = dataclasses.replace(pace(300.0, steps=10), val_s=60.0)  # 10 x 360 s + 12 s = 1.0033 h
    expected = "--hours 1: the baseline alone takes 1 hours (10 epochs of 10 steps of 30 s and 60 s of validation; with"
    with pytest.raises(InputError, match=re.escape(expected) + ".* under `trial:` in mine.yml"):
        check_baseline(slow, 10, 1.0, MINE)
    check_baseline(slow, 10, 3612 / HOUR, MINE)  # just enough
