"""The figure: rows in the order of rarity, seeds and their mean at the right places, any names, any number of them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from run_folders import make_run

from imbseg.report.figures import class_order, draw, gain_figure, wrapped
from imbseg.runs.collect import collect
from imbseg.runs.strategies import Group, arrange

WEIGHTED = {"loss": "weighted_cross_entropy", "class_weights": "inverse_sqrt"}


def group_of(root: Path) -> Group:
    return arrange(collect(root), root).groups[0]


def pair(root: Path, seeds: tuple[int, ...] = (1, 2), **more) -> Group:
    """A plain and a weighted run a seed; the weighted one gains .1 and .3 on the pole."""
    for seed in seeds:
        make_run(root / f"plain{seed}", test=(0.8, 0.6, 0.1), seed=seed, **more)
        make_run(root / f"weighted{seed}", test=(0.8, 0.5, 0.2 * seed), seed=seed, **WEIGHTED, **more)
    return group_of(root)


def test_rows_seeds_and_means(tmp_path: Path):
    group = pair(tmp_path, counts=(900, 20, 80))
    axis = gain_figure(group, list(group.others)).axes[0]
    labels = [text.get_text() for text in axis.get_yticklabels()]
    assert labels == ["mIoU", "head", "tail", "sky  90 %", "pole  8 %", "road  2 %"]
    assert axis.yaxis_inverted()  # the first on top, the rarest at the bottom
    points = [(line.get_xdata(), line.get_ydata()) for line in axis.lines if line.get_marker() == "o"]
    seeds, mean = [pair for pair in points if abs(np.ravel(pair[1])[0] - 4) < 0.5]  # the pole's
    assert np.allclose(seeds[0], [0.1, 0.3])
    assert np.allclose(mean[0], 0.2)


def test_order_by_weights_where_no_counts_are_there(tmp_path: Path):
    folder = make_run(tmp_path / "a")
    file = folder / "trial.json"
    file.write_text(
        file.read_text().replace('"sky": 1.0, "road": 1.0, "pole": 1.0', '"sky": 2, "road": 0.5, "pole": 9')
    )
    assert class_order(group_of(tmp_path)) == ([1, 0, 2], None)


def test_order_of_the_classes_where_nothing_tells(tmp_path: Path):
    folder = make_run(tmp_path / "a", counts=(1, 2, 3))
    cut = (folder / "counts_test.npz").read_bytes()[:200]
    (folder / "counts_test.npz").write_bytes(cut)
    assert class_order(group_of(tmp_path)) == ([0, 1, 2], None)


@pytest.mark.parametrize("names", [
    ('a,b "q"', "<script>", "$x_{1$ and \\frac"),
    ("very_long_" * 20, "猫", "  spaces\nand lines "),
])  # fmt: skip
def test_hostile_names_are_drawn(tmp_path: Path, names: tuple[str, ...]):
    group = pair(tmp_path, classes=names, tail=names[-1:])
    assert draw(group, tmp_path / "gains.png")
    with Image.open(tmp_path / "gains.png") as picture:
        assert picture.width < 1200


@pytest.mark.parametrize("count", [2, 150])
def test_few_and_many_classes(tmp_path: Path, count: int):
    names = [f"class {number}" for number in range(count)]
    for loss in ("cross_entropy", "focal"):
        make_run(tmp_path / loss, classes=names, test=[0.5] * count, tail=names[-1:], loss=loss)
    group = group_of(tmp_path)
    figure = gain_figure(group, list(group.others))
    assert len(figure.axes[0].get_yticks()) == count + 3
    assert figure.get_figheight() < 30


def test_an_absent_class_has_an_empty_row(tmp_path: Path):
    for loss in ("cross_entropy", "focal"):
        make_run(tmp_path / loss, test=(0.5, 0.5, math.nan), loss=loss)
    assert draw(group_of(tmp_path), tmp_path / "gains.png")


def test_nothing_is_drawn_of_a_baseline_alone_or_without_a_shared_seed(tmp_path: Path):
    make_run(tmp_path / "a", seed=1)
    assert not draw(group_of(tmp_path), tmp_path / "gains.png")
    make_run(tmp_path / "b", seed=2, **WEIGHTED)
    assert not draw(group_of(tmp_path), tmp_path / "gains.png")
    assert not (tmp_path / "gains.png").exists()


def test_of_many_strategies_the_best_are_drawn(tmp_path: Path):
    for number in range(15):
        make_run(tmp_path / f"{number:02d}", test=(0.5, 0.5, number / 20), lr=0.01 + number / 1000)
    group = group_of(tmp_path)
    assert len(group.others) == 14
    assert draw(group, tmp_path / "gains.png")


@pytest.mark.parametrize(("label", "lines"), [
    ("focal", ["focal"]),
    ("imbalanced/skf_cluster/cluster/none", ["imbalanced/skf_cluster/cluster/", "none"]),
    ("full/mskf/none/none, weighted_cross_entropy, lr=0.01",
     ["full/mskf/none/none,", "weighted_cross_entropy, lr=0.01"]),
    ("x" * 70, ["x" * 34, "x" * 34, "xx"]),
])  # fmt: skip
def test_long_labels_break_where_they_can(label: str, lines: list[str]):
    assert wrapped(label).split("\n") == lines
