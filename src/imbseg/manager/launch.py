"""Start and stop an experiment through this environment's `nnictl`, with the guard loaded into its manager."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from imbseg.errors import InputError
from imbseg.interrupt import interrupted_by, quiet_interrupts
from imbseg.manager import orphans, rest
from imbseg.manager.config import read

PROGRAMS = Path(__file__).with_name("programs")  # for a machine that lacks them: the last of PATH
GUARD = PROGRAMS / "guard.js"
RETRIES = 1  # of a failed trial
_PATIENT = """import sys
from nni.experiment import launcher
from nni.tools.nnictl.nnictl import parse_args
launcher._check_rest_server.__defaults__ = (60, None)  # tries, a second apart
parse_args()"""
MADE_FOR = "3.0"
# nnictl imports pkg_resources, which warns about itself at every call; nothing else is silenced.
QUIET = "PYTHONWARNINGS='ignore:pkg_resources is deprecated as an API'"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_SLOW = re.compile(r"Max retries exceeded|Connection (reset|refused|aborted)|timed out|JSONDecodeError", re.I)
_ID = re.compile(r"Experiment ID: (\S+)")


@dataclass(frozen=True)
class Experiment:
    """A running experiment: NNI's id, the port of its manager, and NNI's folder for it."""

    id: str
    port: int
    folder: Path

    @property
    def base(self) -> str:
        """Address of its REST interface."""
        return rest.base_of_port(self.port)


def environment(*, guarded: bool = True, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for `nnictl`, its manager and the trials: they need no activated environment.

    Args:
        given: the environment to start from; this process's own where None.
    """
    result = dict(os.environ if given is None else given)
    here = str(Path(sys.executable).parent)
    result["PATH"] = os.pathsep.join([here, *filter(None, [result.get("PATH")]), str(PROGRAMS)])
    for name in ("NO_PROXY", "no_proxy"):
        result[name] = ",".join(filter(None, [result.get(name), "localhost", "127.0.0.1"]))
    if guarded:
        asked = result.get("NODE_OPTIONS", "")
        # The guard gives the manager's children back what the user had asked of Node.
        result["IMBSEG_NODE_OPTIONS"] = asked
        quoted = str(GUARD).replace("\\", "\\\\").replace('"', '\\"')
        result["NODE_OPTIONS"] = f'--require "{quoted}" {asked}'.strip()
    return result


def nnictl() -> Path:
    """The `nnictl` that stands beside this Python.

    Raises:
        InputError: it isn't there, or belongs to an NNI that the guard isn't made for.
    """
    program = Path(sys.executable).parent / "nnictl"
    try:
        found = version("nni")
    except PackageNotFoundError:
        found = "none"
    if not program.is_file() or found.split(".")[:2] != MADE_FOR.split("."):
        raise InputError(f"expected nni {MADE_FOR} beside {sys.executable}, found {found}; run make setup")
    return program


def starter() -> list[str]:
    """The command that is nnictl with more patience: it gives its manager 3 s to start, too few on a busy machine."""
    nnictl()
    return [sys.executable, "-c", _PATIENT]


def start(config: Path, port: int, *, guarded: bool = True) -> Experiment:
    """Run `nnictl create` and wait until the manager answers.

    A Ctrl-C or SIGTERM while it starts stops what has been started.

    Raises:
        InputError: NNI refuses the config, or the guard was not loaded.
    """
    return _run(["create", "--config", str(config)], port, guarded=guarded)


def view(experiment_id: str, port: int, place: Path) -> Experiment:
    """Open a stopped experiment in NNI's web UI, to be read; `place` is the folder of NNI's experiments."""
    return _run(["view", _known_form(experiment_id), "--experiment_dir", str(place)], port, guarded=True)


def _run(arguments: list[str], port: int, *, guarded: bool, told: Mapping[str, str] | None = None) -> Experiment:
    """Start a manager, or another where it is silent too long; `told` are variables for the guard."""
    command, given = [*arguments, "--port", str(port)], {**environment(guarded=guarded), **(told or {})}
    said, status = _nnictl(command, given)
    if status != 0 and _SLOW.search(said):
        _stop_if_started(said)
        said, status = _nnictl(command, given)
    return _started(said, status, port, guarded=guarded)


def _nnictl(arguments: list[str], given: Mapping[str, str]) -> tuple[str, int]:
    """What it says, and its exit status."""
    # A file and not a pipe: what nnictl said, the id above all, must survive a Ctrl-C in the middle of reading it.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        apart = {"stderr": subprocess.STDOUT, **_apart(given)}
        process = subprocess.Popen([*starter(), *arguments], stdout=output, **apart)
        try:
            process.wait()
        except KeyboardInterrupt:
            with quiet_interrupts():
                process.wait()
                _stop_if_started(_said(output))
            raise
        return _said(output), process.returncode


