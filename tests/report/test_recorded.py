"""What runs record of their data: groups of classes, and the statistics of the meta they were made with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from asked import evidence
from plain_meta import build
from run_folders import make_run
from tiny_tree import NAMES, tiny_dataset, tiny_masks

from imbseg.datasets.spec import Dataset
from imbseg.files import sha256
from imbseg.meta.read import read_meta
from imbseg.report.evidence import Evidence
from imbseg.report.questions import correlations
from imbseg.runs.class_counts import from_meta
from imbseg.runs.collect import collect
from imbseg.runs.recorded import class_groups
from imbseg.statistics.correlation import class_statistics


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    """Eight images of 12 x 16, the last a test image, and their meta."""
    folder = tmp_path_factory.mktemp("recorded")
    found = tiny_dataset(folder / "raw", imbalance={"classes": ["rod"], "ratio": 0.5, "seed": 1})
    build(found, folder / "meta")
    return found, folder / "meta"


@pytest.fixture
def dataset(made: tuple[Dataset, Path], tmp_path: Path) -> Dataset:
    """The data set; a copy of its meta lies in tmp_path/meta."""
    shutil.copytree(made[1], tmp_path / "meta")
    return made[0]


def group_of(root: Path, dataset: Dataset, digest: str, **parameters: str) -> Evidence:
    about = {"dataset_file": str(dataset.path), "dataset_sha256": dataset.digest}
    file = make_run(root / "runs" / "a", test=(0.9, 0.5, 0.2), classes=NAMES, tail=("rod",), meta=digest, about=about,
                    dataset=str(dataset.path), **parameters) / "trial.json"  # fmt: skip
    told = json.loads(file.read_text())
    told["parameters"]["meta"] = str(root / "meta")
    file.write_text(json.dumps(told))
    return evidence(root / "runs")


def test_statistics_of_the_meta_by_hand(tmp_path: Path, dataset: Dataset) -> None:
    # Of the images 0..6, the even ones show a ball of 6 pixels, 0, 3 and 6 a rod of 4; images have 192 pixels.
    meta = read_meta(dataset, tmp_path / "meta")
    counts = from_meta(meta, dataset)
    found = class_statistics(counts.pixels, counts.areas, NAMES, counts.objects)
    rows = {key: dict(zip(NAMES, values, strict=True)) for key, values in
            zip(found.index, found.to_numpy().tolist(), strict=True)}  # fmt: skip
    assert (rows["images", "sum", "all"]["ball"], rows["images", "sum", "all"]["rod"]) == (4, 3)
    assert (rows["pixels", "sum", "all"]["ball"], rows["pixels", "mean", "shown"]["rod"]) == (24, 4)
    assert rows["share", "mean", "shown"]["ball"] == pytest.approx(6 / 192)
    assert (rows["objects", "sum", "all"]["ball"], rows["objects", "mean", "shown"]["rod"]) == (4, 1)
    assert "the 7 train images" in counts.said
    kept = from_meta(meta, dataset, kept=True)
    left = int(meta.images["kept"].eq(1)[meta.images["subset"].eq("train")].sum())
    assert left < 7
    assert f"the {left} train images that the deliberate imbalance keeps" in kept.said


@pytest.mark.parametrize(
    ("imbalance", "words"), [("full", "the 7 train images of"), ("imbalanced", "that the deliberate imbalance keeps")]
)
def test_a_group_takes_the_meta_it_was_made_with(tmp_path: Path, dataset: Dataset, imbalance: str, words: str) -> None:
    digest = read_meta(dataset, tmp_path / "meta").digest
    found, said = correlations.found(group_of(tmp_path, dataset, digest, imbalance=imbalance))
    assert set(found["classes"]) == {2}  # without the background
    assert np.isnan(found["pearson"]).all()  # two classes make no correlation
    assert words in said
    assert "over 2 classes, all but ground" in said


def test_another_meta_is_no_source(tmp_path: Path, dataset: Dataset) -> None:
    found, said = correlations.found(group_of(tmp_path, dataset, "0" * 64))
    assert found.empty
    assert "isn't the meta that a was made with" in said


def test_groups_that_no_file_declares_are_those_of_the_meta(tmp_path: Path, dataset: Dataset) -> None:
    meta = read_meta(dataset, tmp_path / "meta")
    run = group_of(tmp_path, dataset, meta.digest).group.baseline.runs[0]
    assert class_groups(run) == {"head": ("ground", "ball"), "tail": ("rod",)}
    assert tiny_masks()["000"].sum() == 255 * 12 + 6 + 2 * 4  # the masks the numbers above are counted on


def test_groups_of_classes_come_from_the_run_then_from_the_data_set_file(tmp_path: Path) -> None:
    make_run(tmp_path / "a", about={"class_groups": {"head": ["sky", "road"], "medium": [], "tail": ["pole"]}})
    make_run(tmp_path / "b", loss="dice")
    told, untold = collect(tmp_path)
    assert class_groups(told) == {"head": ("sky", "road"), "tail": ("pole",)}
    assert class_groups(untold) == {}  # its data set file is nowhere
    file = tmp_path / "tiny.yml"
    file.write_text(
        "root: .\nimages: '{id}.png'\nmasks: '{id}.png'\nsubsets: {train: a.txt, test: b.txt}\n"
        "classes: [{name: sky}, {name: road}, {name: pole}]\ngroups: {head: [sky], medium: [road], tail: [pole]}\n"
    )
    about = {"dataset_file": str(file), "dataset_sha256": sha256(file)}
    make_run(tmp_path / "c", loss="focal", about=about)
    make_run(tmp_path / "d", loss="lovasz", about=about | {"dataset_sha256": "0" * 64})
    declared, changed = collect(tmp_path)[2:]
    assert class_groups(declared) == {"head": ("sky",), "medium": ("road",), "tail": ("pole",)}
    assert class_groups(changed) == {}
