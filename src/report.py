"""python src/report.py [--runs DIR | --trials CSV --dataset NAME] [--counts CSV] [--out DIR] [--baseline KEY]
    [--margin IOU]
python src/report.py --correlate CSV --dataset NAME --counts CSV [--out DIR]
python src/report.py --verdict PATH ... [--dataset NAME --columns ...] [--out DIR]

Run folders, or a table of trials from elsewhere -> tables (CSV, Markdown), statistics, figures and the answer in words.
With --counts also the correlation of each class's IoU with its pixels in the train images; with --correlate that alone,
of a table of methods; with --verdict one page over several data sets, each a folder of runs or a table of trials.
A few seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imbseg.datasets import spec
from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY, runs_folder, writable_folder

if TYPE_CHECKING:
    from imbseg.metrics.predicted import Predictions
    from imbseg.runs.collect import Run

COLUMNS = (
    "the table's names of strategy and seed, and where it has them of mIoU (default: the mean over classes), "
    "imbalance, split, sampling, copy_paste"
)
COUNTS = "pixels of each train image: columns subset, height, width, one a class; correlated with each class's IoU"
VERDICT = (
    "one page over data sets: folders of runs, each with diagnosis.md, classes.csv and ceiling.csv of its meta beside "
    "them where there are, and at most one table of trials (with --dataset and --columns)"
)
METHODS = "a table of methods, a row a class, a column a method, instead of trials"
BASELINE = (
    "the reference of all differences: a strategy as the report names it, or a loss or strategy that only one has "
    "(default: plain cross_entropy, else one without sampling and copy-paste, else the first)"
)


def main() -> None:
    """Parse, read, write, say where the output went."""
    options = _parser().parse_args()
    _check(options)
    if options.verdict is not None:
        _verdict(options)
        return
    root = options.correlate or options.trials or options.runs or runs_folder()
    out = options.out or REPOSITORY / "data" / "report" / root.resolve().name
    # pandas, scipy and matplotlib: after the flags are known to be good
    from imbseg.report.questions import correlations
    from imbseg.report.write import report

    if options.correlate is not None:
        found = correlations.of_methods(options.correlate, options.counts, spec.load(options.dataset))
        correlations.write_methods(*found, writable_folder(out))
        return
    background = spec.load(options.dataset).background if options.dataset else None
    predict = None if options.trials or options.no_examples else _predict
    given = {"counts": options.counts, "background": background}
    given |= {} if options.margin is None else {"margin": options.margin}
    report(_runs(options, root), root, out, options.baseline, predict=predict, **given)


def _verdict(options: argparse.Namespace) -> None:
    """Several data sets -> verdict.md and its tables."""
    from imbseg.verdict.data_sets import data_sets_of
    from imbseg.verdict.page import verdict

    def imbalanced(name: str) -> Sequence[str]:
        known = spec.load(name).imbalance if name == options.dataset else None
        return known.classes if known else ()

    found = []
    for path in options.verdict:
        table = argparse.Namespace(**{**vars(options), "trials": path if path.suffix == ".csv" else None})
        found += data_sets_of(_runs(table, path), path, imbalanced)
    told = {"dataset": options.dataset, "columns": options.columns}
    words = ["--verdict", *map(str, options.verdict), *(f"--{name} {text}" for name, text in told.items() if text)]
    out = options.out or REPOSITORY / "data" / "report" / "verdict"
    print(f"written: {verdict(found, out, ' '.join(['python src/report.py', *words]))}")


def _predict(folder: Path, ids: Sequence[str]) -> Predictions:
    """A run's network once more, for the images that the page shows."""
    from imbseg.predict.again import predict_again  # torch: only where nothing is kept of an earlier report

    return predict_again(folder, ids)


def _runs(options: argparse.Namespace, root: Path) -> list[Run]:
    if options.trials is None:
        from imbseg.runs.collect import collect

        return collect(root)
    from imbseg.runs.trials_csv import class_groups, column_names, read_trials

    dataset = spec.load(options.dataset)
    groups = class_groups(dataset, options.groups)
    return read_trials(options.trials, dataset, column_names(options.columns), groups)


def _check(options: argparse.Namespace) -> None:
    """Each kind of input needs flags of its own, and refuses those of the others."""
    if options.margin is not None and not 0 <= options.margin < 1:
        raise InputError(f"--margin: expected a loss of IoU from 0 to below 1, found {options.margin:g}")
    if options.verdict is not None:
        _check_verdict(options)
        return
    if options.correlate is not None:
        for name in ("runs", "trials", "columns", "groups", "baseline", "margin"):
            if getattr(options, name) not in (None, ""):
                raise InputError(f"--{name}: has no place beside --correlate, whose table holds methods, not trials")
        for name, what in (("dataset", "whose classes are its rows"), ("counts", "whose pixels it is correlated with")):
            if not getattr(options, name):
                raise InputError(f"--correlate: expected --{name} beside it, {what}")
        return
    if options.trials is not None and options.runs is not None:
        raise InputError("--runs: has no place beside --trials, a table instead of run folders; leave one out")
    if options.trials is not None and not options.dataset:
        raise InputError("--trials: expected --dataset beside it, whose classes are columns of the table")
    for name in ("dataset", "columns", "groups"):
        if options.trials is None and getattr(options, name):
            raise InputError(f"--{name}: belongs to --trials; run folders know theirs, leave it out")


def _check_verdict(options: argparse.Namespace) -> None:
    for name in ("runs", "trials", "correlate", "counts", "baseline", "margin"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name}: has no place beside --verdict, which takes folders and tables; leave it out")
    tables = [path for path in options.verdict if path.suffix == ".csv"]
    if len(tables) > 1:
        raise InputError(f"--verdict: expected at most one table of trials, found {len(tables)}; leave out the others")
    if tables and not options.dataset:
        raise InputError(f"--verdict {tables[0]}: expected --dataset beside a table, whose classes are its columns")
    for name in ("dataset", "columns", "groups"):
        if not tables and getattr(options, name):
            raise InputError(f"--{name}: belongs to a table of trials, and --verdict names none; leave it out")


def _parser() -> Parser:
    parser = Parser(prog="report.py", description="Run folders -> tables, figures, and the answer in words.")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="searched to any depth (data/runs, or IMBSEG_RUNS)")
    parser.add_argument("--trials", type=Path, metavar="CSV", help="a table of trials from elsewhere, without --runs")
    parser.add_argument("--dataset", metavar="NAME", help="with --trials or --correlate: names the classes")
    parser.add_argument("--columns", default="", metavar="NAME=COLUMN,...", help=f"with --trials: {COLUMNS}")
    parser.add_argument("--groups", type=Path, metavar="FILE", help="with --trials: head, medium, tail -> classes")
    parser.add_argument("--no_examples", action="store_true", help="omit the test images that gained and lost most")
    parser.add_argument("--counts", type=Path, metavar="CSV", help=COUNTS)
    parser.add_argument("--correlate", type=Path, metavar="CSV", help=f"with --dataset and --counts: {METHODS}")
    parser.add_argument("--verdict", type=Path, nargs="+", metavar="PATH", help=VERDICT)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (data/report/<name of runs>)")
    parser.add_argument("--baseline", metavar="KEY", help=BASELINE)
    parser.add_argument("--margin", type=float, metavar="IOU", help="loss of the head that counts as none (0.01)")
    return parser


if __name__ == "__main__":
    run_command(main)
