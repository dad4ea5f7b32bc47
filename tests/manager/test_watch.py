from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from manager.fake_manager import FakeManager, Script, intermediate, job

from imbseg.manager import table, watch
from imbseg.manager.launch import Experiment
from imbseg.manager.rest import Latest, Listed

SCORES = {"default": 0.5, "tail": 0.25}


def watched(manager: FakeManager, folder: Path, out: io.StringIO | None = None) -> watch.Outcome:
    experiment = Experiment("exp1", manager.port, folder)
    return watch.watch(experiment, poll_s=0.01, silent_s=0.2, out=out or io.StringIO())


def answers(manager: FakeManager, status: str, jobs: Any, made: int, latest: Any = ()) -> None:
    manager.answers |= {
        "check-status": {"status": status, "errors": []},
        "trial-jobs": jobs,
        "experiment": {"nextSequenceId": made},
        "metric-data-latest": list(latest),
    }


def test_it_ends_when_all_trials_have_ended(manager: FakeManager, tmp_path: Path) -> None:
    ended = [job("aaaaa", 0, "SUCCEEDED", {"seed": 1}, SCORES), job("bbbbb", 1, "SUCCEEDED", {"seed": 2}, SCORES)]
    running = [ended[0], job("bbbbb", 1, "RUNNING", {"seed": 2})]
    answers(manager, "TUNER_NO_MORE_TRIAL", Script([running, running, ended]), 2, [intermediate("bbbbb", 0, SCORES)])
    out = io.StringIO()
    outcome = watched(manager, tmp_path, out)
    assert (outcome.ok, outcome.trials, outcome.failures) == (True, 2, {})
    assert outcome.sentence() == "2 of 2 trials ended well"
    lines = out.getvalue().splitlines()
    # One line a change: two trials at first, then the one that ended.
    assert [line.split()[:4] for line in lines] == [
        ["trial", "0", "aaaaa", "SUCCEEDED"],
        ["trial", "1", "bbbbb", "RUNNING"],
        ["trial", "1", "bbbbb", "SUCCEEDED"],
    ]
    assert "epochs   1  default 0.5000  tail 0.2500  seed=2" in lines[1]


def test_a_trial_that_the_tuner_made_but_nni_has_not_listed_is_waited_for(manager: FakeManager, tmp_path: Path) -> None:
    one = [job("aaaaa", 0, "SUCCEEDED", {"seed": 1}, 0.5)]
    both = [*one, job("bbbbb", 1, "SUCCEEDED", {"seed": 2}, 0.5)]
    answers(manager, "TUNER_NO_MORE_TRIAL", Script([one, one, one, one, both]), 2)
    assert watched(manager, tmp_path).trials == 2


def test_running_or_an_experiment_at_its_trial_limit_goes_on_until_done(manager: FakeManager, tmp_path: Path) -> None:
    answers(manager, "DONE", [job("aaaaa", 0, "SUCCEEDED", {}, 0.5)], 3)
    states = [{"status": status, "errors": []} for status in ("RUNNING", "RUNNING", "NO_MORE_TRIAL", "DONE")]
    manager.answers["check-status"] = Script(states)
    assert watched(manager, tmp_path).ok
    # Twice DONE before it believes it.
    assert manager.asked.count("check-status") == 5


def test_an_experiment_without_a_trial_is_no_success(manager: FakeManager, tmp_path: Path) -> None:
    answers(manager, "DONE", [], 0)
    assert not watched(manager, tmp_path).ok


@pytest.mark.parametrize(
    ("status", "final", "reason"),
    [
        ("SUCCEEDED", SCORES, None),
        ("SUCCEEDED", 0.5, None),
        ("SUCCEEDED", None, "without a result"),
        ("SUCCEEDED", float("nan"), "no finite number"),
        ("SUCCEEDED", {"tail": 1}, "no finite number"),
        ("FAILED", None, "failed"),
        ("SYS_CANCELED", None, "failed"),
        ("USER_CANCELED", None, "was canceled"),
        ("EARLY_STOPPED", None, None),
    ],
)
def test_what_counts_as_failed(
    manager: FakeManager, tmp_path: Path, status: str, final: Any, reason: str | None
) -> None:
    answers(manager, "DONE", [job("aaaaa", 0, status, {}, final), job("bbbbb", 1, "SUCCEEDED", {}, 0.5)], 2)
    outcome = watched(manager, tmp_path)
    assert outcome.ok is (reason is None)
    if reason is not None:
        assert list(outcome.failures) == ["aaaaa"]
        assert reason in outcome.failures["aaaaa"]
        assert outcome.sentence().startswith("1 of 2 trials ended well; aaaaa ")


