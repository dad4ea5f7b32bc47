"""python src/report.py [--runs DIR | --trials CSV --dataset NAME] [--out DIR] [--baseline KEY]

Run folders, or a table of trials from elsewhere -> tables (CSV, Markdown), statistics, a figure of the gain a class,
and what the trials show in words. A few seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from imbseg.datasets import spec
from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY, runs_folder
from imbseg.metrics.predicted import Predictions
from imbseg.results.collect import Run, collect


def main() -> None:
    """Parse, read, write, say where the output went."""
    options = _parser().parse_args()
    _check(options)
    root = options.trials or options.runs
    out = options.out or REPOSITORY / "data" / "report" / root.resolve().name
    from imbseg.results.write import report  # pandas and matplotlib: after the flags are known to be good

    report(_runs(options), root, out, options.baseline, None if options.trials or options.no_examples else _predict)


def _predict(folder: Path, ids: Sequence[str]) -> Predictions:
    """A run's network once more, for the images that the page shows."""
    from imbseg.training.predict_again import predict_again  # torch: only where nothing is kept of an earlier report

    return predict_again(folder, ids)


def _runs(options: argparse.Namespace) -> list[Run]:
    if options.trials is None:
        return collect(options.runs)
    from imbseg.results.trials_csv import class_groups, column_names, read_trials

    dataset = spec.load(options.dataset)
    groups = class_groups(dataset, options.groups)
    return read_trials(options.trials, dataset, column_names(options.columns), groups)


def _check(options: argparse.Namespace) -> None:
    """--trials needs a data set; what only it takes is refused without it."""
    if options.trials is not None and not options.dataset:
        raise InputError("--trials: expected --dataset beside it, whose classes are columns of the table")
    for name in ("dataset", "columns", "groups"):
        if options.trials is None and getattr(options, name):
            raise InputError(f"--{name}: belongs to --trials; run folders know theirs, leave it out")


def _parser() -> Parser:
    parser = Parser(
        prog="report.py", description="Run folders -> tables, a figure of the gain a class, and the answer in words."
    )
    parser.add_argument(
        "--runs", type=Path, default=runs_folder(), metavar="DIR",
        help="searched to any depth (data/runs, or IMBSEG_RUNS)",
    )  # fmt: skip
    parser.add_argument(
        "--trials", type=Path, metavar="CSV", help="a table of trials from elsewhere, instead of --runs"
    )
    parser.add_argument("--dataset", metavar="NAME", help="with --trials: its classes are columns, IoU of 0..1")
    parser.add_argument(
        "--columns", default="", metavar="NAME=COLUMN,...",
        help="with --trials: the table's names of strategy, seed and mIoU (default: mIoU is the mean over classes)",
    )  # fmt: skip
    parser.add_argument(
        "--groups", type=Path, metavar="FILE", help="with --trials: YAML of head, medium, tail -> classes"
    )
    parser.add_argument(
        "--no_examples", action="store_true", help="leave out the images that gained and lost most (no prediction)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (data/report/<name of runs>)")
    parser.add_argument(
        "--baseline", metavar="KEY",
        help="what the others are held against: a strategy as the report names it, or a loss or strategy that only one "
        "has (default: plain cross_entropy, else what neither resamples nor pastes, else the first)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    run_command(main)
