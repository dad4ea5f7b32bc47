"""python src/run_experiment.py configs/sample.yml [--port P] [--report] [--keep] [--resume ID | --from ID]

An NNI experiment, guarded.

Checks take under 5 s, NNI's start 3 s; then it takes as long as its trials. The experiment is stopped at the end and
after Ctrl-C; with --keep it stays open in NNI's web UI at the end. Exit status 1 if a trial failed or NNI broke down.
"""

import argparse
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY, runs_folder
from imbseg.manager import config, launch, orphans, preflight, watch
from imbseg.tuning import earlier


def main() -> int:
    """Check, start, watch, stop, and say where everything is."""
    given = parse(sys.argv[1:])
    if given.ray:
        from imbseg.cluster import command  # Ray's own environment has it

        return command.run(given)
    given.port = given.port or free_port()
    if given.race:
        from imbseg.racing.command import race

        return race(given)
    for line in preflight.check(given.config, given.port):
        print(line, flush=True)
    for line in () if given.resume else orphans.offers(given.config):
        print(line, flush=True)
    checked, experiment = config.read(given.config), None
    before = (given.earlier, checked.tuner, checked.space, checked.flags(), checked.code)
    how = {"keep": given.keep, "again": given.resume, "retries": given.retries}
    try:
        with earlier.handed_over(*before), launch.running(given.config, given.port, **how) as experiment:
            again = resume_command(given, experiment)
            orphans.note(experiment.id, given.config, again)
            print(f"experiment {experiment.id}: web UI at http://127.0.0.1:{experiment.port}", flush=True)
            print(f"whatever ends it early, go on with: {again}", flush=True)
            outcome = watch.watch(experiment)
    except KeyboardInterrupt:
        if experiment is None:
            raise
        print(f"interrupted, NNI is stopped; go on with: {again}")
        return 130
    if outcome.ok:
        orphans.forget(experiment.id)
    print(outcome.sentence(), flush=True)
    if given.report:
        report = [sys.executable, REPOSITORY / "src" / "report.py", "--runs", REPOSITORY / runs_of(experiment)]
        subprocess.run(report, check=False)
    say_where(experiment, given.keep, reported=given.report)
    if not outcome.ok:
        print(f"start the trials without a result again, from their checkpoints: {again}")
    return 0 if outcome.ok else 1


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = Parser(description=(__doc__ or "").split("\n\n")[2])
    parser.add_argument("config", type=Path, help="the experiment: a YAML file of NNI, such as configs/sample.yml")
    parser.add_argument("--port", type=int, default=8080, help="port of NNI's web UI (default 8080; 0: any)")
    parser.add_argument("--report", action="store_true", help="end with the report of src/report.py")
    parser.add_argument("--keep", action="store_true", help="leave the experiment open in the web UI at the end")
    parser.add_argument("--resume", metavar="ID", help="go on with a stopped experiment: its unfinished trials run on")
    parser.add_argument("--from", dest="earlier", metavar="ID", help="an earlier experiment that the tuner learns from")
    parser.add_argument(
        "--retries",
        type=int,
        default=launch.RETRIES,
        metavar="N",
        help="start a trial again that was "
        "killed, or failed for what may pass (memory, disk), up to N times (default 1)",
    )
    ray = parser.add_argument_group("on a Ray cluster (make setup EXTRA=ray; docs/scaling.md)")
    ray.add_argument(
        "--ray", metavar="ADDRESS", help="run there instead: auto, HOST:PORT, or local (this machine alone)"
    )
    ray.add_argument("--trial_cpus", type=float, metavar="N", help="CPUs a trial, 0.5 too (default: its --threads)")
    ray.add_argument("--trial_gpus", type=float, metavar="N", help="GPUs a trial, 0.5 too (default: trialGpuNumber)")
    race = parser.add_argument_group("as a race (docs/race.md): the beaten leave early")
    race.add_argument("--race", action="store_true", help="drop the beaten before they cost; needs --hours")
    race.add_argument("--hours", metavar="H", help="hours that the race may take")
    race.add_argument("--score", default="mIoU", help="what it goes by in validation: mIoU (default) or tail")
    race.add_argument("--keep_baseline", action="store_true", help="don't test the baseline's batch size first")
    found = parser.parse_args(arguments)
    if found.ray and (found.race or found.keep):
        parser.error(f"--{'race' if found.race else 'keep'} is NNI's; leave --ray out, or it")
    if not found.ray and (found.trial_cpus is not None or found.trial_gpus is not None):
        parser.error("--trial_cpus and --trial_gpus belong to --ray")
    if not found.race and (found.hours or found.keep_baseline or found.score != "mIoU"):
        parser.error("--hours, --score and --keep_baseline belong to --race")
    if found.earlier is not None and (found.resume is not None or found.ray or found.race):
        parser.error("--from belongs to the start of an experiment under NNI: without --resume, --ray and --race")
    if found.retries < 0:
        raise InputError(f"--retries: expected a whole number >= 0, found {found.retries}")
    return found


def say_where(experiment: launch.Experiment, kept: bool, *, reported: bool) -> None:
    """The last lines: the run folders, NNI's web UI, the report."""
    runs = runs_of(experiment)
    if kept:
        print(f"still open: http://127.0.0.1:{experiment.port}; stop it with: {launch.stop_command(experiment)}")
    print(f"run folders: {runs}/<trial id>; NNI's own logs: {experiment.folder}")
    if not kept:
        print(f"open it again in NNI's web UI: {launch.view_command(experiment)}")
        print(f"  and close that again: {launch.stop_command(experiment)}")
    page = Path("data/report") / experiment.id / "report.html"
    if not reported and any(one.is_dir() for one in (REPOSITORY / runs).glob("*")):  # else no trial came so far
        print(f"compare the trials: {sys.executable} src/report.py --runs {runs}")
    elif reported and (REPOSITORY / page).is_file():
        print(f"what improved which class: open {page} in a browser")


def runs_of(experiment: launch.Experiment) -> Path:
    """Where the trials' folders lie, relative to the repository where they lie in it."""
    folder = runs_folder() / experiment.id
    return folder.relative_to(REPOSITORY) if folder.is_relative_to(REPOSITORY) else folder


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def resume_command(given: argparse.Namespace, experiment: launch.Experiment) -> str:
    """The command that goes on where this one was interrupted."""
    here = Path.cwd() == REPOSITORY
    script = "src/run_experiment.py" if here else str(Path(__file__).resolve())
    words = [sys.executable, script, str(given.config if here else given.config.resolve())]
    words += ["--port", str(experiment.port)]
    words += ["--retries", str(given.retries)] if given.retries != launch.RETRIES else []
    words += ["--report"] if given.report else []
    return shlex.join([*words, "--resume", experiment.id])


if __name__ == "__main__":
    run_command(main)
