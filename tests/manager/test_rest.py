from __future__ import annotations

import subprocess
import sys

import pytest
from manager.fake_manager import FakeManager, Script, intermediate, job

from imbseg.errors import TrialFailed
from imbseg.manager import rest


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "PAUSE_S", 0.01)


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


def test_importing_it_is_cheap() -> None:
    script = "import sys, imbseg.manager.rest; print({'yaml', 'numpy', 'rich', 'requests'} & set(sys.modules))"
    environment = {"PYTHONPATH": "src"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "set()"
