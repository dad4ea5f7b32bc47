from __future__ import annotations

from typing import Any

import pytest
from manager.fake_manager import FakeManager, Script, intermediate, job

from imbseg.errors import TrialFailed
from imbseg.manager import rest


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PAUSE_S", 0.01)
    monkeypatch.setattr(rest, "TWIN_PAUSE_S", 0.01)


def test_trials_come_in_the_order_in_which_they_were_made(manager: FakeManager) -> None:
    manager.answers["trial-jobs"] = [
        job("bbbbb", 1, "RUNNING", {"seed": 2}),
        job("aaaaa", 0, "SUCCEEDED", {"seed": 1}, {"default": 0.5, "tail": 0.25}),
    ]
    assert rest.trials(manager.base) == [
        rest.Listed("aaaaa", 0, "SUCCEEDED", {"seed": 1}, {"default": 0.5, "tail": 0.25}),
        rest.Listed("bbbbb", 1, "RUNNING", {"seed": 2}),
    ]
    manager.answers["trial-jobs"] = [{"trialJobId": "aaaaa", "status": "WAITING", "hyperParameters": []}]
    assert rest.trials(manager.base) == [rest.Listed("aaaaa", -1, "WAITING", {})]


def test_latest_results_count_from_one_and_leave_final_ones_out(manager: FakeManager) -> None:
    manager.answers["metric-data-latest"] = [
        intermediate("aaaaa", 4, {"default": 0.5, "tail": 0.1}),
        intermediate("bbbbb", 0, 0.25),
        {"trialJobId": "aaaaa", "type": "FINAL", "sequence": 0, "data": '"0.75"'},
    ]
    assert rest.latest_results(manager.base) == {
        "aaaaa": rest.Latest(5, {"default": 0.5, "tail": 0.1}),
        "bbbbb": rest.Latest(1, {"default": 0.25}),
    }


def test_a_trial_asks_for_its_own_parameters_until_it_is_listed(manager: FakeManager) -> None:
    unlisted = {"trialJobId": "aaaaa", "status": "WAITING", "hyperParameters": []}
    listed = job("aaaaa", 0, "RUNNING", {"loss": {"_name": "focal", "gamma": 2}})
    manager.answers["trial-jobs/aaaaa"] = Script([500, None, unlisted, listed])
    assert rest.listed_parameters(manager.channel("aaaaa"), "aaaaa") == {"loss": {"_name": "focal", "gamma": 2}}
    assert manager.asked == ["trial-jobs/aaaaa"] * 4


def test_a_trial_never_guesses(manager: FakeManager) -> None:
    with pytest.raises(TrialFailed, match=r"aaaaa could not ask NNI.*answered 404.*does not guess"):
        rest.listed_parameters(manager.channel("aaaaa"), "aaaaa")
    assert len(manager.asked) == rest.RETRIES


def test_a_manager_that_is_gone_is_said_so(free_port: int) -> None:
    with pytest.raises(TrialFailed, match=r"does not answer.*[Rr]efused"):
        rest.listed_parameters(f"http://localhost:{free_port}/env/local-env/aaaaa", "aaaaa")


def test_an_answer_that_is_no_json_is_said_so(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    manager.answers["version"] = "3.0"
    monkeypatch.setattr(rest.json, "loads", lambda text: (_ for _ in ()).throw(ValueError("no JSON")))
    with pytest.raises(rest.ManagerSilent, match="no JSON"):
        rest.ask(manager.base, "version")


@pytest.mark.parametrize("channel", ["", "ws://localhost:8081/platform", "http://localhost:8080/other/Ab1cD"])
def test_a_channel_of_another_kind_is_refused(channel: str) -> None:
    with pytest.raises(TrialFailed, match="NNI_TRIAL_COMMAND_CHANNEL"):
        rest.listed_parameters(channel, "Ab1cD")


def test_a_prefix_of_the_web_ui_stays_in_the_address() -> None:
    assert rest.base_of_channel("http://localhost:80/a/b/env/local-env/x") == "http://localhost:80/a/b/api/v1/nni"


def test_a_proxy_is_never_asked(manager: FakeManager, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")
    manager.answers["check-status"] = {"status": "RUNNING", "errors": []}
    assert rest.status(manager.base) == ("RUNNING", [])


# Trials with the same parameters: who waits for whom, and what a silent manager does to them.
SAME = {"seed": 1}


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
