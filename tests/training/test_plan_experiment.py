"""The command from a diagnosis to an experiment: what it writes passes the preflight, and every trial of it runs."""

from __future__ import annotations

import contextlib
import os
import runpy
import sys
from pathlib import Path

import pytest
from binary_tree import make_binary_tree
from plain_meta import build
from small_trial import make_data

from imbseg import timing
from imbseg.datasets import spec
from imbseg.manager import config, preflight, space
from imbseg.trial import parse_flags, resolve
from imbseg.trial.geometry import geometry_of, pyramid_of
from imbseg.trial.pace import Pace

TINY = {"encoder": "tu-test_resnet", "encoder_weights": "none"}
SCRIPT = Path(__file__).resolve().parents[2] / "src" / "plan_experiment.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("plan"))


@pytest.fixture(autouse=True)
def _one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "LEAST_STEPS", 1)
    monkeypatch.setattr(timing, "SECONDS", 0.0)


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str, **settings: str) -> int:
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), *words, *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return int(ended.value.code or 0)


def run_every_trial(path: Path, free_port: int, **smaller: str) -> list[str]:
    """Check an experiment as it is checked before it starts, then one step of each of its trials, of smaller images."""
    preflight.check(path, free_port)
    given = config.read(path)
    with contextlib.chdir(given.code):
        flags = {**parse_flags(given.flags()), **smaller}
        found = [resolve(flags, sampled) for sampled in space.samples(given.space)]
        like = None
        for resolved in found:
            like = timing.measure(resolved, like)  # a step of each; a validation of the first
            assert like.step_s > 0
    return [f"{one.trial.strategy} {one.trial.loss}" for one in found]


