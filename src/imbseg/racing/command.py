"""run_experiment.py CONFIG --race --hours H: check, race, say where everything is."""

import argparse
import csv
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from imbseg.errors import InputError, TrialFailed, above_zero, amount
from imbseg.files import REPOSITORY, runs_folder, whole_file, writable_folder
from imbseg.manager import config, launch, orphans, preflight
from imbseg.racing import rounds, told
from imbseg.racing.course import Step
from imbseg.racing.entries import Entries, read_entries
from imbseg.racing.race import STATE, Race, State, read_state
from imbseg.racing.rule import LARGEST


def race(given: argparse.Namespace) -> int:
    """Run a race, or go on with one."""
    hours = _hours(given.hours, again=given.resume is not None)
    for line in preflight.check(given.config, given.port):
        print(line, flush=True)
    for line in () if given.resume else orphans.offers(given.config):
        print(line, flush=True)
    found = config.read(given.config)
    entries = read_entries(found)
    state = _state(given, hours)
    say_start(entries, state)
    orphans.note(state.path.parent.name, given.config, again(given, state))

    def train(path: Path) -> None:
        rounds.train(path, given.port, given.retries)

    running = Race(given.config, entries, state, _at_once(given.config), train, _say)
    try:
        running.prepare(keep_baseline=given.keep_baseline)
        steps = running.run_looks()
    except KeyboardInterrupt:
        print(f"interrupted, NNI is stopped; go on with: {again(given, state)}")
        return 130
    except TrialFailed as error:
        raise TrialFailed(f"{error}; go on with: {again(given, state)}") from error
    return _end(running, steps, report=given.report)


def _state(given: argparse.Namespace, hours: float | None) -> State:
    """A new race's, or what an interrupted one left; more hours may be given then."""
    if given.resume is not None:
        state = read_state(runs_folder() / given.resume)
        if state.about["config"] != given.config.name:
            raise InputError(
                f"--resume {given.resume}: is a race of {state.about['config']}, not of {given.config.name}"
            )
        state.about |= {"hours": hours} if hours is not None else {}
        return state
    if given.score not in LARGEST:
        raise InputError(f"--score: expected {' or '.join(LARGEST)}, found {given.score!r}")
    folder = writable_folder(_new_folder(given.config))
    state = State(folder / STATE, {"config": given.config.name, "hours": hours, "score": given.score})
    state.write()
    return state


def _new_folder(path: Path) -> Path:
    """The first number that is free."""
    name = "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    number = 1
    while (folder := runs_folder() / f"race_{name}_{number}").exists():
        number += 1
    return folder


def _hours(text: str | None, *, again: bool) -> float | None:
    if text is None and again:
        return None
    return above_zero(text, "--hours: a race needs")


def _at_once(path: Path) -> int:
    return int(yaml.safe_load(path.read_text(encoding="utf-8"))["trialConcurrency"])


def say_start(entries: Entries, state: State) -> None:
    """Who races, for which score, and in which folder."""
    seeds, count = ", ".join(map(str, entries.seeds)), amount(len(entries.labels), "candidate")
    _say(f"race in {state.path.parent}: {count}, {state.about['score']} in validation, seeds {seeds}")
    _say(f"baseline: {entries.labels[0]}")


def _end(running: Race, steps: list[Step], *, report: bool) -> int:
    state, entries, folder = running.state, running.entries, running.folder
    if not steps:
        raise InputError(f"--hours {state.about['hours']:g}: nothing fits into what is left; go on with more --hours")
    if not steps[-1].alive[0]:
        raise TrialFailed(f"the baseline failed at look {len(steps)}; see its run folder in {folder}")
    orphans.forget(folder.name)
    rows = told.standings(entries, steps)
    with whole_file(folder / "race.csv") as temporary, temporary.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        seeds = amount(int(row["seeds"]), "seed")
        _say(
            f"  {row['score']:.3f}  {seeds}, {amount(int(row['epochs']), 'epoch')}  {row['candidate']}: {row['state']}"
        )
    for line in told.ending(entries, steps, running.score, state.spent / 3600, running.grid_hours()):
        _say(line)
    _say(f"standings: {folder / 'race.csv'}; run folders beside it")
    words = [sys.executable, str(REPOSITORY / "src" / "report.py"), "--runs", str(folder)]
    if report:
        subprocess.run(words, check=False)
    else:
        _say(f"compare the trials: {shlex.join(words)}")
    return 0


def again(given: argparse.Namespace, state: State) -> str:
    """The command that goes on."""
    words = [sys.executable, "src/run_experiment.py", str(given.config), "--race", "--port", str(given.port)]
    words += ["--keep_baseline"] if given.keep_baseline else []
    words += ["--retries", str(given.retries)] if given.retries != launch.RETRIES else []
    return shlex.join([*words, "--resume", state.path.parent.name])


def _say(line: str) -> None:
    print(line, flush=True)
