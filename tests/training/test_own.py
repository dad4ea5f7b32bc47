"""A loss, a sampler, a rule and corrections of the user's own, named module:function beside the data set file."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_trial import make_data, train

from imbseg import own
from imbseg.errors import InputError
from imbseg.predict.again import predict_again
from imbseg.runs.collect import collect
from imbseg.runs.strategies import strategies_of
from imbseg.trial import resolve

MINE = """
from typing import Annotated

import numpy as np
import torch
from imbseg.losses.focal import Gamma
from imbseg.post_hoc import Strengths
from pydantic import Field


def twice(logits: torch.Tensor, target: torch.Tensor, factor: float = 2.0) -> torch.Tensor:
    labelled = target != 255
    each = torch.nn.functional.cross_entropy(logits.float(), target.where(labelled, 0), reduction="none")
    return factor * (each * labelled).sum() / labelled.sum().clamp_min(1)


def with_gamma(logits, target, *, gamma: Gamma): return twice(logits, target) * gamma
def no_target(logits): return logits.mean()
def strange(logits, target, *, sharpness): return logits.mean()
def declaring(logits, target, *, sharpness: Annotated[float, Field(2.0)]): return logits.mean()
def a_map(logits, target): return logits
def first_only(pixel_counts): return np.eye(len(pixel_counts))[0]
def short(pixel_counts): return np.ones(3)
def likely(object_counts): return object_counts.astype(float)
def all_background(logits): return torch.zeros_like(logits[:, 0], dtype=torch.int64)
def pushed(logits, *, by: Annotated[float, Strengths(0.0, 50.0)]):
    return (logits + by * torch.tensor([0.0, 1.0]).view(1, -1, 1, 1)).argmax(dim=1)
def without_0(logits, *, by: Annotated[float, Strengths(1.0)]): return logits.argmax(dim=1)
"""
REMEDIES = {"strategy": "full/mskf/mine:first_only/mine:likely", "loss": "mine:twice+0.5*dice",
            "post_hoc": "mine:pushed+mine:all_background", "paste_min_pixels": "20"}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    flags = {**make_data(tmp_path_factory.mktemp("data")), "epochs": "1"}
    mine(flags).write_text(MINE)
    (mine(flags).parent / "broken.py").write_text("from math import nosuch\ndef f(logits, target): return nosuch\n")
    return flags


def mine(data: dict[str, str]) -> Path:
    return Path(data["dataset"]).with_name("mine.py")


@pytest.fixture
def changed(data: dict[str, str]) -> Iterator[None]:
    mine(data).write_text(MINE + "# changed\n")
    yield
    mine(data).write_text(MINE)


@pytest.fixture
def removed(data: dict[str, str]) -> Iterator[None]:
    mine(data).unlink()
    yield
    mine(data).write_text(MINE)


@pytest.fixture(autouse=True)
def _nothing_beside() -> None:
    own._beside.clear()


@pytest.fixture(scope="module")
def finished(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial with all four."""
    out = tmp_path_factory.mktemp("runs") / "own"
    train({**data, **REMEDIES}, out)
    return out


def test_an_own_loss_is_the_built_in_one_twice(data: dict[str, str], tmp_path: Path) -> None:
    still = {**data, "lr": "1e-12", "encoder_lr": "1e-12"}  # the network stays what it was, so the losses compare
    losses = []
    for loss in ("mine:twice", "cross_entropy"):
        train({**still, "loss": loss}, tmp_path / loss)
        header, row = (line.split(",") for line in (tmp_path / loss / "epochs.csv").read_text().splitlines())
        losses.append(float(row[header.index("loss")]))
    assert losses[0] == pytest.approx(2 * losses[1], rel=1e-6)


def test_an_own_sampler_draws_what_it_says(finished: Path) -> None:
    header, row = (line.split(",") for line in (finished / "draws.csv").read_text().splitlines())
    drawn = dict(zip(header, row, strict=True))
    assert (float(drawn["samples"]), float(drawn["images"])) == (24, 12)  # the fold, and its first image 12 times


def test_own_corrections_are_scored_beside_the_plain_network(finished: Path) -> None:
    result = json.loads((finished / "status.json").read_text())["result"]
    scores = {"pushed/mIoU", "test/pushed/mIoU", "pushed/by", "all_background/mIoU", "test/all_background/mIoU"}
    assert scores <= {*result}
    assert result["all_background/tail"] == 0
    assert (finished / "counts_test_pushed.npz").is_file()
    assert not (finished / "counts_test_all_background.npz").exists()


