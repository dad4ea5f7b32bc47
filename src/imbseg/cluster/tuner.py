"""A plan -> Ray Tune's own tuner: its searcher, scheduler, retries, and where it keeps its state."""

import math
import warnings
from functools import partial
from pathlib import Path
from typing import Any

from imbseg.cluster.plan import Plan
from imbseg.cluster.process import METRIC

STATE = ".ray"  # the folder of Ray Tune's state among the run folders


def new(plan: Plan, space: dict[str, Any], trial: Any, callback: Any, runs: Path) -> Any:
    """A tuner for a new experiment.

    Args:
        trial: the Trainable.
        runs: the experiment's folder.
    """
    from ray import tune

    config = tune.TuneConfig(
        metric=METRIC,
        mode="max",
        search_alg=_search(plan, space),
        scheduler=_scheduler(plan),
        num_samples=plan.samples,
        time_budget_s=plan.seconds,
    )
    points = {"sampled": tune.grid_search(plan.grid)} if plan.grid is not None else None
    return tune.Tuner(
        _with_shares(plan, trial), param_space=points, tune_config=config, run_config=_run(plan, callback, runs)
    )


def again(plan: Plan, trial: Any, callback: Any, runs: Path) -> Any:
    """The tuner of an experiment that was interrupted: what hadn't ended, or failed, starts again."""
    from ray import tune

    found = tune.Tuner.restore(
        str(runs / STATE), trainable=_with_shares(plan, trial), resume_unfinished=True, resume_errored=True
    )
    # Ray Tune keeps the callbacks of the first start, whose screen is gone.
    found._local_tuner._run_config.callbacks = [callback]
    return found


def _with_shares(plan: Plan, trial: Any) -> Any:
    from ray import tune

    return tune.with_resources(trial, {"cpu": plan.cpus, "gpu": plan.gpus})


def _run(plan: Plan, callback: Any, runs: Path) -> Any:
    from ray import tune

    return tune.RunConfig(
        name=STATE,
        storage_path=str(runs),
        callbacks=[callback],
        failure_config=tune.FailureConfig(max_failures=plan.retries),
        verbose=0,
    )


def _search(plan: Plan, space: dict[str, Any]) -> Any:
    if plan.searcher == "grid":
        return None
    import optuna
    from ray.tune.search.optuna import OptunaSearch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    known: dict[str, Any] = {
        "random": optuna.samplers.RandomSampler,
        "tpe": partial(optuna.samplers.TPESampler, constant_liar=True),
        "branches": partial(optuna.samplers.TPESampler, constant_liar=True, multivariate=True, group=True),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = known[plan.searcher](**plan.options)
    return OptunaSearch(partial(_sampled, space, plan.fixed), metric=METRIC, mode="max", sampler=sampler)


def _sampled(space: dict[str, Any], fixed: dict[str, Any], trial: Any) -> dict[str, Any]:
    from imbseg.tuning.space import suggest

    # Ray's wrapper would put every single draw into the trial's config as well.
    return {"sampled": suggest(getattr(trial, "ot_trial", trial), space) | fixed}


def _scheduler(plan: Plan) -> Any:
    from ray.tune.schedulers import ASHAScheduler, MedianStoppingRule

    if plan.scheduler == "asha":
        # The last epoch isn't stopped: after it the trial corrects and tests.
        return ASHAScheduler(time_attr="epochs", stop_last_trials=False, **plan.limits)
    if plan.scheduler == "median":
        # Ray's own pauses a trial after each epoch that too few others have reached: its process would start anew.
        return MedianStoppingRule(time_attr="epochs", min_time_slice=math.inf, **plan.limits)
    return None
