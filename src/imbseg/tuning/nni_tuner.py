"""What NNI's dispatcher imports: Optuna as a tuner, NNI's median assessor and its Hyperband for any goal."""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nni
import numpy as np
from nni.algorithms.hpo.hyperband_advisor import Hyperband as NniHyperband
from nni.algorithms.hpo.medianstop_assessor import MedianstopAssessor
from nni.assessor import AssessResult
from nni.tuner import Tuner

from imbseg.errors import InputError
from imbseg.files import runs_folder
from imbseg.tuning.earlier import FROM, courses, read_file
from imbseg.tuning.goal import check_arguments, score
from imbseg.tuning.search import STARTUP, Exhausted, Search

STORAGE = "optuna.journal"
# Step and score of the trial that the assessor stopped. NNI tells the assessor and then the tuner that a trial has
# ended, in one thread, and gives the tuner no id by which it could ask.
_stopped: list[tuple[int, float]] = []


class OptunaTuner(Tuner):  # type: ignore[misc]
    """Multivariate TPE of Optuna with a constant liar and nested choices."""

    def __init__(self, optimize: str = "mIoU", seed: int = 1, startup: int = STARTUP) -> None:
        """As `classArgs` of an NNI config.

        Args:
            optimize: of GOALS.
            seed: of the search; with one trial at a time the same seed gives the same trials.
            startup: results from which on TPE draws, in place of chance.
        """
        check_arguments({"optimize": optimize, "seed": seed, "startup": startup})
        self.goal, self.seed, self.startup = optimize, seed, startup
        self.search: Search | None = None
        self.asked: dict[int, Any] = {}

    def update_search_space(self, search_space: Any) -> None:
        """NNI's first call, and again after a resume: everything so far stands in the storage."""
        folder = _folder()
        file = folder / STORAGE if folder else None
        self.search = Search(search_space, self.goal, self.seed, file=file, startup=self.startup)
        if self.search.fresh and os.environ.get(FROM):
            read_file(Path(os.environ[FROM]), self.search)

    def generate_parameters(self, parameter_id: int, **_: Any) -> dict[str, Any]:
        """Parameters that no trial has had.

        Raises:
            nni.NoMoreTrialError: there are no others.
        """
        assert self.search is not None
        try:
            self.asked[parameter_id], parameters = self.search.ask()
        except Exhausted as error:
            raise nni.NoMoreTrialError("every point of the search space has been run") from error
        return parameters

    def receive_trial_result(self, parameter_id: int, parameters: Any, value: Any, **_: Any) -> None:
        """A trial's final scores."""
        assert self.search is not None
        self.search.tell(parameters, value)

    def trial_end(self, parameter_id: int, success: bool, **_: Any) -> None:
        """A trial that was stopped early or failed; the scores of one that ended well may come before or after."""
        assert self.search is not None
        trial = None if success else self.asked.get(parameter_id)
        if trial is not None and _stopped:
            self.search.prune(trial, *_stopped.pop())
        elif trial is not None:
            self.search.fail(trial)

    def import_data(self, data: Sequence[Any]) -> None:
        """What NNI knows of finished trials, after a resume or from `nnictl experiment import`; each is told once."""
        assert self.search is not None
        for one in data:
            entry = json.loads(one) if isinstance(one, str) else one
            value = entry["value"]
            try:
                self.search.tell(entry["parameter"], json.loads(value) if isinstance(value, str) else value)
            except InputError as error:
                logging.getLogger(__name__).warning("left out, not in the search space: %s", error)


class MedianAssessor(MedianstopAssessor):  # type: ignore[misc]
    """NNI's Medianstop by any goal: a trial whose best score is below the median of the others' running means stops."""

    def __init__(self, optimize: str = "mIoU", start_step: int = 1, startup: int = 5) -> None:
        """As `classArgs` of an NNI config.

        Args:
            optimize: of GOALS.
            start_step: epochs that every trial gets.
            startup: trials that end before the first one is stopped; Optuna's own MedianPruner has 5, too.
        """
        check_arguments({"optimize": optimize, "start_step": start_step, "startup": startup})
        super().__init__("maximize", start_step)
        self.goal, self.startup = optimize, startup
        self.bad: dict[str, tuple[int, float]] = {}

    def load_checkpoint(self) -> None:
        """After a resume: the epochs of the experiment's finished run folders."""
        folder = _folder()
        for trial, scores in courses(runs_folder() / folder.parent.name, self.goal).items() if folder else ():
            self._running_history[trial] = scores
            super().trial_end(trial, True)

    def assess_trial(self, trial_job_id: str, trial_history: Sequence[Any]) -> AssessResult:
        """Whether a trial may go on after its latest epoch."""
        scores = [score(self.goal, one) for one in trial_history]
        if None in scores:
            return AssessResult.Good
        verdict = super().assess_trial(trial_job_id, scores)
        if verdict is AssessResult.Good or len(self._completed_avg_history) < self.startup:
            return AssessResult.Good
        self.bad[trial_job_id] = (len(scores), scores[-1] or 0.0)
        return verdict

    def trial_end(self, trial_job_id: str, success: bool) -> None:
        """The tuner is called next."""
        super().trial_end(trial_job_id, success)
        stopped = self.bad.pop(trial_job_id, None)
        _stopped[:] = [stopped] if stopped is not None and not success else []


class Hyperband(NniHyperband):  # type: ignore[misc]
    """NNI's Hyperband by any goal, with a seed; NNI 3.0's own dies at its first result: it compares its ids with 0."""

    def __init__(
        self, optimize: str = "mIoU", seed: int = 1, R: int = 60, eta: int = 3, exec_mode: str = "serial"
    ) -> None:
        """As `classArgs` of an NNI config.

        Args:
            optimize: of GOALS.
            seed: of what is drawn.
            R: epochs of the longest trials.
            eta: one of so many goes on, with so many times the epochs.
            exec_mode: `serial`, a bracket after the other, or `parallelism`.
        """
        check_arguments({"optimize": optimize, "seed": seed})
        self.goal, self.seed, self.earlier = optimize, seed, set[Any]()
        self.curr_hb: int
        super().__init__("maximize", R, eta, exec_mode)

    def handle_update_search_space(self, data: Any) -> None:
        """NNI's draws without a seed."""
        super().handle_update_search_space(data)
        self.random_state = np.random.RandomState(self.seed + self.curr_hb)

    def recover_parameter_id(self, data: Any) -> int:
        """After a resume Hyperband starts a new round: what ran before is ignored, under ids that don't come again."""
        for one in data if isinstance(data, list) else [data]:
            name = str((nni.load(one) if isinstance(one, str) else one)["parameter_id"])
            self.earlier.add(name)
            self.curr_hb = max(self.curr_hb, int(name.split("-")[0]) + 1)
        self.random_state = np.random.RandomState(self.seed + self.curr_hb)
        return len(self.earlier)

    def is_created_in_previous_exp(self, param_id: Any) -> bool:
        """Whether a trial began before the resume."""
        return param_id in self.earlier

    def handle_report_metric_data(self, data: Any) -> None:
        """A score of a trial, of an epoch or at its end."""
        value = score(self.goal, nni.load(data["value"]))
        if value is not None:
            super().handle_report_metric_data({**data, "value": nni.dump(value)})


def _folder() -> Path | None:
    """NNI's folder for what a tuner keeps, within that of the experiment."""
    place = os.environ.get("NNI_CHECKPOINT_DIRECTORY")
    return Path(place) if place else None