def _apart(given: Mapping[str, str]) -> dict[str, Any]:
    # A session of its own: Ctrl-C must not kill nnictl after it has started the manager and before it has said so.
    return {"stdin": subprocess.DEVNULL, "env": dict(given), "start_new_session": True}


def _said(output: IO[str]) -> str:
    output.seek(0)
    return _ANSI.sub("", output.read())


def _started(said: str, returncode: int, port: int, *, guarded: bool) -> Experiment:
    found = _ID.search(said)
    if returncode != 0 or found is None:
        _stop_if_started(said)
        raise InputError(f"nnictl: {_last_error(said)}")
    try:
        profile = rest.ask(rest.base_of_port(port), "experiment", timeout_s=10.0)
        experiment = Experiment(found[1], port, Path(profile["logDir"]))
        if guarded and "imbseg guard:" not in _manager_output(experiment.folder):
            raise InputError(f"NNI's manager started without {GUARD.name}; its Node ignores NODE_OPTIONS")
    except BaseException:
        stop(found[1])
        raise
    return experiment


def stop(experiment_id: str) -> bool:
    """Stop an experiment by its id, its trials and its tuner with it; True where nnictl says that it has stopped."""
    command = [str(nnictl()), "stop", _known_form(experiment_id)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **_apart(environment(guarded=False)))
    return "Stop experiment success" in done.stdout


def _known_form(experiment_id: str) -> str:
    # No prefix, no star: nnictl stops every experiment that an id matches.
    if not re.fullmatch(r"[A-Za-z0-9]{8}", experiment_id):
        raise InputError(f"expected an experiment id of NNI, 8 letters or digits, found {experiment_id!r}")
    return experiment_id


def view_command(experiment: Experiment) -> str:
    """A shell command that opens a stopped experiment in NNI's web UI, on loopback only."""
    options = environment(given={})["NODE_OPTIONS"]
    command = [str(nnictl()), "view", experiment.id, "--port", str(experiment.port)]
    return f"NODE_OPTIONS={shlex.quote(options)} {QUIET} {shlex.join(command)}"


def stop_command(experiment: Experiment) -> str:
    """A shell command that stops an experiment."""
    return f"{QUIET} {shlex.join([str(nnictl()), 'stop', experiment.id])}"


def _stop_if_started(said: str) -> None:
    found = _ID.search(said)
    if found is not None:
        stop(found[1])


def _last_error(said: str) -> str:
    """The line that says why: the last one that names an error, else the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|refuse|not valid|imbseg guard", line, re.IGNORECASE)]
    return (errors or lines or ["it said nothing"])[-1]


def _manager_output(folder: Path) -> str:
    # A resumed experiment's output goes on in the same file, under a new heading.
    return text_of(folder / "log" / "nnictl_stdout.log").rpartition(" start: ")[2]


def text_of(log: Path) -> str:
    """What a log holds so far; nothing where there is none yet."""
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""


@contextlib.contextmanager
def running(
    config: Path, port: int, *, keep: bool = False, again: str | None = None, retries: int = RETRIES
) -> Iterator[Experiment]:
    """An experiment that is stopped on leaving, whatever happens; with `keep` only after an error or Ctrl-C.

    Where this process is killed, the guard stops it.

    Args:
        keep: leave it running where all went well.
        again: id of an experiment to go on with: its trials without a result start again under their old id.
        retries: how often a trial that was killed, or failed for what may pass, is started again.

    Raises:
        InputError: NNI refuses the config, or has no such stopped experiment.
    """
    with interrupted_by(signal.SIGTERM, signal.SIGHUP), orphans.owned() as owner:
        told = {"IMBSEG_RETRIES": str(retries), "IMBSEG_OWNER": str(owner)}
        experiment = _run(_arguments(config, again), port, guarded=True, told=told)
        try:
            yield experiment
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                with quiet_interrupts():
                    stop(experiment.id)
                    orphans.end_all(experiment.id)


def _arguments(config: Path, again: str | None) -> list[str]:
    """Of nnictl. A resumed experiment's folder is named: NNI's list of experiments may be lost or outdated."""
    if again is None:
        return ["create", "--config", str(config)]
    place = read(config).work
    if not (place / _known_form(again)).is_dir():
        raise InputError(f"--resume: found no experiment {again} in {place}; see nnictl experiment list --all")
    orphans.wait_until_stopped(again)
    return ["resume", again, "--experiment_dir", str(place)]