def test_the_hash_of_its_file_is_kept(data: dict[str, str], finished: Path, tmp_path: Path) -> None:
    about = json.loads((finished / "trial.json").read_text())
    names = ("twice", "first_only", "likely", "pushed", "all_background")
    assert set(about["own_sha256"]) == {f"mine:{name}" for name in names}
    shutil.copytree(finished, tmp_path / "again")
    assert "has finished" in train({**data, **REMEDIES}, tmp_path / "again")["lines"][0]


@pytest.mark.usefixtures("changed")
def test_a_change_of_its_file_refuses_resume(data: dict[str, str], finished: Path) -> None:
    with pytest.raises(InputError, match="the file of a remedy of your own changed"):
        train({**data, **REMEDIES}, finished)


@pytest.mark.usefixtures("removed")
def test_reporting_and_predicting_need_the_file_no_more(data: dict[str, str], finished: Path) -> None:
    (strategy,) = strategies_of(collect(finished))
    assert "mine:twice+0.5*dice" in strategy.label
    ids = Path(data["dataset"]).with_name("test.txt").read_text().split()[:2]
    assert predict_again(finished, ids).doubt == ""


def test_it_is_found_on_pythonpath_too(data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "afar.py").write_text("def mean(logits, target): return logits.square().mean()\n")
    with pytest.raises(InputError, match=r"holds afar\.py"):
        resolve({**data, "loss": "afar:mean"}, {})
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert resolve({**data, "loss": "afar:mean"}, {}).trial.loss == "afar:mean"


def test_a_setting_of_the_menu_reaches_it(data: dict[str, str]) -> None:
    assert resolve({**data, "loss": "mine:with_gamma", "gamma": "3"}, {}).trial.gamma == 3
    sampled = {"loss": {"_name": "mine:with_gamma+dice", "gamma": 3}}  # as NNI gives a nested choice
    assert resolve(data, sampled).trial.gamma == 3
    with pytest.raises(InputError, match="gamma: loss 'mine:twice' has no such parameter"):
        resolve({**data, "loss": "mine:twice", "gamma": "3"}, {})


WRONG = [
    ({"loss": "nosuch:f"}, r"'nosuch:f': neither .*cracks, where the data set file lies, nor PYTHONPATH holds nosuch"),
    ({"loss": "mine:nosuch"}, r"mine\.py: has no function 'nosuch'"),
    ({"loss": "mine:"}, "expected module:function"),
    ({"loss": "mine:no_target"}, "loss 'mine:no_target': takes no argument 'target'; expected a function of logits, t"),
    ({"loss": "mine:strange"}, "loss 'mine:strange': nothing fills its argument 'sharpness'; expected one of logits"),
    ({"loss": "mine:declaring"}, "declares 'sharpness', which is no setting of a trial; give it its value instead"),
    ({"sampling": "mine:twice"}, "sampling 'mine:twice': nothing fills its argument 'logits'; expected one of major_c"),
    ({"split": "mine:twice"}, "unknown split 'mine:twice'"),
    ({"class_weights": "mine:twice"}, "unknown class weights 'mine:twice'"),
    ({"post_hoc": "prior+prior"}, "'prior' stands twice"),
    ({"post_hoc": "nosuch"}, "unknown correction 'nosuch'; choose from: none, prior, rank"),
]


@pytest.mark.parametrize(("flags", "message"), WRONG)
def test_what_can_not_be_used_is_refused_at_once(data: dict[str, str], flags: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve({**data, **flags}, {})


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"loss": "mine:a_map"}, r"'mine:a_map': expected one number, a tensor of shape \(\), found \(4, 2, 64, 64\)"),
        ({"strategy": "full/mskf/mine:short/none"}, r"'mine:short': expected weights of shape \(12,\) or \(2, 12\)"),
        ({"post_hoc": "mine:without_0"}, r"expected 0 \(as trained\) among its strengths, found"),
        ({"loss": "broken:f"}, r"broken\.py: can't be imported \(ImportError: cannot import name"),
    ],
)
def test_what_shows_only_when_it_runs_is_a_sentence(
    data: dict[str, str], tmp_path: Path, flags: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        train({**data, **flags}, tmp_path / "run")
