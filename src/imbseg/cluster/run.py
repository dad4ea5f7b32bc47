"""An experiment on a Ray cluster: checked, started or resumed, watched, and how it ended."""

import contextlib
import logging
import os
import secrets
import shlex
import signal
import socket
import string
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imbseg.cluster import plan, trainable, tuner
from imbseg.cluster.process import Place, last_line
from imbseg.errors import InputError
from imbseg.files import runs_folder
from imbseg.manager import config, preflight, screen, table
from imbseg.manager.watch import Outcome

ANSWERS_S = 5.0
# Nothing is told to Ray's makers, no logger writes a file a trial, a trial that can't run reports no score.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # thirty lines within the live table; it says the last of them
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "TUNE_FORCE_TRIAL_CLEANUP_S": "15",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "RAY_worker_niceness": "0",  # 15 by default: beside anything else a trial would hardly train
    "RAY_DEDUP_LOGS_SKIP_REGEX": "Raylet is terminated",  # twenty lines of a lost node's counters in the live table
}


@dataclass(frozen=True)
class Asked:
    """What the command line asks for."""

    config: Path
    address: str
    cpus: float | None = None
    gpus: float | None = None
    retries: int = 3
    resume: str | None = None


@dataclass(frozen=True)
class Ended:
    """An experiment that has ended or was interrupted."""

    runs: Path
    outcome: Outcome
    interrupted: bool

    @property
    def id(self) -> str:
        """Its id: the name of the folder of its run folders."""
        return self.runs.name


def experiment(asked: Asked, again: Callable[[str], str]) -> Ended:
    """Check the config, run it on the cluster, and show the trials meanwhile.

    Args:
        again: the command that goes on with an experiment of that id.

    Raises:
        InputError: something in the config doesn't fit, no cluster answers, or there is nothing to resume.
    """
    given = config.read(asked.config)
    planned = plan.make(given, cpus=asked.cpus, gpus=asked.gpus, retries=asked.retries)
    name = asked.resume or new_id()
    if not name.isalnum():
        raise InputError(f"--resume: expected an experiment's id, found {name!r}; see {runs_folder()}")
    place = place_of(given, name, planned.goal)
    if asked.resume and not (place.runs / tuner.STATE / "tuner.pkl").is_file():
        raise InputError(f"--resume: {place.runs} holds no experiment that ran on Ray; see {runs_folder()}")
    print(check(given), flush=True)
    os.environ |= SETTINGS
    with connected(asked.address) as cluster:
        print(f"experiment {name} on Ray at {cluster}: {room(planned)}", flush=True)
        print(f"whatever ends it early, go on with: {again(name)}", flush=True)
        return fit(given, planned, place, asked.resume is not None)


def check(given: config.Config) -> str:
    """The checks of the manager but those of NNI itself; GPUs are the cluster's matter."""
    with chdir(given.code):
        trials = preflight.check_trials(given)
        preflight.check_data(trials)
    preflight.check_disk([runs_folder()])
    return f"checked {given.path}: {len(trials)} settings of the search space fit, data, meta and disk are there"


def place_of(given: config.Config, name: str, goal: str) -> Place:
    """The command and the folders of an experiment."""
    words = shlex.split(given.command)
    runs = runs_folder() / name
    return Place(tuple(words), given.code, runs, runs / tuner.STATE / "output", goal)


def new_id() -> str:
    """Eight letters and digits, as NNI's experiments have."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(8))


@contextlib.contextmanager
def connected(address: str) -> Iterator[str]:
    """A connection to a cluster; `local` starts one on this machine, on 127.0.0.1 alone, for as long.

    Raises:
        InputError: nothing answers there.
    """
    if address.startswith("ray://"):
        raise InputError(f"--ray {address}: start this on a machine of the cluster, with --ray auto")
    if address.startswith(("local", "127.0.0.1")):
        # Ray's own word for: this machine alone, every port on 127.0.0.1
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    check_answers(address)
    import ray

    own = {"_node_ip_address": "127.0.0.1", "dashboard_host": "127.0.0.1"} if address == "local" else {}
    try:
        context = ray.init(address, log_to_driver=False, logging_level="ERROR", **own)
        logging.getLogger("ray.tune.tune").setLevel(logging.CRITICAL)  # which trials failed is told at the end
    except (ConnectionError, RuntimeError, ValueError) as error:
        start = "ray start --head --node-ip-address 127.0.0.1 --dashboard-host 127.0.0.1"
        raise InputError(f"--ray {address}: no Ray cluster answers ({error}); start one: {start}") from error
    try:
        yield str(context.address_info["gcs_address"])
    finally:
        ray.shutdown()


def check_answers(address: str) -> None:
    """Something listens at HOST:PORT: Ray would try for minutes.

    Raises:
        InputError: nothing does, or that's no address.
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise InputError(f"--ray: expected auto, local or HOST:PORT, found {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=ANSWERS_S).close()
    except OSError as error:
        raise InputError(f"--ray {address}: nothing answers there ({error}); see the output of ray start") from error


def room(planned: plan.Plan) -> str:
    """How many trials the cluster has room for.

    Raises:
        InputError: for none.
    """
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fits = [fitting(node, planned) for node in nodes]
    shares = f"{planned.cpus:g} CPU and {planned.gpus:g} GPU a trial"
    if not any(fits):
        has = "; ".join(f"{node.get('CPU', 0):g} CPU, {node.get('GPU', 0):g} GPU" for node in nodes)
        raise InputError(f"--ray: no machine of the cluster has {shares} (they have {has}); lower --trial_cpus, _gpus")
    machines = "1 machine" if len(nodes) == 1 else f"{len(nodes)} machines"
    return f"{machines}, {sum(fits)} trials at once ({shares})"


def fitting(node: dict[str, float], planned: plan.Plan) -> int:
    """How many trials a machine has room for."""
    asked = {"CPU": planned.cpus, "GPU": planned.gpus}
    return min(int(node.get(kind, 0) / share + 1e-9) for kind, share in asked.items() if share)


def fit(given: config.Config, planned: plan.Plan, place: Place, resumed: bool) -> Ended:
    """Let Ray Tune run the trials."""
    title = f"experiment {place.runs.name}"
    with screen.opened(sys.stdout, title) as shown, interrupts() as seen:
        callback = trainable.callback(shown.show, seen)
        trial = trainable.trainable(place)
        started = (
            tuner.again(planned, trial, callback, place.runs)
            if resumed
            else tuner.new(planned, given.space, trial, callback, place.runs)
        )
        started.fit()
    return Ended(place.runs, outcome(callback.trials, place), bool(seen))


def outcome(trials: Any, place: Place) -> Outcome:
    """How the trials ended, with the last line of those that failed."""
    rows = trainable.listed(trials)
    failures = {row.id: why for row in rows if (why := table.failed(row)) is not None}
    said = {name: last_line(place.output / f"{name}.txt") for name in failures}
    return Outcome(len(rows), {name: ": ".join(filter(None, (why, said[name]))) for name, why in failures.items()})


@contextlib.contextmanager
def interrupts() -> Iterator[list[int]]:
    """While Ray Tune runs, Ctrl-C, SIGTERM and SIGHUP end it: trials write checkpoints, its state is kept.

    Yields:
        The signals that came.
    """
    seen: list[int] = []

    def heard(number: int, frame: Any) -> None:
        seen.append(number)
        os.kill(os.getpid(), signal.SIGUSR1)  # Ray Tune's signal for it

    def early(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    handlers = dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), heard) | {signal.SIGUSR1: early}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
