"""python tools/cells_page.py: docs/runs/* -> results in docs/DATASET.md, and docs/verdict.md with its CSVs (seconds).

A page holds its results between two marks; those of a data set without finished runs, or without a page, stay as they
are. VOC 2012's published trials are part of the verdict.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from imbseg.datasets import spec  # noqa: E402
from imbseg.files import write_text  # noqa: E402
from imbseg.report.say import plain, seeds  # noqa: E402
from imbseg.runs.collect import FINISHED, Run, collect  # noqa: E402
from imbseg.runs.csv_table import read_rows  # noqa: E402
from imbseg.runs.four_cells import four_cells  # noqa: E402
from imbseg.runs.trials_csv import class_groups, column_names, read_trials  # noqa: E402
from imbseg.statistics.parts import PARTS, Part, parts_of_gain  # noqa: E402
from imbseg.verdict.data_sets import DataSet, data_sets_of, mean_of, tail  # noqa: E402
from imbseg.verdict.effects import Effect, effects  # noqa: E402
from imbseg.verdict.page import advice_of, gain, table, verdict  # noqa: E402
from imbseg.verdict.tables import advice_table  # noqa: E402

DOCS = REPOSITORY / "docs"
FIRST, LAST = "<!-- results: python tools/cells_page.py -->", "<!-- end of results -->"
SCORES = {"val/tail": "validation tail", "test/mIoU": "test mIoU", "test/head": "head", "test/tail": "tail"}
SCORES |= {"test/prior/tail": "tail with `prior`"}
COMPUTE = {"val/tail": "validation tail", "test/tail": "tail", "test/head": "head", "test/mIoU": "test mIoU"}
PUBLISHED = REPOSITORY / "data" / "published" / "voc2012_imbalance_trials.csv"
COLUMNS = "strategy=configs,seed=random_state,imbalance=is_imbalance,split=split_strategy,"
COLUMNS += "sampling=resampling_strategy,copy_paste=paste_by"


def main() -> None:
    """Rewrite every page that has runs."""
    folders = [folder for folder in sorted((DOCS / "runs").iterdir()) if has_runs(folder)]
    for folder in folders:
        page = DOCS / f"{folder.name}.md"
        if page.is_file() and FIRST in (text := page.read_text(encoding="utf-8")):
            write_text(page, replaced(text, results(folder)))
            print(f"written: {page}")
    print(f"written: {write_verdict(list(filter(is_main, folders)), DOCS)}")


def write_verdict(folders: Sequence[Path], out: Path) -> Path:
    """The verdict over the data sets that have runs, and VOC 2012."""
    return verdict([*map(data_of, folders), published()], out, "python tools/cells_page.py")


def has_runs(folder: Path) -> bool:
    """Whether a run has been kept there."""
    return any(folder.glob("*/status.json"))


def is_main(folder: Path) -> bool:
    """Whether it holds the main cells of a data set; DATASET_gpu holds a screen, which the verdict leaves out."""
    return not folder.name.endswith("_gpu")


def data_of(folder: Path) -> DataSet:
    """The data set whose runs lie in a folder."""
    (data,) = data_sets_of(collect(folder), folder, lambda _: ())
    return data


def published() -> DataSet:
    """VOC 2012 by its published trials; its troubled classes are those that were deprived of images."""
    dataset = spec.load("voc2012")
    if dataset.imbalance is None:
        raise AssertionError("voc2012.yml declares its deliberate imbalance")
    classes = dataset.imbalance.classes
    runs = read_trials(PUBLISHED, dataset, column_names(COLUMNS), class_groups(dataset, None))
    (data,) = data_sets_of(runs, PUBLISHED, lambda _: classes)
    return data


def replaced(text: str, found: str) -> str:
    """A page with other results between its marks."""
    head, _, rest = text.partition(FIRST)
    return f"{head}{FIRST}\n\n{found}\n\n{LAST}{rest.partition(LAST)[2]}"


def results(folder: Path) -> str:
    """Cells, effects and judged advice of one data set."""
    runs = collect(folder)
    more = longer_cells(folder.name)
    later = {name for names in more.values() for name in names}
    parts = ["Mean over the seeds of each cell, scores as trained:"]
    parts.append(cells([run for run in runs if cell_of(run) not in later]))
    if not is_main(folder):
        return "\n\n".join(parts)
    if compute := more_compute(by_cell(runs), more):
        parts += [f"Where more compute goes ({', '.join(COMPUTE.values())}; mean over the seeds):", compute]
    data = data_of(folder)
    parts += ["Test IoU with each remedy minus without, 95 % interval by Student's t over the seeds:"]
    parts.append(remedies(data, runs))
    if apart := gains(data):
        parts += ["Gains of geometry and remedy together, taken apart (they sum to the total; same intervals):", apart]
    if data.diagnosis:
        parts += ["The diagnosis's advice sentence by sentence; [verdict.md](verdict.md) defines true, false and open:"]
        parts.append(advice_of(advice_table([data]), data.name))
    return "\n\n".join(parts)


def cells(runs: Sequence[Run]) -> str:
    """A row a cell: seeds, headline scores, IoU of every class of the tail."""
    rows = []
    for name, own in by_cell(runs).items():
        means = [plain(mean_score(own, one)) for one in (*SCORES, *(f"test/IoU/{one}" for one in tail_of(runs)))]
        rows.append([f"`{name}`", str(len(own)), *means, deviations(own), f"{mean_seconds(own):.0f}"])
    names = [*SCORES.values(), *tail_of(runs), "seed SD of both tails", "processor s of training"]
    return table(["cell", "seeds", *names], rows)


def mean_score(runs: Sequence[Run], score: str) -> float:
    """Of "subset/score" over the seeds of a cell."""
    return math.fsum(run.score(*score.split("/", 1)) for run in runs) / len(runs)


def mean_seconds(runs: Sequence[Run]) -> float:
    """Processor seconds of training, a seed."""
    return math.fsum(map(processor_seconds, runs)) / len(runs)


def longer_cells(name: str) -> dict[str, list[str]]:
    """Cells that are another one at 2 and 4 times its budget, by that one's name."""
    path = REPOSITORY / "configs" / "cells" / f"{name}.yml"
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found: dict[str, list[str]] = content.get("more_compute", {})
    return found


