"""Rows of small pictures, kept predictions, and the sentence where nothing can be shown."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image
from plain_meta import build
from run_folders import CLASSES, WEIGHTED, make_run

from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.metrics.counts import collect, image_confusion, save_counts
from imbseg.metrics.predicted import Predicted, Predictions
from imbseg.page.content import Drawing
from imbseg.report.questions.examples import examples
from imbseg.runs import collect as runs
from imbseg.runs.best_pair import classes_in_question
from imbseg.runs.strategies import Group, arrange


def group_of(root: Path) -> Group:
    return arrange(runs.collect(root), root).groups[0]


def labelled(image_id: str, truth: np.ndarray, prediction: np.ndarray) -> Predicted:
    picture = np.random.default_rng(0).integers(0, 256, (*truth.shape, 3), np.uint8)
    return Predicted(image_id, picture, truth, prediction)


SHAPES = {"wide": (30, 500), "high": (400, 90), "a/b <i>&": (64, 64), "d": (48, 64)}


class Network:
    """A stand-in for `predict`: finds the left half of a pole, or all of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def truth(self, image_id: str) -> np.ndarray:
        truth = np.zeros(SHAPES[image_id], np.uint8)
        truth[5:25, 20:40] = 2
        return truth

    def labels(self, run: str, image_id: str) -> np.ndarray:
        labels = self.truth(image_id)
        worse = (run == "plain") != (image_id == "d")  # the one image that loses
        labels[:, 30:] = 0 if worse else labels[:, 30:]
        return labels

    def __call__(self, folder: Path, ids: Sequence[str]) -> Predictions:
        self.asked.append(folder.name)
        images = (labelled(one, self.truth(one), self.labels(folder.name, one)) for one in ids)
        return Predictions(tuple(images), f"{folder.name}: a doubt" if folder.name == "plain" else "")


def pair_of_runs(root: Path, network: Network, classes: tuple[str, ...] = CLASSES) -> Group:
    for name, more in (("plain", {}), ("weighted", WEIGHTED)):
        folder = make_run(root / name, classes=classes, tail=classes[-1:], test=(0.8, 0.6, 0.3 if more else 0.1),
                          about={"dataset_file": "none"}, **more)  # fmt: skip
        (folder / "best.pt").write_text(name, encoding="utf-8")
        confusions = [image_confusion(network.labels(name, one), network.truth(one), 3) for one in SHAPES]
        save_counts(folder / "counts_test.npz", collect(list(SHAPES), confusions))
    return group_of(root)


def test_rows_of_small_pictures_and_one_png(tmp_path: Path) -> None:
    network, out = Network(), tmp_path / "report"
    shown = examples(pair_of_runs(tmp_path / "runs", network), network, out, wanted=["pole"], most=2)
    assert [row.title.split(": ")[0] for row in shown.rows] == ["a/b <i>&", "high", "d"]
    assert [re.search(r"\((.*?)\)", row.title)[1] for row in shown.rows] == ["+0.50", "+0.50", "−0.50"]
    assert shown.drawings == (Drawing("examples.png", "Images that gained and lost most"),)
    title, doubt = shown.said
    assert doubt == "plain: a doubt"
    assert "from cross_entropy to weighted_cross_entropy, seed 1, by the mean IoU of pole" in title
    assert "3 gained, 1 lost, 0 stayed the same" in title
    assert shown.legend[0] == ("pole", "#e69f00")
    titles = [picture.title for picture in shown.rows[0].pictures]
    assert titles[1:] == ["truth", "baseline: cross_entropy", "strategy: weighted_cross_entropy"]
    assert shown.rows[0].pictures[3].alt == "a/b <i>&, strategy: weighted_cross_entropy: pole IoU 1.00"
    for row in shown.rows:
        for shown_picture in row.pictures:
            kind, data = shown_picture.source.split(";base64,")
            picture = Image.open(io.BytesIO(base64.b64decode(data)))
            assert (picture.format, kind) == ("WEBP", "data:image/webp")
            assert max(picture.size) == 320
    with Image.open(out / "examples.png") as sheet:
        assert sheet.width > 4 * 120
    assert sorted(one.name for one in (out / "examples").iterdir()) == [
        "examples-baseline.npz", "examples-strategy.npz"
    ]  # fmt: skip


def test_a_second_report_asks_no_network_unless_it_is_another(tmp_path: Path) -> None:
    network, out = Network(), tmp_path / "report"
    group = pair_of_runs(tmp_path / "runs", network)
    first = examples(group, network, out, wanted=["pole"])
    assert network.asked == ["plain", "weighted"]
    assert examples(group, network, out, wanted=["pole"]) == first
    assert network.asked == ["plain", "weighted"]
    (tmp_path / "runs" / "weighted" / "best.pt").write_text("trained again", encoding="utf-8")
    (out / "examples" / "examples-baseline.npz").write_bytes(b"PK cut short")
    assert examples(group, network, out, wanted=["pole"]) == first
    assert network.asked == ["plain", "weighted"] * 2


