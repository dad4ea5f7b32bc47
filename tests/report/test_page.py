"""The HTML page: every number on it is a cell of a CSV beside it; hostile names break nothing."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from error_runs import add_counts, write_table
from page_reader import Reader, Shown, csv_rows, number, read
from run_folders import CLASSES, WEIGHTED, make_run
from test_examples import Network, pair_of_runs

from imbseg.report.write import report
from imbseg.runs.collect import collect

HOSTILE = ("<script>alert(1)</script>", "a\"b'c", "x" * 300, "naïve & co, | pipe", "</style></svg>", "{{ 7 * 7 }}",
           "nan", "0.5")  # fmt: skip
WHERE = {"data-mean": "mean", "data-low": "low", "data-high": "high", "data-change": "change"}


WHY = {"class_profile.csv", "gain_by_error.csv", "confusion_change.csv", "recall_by_size.csv", "exposure.csv",
       "exposure_correlation.csv", "forgotten_classes.csv"}  # fmt: skip


def written(runs: Path, out: Path) -> Reader:
    report(collect(runs), runs, out, None)
    return read(out / "report.html")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of three strategies with three seeds each, and of a run that failed."""
    tmp_path = tmp_path_factory.mktemp("page")
    for seed in (1, 2, 3):
        prior = {"test/prior/tail": 0.15 + seed / 1000, "test/prior/mIoU": 0.5}
        make_run(tmp_path / f"runs/plain{seed}", test=(0.8, 0.6, 0.1 + seed / 500), seed=seed, prior=prior)
        make_run(
            tmp_path / f"runs/weighted{seed}", test=(0.79, 0.6, 0.3 + seed / 100), seed=seed, prior=prior, **WEIGHTED
        )
        make_run(
            tmp_path / f"runs/label{seed}", test=(0.8, 0.61, 0.3 + seed / 70), seed=seed, sampling="label", **WEIGHTED
        )
    make_run(tmp_path / "runs/lost", status="failed", message="loss is <nan>", seed=4)
    written(tmp_path / "runs", tmp_path / "out")
    return tmp_path / "out"


def checked_tables(page: Reader, folder: Path) -> set[str]:
    """Hold every number of every table against its cell; the files that were looked into."""
    checked = set()
    for cell in page.cells:
        if "data-value" not in cell.attributes:
            continue
        stored = csv_rows(folder, cell.file)[cell.row]
        value = float(cell.attributes["data-value"])
        assert value == float(stored[cell.attributes["data-column"]])
        scale = 100 if cell.text.endswith(" %") else 1
        shown = re.split(r" ± | \[|, |\]", cell.text.rpartition(" -> ")[2])
        digits = len(shown[0].removesuffix(" %").partition(".")[2])
        assert number(shown[0]) == pytest.approx(scale * value, abs=0.5 * 10**-digits + 1e-9)
        for name, text in zip(("data-low", "data-high"), shown[1:], strict=False):
            if name in cell.attributes:
                assert float(cell.attributes[name]) in [float(one) for one in stored.values() if is_number(one)]
                assert number(text) == pytest.approx(float(cell.attributes[name]), abs=0.0005 + 1e-12)
        checked.add(cell.file)
    return checked


def test_every_number_of_a_table_is_its_cell_in_the_csv(made: Path) -> None:
    page = read(made / "report.html")
    assert checked_tables(page, made) == {
        "strategies.csv", "comparisons.csv", "one_change.csv", "logit_adjustment.csv", "rank_sums.csv", "results.csv",
        "winner.csv",
    }  # fmt: skip