def more_compute(found: Mapping[str, Sequence[Run]], more: Mapping[str, Sequence[str]]) -> str:
    """A row a cell and budget, with its processor seconds; empty where none of more compute is finished."""
    rows = []
    for name, longer in more.items():
        for times, one in zip(("1 x", "2 x", "4 x"), (name, *longer), strict=True):
            if own := found.get(one):
                means = [
                    plain(math.fsum(run.score(*score.split("/", 1)) for run in own) / len(own)) for score in COMPUTE
                ]
                seconds = math.fsum(map(processor_seconds, own)) / len(own)
                rows.append([f"`{name}`", times, str(len(own)), *means, f"{seconds:.0f}"])
    header = ["cell", "budget", "seeds", *COMPUTE.values(), "processor s of training"]
    return table(header, rows) if any(row[1] != "1 x" for row in rows) else ""


def deviations(runs: Sequence[Run]) -> str:
    """The standard deviation over seeds of the tail, on validation and on test; empty for one seed."""
    if len(runs) < 2:
        return ""
    return ", ".join(plain(statistics.stdev(run.score(subset, "tail") for run in runs)) for subset in ("val", "test"))


def processor_seconds(run: Run) -> float:
    """Of the process that trained, all epochs, without validation; NaN for a run from before they were recorded."""
    rows = read_rows(run.folder / "timing.csv")
    return math.fsum(row.get("train_cpu_s", math.nan) for row in rows)


def by_cell(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Finished runs by the name of their cell."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        if run.status == FINISHED:
            found.setdefault(cell_of(run), []).append(run)
    return found


def cell_of(run: Run) -> str:
    """The cell's name, which a folder has before the seed."""
    return run.name.rpartition("_")[0]


def tail_of(runs: Sequence[Run]) -> list[str]:
    """The tail's classes."""
    return list(runs[0].about["class_groups"]["tail"])


def remedies(data: DataSet, runs: Sequence[Run]) -> str:
    """A row a remedy: its effect on tail and head, and the classes whose interval excludes 0."""
    heads = {one.remedy: one for one in effects(data.name, data.groups, lambda run: run.score("test", "head"))}
    of_class = {
        name: {one.remedy: one for one in effects(data.name, data.groups, mean_of([name]))} for name in runs[0].classes
    }
    rows = []
    for one in effects(data.name, data.groups, tail):
        sure = [f"{name} {_short(own[one.remedy])}" for name, own in of_class.items() if _sure(own.get(one.remedy))]
        rows.append([one.remedy, seeds(one.found.seeds), _short(one), _short(heads[one.remedy]), "; ".join(sure)])
    return table(["remedy", "seeds", "tail", "head", "classes whose interval excludes 0"], rows)


def gains(data: DataSet) -> str:
    """A row a geometry with a remedy and a headline score, where all four cells were trained; empty where none were."""
    rows = []
    for four in (four for group in data.groups for four in four_cells(group)):
        for score, name in ((one, name) for one, name in SCORES.items() if name != "test mIoU"):
            sides = [one.values(*score.split("/", 1)) for one in four.held]
            if not all(sides):
                continue
            found = parts_of_gain(sides)
            cells = [_part(found.parts[part], found.seeds) for part in PARTS]
            rows.append([four.geometry, four.remedy, name, seeds(found.seeds), *cells])
    return (
        table(["geometry", "remedy", "score", "seeds", *(part.replace("_", " ") for part in PARTS)], rows)
        if rows
        else ""
    )


def _part(part: Part, seeds: int) -> str:
    return gain({"mean": part.mean, "low": part.low, "high": part.high, "seeds": seeds}).rpartition(", ")[0]


def _sure(effect: Effect | None) -> bool:
    return effect is not None and effect.found.sure


def _short(effect: Effect) -> str:
    return gain({name: getattr(effect.found, name) for name in ("mean", "low", "high", "seeds")}).rpartition(", ")[0]


if __name__ == "__main__":
    main()
