"""`run_experiment.py CONFIG --ray ADDRESS`: the command's part, in the environment that has Ray."""

import argparse
import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

from imbseg.errors import InputError
from imbseg.files import REPOSITORY

OWN = REPOSITORY / "tools" / "ray" / ".venv" / "bin" / "python"


def run(given: argparse.Namespace) -> int:
    """Run the experiment, report, and say where everything is; the exit status.

    Raises:
        InputError: Ray isn't installed, or what the experiment needs isn't there.
    """
    if not installed():
        if not OWN.is_file():
            raise InputError("ray isn't installed here: run `make setup EXTRA=ray`, once, on storage all machines see")
        os.execv(OWN, [str(OWN), *sys.argv])  # its environment has all of this one too
    from imbseg.cluster.run import Asked, experiment

    asked = Asked(given.config, given.ray, given.trial_cpus, given.trial_gpus, resume=given.resume)
    ended = experiment(asked, going_on)
    again = going_on(ended.id)
    if ended.interrupted:
        print(f"interrupted, no trial runs any more; go on with: {again}")
        return 130
    print(ended.outcome.sentence(), flush=True)
    report = [sys.executable, "src/report.py", "--runs", str(shown(ended.runs))]
    if given.report:
        subprocess.run(report, cwd=REPOSITORY, check=False)
    else:
        print(f"compare the trials: {shlex.join(report)}")
    print(f"run folders: {shown(ended.runs)}/<trial id>")
    if not ended.outcome.ok:
        print(f"start the failed trials once more: {again}")
    return 0 if ended.outcome.ok else 1


def installed() -> bool:
    """Whether this environment has Ray; a folder of that name on the path is none."""
    spec = importlib.util.find_spec("ray")
    return spec is not None and spec.origin is not None


def going_on(name: str) -> str:
    """This command, to go on with an experiment; for a shell."""
    return shlex.join([sys.executable, *resuming(sys.argv, name)])


def resuming(words: list[str], name: str) -> list[str]:
    """The command with which an experiment goes on.

    >>> resuming(["src/run_experiment.py", "a.yml", "--ray", "auto", "--resume", "old"], "old")
    ['src/run_experiment.py', 'a.yml', '--ray', 'auto', '--resume', 'old']
    """
    return words if "--resume" in words else [*words, "--resume", name]


def shown(folder: Path) -> Path:
    """Relative to the repository where it lies in it."""
    return folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder
