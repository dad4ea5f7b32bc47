"""python src/report.py: what it prints and writes, and how it ends on bad input."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from run_folders import WEIGHTED, make_run

from imbseg.metrics.counts import collect, save_counts


def test_a_report_of_two_strategies_and_a_failed_run(tmp_path: Path, command):
    runs, out = tmp_path / "runs", tmp_path / "out"
    for seed in (1, 2, 3):
        make_run(runs / f"plain{seed}", test=(0.8, 0.6, 0.1), seed=seed, counts=(5, 3, 1))
        make_run(runs / f"weighted{seed}", test=(0.8, 0.6, 0.3 + seed / 100), seed=seed, **WEIGHTED)
    make_run(runs / "lost", status="failed", message="loss is nan", seed=4)
    status, said, complained = command("report.py", "--runs", runs, "--out", out)
    assert (status, complained) == (0, "")
    written = {"report.html", "report.md", "report.tex", "results.csv", "strategies.csv", "learning_curves.csv"}
    written |= {"settings.csv", "comparisons.csv", "one_change.csv", "rank_sums.csv", "class_profile.csv"}
    written |= {"strategies.tex", "gains.png", "plane.png", "curves.png"}
    assert sorted(path.name for path in out.iterdir() if path.name[0] != ".") == sorted(
        [*written, "gains.svg", "plane.svg", "curves.svg"]
    )
    assert "tail 0.100 -> 0.320 (+0.220 [0.195, 0.245], 3 seeds): weighted_cross_entropy against cross_entropy." in said
    assert "lost   failed  loss is nan (2 of 2 epochs)" in said
    last = said.rstrip().rpartition(f"written to {out}: ")[2]
    names, rest = last.split("; ")
    assert set(names.split(", ")) == written
    assert rest == f"figures as SVG too\nread it: {out / 'report.html'}"
    with (out / "results.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 7
    assert "![Gain a class](gains.png)" in (out / "report.md").read_text()


def test_groups_have_a_figure_each_and_no_stale_one_stays(tmp_path: Path, command):
    runs, out = tmp_path / "runs", tmp_path / "out"
    for fold in (0, 1):
        make_run(runs / f"plain{fold}", fold=fold)
        make_run(runs / f"weighted{fold}", fold=fold, **WEIGHTED)
        status, said, _ = command("report.py", "--runs", runs, "--out", out)
        assert (out / "gains.png").exists() == (fold == 0)
        (out / "gains-2024.png").write_bytes(b"of somebody else")
    assert status == 0
    assert "2 groups that can't be compared with each other" in said
    assert sorted(path.name for path in out.glob("gains*.png")) == ["gains-1.png", "gains-2.png", "gains-2024.png"]


def test_an_earlier_report_stays_whole_where_a_new_one_cannot_be_written(tmp_path: Path, command, refused):
    runs, out = tmp_path / "runs", tmp_path / "out"
    make_run(runs / "plain")
    assert command("report.py", "--runs", runs, "--out", out)[0] == 0
    (out / "rank_sums.csv").mkdir()
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    make_run(runs / "weighted", **WEIGHTED)
    told = refused("report.py", "--runs", runs, "--out", out)
    assert "rank_sums.csv: is a folder, where the report writes a file" in told
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert sorted(path.name for path in out.iterdir()) == sorted([*before, "rank_sums.csv"])


def test_a_strategy_may_be_called_anything(tmp_path: Path, command):
    names = ("base", "strategy", "group", "class", "other", "p", "score", "None", "nan", "01", "1", "a b")
    lines = [f"{strategy},{seed},{0.5 + seed / 100},0.6" for strategy in names for seed in (1, 2)]
    classes = "classes:\n  - {name: sky}\n  - {name: pole}\n"
    paths = (
        "root: .\nimages: '{id}.png'\nmasks: 'm/{id}.png'\nmask_encoding: index\nsubsets: {train: a.txt, test: b.txt}\n"
    )
    (tmp_path / "two.yml").write_text(paths + "ignore_index: null\n" + classes)
    (tmp_path / "trials.csv").write_text("\n".join(["strategy,seed,sky,pole", *lines, ""]))
    given = ("--trials", tmp_path / "trials.csv", "--dataset", tmp_path / "two.yml", "--out", tmp_path / "out")
    status, _, complained = command("report.py", *given, "--baseline", "base")
    assert (status, complained) == (0, "")
    with (tmp_path / "out/rank_sums.csv").open(newline="") as handle:
        pairs = [{row["strategy"], row["other"]} for row in csv.DictReader(handle)]
    assert len(pairs) == 66
    assert all(set(pair) in pairs for pair in itertools.combinations(names, 2))
    assert "| sky | 0.515 ± 0.007 |" in (tmp_path / "out/report.md").read_text()


def test_counts_of_other_images_are_refused_and_nothing_is_written(tmp_path: Path, refused):
    for name, ids, more in (("plain", "abcdefghijkl", {}), ("weighted", "abcdefghijkx", WEIGHTED)):
        folder = make_run(tmp_path / "runs" / name, **more)
        confusions = [np.vstack([np.eye(3, dtype=np.int64), np.zeros((1, 3), np.int64)])] * len(ids)
        save_counts(folder / "counts_test.npz", collect(list(ids), confusions))
    told = refused("report.py", "--runs", tmp_path / "runs", "--out", tmp_path / "out")
    assert "expected counts of the same test images, found 12 and 12" in told
    assert not (tmp_path / "out").exists()


def test_groups_without_a_shared_score_are_told(tmp_path: Path, command):
    for seed in (1, 2):
        for loss in ("cross_entropy", "focal"):
            make_run(tmp_path / f"runs/{loss}{seed}", test=(float("nan"),) * 3, loss=loss, seed=seed)
    status, said, complained = command("report.py", "--runs", tmp_path / "runs", "--out", tmp_path / "out")
    assert (status, complained) == (0, "")
    assert "No strategy has a score to compare with that of cross_entropy." in said


def test_runs_that_score_other_classes_cast_doubt(tmp_path: Path, command):
    make_run(tmp_path / "runs/a")
    make_run(tmp_path / "runs/b", test=(0.8, float("nan"), 0.3), loss="focal")
    _, said, _ = command("report.py", "--runs", tmp_path / "runs", "--out", tmp_path / "out")
    words = "not all runs have a test IoU of road (lacking in 1 of 2)"
    assert words in said
    assert words in (tmp_path / "out/report.html").read_text()


def changed(file: str, text: str) -> Callable[[Path], object]:
    """One run, and a file in its place or beside it."""
    return lambda root: make_run(root / "runs/a") and (root / file).write_text(text)


@pytest.mark.parametrize(("make", "flags", "words"), [
    (lambda root: None, "", "expected a folder of runs, found nothing"),
    (lambda root: (root / "runs").mkdir(), "", "holds no run folder"),
    (lambda root: make_run(root / "runs/a", status="running"), "",
     "none of 1 run(s) has finished (a: running, has not ended"),
    (lambda root: make_run(root / "runs/a"), "--baseline dice",
     "'dice' is no strategy here; choose from: 'full/mskf/none/none, cross_entropy'"),
    (lambda root: make_run(root / "runs/a"), "--margin=-0.1", "expected a loss of IoU from 0 to below 1, found -0.1"),
    (changed("runs/a/trial.json", '{"parameters": {'), "",
     "none of 1 run(s) has finished (a: broken, trial.json: expected JSON"),
    (changed("out", "mine"), "", "expected an output folder, found a file"),
    (changed("file", "mine"), "--out {root}/file/out", "can't write here"),
    (lambda root: make_run(root / "runs/a"), "--out {root}/runs/a", "is a run folder (it holds epochs.csv)"),
])  # fmt: skip
def test_bad_input_ends_in_one_sentence(tmp_path: Path, refused, make, flags: str, words: str):
    make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    given = ["--runs", tmp_path / "runs", "--out", tmp_path / "out", *flags.format(root=tmp_path).split()]
    assert words in refused("report.py", *given)
    assert sorted(tmp_path.rglob("*")) == before
