"""Questions to NNI's manager over REST; imports nothing heavy, since every trial asks before it imports torch."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from imbseg.errors import TrialFailed

# Loopback never goes through a proxy, whatever HTTP_PROXY says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
Answer = TypeVar("Answer")
_STATUSES = {"ADD_RESUMED": "WAITING"}  # a resumed trial before its turn
RETRIES = 5
PAUSE_S = 0.5
TWIN_PAUSE_S = 2.0


class ManagerSilent(TrialFailed):
    """NNI's manager did not answer, or not with what was asked."""


@dataclass(frozen=True)
class Listed:
    """A trial as NNI lists it; `final` is None where it reported no final result."""

    id: str
    sequence: int
    status: str
    parameters: dict[str, Any]
    final: dict[str, Any] | None = None


@dataclass(frozen=True)
class Latest:
    """A trial's latest intermediate result: how many came before it, and its scores."""

    count: int
    scores: dict[str, Any] = field(default_factory=dict)


def base_of_port(port: int) -> str:
    """The address under which the manager on this machine answers."""
    return f"http://127.0.0.1:{port}/api/v1/nni"


def base_of_channel(channel: str) -> str:
    """The manager's address, from what NNI puts into a trial's NNI_TRIAL_COMMAND_CHANNEL.

    >>> base_of_channel("http://localhost:8080/env/local-env/Ab1cD")
    'http://localhost:8080/api/v1/nni'
    """
    head, found, _ = channel.rpartition("/env/")
    if not found or not head.startswith("http://"):
        raise ManagerSilent(
            f"NNI_TRIAL_COMMAND_CHANNEL is {channel!r}, expected http://HOST:PORT/env/ENVIRONMENT/TRIAL; "
            "this trial can't ask NNI for its parameters"
        )
    return f"{head}/api/v1/nni"


def ask(base: str, path: str, *, timeout_s: float = 3.0, method: str = "GET") -> Any:
    """One request; the decoded JSON of the answer, or None where it is empty.

    Raises:
        ManagerSilent: nothing answers there in time, or with an error, or with something else than JSON.
    """
    request = urllib.request.Request(f"{base}/{path}", method=method)
    try:
        with _OPENER.open(request, timeout=timeout_s) as response:
            body = response.read()
        return json.loads(body) if body.strip() else None
    except urllib.error.HTTPError as error:
        with error:
            raise ManagerSilent(f"NNI's manager answered {error.code} to {base}/{path}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ManagerSilent(f"NNI's manager does not answer at {base}/{path} ({reason})") from error


def status(base: str) -> tuple[str, list[str]]:
    """The experiment's status, such as RUNNING, TUNER_NO_MORE_TRIAL or DONE, and NNI's error messages."""
    answer = ask(base, "check-status")
    return str(answer["status"]), [str(error) for error in answer.get("errors", [])]


def trials(base: str) -> list[Listed]:
    """Every trial that NNI lists, in the order in which it made them."""
    return sorted((_listed(job) for job in ask(base, "trial-jobs") or []), key=lambda trial: (trial.sequence, trial.id))


def latest_results(base: str) -> dict[str, Latest]:
    """The latest intermediate result of each trial that reported one."""
    metrics = [metric for metric in ask(base, "metric-data-latest") or [] if metric.get("type") == "PERIODICAL"]
    counts = [int(metric.get("sequence", 0)) + 1 for metric in metrics]
    ordered = sorted(zip(counts, metrics, strict=True), key=lambda one: one[0])
    return {metric["trialJobId"]: Latest(count, scores(metric["data"])) for count, metric in ordered}


def scores(data: Any) -> dict[str, Any]:
    """A metric as a dict: NNI encodes it as JSON twice, and a plain number stands for `default`.

    >>> scores('"{\\\\"default\\\\": 0.5}"')
    {'default': 0.5}
    >>> scores('"0.25"')
    {'default': 0.25}
    """
    value = data
    for _ in range(2):
        if isinstance(value, str):
            value = json.loads(value)
    return value if isinstance(value, dict) else {"default": value}


def listed_parameters(channel: str, trial_id: str) -> dict[str, Any]:
    """The parameters that NNI lists for a trial; asked by the trial itself.

    Raises:
        ManagerSilent: the manager can't be asked, or lists no parameters for this trial, after a few tries.
    """
    base = base_of_channel(channel)

    def own() -> dict[str, Any]:
        job = ask(base, f"trial-jobs/{trial_id}", timeout_s=2.0)
        # A trial can be faster than the manager, which lists it only after it has started it.
        if not job or not job.get("hyperParameters"):
            raise ManagerSilent("it lists no parameters for it")
        return _listed(job).parameters

    try:
        return persistently(own)
    except ManagerSilent as error:
        raise ManagerSilent(
            f"trial {trial_id} could not ask NNI which parameters are its own: {error}; it does not guess"
        ) from error


def finished_twin(channel: str, trial_id: str, parameters: dict[str, Any]) -> str | None:
    """A trial with the same parameters that has ended well; None where this trial has to train them itself.

    After a resume, NNI's grid hands out the interrupted trials' parameters once more as new trials. An earlier twin
    that runs is waited for. One that waits for its turn is not: with one trial at a time that turn is this trial's.

    Args:
        parameters: that NNI lists for it.

    Returns:
        The twin's id.

    Raises:
        ManagerSilent: the manager can't be asked, after a few tries.
    """
    base = base_of_channel(channel)
    while True:
        known = persistently(lambda: trials(base))
        own = next((trial.sequence for trial in known if trial.id == trial_id), 0)
        twins = [trial for trial in known if trial.id != trial_id and trial.parameters == parameters]
        done = next((trial.id for trial in twins if trial.status == "SUCCEEDED"), None)
        # Only ever for an earlier one, so that two don't wait for each other.
        if done or not any(trial.status == "RUNNING" and trial.sequence < own for trial in twins):
            return done
        time.sleep(TWIN_PAUSE_S)


def persistently(question: Callable[[], Answer]) -> Answer:
    """Put a question to the manager up to RETRIES times: it may be silent for a moment.

    Raises:
        ManagerSilent: it was silent every time; the last reason.
    """
    for _ in range(RETRIES - 1):
        try:
            return question()
        except ManagerSilent:
            time.sleep(PAUSE_S)
    return question()


def _listed(job: dict[str, Any]) -> Listed:
    given = job.get("hyperParameters") or []
    parameters = json.loads(given[0]).get("parameters") if given else None
    final = job.get("finalMetricData") or []
    return Listed(
        id=str(job.get("trialJobId") or job.get("id")),
        sequence=int(job.get("sequenceId", -1)),
        status=_STATUSES.get(job["status"], str(job["status"])),
        parameters=dict(parameters or {}),
        final=scores(final[0]["data"]) if final else None,
    )
