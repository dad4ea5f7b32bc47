"""The tuner and the assessor as NNI's dispatcher calls them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nni.assessor import AssessResult

from imbseg.errors import InputError
from imbseg.tuning.nni_tuner import Hyperband, MedianAssessor, OptunaTuner

SPACE = {"lr": {"_type": "uniform", "_value": [0.0, 1.0]}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "nni" / "Ab12Cd34" / "checkpoint"
    place.mkdir(parents=True)
    monkeypatch.setenv("NNI_CHECKPOINT_DIRECTORY", str(place))
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("IMBSEG_FROM", raising=False)
    return tmp_path


def states(tuner: OptunaTuner) -> list[str]:
    assert tuner.search is not None
    return [one.state.name for one in tuner.search.study.trials]


def test_a_resume_tells_nothing_twice(folder: Path) -> None:
    tuner = OptunaTuner("tail", seed=3)
    tuner.update_search_space(SPACE)
    first, second = tuner.generate_parameters(0), tuner.generate_parameters(1)
    tuner.trial_end(0, True)  # may come before the scores
    tuner.receive_trial_result(0, first, {"default": 0.5, "tail": 0.25})
    again = OptunaTuner("tail", seed=3)
    again.update_search_space(SPACE)
    # As NNI has it: finished trials, each value encoded as the trial sent it.
    again.import_data([{"parameter": first, "value": json.dumps({"default": 0.5, "tail": 0.25})}])
    again.import_data([{"parameter": second, "value": {"default": 0.5, "tail": 0.5}}])
    assert states(again) == ["COMPLETE", "COMPLETE"]
    assert again.search is not None
    assert again.search.study.best_value == 0.5
    again.import_data(['{"parameter": {"lr": 7}, "value": 0.9}'])  # by hand, and not in the space
    assert len(states(again)) == 2
    third = again.generate_parameters(2)
    assert third not in (first, second)


def test_a_failed_trial_and_an_exhausted_space(folder: Path) -> None:
    import nni

    tuner = OptunaTuner()
    tuner.update_search_space({"a": {"_type": "choice", "_value": [1]}})
    tuner.generate_parameters(0)
    tuner.trial_end(0, False)
    assert states(tuner) == ["FAIL"]
    with pytest.raises(nni.NoMoreTrialError):
        tuner.generate_parameters(1)


def reports(assessor: MedianAssessor, job: str, tail: list[float]) -> AssessResult:
    history = [{"default": 0.9, "tail": one} for one in tail]
    results = [assessor.assess_trial(job, history[: step + 1]) for step in range(len(tail))]
    return results[-1]


def test_the_median_by_hand(folder: Path) -> None:
    assessor, tuner = MedianAssessor("tail", start_step=1, startup=3), OptunaTuner("tail")
    tuner.update_search_space(SPACE)
    for job, scores in {"a": [0.1, 0.3], "b": [0.2, 0.4], "c": [0.5, 0.7]}.items():
        # Too few have ended, whatever the scores.
        assert reports(assessor, job, scores) is AssessResult.Good
        assessor.trial_end(job, True)
    # Running means after two epochs: .2, .3, .6; the median is .3.
    assert reports(assessor, "d", [0.25, 0.31]) is AssessResult.Good
    assert reports(assessor, "e", [0.25, 0.29]) is AssessResult.Bad
    tuner.generate_parameters(7)
    tuner.generate_parameters(8)
    assessor.trial_end("e", False)
    tuner.trial_end(7, False)
    assessor.trial_end("d", False)  # failed by itself
    tuner.trial_end(8, False)
    assert states(tuner) == ["PRUNED", "FAIL"]
    assert tuner.search is not None
    assert tuner.search.study.trials[0].intermediate_values == {2: 0.29}


def test_a_trial_that_ended_well_before_it_was_stopped(folder: Path) -> None:
    assessor, tuner = MedianAssessor("tail", startup=0), OptunaTuner("tail")
    tuner.update_search_space(SPACE)
    reports(assessor, "a", [0.5])
    assessor.trial_end("a", True)
    assert reports(assessor, "b", [0.1]) is AssessResult.Bad
    first = tuner.generate_parameters(0)
    tuner.generate_parameters(1)
    assessor.trial_end("b", True)
    tuner.trial_end(0, True)
    tuner.receive_trial_result(0, first, {"tail": 0.1, "default": 0.1})
    tuner.trial_end(1, False)
    assert states(tuner) == ["COMPLETE", "FAIL"]


def test_scores_without_the_goal_stop_nobody(folder: Path) -> None:
    assessor = MedianAssessor("tail", startup=0)
    assert assessor.assess_trial("a", [{"default": 0.1}]) is AssessResult.Good
    assessor.trial_end("a", True)


def test_after_a_resume_finished_folders_are_the_others(folder: Path) -> None:
    for name, status in (("a", "finished"), ("b", "interrupted"), ("c", "finished")):
        run = folder / "runs" / "Ab12Cd34" / name
        run.mkdir(parents=True)
        (run / "status.json").write_text(json.dumps({"status": status}))
        (run / "epochs.csv").write_text("epoch,mIoU_present,head,tail\n1,0.5,0.75,0.25\n2,0.5,0.75,0.5\n")
    assessor = MedianAssessor("balanced", startup=2)
    assessor.load_checkpoint()
    # Of .5 and .625 the running means are .5 and .5625.
    assert assessor._completed_avg_history == {"a": [0.5, 0.5625], "c": [0.5, 0.5625]}
    assert assessor.assess_trial("d", [{"head": 0.75, "tail": 0.2}]) is AssessResult.Bad


@pytest.mark.parametrize("made", [OptunaTuner, MedianAssessor])
def test_a_mistyped_goal(made: Any) -> None:
    with pytest.raises(InputError, match="unknown optimize 'miou'"):
        made("miou")


def advisor(monkeypatch: pytest.MonkeyPatch, **given: Any) -> tuple[Hyperband, list[dict[str, Any]]]:
    """Hyperband on a space, and what it sends to the manager."""
    told = SimpleNamespace(NNI_TUNER_COMMAND_CHANNEL="ws://_unittest_")
    monkeypatch.setattr("nni.runtime.msg_dispatcher_base.dispatcher_env_vars", told)
    made, sent = Hyperband(**given), []
    monkeypatch.setattr(made, "send", lambda kind, data: sent.append(json.loads(data) if data else {}))
    made.handle_initialize(SPACE)
    sent.clear()
    return made, sent


def ends(made: Hyperband, job: str, trial: dict[str, Any], tail: float) -> None:
    """A trial reports its score and ends, as the manager tells it."""
    report = {"parameter_id": trial["parameter_id"], "trial_job_id": job, "type": "FINAL", "sequence": 0}
    made.handle_report_metric_data(report | {"value": json.dumps({"default": 0.5, "tail": tail})})
    made.handle_trial_end({"trial_job_id": job, "event": "SUCCEEDED", "hyper_params": json.dumps(trial)})


def test_the_better_half_goes_on_with_twice_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    made, sent = advisor(monkeypatch, optimize="tail", R=2, eta=2)
    made.handle_request_trial_jobs(3)
    first, second = sent[0], sent[1]
    assert [one["parameters"]["TRIAL_BUDGET"] for one in (first, second)] == [1, 1]
    ends(made, "a", first, 0.1)
    ends(made, "b", second, 0.2)
    third = sent[-1]
    assert third["parameters"] == second["parameters"] | {"TRIAL_BUDGET": 2}


def test_the_same_seed_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(seed: int) -> list[float]:
        made, sent = advisor(monkeypatch, seed=seed, R=4, eta=2)
        made.handle_request_trial_jobs(4)
        return [one["parameters"]["lr"] for one in sent]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_hyperband_after_a_resume_begins_a_round_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made, sent = advisor(monkeypatch, R=2, eta=2)
    before = [{"parameter_id": "0-1_0_0", "parameters": {}}, {"parameter_id": "1-1_0_3", "parameters": {}}]
    made.handle_add_customized_trial([json.dumps(one) for one in before])
    ends(made, "a", before[1], 0.5)  # a trial that runs on after the resume
    made.handle_request_trial_jobs(1)
    assert sent[-1]["parameter_id"].startswith("2-1_0_")