def test_the_error_analysis_is_on_the_page(tmp_path: Path) -> None:
    """Counts by size, draws and a class that was lost: each with its table, sentences, and the square of confusions."""
    plain, better = [[8, 1, 1], [2, 6, 2], [3, 3, 0]], [[8, 2, 0], [1, 8, 1], [1, 2, 3]]
    found, missed, objects = ([[0, 0, 0], [4, 2, 0], [2, 1, 0]], [[0, 0, 0], [2, 2, 0], [3, 0, 0]],
                              [[0, 0, 0], [3, 1, 0], [2, 1, 0]])  # fmt: skip
    for seed in (1, 2, 3):
        for name, confusion, settings in (("plain", plain, {}), ("weighted", better, WEIGHTED)):
            folder = make_run(tmp_path / f"runs/{name}{seed}", test=(0.8, 0.6, 0.1 + 0.2 * bool(settings) + seed / 500),
                              seed=seed, **settings)  # fmt: skip
            add_counts(folder, confusion, by_size=[found, missed, objects])
            drawn = {"epoch": [1, 2], **{f"samples:{one}": [5, 5] for one in CLASSES}}
            pixels = {f"pixels:{one}": [10 + 10 * place * bool(settings)] * 2 for place, one in enumerate(CLASSES)}
            write_table(folder / "draws.csv", drawn | pixels)
            iou = {f"IoU/{one}": [0.2, 0.0 if one == "pole" else 0.4] for one in CLASSES}
            write_table(folder / "epochs.csv", {"epoch": [1, 2], "loss": [1.0, 0.5], "mIoU": [0.5, 0.6], **iou})
    page = written(tmp_path / "runs", tmp_path / "out")
    files = checked_tables(page, tmp_path / "out")
    assert files >= WHY
    rows = csv_rows(tmp_path / "out", "confusion_change.csv")
    square = [mark for mark in page.marks if mark.file == "confusion_change.csv"]
    assert len(square) == len(rows) == 6
    for mark in square:
        assert float(mark.attributes["data-change"]) == float(rows[mark.row]["change"])
        (left, top), (right, bottom) = np.min(corners(mark), axis=0), np.max(corners(mark), axis=0)
        names = texts(tmp_path / "out", 'class="name"')
        assert [name for name, _, y in names if top < y < bottom] == [rows[mark.row]["truth"]]
        assert [name for name, x, _ in names if left < x < right] == [rows[mark.row]["prediction"]]
        change = float(rows[mark.row]["change"])
        fill = "var(--c2)" if change > 0 else "var(--c1)" if change < 0 else "none"
        assert mark.attributes["style"].split(";")[0] == f"fill:{fill}"


def test_every_mark_of_a_chart_is_its_cell_in_the_csv(made: Path) -> None:
    page = read(made / "report.html")
    marks = [mark for mark in page.marks if mark.file == "comparisons.csv"]
    rows = csv_rows(made, "comparisons.csv")
    shown = [
        place for place, row in enumerate(rows) if row["score"] in ("mIoU", "head", "tail") or "IoU/" in row["score"]
    ]
    for attribute in ("data-mean", "data-low", "data-high"):  # a dot a row, and an interval a row
        assert sorted(mark.row for mark in marks if attribute in mark.attributes) == shown
    for mark in marks:
        for attribute in WHERE.keys() & mark.attributes.keys():
            assert float(mark.attributes[attribute]) == float(rows[mark.row][WHERE[attribute]])
    for file, head, tail in (
        ("results.csv", "test/head", "test/tail"),
        ("strategies.csv", "test/head mean", "test/tail mean"),
    ):
        marks = [mark for mark in page.marks if mark.file == file]
        assert len(marks) == (9 if file == "results.csv" else 3)
        for mark in marks:
            stored = csv_rows(made, file)[mark.row]
            assert float(mark.attributes["data-head"]) == float(stored[head])
            assert float(mark.attributes["data-tail"]) == float(stored[tail])


def straight(pairs: list[tuple[float, float]]) -> bool:
    """Whether pixels follow values along one rising or falling line, to the tenth of a pixel that is written."""
    values, pixels = np.array(sorted(pairs)).T
    slope, start = np.polyfit(values, pixels, 1)
    return len(set(values)) > 2 and abs(slope) > 1 and bool(np.abs(slope * values + start - pixels).max() < 0.11)


def corners(mark: Shown) -> list[tuple[float, float]]:
    """The points of a path."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([^ ]+) ([^LMz]+)", mark.attributes["d"])]


def texts(folder: Path, attribute: str) -> list[tuple[str, float, float]]:
    """(text, x, y) of the words in the page's charts that have an attribute."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    found = re.findall(r"<text ([^>]*)>([^<]*)", page)
    return [(text, *(float(re.search(rf'\b{name}="([^"]+)"', said)[1]) for name in "xy")) for said, text in found
            if attribute in said]  # fmt: skip


