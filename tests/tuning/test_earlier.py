"""What an earlier experiment teaches the next one: results where nothing else differs, else what to try first."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from run_folders import make_run

from imbseg.datasets import spec
from imbseg.errors import InputError
from imbseg.trial import parse_flags, resolve
from imbseg.trial.fields import FIELDS
from imbseg.trial.values import show
from imbseg.tuning import earlier
from imbseg.tuning.search import Search

SPACE = {
    "lr": {"_type": "loguniform", "_value": [0.001, 0.1]},
    "loss": {
        "_type": "choice",
        "_value": ["cross_entropy", {"_name": "focal", "gamma": {"_type": "uniform", "_value": [1.0, 4.0]}}],
    },
}
FLAGS = ["--dataset", "sample", "--strategy", "full/mskf/x2/none", "--epochs", "4"]
TUNER = {"className": "imbseg.tuning.nni_tuner.OptunaTuner", "classArgs": {"optimize": "tail"}}


def run(folder: Path, tail: float | None, *, status: str = "finished", **sampled: Any) -> None:
    """A run folder of the sample, as the flags and what was sampled have it."""
    settings = {**parse_flags(FLAGS), **{name: str(value) for name, value in sampled.items()}}
    trial = resolve(settings, {}).trial
    parameters = {name: show(getattr(trial, name)) for name in FIELDS}
    about = {"dataset_sha256": spec.load("sample").digest}
    make_run(folder, status=status, about=about, **parameters)
    content = json.loads((folder / "status.json").read_text())
    content["result"] = {"default": 0.5, "head": 0.75} | ({} if tail is None else {"tail": tail})
    content.pop("sha256", None)
    (folder / "status.json").write_text(json.dumps(content))


def read(folder: Path) -> earlier.Earlier:
    return earlier.read(folder, SPACE, parse_flags(FLAGS), "tail")


def test_what_fits_is_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.25, lr=0.01, loss="cross_entropy")
    run(tmp_path / "b", 0.5, lr=0.02, loss="focal", gamma=2.5, threads=3, seed=2)
    run(tmp_path / "c", 0.5, lr=0.5)
    run(tmp_path / "d", 0.5, lr=0.02, loss="dice")
    run(tmp_path / "e", None, lr=0.02)
    run(tmp_path / "f", 0.5, lr=0.03, status="failed")
    found = read(tmp_path)
    assert found.results == [
        ({"lr": 0.01, "loss": "cross_entropy"}, {"default": 0.5, "head": 0.75, "tail": 0.25}),
        ({"lr": 0.02, "loss": {"_name": "focal", "gamma": 2.5}}, {"default": 0.5, "head": 0.75, "tail": 0.5}),
    ]
    assert found.first == []
    assert found.lines == [
        f"from {tmp_path}: 2 results of 5 finished runs taken",
        "left out: c: lr: 0.5 is outside of loguniform [0.001, 0.1]",
        "left out: d: loss: dice is none of its choices",
        "left out: e: has no tail",
    ]


def test_other_epochs_are_no_result_but_a_start(tmp_path: Path) -> None:
    for place, tail in enumerate((0.1, 0.4, 0.2, 0.3)):
        run(tmp_path / f"r{place}", tail, lr=0.01 * (1 + place), epochs=2, batch_size=4)
    found = read(tmp_path)
    assert found.results == []
    assert [one["lr"] for one in found.first] == [0.02, 0.04, 0.03]
    assert found.lines[1] == "tried first: r1, which has other batch_size, epochs"


def test_another_data_set_teaches_nothing(tmp_path: Path) -> None:
    run(tmp_path / "a", 0.25, lr=0.01, loss="cross_entropy")
    file = tmp_path / "a" / "trial.json"
    file.write_text(file.read_text().replace(spec.load("sample").digest, "0" * 64))
    with pytest.raises(InputError, match=r"--from .*no finished run fits this search space; left out: a: its data set"):
        read(tmp_path)


def test_it_reaches_the_tuner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "a", 0.25, lr=0.01, loss="cross_entropy")
    run(tmp_path / "b", 0.5, lr=0.02, loss="focal", gamma=2.5)
    run(tmp_path / "c", 0.5, lr=0.07, loss="cross_entropy", epochs=2)
    with earlier.handed_over(str(tmp_path), TUNER, SPACE, FLAGS, tmp_path):
        search = Search(SPACE, "tail", 1)
        earlier.read_file(Path(os.environ["IMBSEG_FROM"]), search)
    assert "IMBSEG_FROM" not in os.environ
    assert "2 results of 3 finished runs taken" in capsys.readouterr().out
    assert search.study.best_value == 0.5
    assert search.study.best_params == {"lr": 0.02, "loss": "focal", "loss=focal/gamma": 2.5}
    assert search.ask()[1] == {"lr": 0.07, "loss": "cross_entropy"}
    assert search.ask()[1]["lr"] not in (0.01, 0.02, 0.07)


def test_nothing_is_handed_over_unasked() -> None:
    with earlier.handed_over(None, {"name": "TPE"}, SPACE, FLAGS, Path()):
        assert "IMBSEG_FROM" not in os.environ


def test_nnis_own_tuners_take_nothing() -> None:
    with (
        pytest.raises(InputError, match="NNI's own tuners start from nothing"),
        earlier.handed_over("x", {"name": "TPE"}, SPACE, FLAGS, Path()),
    ):
        pass
