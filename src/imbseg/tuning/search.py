"""A search with Optuna that asks for parameters of NNI's search space and is told what came of them; knows no NNI."""

import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from imbseg.tuning.goal import score
from imbseg.tuning.space import Space, drawn, same, suggest

PARAMETERS = "parameters"  # the attribute of a stored trial that names its parameters
GUIDED, RANDOM = 20, 200  # times that parameters are drawn anew where they have been run already
STARTUP = 10  # Optuna's default


class Exhausted(Exception):
    """Every draw gave parameters that have been run already: the space holds no others."""


class Search:
    """One search: multivariate TPE within each branch of the space; what still runs counts as bad (constant liar)."""

    def __init__(self, space: Space, goal: str, seed: int, *, file: Path | None = None, startup: int = STARTUP) -> None:
        """Begin, or go on where the storage ended.

        Args:
            space: NNI's search space.
            goal: of GOALS.
            file: of the storage; None keeps everything in memory.
            startup: results from which on TPE draws, in place of chance.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space, self.goal = space, goal
        storage = InMemoryStorage() if file is None else JournalStorage(JournalFileBackend(str(file)))
        self.study = optuna.create_study(storage=storage, study_name="nni", direction="maximize", load_if_exists=True)
        self.fresh = not self.study.get_trials(deepcopy=False)
        self.known: dict[str, Trial | None] = {}  # parameters that have run, and their trial where it waits for scores
        self.scored: set[str] = set()
        for one in self.study.get_trials(deepcopy=False):
            self._remember(one)
        self._lock = threading.RLock()
        # Another seed after a resume: the same one would draw what it drew at the first start.
        place = len(self.study.get_trials(deepcopy=False))
        first, second = np.random.SeedSequence([seed, place]).generate_state(2).tolist()
        with warnings.catch_warnings():  # `group`, without which a space of branches is searched key by key
            warnings.simplefilter("ignore", ExperimentalWarning)
            self._guided = TPESampler(
                seed=first, multivariate=True, group=True, constant_liar=True, n_startup_trials=startup
            )
        self._random = RandomSampler(seed=second)

    def ask(self) -> tuple[Trial, dict[str, Any]]:
        """A trial, and parameters that no other one has.

        Raises:
            Exhausted: the space holds no others.
        """
        samplers: Sequence[BaseSampler] = [self._guided] * GUIDED + [self._random] * RANDOM
        with self._lock:
            for sampler in samplers:
                self.study.sampler = sampler
                trial = self.study.ask()
                parameters = suggest(trial, self.space)
                if same(parameters) not in self.known:
                    trial.set_user_attr(PARAMETERS, same(parameters))
                    self.known[same(parameters)] = trial
                    return trial, parameters
                self.study.tell(trial, state=TrialState.FAIL)  # counts as nothing
        raise Exhausted

    def tell(self, parameters: Mapping[str, Any], scores: Any) -> bool:
        """The final scores of some parameters, asked for here or run elsewhere; False where they are known already.

        A trial that failed and was run again counts with what it reached then.
        """
        value = score(self.goal, scores)
        with self._lock:
            trial = self._open(same(parameters))
            if trial is not None and value is not None:
                self.study.tell(trial, value)
                self.scored.add(same(parameters))
                return True
            if value is None or same(parameters) in self.scored:
                self.fail(trial)
                return False
            values = drawn(parameters, self.space)
            told = create_trial(
                params={name: one for name, (one, _) in values.items()},
                distributions={name: dist for name, (_, dist) in values.items()},
                value=value,
                user_attrs={PARAMETERS: same(parameters)},
            )
            self.study.add_trial(told)
            self._remember(told)
            return True

    def prune(self, trial: Trial, step: int, value: float) -> None:
        """A trial was stopped early, at a step (from 1) with that score."""
        with self._lock:
            if self._state(trial) is TrialState.RUNNING:
                trial.report(value, step)
                self.study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial | None) -> None:
        """A trial ended without a score: it teaches nothing."""
        with self._lock:
            if trial is not None and self._state(trial) is TrialState.RUNNING:
                self.study.tell(trial, state=TrialState.FAIL)

    def try_first(self, parameters: Mapping[str, Any]) -> None:
        """Have some parameters asked for before any other."""
        self.study.enqueue_trial({name: one for name, (one, _) in drawn(parameters, self.space).items()})

    def _open(self, key: str) -> Trial | None:
        """The trial with these parameters, where it waits for its scores."""
        trial = self.known.get(key)
        return trial if trial is not None and self._state(trial) is TrialState.RUNNING else None

    def _state(self, trial: Trial) -> TrialState:
        return self.study._storage.get_trial(trial._trial_id).state

    def _remember(self, one: FrozenTrial) -> None:
        if (key := one.user_attrs.get(PARAMETERS)) is None:  # drawn, and left because it had been run
            return
        self.known[key] = Trial(self.study, one._trial_id) if one.state is TrialState.RUNNING else None
        if one.state in (TrialState.COMPLETE, TrialState.PRUNED):
            self.scored.add(key)
