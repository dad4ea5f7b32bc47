"""Tables of docs/ that a run made say what that run's CSV, or the report, says."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from asked import evidence, frames_of
from published_tables import METHODS, PIXEL_COUNTS
from test_trials_csv import published, weak_groups

from imbseg.datasets import spec
from imbseg.report.questions import answer, correlations, statistics
from imbseg.runs.strategies import Group
from imbseg.statistics.correlation import TESTS
from imbseg.statistics.difference import difference

DOCS = Path(__file__).resolve().parents[2] / "docs"
CELLS = ("val/mIoU", "val/head", "val/tail", "val/prior/mIoU", "val/prior/tail", "val/rank/mIoU", "val/rank/tail",
         "test/mIoU", "test/head", "test/tail", "test/prior/tail", "test/rank/tail")  # fmt: skip


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below the line that starts with a heading's first cells; the page's path from docs."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(heading))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def camvid_rows() -> list[list[str]]:
    """The page's table by the CSV: a row a cell, the mean over its seeds."""
    table = pd.read_csv(DOCS / "camvid_remedies.csv")
    cells = table.groupby(table["trial"].str.rsplit("_", n=1).str[0], sort=False)
    found = []
    for _, runs in cells:
        one = runs.iloc[0]
        _, _, sampling, paste = one["strategy"].split("/")
        scores = [f"{runs[name].mean():.3f}" for name in CELLS]
        found.append([f"`{sampling}`, `{paste}`", f"`{one['loss']}`", str(len(runs)), *scores])
    return found


def test_the_camvid_cells_are_those_of_the_csv() -> None:
    assert rows("camvid_remedies.md", "| sampling, copy-paste |") == camvid_rows()


PASTED = [
    ("TRUE_random_x2_FALSE_none", "TRUE_random_x2_TRUE_cnt", False),
    ("TRUE_mskf_cnt_FALSE_none", "TRUE_mskf_cnt_TRUE_cnt", False),
    ("TRUE_random_x2_FALSE_none", "TRUE_random_x2_TRUE_performance", True),
    ("TRUE_mskf_cnt_FALSE_none", "TRUE_mskf_cnt_TRUE_performance", True),
]


@pytest.mark.parametrize("place", range(4))
def test_the_published_pastes_are_those_of_the_report(place: int, tmp_path: Path) -> None:
    baseline, strategy, weak = PASTED[place]
    found = statistics.table(published(baseline, weak_groups(tmp_path) if weak else None))
    found = found[found["strategy"] == strategy].set_index("score")
    tail, head = found.loc["tail"], found.loc["head"]
    shown = rows("published.md", "| pasted |")[place]
    assert shown[2:] == [
        signed(tail["mean"], 5), span(tail), short(tail["p_t_holm"]), f"{signed(head['mean'], 5)} {span(head)}",
        short(tail["detectable"]),
    ]  # fmt: skip


COMPARED = [
    ("TRUE_random_x2_FALSE_none", "TRUE_mskf_x2_FALSE_none"),
    ("FALSE_random_x2_FALSE_none", "FALSE_mskf_x2_FALSE_none"),
    ("TRUE_mskf_x2_FALSE_none", "TRUE_mskf_cnt_FALSE_none"),
    ("TRUE_mskf_x2_FALSE_none", "TRUE_skf_prop_cluster_FALSE_none"),
    ("TRUE_random_x2_TRUE_cnt", "TRUE_mskf_cnt_TRUE_cnt"),
]


@pytest.mark.parametrize("place", range(5))
def test_the_published_splits_and_samplings_are_those_of_the_report(place: int) -> None:
    baseline, strategy = COMPARED[place]
    found = statistics.table(published(baseline))
    found = found[found["strategy"] == strategy].set_index("score")
    whole, rare = found.loc["mIoU"], found.loc["tail"]
    shown = rows("published.md", "| compared |")[place]
    power = f"{short(whole['detectable'])}, {short(rare['detectable'])}"
    assert shown[1:] == [signed(whole["mean"], 3), span(whole), signed(rare["mean"], 3), span(rare), power]