def test_a_failed_trials_last_error_is_told(manager: FakeManager, tmp_path: Path) -> None:
    answers(manager, "DONE", [job("aaaaa", 0, "FAILED", {}), job("bbbbb", 1, "FAILED", {})], 2)
    folder = tmp_path / "environments" / "local-env" / "trials" / "aaaaa"
    folder.mkdir(parents=True)
    (folder / "trial.stderr").write_text("a warning\nerror: epochs: expected a whole number, found 1.17\n\n")
    told = watched(manager, tmp_path).sentence()
    assert "aaaaa failed: error: epochs: expected a whole number, found 1.17; bbbbb failed" in told


def dispatcher_log(folder: Path, *lines: str) -> None:
    (folder / "log").mkdir()
    (folder / "log" / "dispatcher.log").write_text("\n".join(["[..] INFO Dispatcher started", *lines]) + "\n")


def test_a_dead_dispatcher_is_noticed_though_nni_says_running(manager: FakeManager, tmp_path: Path) -> None:
    answers(manager, "RUNNING", [job("aaaaa", 0, "SUCCEEDED", {}, 0.5), job("bbbbb", 1, "RUNNING", {})], 9)
    dispatcher_log(tmp_path, "[..] ERROR 23", "KeyError: 23", "[..] INFO Dispatcher terminiated")
    outcome = watched(manager, tmp_path)
    assert not outcome.ok
    assert "dispatcher (the tuner) died of KeyError: 23" in outcome.sentence()
    assert outcome.failures == {"bbbbb": "had not ended"}


@pytest.mark.parametrize("started", [True, False])
def test_a_dispatcher_that_a_resume_started_or_is_about_to_is_not_dead(
    manager: FakeManager, tmp_path: Path, started: bool
) -> None:
    answers(manager, "DONE", [job("aaaaa", 0, "SUCCEEDED", {}, 0.5)], 1)
    dispatcher_log(tmp_path, "[..] INFO Dispatcher terminiated", *["[..] INFO Dispatcher started"] * started)
    (tmp_path / "log" / "nnimanager.log").write_text("INFO Setup tuner...\n" * (1 if started else 2))
    assert watched(manager, tmp_path).ok


def test_a_dead_manager_is_noticed_and_its_log_named(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "nnimanager.log").write_text("INFO x\nERROR TaskScheduler: Failed to collect GPU info\n")
    outcome = watched(FakeManager(port=free_port), tmp_path)
    assert not outcome.ok
    assert "does not answer" in outcome.sentence()
    assert "Failed to collect GPU info; see" in outcome.sentence()


def test_a_manager_that_hiccups_is_given_time(manager: FakeManager, tmp_path: Path) -> None:
    answers(manager, "DONE", Script([500, 500, [job("aaaaa", 0, "SUCCEEDED", {}, 0.5)]]), 1)
    assert watched(manager, tmp_path).ok


def test_an_error_that_nni_reports_ends_it(manager: FakeManager, tmp_path: Path) -> None:
    answers(manager, "ERROR", [], 0)
    manager.answers["check-status"] = {"status": "ERROR", "errors": ["tuner crashed"]}
    assert "NNI reports an error: tuner crashed" in watched(manager, tmp_path).sentence()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_table(manager: FakeManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    jobs = [job("aaaaa", 0, "SUCCEEDED", {"seed": 1}, SCORES), job("bbbbb", 1, "FAILED", {"seed": 2})]
    answers(manager, "DONE", jobs, 2)
    out = _Terminal()
    watched(manager, tmp_path, out)
    assert f"experiment exp1  http://127.0.0.1:{manager.port}  2 of 2 trials ended" in out.getvalue()
    assert "0.2500" in out.getvalue()


def test_parameters_shown_are_those_that_vary() -> None:
    loss = {"_name": "focal", "gamma": 2.0}
    trials = [
        Listed("a", 0, "RUNNING", {"seed": 1, "lr": 0.012345678, "loss": loss}),
        Listed("b", 1, "RUNNING", {"seed": 1, "lr": 0.5, "loss": "dice"}),
    ]
    shown = [row.parameters for row in table.rows(trials, {"a": Latest(3, SCORES)})]
    assert shown == ["lr=0.01235  loss=focal(gamma=2)", "lr=0.5  loss=dice"]
