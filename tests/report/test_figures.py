"""Figures: rows in the order of rarity, marks at their places, any names, any number of them; one drawing."""

from __future__ import annotations

import math
import re
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import pytest
from asked import evidence, frames_of
from PIL import Image
from run_folders import WEIGHTED, make_run

from imbseg.canvas import VARIABLES, Canvas, wrapped
from imbseg.page import html
from imbseg.report.questions import classes, confusion, curves, plane
from imbseg.runs.class_order import class_order
from imbseg.runs.collect import score_names
from imbseg.runs.strategies import Group


def group_of(root: Path) -> Group:
    return evidence(root).group


def drawn(root: Path) -> dict[str, Canvas]:
    asked = evidence(root)
    frames = frames_of(asked)
    figures = {"gains": classes.figure, "plane": plane.figure, "curves": curves.figure, "confusion": confusion.figure}
    return {what: canvas for what, make in figures.items() if (canvas := make(asked, frames)) is not None}


def pair(root: Path, seeds: tuple[int, ...] = (1, 2), **more) -> None:
    """A plain and a weighted run a seed; the weighted one gains .1 and .3 on the pole."""
    for seed in seeds:
        make_run(root / f"plain{seed}", test=(0.8, 0.6, 0.1), seed=seed, **more)
        make_run(root / f"weighted{seed}", test=(0.8, 0.5, 0.2 * seed), seed=seed, **WEIGHTED, **more)


def test_rows_seeds_and_means(tmp_path: Path):
    pair(tmp_path, counts=(900, 20, 80))
    axis = drawn(tmp_path)["gains"].axes[0]
    labels = [text.get_text() for text in axis.get_yticklabels()]
    assert labels == ["mIoU", "head", "tail", "sky (90 %)", "pole (8 %)", "road (2 %)"]
    assert axis.yaxis_inverted()  # the first on top, the rarest at the bottom
    points = [tuple(point) for line in axis.lines if line.get_marker() == "o" for point in line.get_xydata()]
    (mean,) = [x for x, y in points if y == 4]  # the pole's
    assert math.isclose(mean, 0.2)
    ticks = next(line.get_xydata() for line in axis.lines if len(line.get_xydata()) > 10)
    seeds = {round(x, 9) for x, y in ticks if abs(y - 4) < 0.5}
    assert seeds == {0.1, 0.3}


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
    pair(tmp_path, classes=names, tail=names[-1:])
    for what, canvas in drawn(tmp_path).items():
        canvas.write(tmp_path / f"{what}.png")
        with Image.open(tmp_path / f"{what}.png") as picture:
            assert picture.width < 1600
        assert ElementTree.parse(tmp_path / f"{what}.svg").getroot().tag.endswith("svg")
        assert ElementTree.fromstring(canvas.svg()).tag == "svg"


@pytest.mark.parametrize("count", [2, 150])
def test_few_and_many_classes(tmp_path: Path, count: int):
    names = [f"class {number}" for number in range(count)]
    for loss in ("cross_entropy", "focal"):
        make_run(tmp_path / loss, classes=names, test=[0.5] * count, tail=names[-1:], loss=loss)
    figure = drawn(tmp_path)["gains"]
    assert len(figure.axes[0].get_yticks()) == count + 3
    assert figure.get_figheight() < 30


def test_an_absent_class_has_an_empty_row(tmp_path: Path):
    for loss in ("cross_entropy", "focal"):
        make_run(tmp_path / loss, test=(0.5, 0.5, math.nan), loss=loss)
    axis = drawn(tmp_path)["gains"].axes[0]
    assert axis.get_yticklabels()[-1].get_text() == "pole"
    assert max(y for line in axis.lines if line.get_marker() == "o" for _, y in line.get_xydata()) == 3  # road's row


def test_no_gain_is_drawn_of_a_baseline_alone(tmp_path: Path):
    make_run(tmp_path / "a", seed=1)
    assert set(drawn(tmp_path)) == {"plane", "curves"}


def test_of_many_strategies_the_best_are_drawn(tmp_path: Path):
    for number in range(15):
        make_run(tmp_path / f"{number:02d}", test=(0.5, 0.5, number / 20), lr=0.01 + number / 1000)
    group, canvas = group_of(tmp_path), drawn(tmp_path)["gains"]
    assert len(group.others) == 14
    titles = [axis.get_title(loc="left").split("\n")[0] for axis in canvas.axes]
    assert titles == [one.label for one in group.others[2:]]


def test_more_strategies_are_not_compared_anew_for_every_panel(tmp_path: Path):
    for number in range(15):
        make_run(tmp_path / f"{number:02d}", test=(0.5, 0.5, number / 20), lr=0.01 + number / 1000)
    asked = evidence(tmp_path)
    with mock.patch.object(classes, "differences", wraps=classes.differences) as compared:
        assert len(classes.panels(asked, frames_of(asked))) == 14
    assert compared.call_count == 14 * len(score_names(asked.group.classes))


def test_a_page_has_its_own_colours_and_no_other(tmp_path: Path):
    pair(tmp_path, counts=(900, 20, 80))
    css = (Path(html.__file__).parent / "page.css").read_text(encoding="utf-8")
    light, dark, printed = (dict(re.findall(r"--([\w-]+): (#\w+);", part)) for part in css.split(":root")[1:4])
    assert {name: light[name] for name in VARIABLES.values()} == {name: color for color, name in VARIABLES.items()}
    assert set(VARIABLES.values()) <= dark.keys()
    assert set(VARIABLES.values()) <= printed.keys()
    for canvas in drawn(tmp_path).values():
        svg = canvas.svg()
        assert not re.findall(r"#[0-9a-f]{6}", svg)
        assert set(re.findall(r"var\(--(\w+)\)", svg)) <= set(VARIABLES.values())
        assert f'aria-label="{canvas.words}"' in svg
        assert "url(" not in svg  # nothing cut at an edge that another figure may have hidden


def test_ids_of_two_figures_on_one_page_differ(tmp_path: Path):
    for number, loss in enumerate(("cross_entropy", "focal", "dice")):
        for seed in (1, 2):
            make_run(tmp_path / f"{loss}{seed}", test=(0.8, 0.6, 0.1 * (number + 1) + seed / 100), seed=seed, loss=loss)
    asked = evidence(tmp_path)
    panels = classes.panels(asked, frames_of(asked))
    one, other = (set(re.findall(r' id="(\w+)"', canvas.svg())) for _, canvas in panels)
    assert one
    assert other
    assert not one & other


@pytest.mark.parametrize(("label", "lines"), [
    ("focal", ["focal"]),
    ("imbalanced/skf_cluster/cluster/none", ["imbalanced/skf_cluster/cluster/", "none"]),
    ("full/mskf/none/none, weighted_cross_entropy, lr=0.01",
     ["full/mskf/none/none,", "weighted_cross_entropy, lr=0.01"]),
    ("x" * 70, ["x" * 34, "x" * 34, "xx"]),
])  # fmt: skip
def test_long_labels_break_where_they_can(label: str, lines: list[str]):
    assert wrapped(label).split("\n") == lines
