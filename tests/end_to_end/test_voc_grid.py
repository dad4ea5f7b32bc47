"""The search space of nni_config.yml on a small tree in VOC 2012's layout: every strategy runs, and is reported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.real_trials import experiments, ran, run_experiment, sampled, trial_command, write_config
from published_tables import PIXEL_COUNTS
from small_trial import REPOSITORY
from voc_tree import CLASSES, make_voc_tree, read_rows

from imbseg.manager import rest

pytestmark = pytest.mark.slow

IMAGES = {"train": 10, "val": 2}  # of each class
KINDS = (  # k-means folds drawn by cluster, copy-paste of rare and of weak classes, and the plain one
    "full/mskf/x2/none",
    "imbalanced/skf_cluster/cluster/none",
    "imbalanced/mskf/label/rare",
    "imbalanced/random/x2/weak",
)


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Root and meta of the tree, as flags."""
    folder = tmp_path_factory.mktemp("voc")
    rows = read_rows(PIXEL_COUNTS)
    root = make_voc_tree(folder / "VOC2012", few_of_each_class(rows), size=(64, 80))
    given = {"root": str(root)}
    command = ["--dataset", "voc2012", "--root", str(root), "--out", str(folder / "meta"), "--workers", "1"]
    subprocess.run([sys.executable, str(REPOSITORY / "src/make_meta.py"), *command], check=True, capture_output=True)
    return {**given, "meta": str(folder / "meta")}


def few_of_each_class(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The first images of each class and subset, each image once."""
    found: dict[str, dict[str, str]] = {}
    for subset, count in IMAGES.items():
        for name in CLASSES[1:]:
            shows = [row for row in rows if row["subset"] == subset and int(row[name])]
            found |= {row["id"]: row for row in shows[:count]}
    return list(found.values())


@pytest.mark.parametrize("kinds", [pytest.param(KINDS, id="four"), pytest.param((), id="all", marks=pytest.mark.long)])
def test_every_strategy_runs_as_it_is_listed(
    home: Path, port: int, voc: dict[str, str], kinds: tuple[str, ...]
) -> None:
    space = json.loads((REPOSITORY / "search_space.json").read_text())
    space["seed"]["_value"] = [1]
    assert len(space["strategy"]["_value"]) == 10
    space["strategy"]["_value"] = [one for one in space["strategy"]["_value"] if one in (kinds or [one])]
    strategies = len(space["strategy"]["_value"])
    assert strategies == len(kinds or range(10))
    flags = {**voc, "dataset": "voc2012", "epochs": "1", "batch_size": "8", "patience": "11"}
    command = trial_command(flags, *space)
    changes = {"trialGpuNumber": None, "maxTrialNumber": strategies, "trialConcurrency": 2}
    local = {"trainingService": {"platform": "local"}}
    config = write_config(home, "nni_config.yml", command, space, **changes, **local)
    process = run_experiment(config, port, "--keep")
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert f"{strategies} of {strategies} trials ended well" in said

    listed = rest.trials(rest.base_of_port(port))
    assert [trial.status for trial in listed] == ["SUCCEEDED"] * strategies
    assert {trial.parameters["strategy"] for trial in listed} == set(space["strategy"]["_value"])
    found = ran(home)
    assert {trial.id: trial.parameters for trial in listed} == {
        trial.id: sampled(found[trial.id], trial) for trial in listed
    }
    assert len(found) == strategies
    report_on(home, found)


def report_on(home: Path, found: dict[str, object]) -> None:
    """The report names every strategy."""
    (experiment,) = experiments(home)
    script, runs = REPOSITORY / "src" / "report.py", home / "runs" / experiment
    command = [sys.executable, str(script), "--runs", str(runs), "--out", str(home / "report")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = (home / "report" / "results.csv").read_text().splitlines()
    assert len(table) == 1 + len(found)
