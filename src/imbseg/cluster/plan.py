"""An NNI config -> what Ray Tune is to do; what it can't be asked for is refused by name, before Ray is imported."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from imbseg import trial
from imbseg.cluster.space import grid
from imbseg.errors import InputError
from imbseg.manager.config import Config

OWN = "imbseg.tuning.nni_tuner."
SEARCHERS = {"gridsearch": "grid", "random": "random", "tpe": "tpe", f"{OWN}OptunaTuner": "branches"}
MAXIMIZE = {"optimize_mode": None}
# Role -> NNI's algorithm -> its arguments by Ray's or Optuna's names; None where one is no matter of theirs.
ALGORITHMS: Mapping[str, Mapping[str, Mapping[str, str | None]]] = {
    "tuner": {
        "gridsearch": {},
        "random": {"seed": "seed", **MAXIMIZE},
        "tpe": {"seed": "seed", **MAXIMIZE},
        f"{OWN}OptunaTuner": {"seed": "seed", "startup": "n_startup_trials", "optimize": None},
    },
    "assessor": {
        "medianstop": {"start_step": "grace_period", **MAXIMIZE},
        f"{OWN}MedianAssessor": {"start_step": "grace_period", "startup": "min_samples_required", "optimize": None},
    },
    "advisor": {
        "hyperband": {"R": "max_t", "eta": "reduction_factor", "exec_mode": None, **MAXIMIZE},
        f"{OWN}Hyperband": {"R": "max_t", "eta": "reduction_factor", "seed": "seed", "optimize": None},
    },
}
# What NNI's and imbseg's take by default.
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "medianstop": {"grace_period": 1, "min_samples_required": 1},
    f"{OWN}MedianAssessor": {"grace_period": 1, "min_samples_required": 5},
    "hyperband": {"max_t": 60, "reduction_factor": 3},
    f"{OWN}Hyperband": {"max_t": 60, "reduction_factor": 3, "seed": 1},
    f"{OWN}OptunaTuner": {"seed": 1},
}
# Keys that are Ray's own matter, or change nothing there.
KNOWN = {
    "experimentName",
    "searchSpace",
    "searchSpaceFile",
    "trialCodeDirectory",
    "trialCommand",
    "trialConcurrency",
    "trialGpuNumber",
    "maxTrialNumber",
    "maxExperimentDuration",
    "tuner",
    "assessor",
    "advisor",
    "trainingService",
    "experimentWorkingDirectory",
    "debug",
    "logLevel",
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class Plan:
    """What Ray Tune is to do.

    Attributes:
        searcher: grid, random, tpe, or branches (TPE over all keys of a branch at once).
        grid: the sampled values of each trial, where it is a grid.
        samples: how many trials; -1 until the time is over, or somebody stops it.
        options: of the Optuna sampler.
        scheduler: asha, median or None.
        limits: of the scheduler.
        fixed: settings that every trial gets beside the sampled ones.
        seconds: after which it ends, or None.
        cpus: of a trial; a fraction shares a core.
        gpus: of a trial; a fraction shares a GPU.
        goal: of GOALS: what is optimised.
        retries: how often a trial that was killed, or failed, starts again.
    """

    searcher: str
    grid: list[dict[str, Any]] | None
    samples: int
    options: dict[str, Any] = field(default_factory=dict)
    scheduler: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    retries: int = 3
    goal: str = "mIoU"


def make(given: Config, *, cpus: float | None, gpus: float | None, retries: int) -> Plan:
    """Map a config.

    Args:
        cpus: of a trial; the config's `--threads` where None, else 1.
        gpus: of a trial; the config's trialGpuNumber where None.

    Raises:
        InputError: something in the config has no counterpart (the message names it).
    """
    check_keys(given)
    searcher, options = search_of(given)
    scheduler, limits = scheduler_of(given)
    most = int(given.raw.get("maxTrialNumber", -1))
    points = grid(given.space)[: most if most > 0 else None] if searcher == "grid" else None
    threads = float(trial.parse_flags(given.flags()).get("threads", 1))
    return Plan(
        searcher,
        points,
        1 if points is not None else most,
        options,
        scheduler,
        limits,
        {"epochs": limits["max_t"]} if scheduler == "asha" else {},
        seconds_of(given),
        share("--trial_cpus", threads if cpus is None else cpus, least=0.001),
        share("--trial_gpus", float(given.gpus or 0) if gpus is None else gpus, least=0.0),
        retries,
        goal_of(given),
    )


def share(flag: str, value: float, *, least: float) -> float:
    """CPUs or GPUs of a trial: Ray takes fractions of one, and whole numbers above.

    Raises:
        InputError: it is neither.
    """
    if not value >= least or (value > 1 and value != int(value)):
        raise InputError(f"{flag}: expected a share such as 0.5 or a whole number, found {value:g}")
    return value


def check_keys(given: Config) -> None:
    """Refuse what only NNI does."""
    for key in given.raw:
        if key not in KNOWN:
            raise InputError(f"{given.path}: {key} is NNI's own and has no counterpart on Ray; take it out")
    if given.platform != "local":
        why = f"trainingService {given.platform}: with --ray the machines are those of the Ray cluster"
        raise InputError(f"{given.path}: {why}; write {{platform: local}}")


def search_of(given: Config) -> tuple[str, dict[str, Any]]:
    """The searcher, and options of Optuna's sampler."""
    if "advisor" in given.raw:
        options = taken(given, "advisor")[1]
        return "random", {name: value for name, value in options.items() if name == "seed"}
    name, options = taken(given, "tuner")
    return SEARCHERS[name], options