@pytest.mark.slow
def test_binary_data(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: int
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    out = tmp_path / "cracks.yml"
    assert command(monkeypatch, out=str(out), hours="2", **TINY, **data) == 0
    said = capsys.readouterr().out
    assert f"written: {out}" in said
    assert "positive, cross_entropy: 73% of the images have no foreground" in said
    found = run_every_trial(out, port)
    # 15 train images of 3 parts: too few for five grouped folds
    assert found[0] == "full/mskf/x2/none cross_entropy"
    assert "full/mskf/positive/none cross_entropy" in found
    assert len(found) >= 6


def test_settings_of_all_trials_shorter_epochs_hours_and_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # 12 train images, each twice: 6 steps of 4 make an epoch of 36 s; 34 epochs make 204 steps
    pace = Pace(6, 6.0, 0.0, 0.0, 0.0, 0.0, bytes=10_000_000, share=0.5)
    monkeypatch.setattr(timing, "measure", lambda *_: pace)
    monkeypatch.setattr(os, "getloadavg", lambda: (3.0, 0.0, 0.0))
    small = {**TINY, "crop": "64", "batch_size": "4"}
    file = make_binary_tree(tmp_path / "cracks", n=20, size=(64, 64))
    file.write_text(file.read_text().replace("epochs: 1", "epochs: 167"))
    build(spec.load(str(file)), tmp_path / "meta")
    out = tmp_path / "mine.yml"
    assert command(monkeypatch, out=str(out), hours="2", dataset=str(file), meta=str(tmp_path / "meta"), **small) == 0
    said = capsys.readouterr().out
    content = config.read(out)
    flags = parse_flags(content.flags())
    assert {name: flags[name] for name in small} == small
    trials = list(space.samples(content.space))
    # five at 1236 s and one of half the steps at 624 s; with 36 epochs 7200 s, as many as two hours have
    assert (len(trials), flags["epochs"]) == (6, "36")
    assert "Epochs: 36 instead of 167, 216 optimizer steps of the baseline, so that more trials fit." in said
    assert "6 settings x 1 seed: about 2.0 h and 60 MB of disk" in said
    assert "The machine was busy while it timed: load average 3.0" in said
    assert "Alone, a step takes about 3 s instead of 6" in out.read_text().replace("\n# ", " ")
    assert '--baseline "x2/none, cross_entropy"' in out.read_text()


def test_a_baseline_first_and_then_its_best_settings(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timing, "measure", lambda *_: Pace(6, 0.1, 0.0, 0.0, 0.0, 0.0))
    small = {**TINY, "crop": "64", "epochs": "2", "batch_size": "4"}
    first, second = tmp_path / "first.yml", tmp_path / "second.yml"
    assert command(monkeypatch, "--baseline", out=str(first), **data, **small) == 0
    content = config.read(first)
    flags = parse_flags(content.flags())
    trials = [resolve(flags, sampled).trial for sampled in space.samples(content.space)]
    assert len({(one.batch_size, one.architecture, one.lr, one.sampling) for one in trials}) == len(trials) == 12
    assert 'experimentName: "cracks_baseline"' in first.read_text()
    monkeypatch.setattr("imbseg.manager.baseline.best_setup", lambda *_: ({"batch_size": "2", "lr": "0.5"}, "Best."))
    settings = {**data, **small, "best_of": str(tmp_path), "lr": "0.25"}
    del settings["batch_size"]
    assert command(monkeypatch, out=str(second), **settings) == 0
    flags = parse_flags(config.read(second).flags())
    assert (flags["batch_size"], flags["lr"]) == ("2", "0.25")  # the command line wins
    assert "Best." in capsys.readouterr().out


def test_a_geometry_has_its_four_cells_in_every_seed(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "measure", lambda *_: Pace(6, 0.1, 0.0, 0.0, 0.0, 0.0))
    monkeypatch.setattr("imbseg.manager.plan_trials.proposals", lambda *_: [({"architecture": "unet"}, "why")])
    out = tmp_path / "cracks.yml"
    small = {**TINY, "crop": "64", "epochs": "2"}
    assert command(monkeypatch, out=str(out), hours="9", **data, **small) == 0
    content = config.read(out)
    found: dict[int, list[tuple[str, str, str]]] = {}
    for sampled in space.samples(content.space):
        trial = resolve(parse_flags(content.flags()), sampled).trial
        found.setdefault(trial.seed, []).append((trial.architecture, trial.sampling, trial.loss))
    assert len(found) == 5
    remedy = ("positive", "cross_entropy")
    cells = {(network, *one) for network in ("deeplabv3plus", "unet") for one in (("x2", "cross_entropy"), remedy)}
    assert all(cells <= set(trials) and len(trials) == 12 for trials in found.values())


@pytest.mark.slow
def test_camvid(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    root, meta, out = str(shared_data / "camvid"), str(tmp_path / "meta"), tmp_path / "camvid.yml"
    trial = resolve({"dataset": "camvid", "root": root}, {}).trial
    grids = {"own": geometry_of(trial), "pyramid": pyramid_of(trial)}
    build(spec.load("camvid", root=root), Path(meta), **grids)
    assert command(monkeypatch, dataset="camvid", root=root, meta=meta, out=str(out), batch_size="2") == 0
    found = run_every_trial(out, port, resize="128x96", **TINY)
    assert found[:2] == ["full/given/x2/none cross_entropy", "full/given/x2/none weighted_cross_entropy"]
    assert len(found) >= 6
    assert "few pixels of pedestrian, bicyclist, pole, signsymbol, fence" in out.read_text()
    assert "ceiling of pole 0.29 -> 0.89 at 1.0 x the time of a step" in out.read_text()
    assert found.count("full/given/x2/none weighted_cross_entropy") == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "nosuch"}, "unknown data set 'nosuch'"),
        ({"meta": "/nowhere/meta"}, "make it: python src/make_meta.py --dataset"),
        ({"hours": "0"}, "--hours: expected a number above 0, found '0'"),
        ({"hours": "-1"}, "--hours: expected a number above 0, found '-1'"),
        ({"hours": "nan"}, "--hours: expected a number above 0, found 'nan'"),
        ({"hours": "ten"}, "--hours: expected a number above 0, found 'ten'"),
        ({"hours": "0.0001"}, "--hours 0.0001: the baseline alone takes"),
        ({"out": "x.json"}, "expected a name that ends in .yml"),
        ({"out": "/dev/null/x.yml"}, "expected an output folder, found a file"),
        ({"nosuch": "1"}, "unknown flag '--nosuch'"),
        ({"best_of": "/nowhere"}, "/nowhere: expected a folder of runs, found nothing"),
        ({"loss": "focal"}, "--loss: is what the plan varies or chooses; leave it out"),
        ({"batch_size": "1"}, "batch_size: expected a whole number >= 2, found 1"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input(
    data: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    message: str,
) -> None:
    settings = {**data, "out": str(tmp_path / "x.yml"), **changes}
    words = [f"--{name}={value}" for name, value in settings.items() if name != "nosuch"]
    assert command(monkeypatch, *words, *(["--nosuch", "1"] if "nosuch" in changes else [])) == 2
    complaint = capsys.readouterr().err
    assert message in complaint
    assert complaint.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_config_that_is_there_stays(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.yml"
    out.write_text("mine")
    assert command(monkeypatch, out=str(out), **data) == 2
    assert "exists and is not overwritten; move it away, or give another --out" in capsys.readouterr().err
    assert out.read_text() == "mine"


def test_by_default_it_goes_beside_the_other_configs(
    data: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    camvid = Path(__file__).resolve().parents[2] / "configs" / "cracks.yml"
    monkeypatch.setattr(Path, "exists", lambda path: path == camvid)
    assert command(monkeypatch, **data) == 2
    assert f"--out {camvid}: exists and is not overwritten" in capsys.readouterr().err


@pytest.fixture
def port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