def test_marks_stand_where_their_values_say(made: Path) -> None:
    marks = read(made / "report.html").marks
    dots = [(float(one.attributes["data-mean"]), float(one.attributes["x"])) for one in marks if
            "data-mean" in one.attributes]  # fmt: skip
    assert len(dots) == 12  # two strategies, six scores
    assert straight(dots)
    ends = [(float(one.attributes[name]), x) for one in marks if "data-low" in one.attributes
            for name, (x, _) in zip(("data-low", "data-high"), corners(one), strict=True)]  # fmt: skip
    assert len(ends) == 24
    assert straight(dots + [one for one in ends if abs(one[0]) < 0.3])
    below = min(y for text, _, y in texts(made, "middle") if text == "0.0")
    numbers = [(number(text), x) for text, x, y in texts(made, "middle") if y == below]
    assert straight(dots + numbers)  # the axis says what they are
    for row in {one.row for one in marks if "data-low" in one.attributes}:
        dot, interval = (next(one for one in marks if one.row == row and name in one.attributes)
                         for name in ("data-mean", "data-low"))  # fmt: skip
        assert {y for _, y in corners(interval)} == {float(dot.attributes["y"])}
    points = [{name: float(one.attributes[name]) for name in ("x", "y", "data-head", "data-tail")} for one in marks
              if "data-head" in one.attributes]  # fmt: skip
    assert len(points) == 12  # three means, nine seeds
    assert straight([(one["data-tail"], one["y"]) for one in points])
    assert np.polyfit(*np.array([(one["data-tail"], one["y"]) for one in points]).T, 1)[0] < 0
    assert np.ptp([one["x"] for one in points if one["data-head"] == points[0]["data-head"]]) == 0


def test_the_ticks_below_a_dot_are_its_seeds(made: Path) -> None:
    page = read(made / "report.html")
    rows = [row for row in csv_rows(made, "results.csv") if row["reason"] == ""]
    dots = [(float(one.attributes["data-mean"]), float(one.attributes["x"])) for one in page.marks if
            "data-mean" in one.attributes]  # fmt: skip
    slope, start = np.polyfit(*np.array(dots).T, 1)
    text = (made / "report.html").read_text(encoding="utf-8")
    paths = [re.search(r' d="([^"]+)"', one)[1] for one in re.findall(r"<path [^>]*>", text) if 'class="seeds"' in one]
    assert len(paths) == 2
    drawn = sorted(float(x) for one in paths for x in re.findall(r"M([^ ]+) ", one))
    names = [
        name for name in rows[0] if name in ("test/mIoU", "test/head", "test/tail") or name.startswith("test/IoU/")
    ]
    base = {row["seed"]: row for row in rows if row["trial"].startswith("plain")}
    gains = [
        float(row[name]) - float(base[row["seed"]][name]) for row in rows if row not in base.values() for name in names
    ]
    assert len(drawn) == len(gains) == 36
    assert np.abs(np.array(drawn) - sorted(slope * gain + start for gain in gains)).max() < 0.11


def test_learning_curves_follow_their_rows(made: Path) -> None:
    text, rows = ((made / "report.html").read_text(encoding="utf-8"), csv_rows(made, "learning_curves.csv"))
    drawn = re.findall(r'<path d="M([^"]+)"[^>]* class="thin"[^>]* data-rows="([^"]+)" data-column="tail"', text)
    assert len(drawn) == 9
    pairs = [(float(rows[int(row)]["tail"]), float(point.split(" ")[1])) for points, places in drawn
             for point, row in zip(points.split("L"), places.split(), strict=True)]  # fmt: skip
    assert straight(pairs)
    assert np.polyfit(*np.array(pairs).T, 1)[0] < 0  # the higher, the nearer to the top
    places = {(rows[int(row)]["epoch"], point.split(" ")[0]) for points, told in drawn
              for point, row in zip(points.split("L"), told.split(), strict=True)}  # fmt: skip
    assert [epoch for epoch, _ in sorted(places, key=lambda one: float(one[1]))] == ["1.0", "2.0"]


