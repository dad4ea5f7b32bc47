"""Statistics of classes and their correlation with IoU: by hand, against scipy, on VOC 2012's counts, on bad tables."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asked import evidence
from published_tables import METHODS, PIXEL_COUNTS
from run_folders import make_run
from scipy import stats
from test_trials_csv import ARGUMENTS

from imbseg.datasets import spec
from imbseg.errors import InputError
from imbseg.report.questions import correlations
from imbseg.runs.class_counts import from_csv
from imbseg.runs.methods_csv import read_methods
from imbseg.statistics import correlation

CAMVID = spec.load("camvid").class_names


def test_statistics_by_hand() -> None:
    # Two images of 100 and 400 pixels; sky 50 and 100, road 0 and 40, pole in none.
    pixels, objects = np.array([[50.0, 0, 0], [100, 40, 0]]), np.array([[1.0, 0, 0], [3, 2, 0]])
    found = correlation.class_statistics(pixels, np.array([100.0, 400]), ["sky", "road", "pole"], objects)
    rows = {key: values.tolist() for key, values in found.iterrows()}
    assert rows["images", "sum", "all"] == [2, 1, 0]
    assert rows["images", "mean", "all"] == [1, 0.5, 0]
    assert rows["pixels", "sum", "all"] == rows["pixels", "sum", "shown"] == [150, 40, 0]
    assert rows["pixels", "mean", "all"] == [75, 20, 0]
    assert rows["pixels", "mean", "shown"][:2] == [75, 40]
    assert rows["share", "sum", "all"] == [0.75, 0.1, 0]  # 50/100 + 100/400
    assert rows["share", "mean", "shown"][:2] == [0.375, 0.1]
    assert rows["objects", "mean", "shown"][:2] == [2, 2]
    assert math.isnan(rows["share", "mean", "shown"][2])  # no image shows it
    assert len(rows) == 2 + 3 * 4


def test_coefficients_by_hand_and_against_scipy() -> None:
    # Ranks of the statistic 1 2 3 4, of IoU 1 3 2 4: Spearman 1 - 6 * 2 / (4 * 15) = .8; Kendall (5 - 1) / 6.
    iou = pd.DataFrame({"m": [0.1, 0.3, 0.2, 0.9]}, index=list("abcd"))
    table = pd.DataFrame([[1.0, 2, 3, 10]], columns=list("abcd"),
                         index=pd.MultiIndex.from_tuples([("pixels", "sum", "all")]))  # fmt: skip
    (row,) = correlation.correlations(iou, table).to_dict("records")
    assert row["spearman"] == pytest.approx(0.8)
    assert row["kendall"] == pytest.approx(2 / 3)
    # Means 4 and .375; products (-3)(-.275) + (-2)(-.075) + (-1)(-.175) + 6 * .525 = 4.3; squares 50 and .3875.
    assert row["pearson"] == pytest.approx(4.3 / math.sqrt(50 * 0.3875))
    expected = [stats.pearsonr, stats.spearmanr, stats.kendalltau]
    found = [row["pearson_p"], row["spearman_p"], row["kendall_p"]]
    assert found == pytest.approx([one([1, 2, 3, 10], iou["m"]).pvalue for one in expected])
    told = [row[name] for name in ("of", "statistic", "aggregate", "over", "classes")]
    assert told == ["m", "pixels", "sum", "all", 4]


@pytest.mark.parametrize(
    ("values", "iou", "classes"),
    [
        ([1.0, 2, 3], [0.1, math.nan, 0.3], 2),
        ([2.0, 2, 2], [0.1, 0.2, 0.3], 3),
        ([1.0, 2, 3], [0.5, 0.5, 0.5], 3),
        ([1.0, 2, 3], [0.7, 0.7, math.nextafter(0.7, 0)], 3),
    ],
)
def test_what_does_not_vary_or_is_too_little_has_no_coefficient(
    values: list[float], iou: list[float], classes: int
) -> None:
    table = pd.DataFrame([values], columns=list("abc"), index=pd.MultiIndex.from_tuples([("pixels", "sum", "all")]))
    (row,) = correlation.correlations(pd.DataFrame({"m": iou}, index=list("abc")), table).to_dict("records")
    assert row["classes"] == classes
    assert all(math.isnan(row[name]) for test in correlation.TESTS for name in (test, f"{test}_p"))


def test_voc_2012_against_scipy_on_the_raw_tables() -> None:
    found, said = correlations.of_methods(METHODS, PIXEL_COUNTS, spec.load("voc2012"))
    raw, methods = pd.read_csv(PIXEL_COUNTS), pd.read_csv(METHODS, index_col=0)
    train = raw[raw["subset"] == "train"]
    names = [name for name in spec.load("voc2012").class_names if name != "background"]
    share = train[names].div(train["height"] * train["width"], axis=0)
    mean_shown = share.where(share > 0).mean()
    keyed = found.set_index(["of", "statistic", "aggregate", "over"])
    assert len(found) == 8 * (2 + 2 * 4)
    for method in methods.columns:
        for key, values in ((("share", "mean", "shown"), mean_shown), (("pixels", "sum", "all"), train[names].sum()),
                            (("images", "sum", "all"), (train[names] > 0).sum())):  # fmt: skip
            row, expected = keyed.loc[(method, *key)], stats.spearmanr(values, methods.loc[names, method])
            assert row["spearman"] == pytest.approx(expected.statistic)
            assert row["spearman_p"] == pytest.approx(expected.pvalue)
            assert row["pearson"] == pytest.approx(stats.pearsonr(values, methods.loc[names, method]).statistic)
            assert row["kendall"] == pytest.approx(stats.kendalltau(values, methods.loc[names, method]).statistic)
            assert row["classes"] == 20
    assert "the 1464 images of subset 'train' of voc2012_pixel_counts.csv" in said
    assert "20 classes, all but background" in said
    assert "look like percent and were divided by 100" in said


def test_percent_and_shares_of_one_give_the_same(tmp_path: Path) -> None:
    dataset = spec.load("voc2012")
    methods = pd.read_csv(METHODS, index_col=0)
    (methods / 100).to_csv(tmp_path / "shares.csv")
    shares, percent = read_methods(tmp_path / "shares.csv", dataset)
    again, recognised = read_methods(METHODS, dataset)
    assert (percent, recognised) == (False, True)
    pd.testing.assert_frame_equal(shares, again)
    assert again.loc["bicycle", "FCN-8s"] == pytest.approx(0.342)
    assert "mean" not in again.index


def camvid_counts(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.integers(0, 900, (12, len(CAMVID))), columns=list(CAMVID))
    table.insert(0, "id", [f"i{number}" for number in range(12)])
    table.insert(1, "subset", ["train"] * 8 + ["test"] * 4)
    table.insert(2, "height", 100)
    table.insert(3, "width", 120)
    table.to_csv(folder / "counts.csv", index=False)
    return folder / "counts.csv"


def test_strategies_are_held_against_a_table_of_counts(tmp_path: Path) -> None:
    iou = np.linspace(0.1, 0.6, len(CAMVID))
    for seed in (1, 2):
        make_run(tmp_path / f"runs/a{seed}", test=(iou + seed / 100).tolist(), classes=CAMVID, seed=seed)
    make_run(tmp_path / "runs/b", test=iou[::-1].tolist(), classes=CAMVID, loss="dice")
    asked = evidence(tmp_path / "runs", counts=camvid_counts(tmp_path), background="sky")
    found, said = correlations.found(asked)
    pixels = pd.read_csv(tmp_path / "counts.csv").head(8)[list(CAMVID[1:])].sum()
    rows = found[(found["statistic"] == "pixels") & (found["aggregate"] == "sum") & (found["over"] == "all")]
    expected = stats.pearsonr(pixels, iou[1:]).statistic
    assert rows["pearson"].tolist() == pytest.approx([expected, stats.pearsonr(pixels, iou[::-1][1:]).statistic])
    assert (found["group"] == asked.group.name).all()
    assert "the 8 images of subset 'train'" in said
    assert f"over {len(CAMVID) - 1} classes, all but sky" in said


def test_runs_whose_data_set_is_gone_say_so(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    found, said = correlations.found(evidence(tmp_path))
    assert found.empty
    assert said.startswith("No correlations with the statistics of classes: unknown data set 'tiny'")


def changed(folder: Path, **cells: object) -> Path:
    table = pd.read_csv(camvid_counts(folder))
    for column, value in cells.items():
        if value is None:
            table = table.drop(columns=column)
        else:
            table[column] = table[column].astype(object)
            table.loc[1, column] = value
    table.to_csv(folder / "counts.csv", index=False)
    return folder / "counts.csv"


BAD_COUNTS = {
    "a class is missing": ({"pole": None}, "has no column 'pole'"),
    "no height": ({"height": None}, "has no column 'height'"),
    "nothing": ({"sky": math.nan}, "line 3, sky: expected a number of pixels, found nothing"),
    "a text": ({"sky": "many"}, "line 3, sky: expected a number of pixels, found 'many'"),
    "negative": ({"sky": -1}, "line 3, sky: expected a whole number of pixels, found -1"),
    "a share": ({"sky": 0.5}, "line 3, sky: expected a whole number of pixels, found 0.5"),
    "no width": ({"width": 0}, "line 3, width: expected a whole number of pixels, found 0"),
    "too many": ({"sky": 12001}, "line 3: the classes have more pixels than height x width"),
    "an id twice": ({"id": "i0"}, "image 'i0' stands there twice"),
}


@pytest.mark.parametrize("kind", BAD_COUNTS)
def test_bad_counts(kind: str, tmp_path: Path) -> None:
    cells, message = BAD_COUNTS[kind]
    with pytest.raises(InputError, match=f"^--counts .*{message}"):
        from_csv(changed(tmp_path, **cells), CAMVID)


def test_a_subset_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no row of the subset 'val'; there are: test, train"):
        from_csv(camvid_counts(tmp_path), CAMVID, "val")


METHOD_TABLE = "class,one,two\n" + "".join(f"{name},0.{place + 10},0.5\n" for place, name in enumerate(CAMVID))
BAD_METHODS = {
    "a class is missing": (METHOD_TABLE.replace("pole,0.12,0.5\n", ""), "no row for 1 of 11 classes of camvid (pole)"),
    "unknown class": (METHOD_TABLE.replace("pole,", "poles,"), "'poles' (did you mean 'pole'?)"),
    "a class twice": (METHOD_TABLE + "pole,0.1,0.1\n", "class 'pole' stands there twice"),
    "nothing": (METHOD_TABLE.replace("pole,0.12", "pole,"), "line 4, one: expected an IoU, found"),
    "nan": (METHOD_TABLE.replace("pole,0.12", "pole,nan"), "line 4, one: expected an IoU, found"),
    "a text": (METHOD_TABLE.replace("pole,0.12", "pole,good"), "line 4, one: expected an IoU, found 'good'"),
    "beyond percent": (METHOD_TABLE.replace("pole,0.12", "pole,120"), "expected IoU of 0..1 or percent, found"),
    "negative": (METHOD_TABLE.replace("pole,0.12", "pole,-0.1"), "expected IoU of 0..1 or percent, found -0.1..0.5"),
    "no method": ("class\nsky\n", "expected the class's name and then a column a method"),
    "a cell too many": (METHOD_TABLE.replace("pole,0.12", "pole,0,12"), "line 4: expected 3 cells"),
    "a method twice": (METHOD_TABLE.replace("one,two", "one,one"), "stand twice in the header (one)"),
    "empty": ("", "can't be read as CSV"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_METHODS)
def test_bad_tables_of_methods_are_one_sentence(kind: str, tmp_path: Path, refused) -> None:
    content, message = BAD_METHODS[kind]
    (tmp_path / "methods.csv").write_text(content)
    flags = ("--correlate", tmp_path / "methods.csv", "--counts", camvid_counts(tmp_path), "--dataset", "camvid")
    assert message in refused("report.py", *flags, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_correlates_methods(tmp_path: Path, command) -> None:
    flags = ("--correlate", METHODS, "--dataset", "voc2012", "--counts", PIXEL_COUNTS)
    status, said, _ = command("report.py", *flags, "--out", tmp_path / "out")
    assert (status, "FCN-8s" in said, "   +0.45  0.0453 " in said) == (0, True, True)
    assert len(pd.read_csv(tmp_path / "out" / "correlations.csv")) == 80


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--correlate", "x.csv", "--counts", "y.csv"), "--correlate: expected --dataset beside it"),
        (("--correlate", "x.csv", "--dataset", "camvid"), "--correlate: expected --counts beside it"),
        (("--correlate", "x.csv", "--trials", "y.csv"), "--trials: has no place beside --correlate"),
        ((*ARGUMENTS, "--counts", "nothere.csv"), "--counts nothere.csv: can't be read as CSV"),
    ],
)
def test_bad_flags(flags: tuple[str, ...], message: str, refused) -> None:
    assert message in refused("report.py", *flags)