def test_of_many_classes_those_that_a_caption_names_are_coloured(tmp_path: Path) -> None:
    names = tuple(f"class {number}" for number in range(9))
    truth = np.repeat(np.arange(9, dtype=np.uint8), 10)[None].repeat(20, axis=0)  # nine stripes
    found = {"plain": np.where(truth == 5, 0, truth).astype(np.uint8), "weighted": truth}
    for run, more in (("plain", {}), ("weighted", WEIGHTED)):
        scores = [0.5] * 8 + [0.6 if more else 0.1]
        folder = make_run(tmp_path / run, classes=names, tail=names[-1:], test=scores, **more)
        save_counts(folder / "counts_test.npz", collect(["a"], [image_confusion(found[run], truth, 9)]))

    def predict(folder: Path, ids: Sequence[str]) -> Predictions:
        return Predictions(tuple(labelled(one, truth, found[folder.name]) for one in ids))

    shown = examples(group_of(tmp_path), predict, tmp_path, wanted=names)
    assert shown.rows[0].title.endswith(": class 5 0.00 -> 1.00, class 0 0.50 -> 1.00")
    assert [text for text, _ in shown.legend[:-3]] == ["class 0", "class 5"]


def missing_checkpoint(folder: Path, ids: Sequence[str]) -> Predictions:
    raise InputError(f"{folder / 'best.pt'} is missing: put it back")


def test_without_networks_a_sentence_and_no_stale_picture(tmp_path: Path) -> None:
    (tmp_path / "examples.png").write_bytes(b"of an earlier report")
    shown = examples(pair_of_runs(tmp_path / "runs", Network()), missing_checkpoint, tmp_path, wanted=["pole"])
    (line,) = shown.said
    assert line.startswith("No pictures of the images that changed most: ")
    assert "plain/best.pt is missing: put it back" in line
    assert (shown.rows, shown.drawings) == ((), ())
    assert not (tmp_path / "examples.png").exists()


def test_broken_counts_no_rival_and_no_data_set_are_sentences(tmp_path: Path) -> None:
    group = pair_of_runs(tmp_path / "runs", Network())
    assert "unknown data set 'tiny'" in examples(group, Network(), tmp_path).said[0]
    file = tmp_path / "runs" / "weighted" / "counts_test.npz"
    whole = file.read_bytes()
    for cut in (whole[:100], whole[:-30], b"", whole.replace(b"\x00", b"\x01")):
        file.write_bytes(cut)
        assert "counts_test.npz" in examples(group, Network(), tmp_path, wanted=["pole"]).said[0]
    make_run(tmp_path / "alone" / "a")
    assert "no strategy shares a seed" in examples(group_of(tmp_path / "alone"), Network(), tmp_path).said[0]


def test_a_full_disk_is_no_matter_of_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group, blocked = pair_of_runs(tmp_path / "runs", Network()), tmp_path / "report"
    blocked.mkdir()
    (blocked / "examples").write_text("a file where the folder goes", encoding="utf-8")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        examples(group, Network(), blocked, wanted=["pole"])


def test_the_tail_of_the_data_set_counts_else_all_but_the_background(tmp_path: Path) -> None:
    file = make_binary_tree(tmp_path / "cracks", n=8, size=(32, 32))
    dataset = load(str(file))
    build(dataset, tmp_path / "meta")
    about = {"parameters": {"dataset": str(file), "root": None, "meta": str(tmp_path / "meta")},
             "weights_of_classes": {"background": 1.0, "crack": 1.0}, "dataset_sha256": dataset.digest}  # fmt: skip
    for score in ("tail", "mIoU"):
        assert classes_in_question(pair_about(about, score)) == ("crack",)
    recorded = {**about, "class_groups": {"head": ["crack"], "tail": ["background"]}}
    assert classes_in_question(pair_about(recorded, "tail")) == ("background",)
    other: Any = {**about, "weights_of_classes": {"background": 1.0, "scratch": 1.0}}
    with pytest.raises(InputError, match="declares other classes than the trial had"):
        classes_in_question(pair_about(other, "tail"))


def pair_about(about: dict[str, Any], score: str) -> Any:
    return SimpleNamespace(after=runs.Run("run", Path(), "finished", "", about), score=score)


def test_a_large_set_stays_below_a_megabyte() -> None:
    from imbseg.predict.close_ups import address

    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)  # no photograph is as hard as noise
    photo = np.asarray(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC), np.uint8)
    assert len(address(photo)) * 24 < 1_000_000