def test_the_answer_comes_first_and_its_numbers_are_those_of_the_tables(made: Path) -> None:
    page = read(made / "report.html")
    rows = csv_rows(made, "comparisons.csv")
    tail = next(row for row in rows if row["score"] == "tail" and "label" in row["strategy"])
    levels = f"tail {float(tail['before']):.3f} -> {float(tail['after']):.3f}"
    told = f"({float(tail['mean']):+.3f} [{float(tail['low']):.3f}, {float(tail['high']):.3f}], 3 seeds)"
    lead = next(text for text in page.paragraphs if text.startswith(levels))
    assert lead.startswith(f"{levels} {told}: {tail['strategy']} against ")
    files = ("comparisons.csv", "one_change.csv", "logit_adjustment.csv")
    cells = [value for name in files for row in csv_rows(made, name) for value in row.values()]
    known = [float(value) for value in cells if is_number(value)]
    answer = page.paragraphs[page.paragraphs.index(lead) :][:6]
    numbers = [number(text) for line in answer for text in re.findall(r"[+−]?\d\.\d{3}", line)]
    assert len(numbers) > 6
    for value in numbers:
        assert any(math.isclose(value, one, abs_tol=0.0005 + 1e-12) for one in known), value


def test_a_page_asks_for_nothing(made: Path) -> None:
    page = read(made / "report.html")
    assert all(one.startswith(("#", "data:")) for one in page.addresses), page.addresses
    assert any("loss is <nan>" in cell.text for cell in page.cells)


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    for seed in (1, 2):
        make_run(tmp_path / f"runs/a{seed}", test=[0.5] * 8, classes=HOSTILE, tail=HOSTILE[:2], seed=seed)
        make_run(tmp_path / f"runs/b{seed}", test=[0.6] * 8, classes=HOSTILE, tail=HOSTILE[:2], seed=seed,
                 loss="focal", encoder="<img src=x onerror=alert(1)>", dataset="<b>&",
                 about={"commit": "</script>"})  # fmt: skip
        make_run(tmp_path / f"runs/c{seed}", test=[0.55] * 8, classes=HOSTILE, tail=HOSTILE[:2], seed=seed,
                 loss="focal", encoder="nan", dataset="<b>&")  # fmt: skip
    page = written(tmp_path / "runs", tmp_path / "out")
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1
    assert "img" not in page.tags
    shown = {cell.text for cell in page.cells}
    assert {f"IoU/{name}" for name in HOSTILE} <= shown


@pytest.mark.parametrize("classes", [1, pytest.param(150, marks=pytest.mark.slow)])
def test_one_class_and_150(classes: int, tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(classes)]
    for seed in (1, 2):
        for loss, iou in (("cross_entropy", 0.4), ("focal", 0.45), ("dice", 0.5)):
            make_run(tmp_path / f"runs/{loss}{seed}", test=[iou + seed / 100] * classes, classes=names, tail=names[-1:],
                     seed=seed, loss=loss)  # fmt: skip
    page = written(tmp_path / "runs", tmp_path / "out")
    assert (tmp_path / "out/report.html").stat().st_size < 5e6
    assert sum(cell.text == f"IoU/class {classes - 1}" for cell in page.cells) == 2


def test_one_seed_has_no_intervals_and_says_so(tmp_path: Path) -> None:
    make_run(tmp_path / "runs/a")
    make_run(tmp_path / "runs/b", test=(0.8, 0.6, 0.3), **WEIGHTED)
    page = written(tmp_path / "runs", tmp_path / "out")
    assert any("One seed gives no interval and no test" in text for text in page.paragraphs)
    assert not any("[" in cell.text for cell in page.cells if "data-value" in cell.attributes)


def is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


def test_pictures_are_inside_the_page_with_words_for_who_cannot_see_them(tmp_path: Path) -> None:
    network = Network()
    pair_of_runs(tmp_path / "runs", network)
    described = {"class_groups": {"tail": ["pole"]}}
    for file in (tmp_path / "runs").glob("*/trial.json"):
        file.write_text(json.dumps(json.loads(file.read_text()) | described), encoding="utf-8")
    report(collect(tmp_path / "runs"), tmp_path / "runs", tmp_path / "out", None, predict=network)
    page = read(tmp_path / "out/report.html")
    pictures = [one for one in page.addresses if one.startswith("data:image/webp;base64,")]
    assert len(pictures) == page.tags.count("img") == 16  # four images changed, four panels each
    assert any(alt.startswith("a/b <i>&, strategy: weighted_cross_entropy: pole IoU") for alt in page.alts)
    assert all(page.alts)
    assert any("a doubt" in text for text in page.paragraphs)
    assert "examples.png" in (tmp_path / "out/report.md").read_text()
