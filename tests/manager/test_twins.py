"""Trials with the same parameters: who waits for whom, and what a silent manager does to them."""

from __future__ import annotations

from typing import Any

import pytest
from manager.fake_manager import FakeManager, Script, job

from imbseg.errors import TrialFailed
from imbseg.manager import rest

SAME = {"seed": 1}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PAUSE_S", 0.01)
    monkeypatch.setattr(rest, "TWIN_PAUSE_S", 0.01)


def twin(manager: FakeManager, *listings: Any) -> str | None:
    """What trial `own`, the second of its experiment, is told; the listings come one after another."""
    manager.answers["trial-jobs"] = Script(list(listings))
    return rest.finished_twin(manager.channel("own"), "own", SAME)


def listing(status: str, parameters: dict[str, Any] = SAME, sequence: int = 0) -> list[dict[str, Any]]:
    return [job("other", sequence, status, parameters), job("own", 1, "RUNNING", SAME)]


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (listing("SUCCEEDED"), "other"),
        (listing("SUCCEEDED", sequence=2), "other"),
        (listing("SUCCEEDED", {"seed": 2}), None),
        (listing("RUNNING", {"seed": 2}), None),
        (listing("FAILED"), None),
        (listing("USER_CANCELED"), None),
        # With one trial at a time it would wait for ever: the other one starts when this one ends.
        (listing("WAITING"), None),
        # That one waits for this one.
        (listing("RUNNING", sequence=2), None),
        ([job("own", 1, "SUCCEEDED", SAME)], None),
        ([], None),
    ],
)
def test_at_once(manager: FakeManager, listed: Any, expected: str | None) -> None:
    assert twin(manager, listed) == expected
    assert len(manager.asked) == 1


@pytest.mark.parametrize(("end", "expected"), [("SUCCEEDED", "other"), ("FAILED", None), ("WAITING", None)])
def test_an_earlier_one_that_runs_is_waited_for(manager: FakeManager, end: str, expected: str | None) -> None:
    assert twin(manager, listing("RUNNING"), listing("RUNNING"), listing(end)) == expected
    assert len(manager.asked) == 3


def test_a_manager_that_is_silent_for_a_moment_is_asked_again(manager: FakeManager) -> None:
    assert twin(manager, 500, listing("RUNNING"), 500, 500, 500, 500, listing("SUCCEEDED")) == "other"
    assert len(manager.asked) == 7


def test_one_that_stays_silent_ends_the_trial_with_a_sentence(manager: FakeManager) -> None:
    with pytest.raises(TrialFailed, match="NNI's manager answered 500"):
        twin(manager, 500)
    assert len(manager.asked) == rest.RETRIES
