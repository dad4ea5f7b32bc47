"""tools/cells.py: every cell is a trial, and keeps what a report reads without its weights; tools/cells_page.py."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import cells
import cells_page as pages
import pandas as pd
import pytest

from imbseg.errors import InputError
from imbseg.trial import resolve

ROOT = Path(__file__).resolve().parents[1]
RUNS = sorted((ROOT / "docs" / "runs").iterdir())
DATASETS = sorted(file.stem for file in (ROOT / "configs" / "cells").glob("*.yml"))


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_cell_is_a_trial_of_its_own(dataset: str) -> None:
    trials = [resolve({k: str(v) for k, v in own.items()}, {}).trial for own in cells.read(dataset).values()]
    assert len({json.dumps(trial.as_json()) for trial in trials}) == len(trials) >= 6
    assert {trial.dataset for trial in trials} == {dataset.removesuffix("_gpu")}


@pytest.mark.parametrize("dataset", [one for one in DATASETS if not one.endswith("_gpu")])
def test_geometry_and_weighting_cross_in_four_cells(dataset: str) -> None:
    """A gain can only be taken apart where two cells differ in the loss alone, in two geometries."""
    keys = {
        tuple(sorted((k, v) for k, v in own.items() if k != "loss")): own["loss"]
        for own in cells.read(dataset).values()
        if own["loss"] == "cross_entropy" and "class_weights" not in own
    }
    weighted = [
        tuple(sorted((k, v) for k, v in own.items() if k != "loss"))
        for own in cells.read(dataset).values()
        if own["loss"] == "weighted_cross_entropy"
    ]
    assert sum(key in keys for key in weighted) == 2


def test_the_commands_of_a_cell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are merged from left to right, in the order in which they stand; seeds are the outer loop."""
    words = "cells.py camvid --cells unet_finish plain --seeds 2 1 --list"
    monkeypatch.setattr("sys.argv", words.split())
    cells.main()
    printed = capsys.readouterr().out.splitlines()
    common = "python src/train_nni.py --dataset camvid --strategy full/given/x2/none --threads 1 --workers 0"
    assert printed[0] == (
        f"{common} --architecture unet --decoder_width 96 --batch_size 4 --loss weighted_cross_entropy "
        "--finish_epochs 1 --finish_size 384x288 --seed 2 --out data/runs/camvid_cells/unet_finish_2"
    )
    assert [line.rpartition("/")[2] for line in printed] == ["unet_finish_2", "plain_2", "unet_finish_1", "plain_1"]


def test_data_sets_take_turns() -> None:
    arguments = cells._parser().parse_args(
        ["idrid", "coffee", "--cells", "plain", "unet_rare_class", "weighted", "--seeds", "3"]
    )
    order = [(dataset, name, seed) for dataset, name, seed, _ in cells.chosen(arguments)]
    assert order == [
        ("idrid", "plain", 3), ("coffee", "plain", 3), ("idrid", "weighted", 3), ("coffee", "unet_rare_class", 3),
        ("coffee", "weighted", 3),
    ]  # fmt: skip


@pytest.mark.parametrize("words", ["idri --list", "idrid --cells plane --list"])
def test_unknown_names_list_the_choices(words: str) -> None:
    with pytest.raises(InputError, match=r"did you mean '(idrid|plain)'"):
        list(cells.chosen(cells._parser().parse_args(words.split())))


def test_a_finished_cell_is_not_trained_again_and_its_weights_are_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "runs" / "camvid_cells" / "plain_2"
    folder.mkdir(parents=True)
    for name in ("best.pt", "last.pt", "log.txt", "epochs.csv", "counts_val.npz", "trial.json"):
        (folder / name).write_text("x")
    (folder / "status.json").write_text('{"status": "finished"}')
    monkeypatch.setattr(cells, "REPOSITORY", tmp_path)
    cells.train("camvid", "plain", 2, {})
    kept = sorted(path.name for path in (tmp_path / "docs" / "runs" / "camvid" / "plain_2").iterdir())
    assert kept == ["counts_val.npz", "epochs.csv", "status.json", "trial.json"]


