"""What NNI lists of an experiment's trials: over REST, in its database, and in `nnictl trial ls`."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from imbseg.manager import launch, rest

Trials = dict[str, tuple[dict[str, Any], dict[str, Any] | None]]  # id -> (parameters, final result)


def listed_everywhere(base: str, experiment: str, environment: dict[str, str]) -> dict[str, Trials]:
    """All three."""
    jobs = rest.ask(base, "trial-jobs", timeout_s=60.0)
    database = Path(environment["HOME"]) / "nni-experiments" / experiment / "db" / "nni.sqlite"
    return {
        "REST": of_jobs(jobs),
        "database": of_database(database),
        "nnictl trial ls": of_nnictl(experiment, environment),
    }


def of_jobs(jobs: list[dict[str, Any]]) -> Trials:
    """From what REST answers."""
    found: Trials = {}
    for job in jobs:
        final = job.get("finalMetricData")
        found[job["trialJobId"]] = (
            json.loads(job["hyperParameters"][0])["parameters"],
            rest.scores(final[0]["data"]) if final else None,
        )
    return found


def of_nnictl(experiment: str, environment: dict[str, str]) -> Trials:
    """From what `nnictl trial ls` prints."""
    command = [str(launch.nnictl()), "trial", "ls", experiment]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return of_jobs(json.loads(said[said.index("[") :]))


def of_database(file: Path) -> Trials:
    """From the tables that NNI writes: parameters of each trial's last start, and its first final result."""
    found: Trials = {}
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        rows = database.execute(
            "select trialJobId, data from TrialJobEvent where data != '' and trialJobId != '' order by rowid"
        )
        for trial, data in rows:
            found[trial] = json.loads(data)["parameters"], None
        finals = finals_by_trial(database)
    return {trial: (given, finals.get(trial)) for trial, (given, _) in found.items()}


def finals_by_trial(database: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    """The final result of each trial."""
    rows = database.execute("select trialJobId, data from MetricData where type = 'FINAL' order by rowid desc")
    return {trial: rest.scores(json.loads(data)) for trial, data in rows}