@pytest.mark.parametrize(
    "of", ["FCN-8s", "DeepLab-CRF-GS-v2", "FALSE_random_x2_FALSE_none", "TRUE_random_x2_FALSE_none"]
)
def test_the_published_correlations_are_those_of_the_report(of: str) -> None:
    dataset = spec.load("voc2012")
    if of.startswith(("TRUE", "FALSE")):
        found, _ = correlations.found(
            published("TRUE_random_x2_FALSE_none", counts=PIXEL_COUNTS, background=dataset.background)
        )
    else:
        found, _ = correlations.of_methods(METHODS, PIXEL_COUNTS, dataset)
    keyed = found.set_index(["of", "statistic", "aggregate", "over"])
    (shown,) = (row for row in rows("published.md", "| of |") if row[0] == of)
    for cell, key in zip(shown[1:], (("images", "sum", "all"), ("pixels", "sum", "all"), ("share", "mean", "shown")),
                         strict=True):  # fmt: skip
        row = keyed.loc[(of, *key)]
        coefficients = ", ".join(signed(row[name], 2) for name in TESTS)
        assert cell == f"{coefficients} (p {short(row['spearman_p'])})"


def short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("0.", ".", 1)


def span(row: pd.Series) -> str:
    return f"[{short(row['low'])}, {short(row['high'])}]"


def test_the_readme_tells_the_answer_of_the_stored_runs() -> None:
    asked = evidence(DOCS / "sample_runs")
    readme = " ".join((DOCS.parent / "README.md").read_text(encoding="utf-8").split())
    told = answer.answer(asked, frames_of(asked)).lines
    assert len(told) == 5
    for line in told:
        assert line in readme


Scores = dict[tuple[int, int], float]


def compared(group: Group, strategy: str, baseline: str) -> list[tuple[Scores, Scores]]:
    """Tail and head of two strategies, by seed."""
    by_name = {name: one for one in group.strategies for name in (one.key, one.label)}
    ours, theirs = by_name[strategy], by_name[baseline]
    return [(ours.values("test", score), theirs.values("test", score)) for score in ("tail", "head")]


def camvid_scores(cell: str, column: str) -> Scores:
    """A column of docs/camvid_remedies.csv by seed, of one cell."""
    table = pd.read_csv(DOCS / "camvid_remedies.csv")
    own = table[table["trial"].str.rsplit("_", n=1).str[0] == cell]
    return {(seed, 0): value for seed, value in zip(own["seed"], own[column], strict=True)}


def run_scores(data: str, cell: str, score: str) -> Scores:
    """A score of the runs of a cell in a folder of docs, by seed."""
    files = (DOCS / data).glob(f"{cell}_[0-9]/status.json")
    return {(int(file.parent.name[-1]), 0): json.loads(file.read_text())["result"][score] for file in files}


def test_the_scores_of_faster_training() -> None:
    scores = ("default", "tail", "test/mIoU", "test/tail", "test/head")
    shown = rows("speed.md", "| CamVid, weighted cross-entropy |")
    for row, score in zip(shown, scores, strict=True):
        before, after = run_scores("runs/camvid", "weighted", score), run_scores("speed_runs", "weighted_fast", score)
        levels = [f"{sum(one.values()) / len(one):.3f}" for one in (before, after)]
        assert row[1:] == [*levels, readme_difference(after, before)]


def test_the_results_of_the_readme() -> None:
    root = DOCS / "sample_runs"
    voc = published("TRUE_random_x2_FALSE_none").group
    expected = [
        compared(evidence(root).group, "weighted_cross_entropy", "cross_entropy"),
        [(camvid_scores("weighted", column), camvid_scores("plain", column)) for column in ("test/tail", "test/head")],
        *(
            [
                (run_scores(f"runs/{data}", cell, score), run_scores(f"runs/{data}", base, score))
                for score in ("test/tail", "test/head")
            ]
            for data, cell, base in (
                ("camvid", "unet_four_plain", "plain"),
                ("camvid", "unet_four_weighted", "weighted"),
                ("camvid", "unet_middle_nine", "weighted"),
                ("coffee", "unet_cc_dice", "plain"),
                ("idrid", "weighted", "plain"),
            )
        ),
        compared(voc, "TRUE_random_x2_TRUE_cnt", "TRUE_random_x2_FALSE_none"),
        compared(voc, "TRUE_mskf_x2_FALSE_none", "TRUE_random_x2_FALSE_none"),
    ]
    shown = rows("../README.md", "| data | compared |")
    assert len(shown) == len(expected)
    for row, scores in zip(shown, expected, strict=True):
        levels = [sum(values.values()) / len(values) for values in scores[0]]
        cells = [readme_difference(*pair) for pair in scores]
        assert row[2:] == [
            str(len(scores[0][0])),
            f"{levels[1]:.3f} → {levels[0]:.3f}",
            *cells,
            *[""] * (2 - len(cells)),
        ]


def readme_difference(ours: Scores, theirs: Scores) -> str:
    one = difference(ours, theirs)
    return f"{one.mean:+.3f} [{one.low:+.3f}, {one.high:+.3f}]".replace("-", "−")
