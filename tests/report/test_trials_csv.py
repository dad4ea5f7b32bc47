"""A table of trials from elsewhere, and the published experiment told from its 50 trials."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from asked import of_results
from published_tables import PIXEL_COUNTS, TRIALS
from scipy import stats

from imbseg.datasets import spec
from imbseg.errors import InputError
from imbseg.report.evidence import Evidence
from imbseg.report.questions import statistics
from imbseg.runs.strategies import arrange
from imbseg.runs.trials_csv import class_groups, column_names, read_trials

REPOSITORY = Path(__file__).resolve().parents[2]
COLUMNS = {"strategy": "configs", "seed": "random_state"}
WEAK = ["bicycle", "boat", "bottle", "chair", "diningtable", "pottedplant", "sofa", "tvmonitor"]


def published(baseline: str, groups: Path | None = None, **given: object) -> Evidence:
    dataset = spec.load("voc2012")
    runs = read_trials(TRIALS, dataset, COLUMNS, class_groups(dataset, groups))
    return of_results(arrange(runs, TRIALS, baseline), **given)


def gains(group: Evidence, strategy: str) -> tuple[float, float]:
    """Of the tail and of the head."""
    found = statistics.table(group).set_index(["strategy", "score"])["mean"]
    return round(found[strategy, "tail"], 5), round(found[strategy, "head"], 5)


def weak_groups(folder: Path) -> Path:
    names = spec.load("voc2012").class_names
    others = [name for name in names if name not in WEAK]
    (folder / "weak.yml").write_text(f"tail: [{', '.join(WEAK)}]\nhead: [{', '.join(others)}]\n")
    return folder / "weak.yml"


def test_the_published_gains(tmp_path: Path) -> None:
    plain, sampled = "TRUE_random_x2_FALSE_none", "TRUE_mskf_cnt_FALSE_none"
    assert gains(published(plain), "TRUE_random_x2_TRUE_cnt") == (0.04241, 0.00130)
    assert gains(published(sampled), "TRUE_mskf_cnt_TRUE_cnt") == (0.02753, 0.00296)
    weak = weak_groups(tmp_path)
    assert gains(published(plain, weak), "TRUE_random_x2_TRUE_performance") == (0.03003, 0.00238)
    assert gains(published(sampled, weak), "TRUE_mskf_cnt_TRUE_performance") == (0.03092, -0.00158)


def test_the_published_table_and_its_rank_sums() -> None:
    asked, raw = published("TRUE_random_x2_FALSE_none"), pd.read_csv(TRIALS)
    group = asked.group
    assert len(group.strategies) == 10
    assert all(len(one.runs) == 5 for one in group.strategies)
    found = statistics.rank_sums(asked)
    assert len(found) == 45
    p = {frozenset((row["strategy"], row["other"])): row["p"] for _, row in found.iterrows()}
    by_strategy = {name: rows["test_mIoU"] for name, rows in raw.groupby("configs")}
    for one in group.strategies:
        for other in group.strategies:
            if one is not other:
                expected = stats.ranksums(by_strategy[one.label], by_strategy[other.label]).pvalue
                assert p[frozenset((one.label, other.label))] == pytest.approx(expected)


def test_the_command_prints_and_writes_gains_and_correlations(tmp_path: Path, command) -> None:
    status, said, _ = command("report.py", *ARGUMENTS, "--counts", PIXEL_COUNTS, "--out", tmp_path / "out")
    assert (status, "20 classes, all but background" in said) == (0, True)
    assert len(pd.read_csv(tmp_path / "out" / "correlations.csv")) == 100
    written = pd.read_csv(tmp_path / "out" / "comparisons.csv").set_index(["strategy", "score"])
    assert round(written.loc[("TRUE_random_x2_TRUE_cnt", "tail"), "mean"], 5) == 0.04241
    assert len(pd.read_csv(tmp_path / "out" / "rank_sums.csv")) == 45


ARGUMENTS = (
    "--trials", str(TRIALS), "--dataset", "voc2012", "--columns", "strategy=configs,seed=random_state",
    "--baseline", "TRUE_random_x2_FALSE_none",
)  # fmt: skip


CLASSES = spec.load("camvid").class_names


def table(**changes: object) -> pd.DataFrame:
    rows = [{"strategy": name, "seed": seed} | dict.fromkeys(CLASSES, 0.25) for name in "ab" for seed in (1, 2)]
    found = pd.DataFrame(rows)
    for column, value in changes.items():
        if value is None:
            found = found.drop(columns=column)
        else:
            found[column] = found[column].astype(object)
            found.loc[1, column] = value
    return found


BAD = {
    "a column is missing": (table(seed=None), "has no column 'seed' for seed; name it with --columns seed=COLUMN"),
    "a class is missing": (table(pole=None), "no column for 1 of 11 classes of camvid (pole)"),
    "a score is missing": (table(sky=float("nan")), "line 3, sky: expected an IoU of 0..1, found nothing"),
    "a score is a text": (table(sky="good"), "line 3, sky: expected an IoU of 0..1, found 'good'"),
    "percent": (table(sky=47.5), "the scores reach 47.5: these look like percent; divide by 100"),
    "a seed is no number": (table(seed="one"), "line 3, seed: expected a whole number for the seed, found 'one'"),
    "a strategy is empty": (table(strategy=float("nan")), "line 3: strategy is empty; name each trial's strategy"),
    "a strategy has a seed twice": (table(seed=1), "lines 2 and 3 are both 'a' with seed 1; keep one"),
    "no rows": (table().head(0), "has no row"),
}


def flags(folder: Path) -> list[object]:
    """Of a report on the trials in a folder."""
    return ["--trials", folder / "trials.csv", "--dataset", "camvid", "--out", folder / "out"]


@pytest.mark.parametrize("kind", BAD)
def test_bad_tables_are_one_sentence(kind: str, tmp_path: Path, refused) -> None:
    content, message = BAD[kind]
    content.to_csv(tmp_path / "trials.csv", index=False)
    assert message in refused("report.py", *flags(tmp_path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trials", "x.csv"), "--trials: expected --dataset beside it"),
        (("--dataset", "camvid"), "--dataset: belongs to --trials"),
        (("--trials", "nothere.csv", "--dataset", "camvid"), "nothere.csv: can't be read as CSV"),
        ((*ARGUMENTS[:5], "seeds=x"), "unknown column of --columns: 'seeds'"),
        ((*ARGUMENTS[:5], "seed=nosuch"), "has no column 'strategy' for strategy; name it with --columns"),
        ((*ARGUMENTS[:5], "strategy=configs,seed=nosuch"), "has no column 'nosuch' for seed; name it with --columns"),
        ((*ARGUMENTS, "--runs", "data/runs"), "--runs: has no place beside --trials"),
        ((*ARGUMENTS, "--out", "/proc/report"), "/proc/report: can't write here"),
        ((*ARGUMENTS[:6], "--baseline", "nosuch"), "--baseline: 'nosuch' is no strategy here"),
    ],
)
def test_bad_arguments(arguments: tuple[str, ...], message: str, refused) -> None:
    assert message in refused("report.py", *arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [("tail: [unicorn]", "unknown class"), ("rare: [pole]", "unknown group"),
     ("tail: pole", "expected lists of classes"), ("tail: [", "can't be read"), ("tail: [2026-99-99]", "can't be read"),
     ("tail: [pole]\nhead: [pole]", "stands there twice")],
)  # fmt: skip
def test_bad_groups(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "groups.yml").write_text(text)
    with pytest.raises(InputError, match=message):
        class_groups(spec.load("camvid"), tmp_path / "groups.yml")


def test_columns_are_named_in_pairs() -> None:
    assert column_names("strategy=configs") == {"strategy": "configs"}
    with pytest.raises(InputError, match="expected seed=COLUMN"):
        column_names("seed")


TEXTS = {
    "a column twice": ("strategy,seed,sky,sky", "a,1,.2,.3", "1 column name(s) stand twice in the header (sky)"),
    "a cell too many": (",".join(["strategy", "seed", *CLASSES]), f"a,1{',.25' * 12}", "line 2: expected 13 cells, as"),
    "a cell too few": (",".join(["strategy", "seed", *CLASSES]), f"a,1{',.25' * 10}", "header, found 12; mend"),
    "nothing at all": ("", "", "can't be read as CSV"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_misshapen_tables_are_one_sentence(kind: str, tmp_path: Path, refused) -> None:
    header, row, message = TEXTS[kind]
    (tmp_path / "trials.csv").write_bytes(f"{header}\n{row}\n".encode("latin-1") if header else b"")
    assert message in refused("report.py", *flags(tmp_path))
    assert not (tmp_path / "out").exists()


def test_strategies_without_a_seed_in_common_are_unpaired_and_that_is_said(tmp_path: Path, command) -> None:
    rows = table()
    rows["seed"] = [1, 2, 3, 4]
    rows["sky"] = [0.25, 0.27, 0.5, 0.55]
    rows.to_csv(tmp_path / "trials.csv", index=False)
    status, said, _ = command("report.py", *flags(tmp_path), "--baseline", "a")
    assert status == 0
    assert " 2  no " in said
    assert "fewer than two seeds are shared" in (tmp_path / "out" / "report.md").read_text()
    found = pd.read_csv(tmp_path / "out" / "comparisons.csv").set_index("score").loc["IoU/sky"]
    assert not found["paired"]
    assert found["p_t"] == pytest.approx(stats.ttest_ind([0.5, 0.55], [0.25, 0.27], equal_var=False).pvalue)
    table().to_csv(tmp_path / "trials.csv", index=False)
    assert command("report.py", *flags(tmp_path), "--baseline", "a")[0] == 0
    assert "fewer than two seeds are shared" not in (tmp_path / "out" / "report.md").read_text()
