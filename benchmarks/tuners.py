"""python benchmarks/tuners.py: Optuna's tuner beside chance and NNI's own TPE, on spaces fixed beforehand. 5 minutes.

100 repeats each, two trials at once, equal budgets. Regret: the best true score minus the true score of the trial that
looked best, which is what one gets. Mean, with its 95 % interval over the repeats by Student's t, and Optuna minus it.
"""

from __future__ import annotations

import heapq
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nni
import numpy as np
from scipy import stats
from tuner_spaces import PROBLEMS, Problem

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
REPEATS, BUDGETS, AT_ONCE = 100, (20, 40), 2
Made = Callable[[dict[str, Any], int], Any]


class Optuna:
    """What configs/hpo.yml runs, without NNI around it."""

    def __init__(self, space: dict[str, Any], seed: int) -> None:
        """With its defaults."""
        from imbseg.tuning.search import Search

        self.search = Search(space, "mIoU", seed)

    def ask(self, number: int) -> dict[str, Any]:
        """Parameters of a trial."""
        return self.search.ask()[1]

    def tell(self, number: int, parameters: dict[str, Any], value: float) -> None:
        """Its score."""
        self.search.tell(parameters, value)


class Nni:
    """A tuner of NNI's, called as its dispatcher does."""

    def __init__(self, tuner: Any, space: dict[str, Any]) -> None:
        """With a search space."""
        self.tuner = tuner
        tuner.update_search_space(space)

    def ask(self, number: int) -> dict[str, Any]:
        """Parameters of a trial."""
        return self.tuner.generate_parameters(number)

    def tell(self, number: int, parameters: dict[str, Any], value: float) -> None:
        """Its score."""
        self.tuner.receive_trial_result(number, parameters, value)


def chance(space: dict[str, Any], seed: int) -> Nni:
    """Random search, as NNI has it."""
    from nni.algorithms.hpo.random_tuner import RandomTuner

    return Nni(RandomTuner(seed=seed), space)


def tpe(space: dict[str, Any], seed: int) -> Nni:
    """NNI's default tuner, with its defaults."""
    from nni.algorithms.hpo.tpe_tuner import TpeTuner

    return Nni(TpeTuner(optimize_mode="maximize", seed=seed), space)


TUNERS: dict[str, Made] = {"random": chance, "NNI's TPE": tpe, "Optuna": Optuna}


def regrets(problem: Problem, make: Made, seed: int) -> list[float]:
    """One simulated search: the regret after each budget. Trials last as long as chance has it, in both arms alike."""
    rng, tuner = np.random.default_rng([7, seed]), make(problem.space, seed)
    running: list[tuple[float, int, dict[str, Any]]] = []
    looks, truths, found = [], [], []
    for number in range(max(BUDGETS) + AT_ONCE):
        if len(running) == AT_ONCE or number >= max(BUDGETS):
            now, place, parameters = heapq.heappop(running)
            truths.append(problem.truth(parameters))
            looks.append(truths[-1] + problem.noise * rng.normal())
            tuner.tell(place, parameters, looks[-1])
            if len(looks) in BUDGETS:
                found.append(problem.best - truths[int(np.argmax(looks))])
        else:
            now = 0.0
        if number < max(BUDGETS):
            heapq.heappush(running, (now + rng.lognormal(0, 0.3), number, tuner.ask(number)))
    return found


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and its 95 % interval by Student's t."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def main() -> None:
    """Print the table."""
    logging.getLogger(nni.__name__).setLevel(logging.WARNING)  # each tuner says its seed
    print("| space | trials | tuner | regret | Optuna minus it |\n|---|---|---|---|---|")
    for make_problem in PROBLEMS:
        problem = make_problem()
        found = {
            name: np.array([regrets(problem, make, seed) for seed in range(REPEATS)]) for name, make in TUNERS.items()
        }  # (repeats, budgets) each
        for place, budget in enumerate(BUDGETS):
            for name, values in found.items():
                told = "{:.4f} [{:.4f}, {:.4f}]".format(*interval(values[:, place]))
                apart = interval(found["Optuna"][:, place] - values[:, place])
                said = "" if name == "Optuna" else "{:+.4f} [{:+.4f}, {:+.4f}]".format(*apart)
                print(f"| `{problem.name}` | {budget} | {name} | {told} | {said} |", flush=True)


if __name__ == "__main__":
    main()