def scheduler_of(given: Config) -> tuple[str | None, dict[str, Any]]:
    """What stops trials early: Hyperband becomes ASHA, Medianstop Ray's own."""
    if "advisor" in given.raw:
        limits = taken(given, "advisor")[1]
        return "asha", {name: value for name, value in limits.items() if name != "seed"}
    return ("median", taken(given, "assessor")[1]) if "assessor" in given.raw else (None, {})


def goal_of(given: Config) -> str:
    """What the tuner optimises; Ray Tune has one such score, so the assessor's is the same."""
    goals = {
        role: str((given.raw[role].get("classArgs") or {}).get("optimize", "mIoU"))
        for role in ALGORITHMS
        if role in given.raw
    }
    if len({*goals.values()}) > 1:
        raise InputError(f"{given.path}: on Ray tuner and assessor optimize the same score, found {goals}")
    return next(iter(goals.values()))


def taken(given: Config, role: str) -> tuple[str, dict[str, Any]]:
    """The name of an algorithm, and its arguments by Ray's names.

    Raises:
        InputError: it or one of its arguments has no counterpart, or it is a class of one's own.
    """
    algorithm, known = given.raw[role], ALGORITHMS[role]
    shown = str(algorithm.get("name") or algorithm["className"])
    name = shown.lower() if "name" in algorithm else shown  # of its own names NNI minds no case
    if name not in known:
        choices = ", ".join(known)
        raise InputError(f"{given.path}: {role} {shown} has no counterpart on Ray; choose from: {choices}")
    arguments = algorithm.get("classArgs") or {}
    for one in arguments:
        if one not in known[name]:
            raise InputError(f"{given.path}: {role}: classArgs: {one} has no counterpart on Ray; take it out")
    found = {new: arguments[one] for one, new in known[name].items() if new is not None and one in arguments}
    return name, {**DEFAULTS.get(name, {}), **found}


def seconds_of(given: Config) -> float | None:
    """maxExperimentDuration (such as 90m) in seconds."""
    text = given.raw.get("maxExperimentDuration")
    if text is None:
        return None
    number, unit = (str(text)[:-1], str(text)[-1:]) if not str(text).isdigit() else (str(text), "s")
    if not number.isdigit() or unit not in UNITS:
        raise InputError(f"{given.path}: maxExperimentDuration: expected a time such as 90m or 8h, found {text!r}")
    return float(number) * UNITS[unit]