def test_a_page_has_cells_effects_and_advice() -> None:
    """The numbers of README, which the report gives of the same runs."""
    text = pages.results(ROOT / "docs" / "sample_runs")
    assert "| `weighted` | 3 | 0.186 | 0.602 | 0.872 | 0.174 | 0.174 | 0.297 | 0.051 | 0.062, 0.021 | 40 |" in text
    row = next(line for line in text.splitlines() if line.startswith("| loss weighted_cross_entropy in place of"))
    assert "| 3 seeds | +0.174 [0.123, 0.225] | +0.001 [−0.016, 0.019] |" in row
    assert "hatched_diamond +0.297 [0.247, 0.347]" in row
    assert "spotted_star" not in row  # its interval includes 0


def test_more_compute_is_a_table_of_its_own() -> None:
    runs = pages.by_cell(pages.collect(ROOT / "docs" / "sample_runs"))
    plain, weighted = runs["plain"], runs["weighted"]
    more = {"base": ["twice", "four"], "other": ["never", "yet"]}
    assert pages.more_compute({"base": plain}, more) == ""
    rows = pages.more_compute({"base": plain, "four": weighted[:1], "other": plain}, more).splitlines()[2:]
    assert [row.split("|")[1:4] for row in rows] == [
        [" `base` ", " 1 x ", " 3 "], [" `base` ", " 4 x ", " 1 "], [" `other` ", " 1 x ", " 3 "],
    ]  # fmt: skip
    assert f"| {weighted[0].score('test', 'tail'):.3f} |" in rows[1]
    for folder in RUNS:  # the cells of such a table are cells of the file
        for name, longer in pages.longer_cells(folder.name).items():
            assert {name, *longer} <= cells.read(folder.name).keys()


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    page = f"above\n{pages.FIRST}\n\nold\n\n{pages.LAST}\nbelow\n"
    assert pages.replaced(page, "new") == page.replace("old", "new")


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_results_are_those_of_the_runs(folder: Path) -> None:
    text = (ROOT / "docs" / f"{folder.name}.md").read_text(encoding="utf-8")
    if pages.has_runs(folder) and pages.FIRST in text:
        assert text == pages.replaced(text, pages.results(folder)), "write it anew: python tools/cells_page.py"


def test_the_verdict_is_that_of_the_runs(tmp_path: Path) -> None:
    kept = sorted((ROOT / "docs" / "runs").iterdir())
    folders = [folder for folder in kept if pages.has_runs(folder) and pages.is_main(folder)]
    text = pages.write_verdict(folders, tmp_path).read_text(encoding="utf-8")
    assert text == (ROOT / "docs" / "verdict.md").read_text(encoding="utf-8"), "write it anew: tools/cells_page.py"


@pytest.mark.parametrize(
    "folder", [one for one in RUNS if not one.name.startswith("camvid")], ids=lambda folder: folder.name
)
def test_ceilings_of_the_page_are_those_of_the_meta(folder: Path) -> None:
    table = pd.read_csv(folder / "ceiling.csv").set_index(["setting", "class"])["ceiling"]
    lines = (ROOT / "docs" / f"{folder.name}.md").read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| input | decoder stride |"))
    names = [cell.strip() for cell in lines[first].strip("|").split("|")][2:-1]
    rows = list(itertools.takewhile(lambda line: line.startswith("|"), lines[first + 2 :]))
    for line in rows:
        size, stride, *values, _ = [cell.strip() for cell in line.strip("|").split("|")]
        setting = f"{size.partition(',')[0].replace(' ', '')}, stride {stride[0]}"
        for name, value in zip(names, values, strict=True):
            assert float(value) == pytest.approx(
                table[setting, name], abs=0.5001 * 10.0 ** -len(value.partition(".")[2])
            )
    assert len(rows) >= 5
