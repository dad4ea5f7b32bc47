"""python src/report.py [--runs DIR] [--out DIR] [--baseline KEY]

Run folders -> tables (CSV, Markdown), a figure of the gain a class, and what the trials show in words. A few seconds.
"""

from __future__ import annotations

from pathlib import Path

from imbseg.errors import Parser, run_command
from imbseg.files import REPOSITORY, runs_folder


def main() -> None:
    """Parse, read, write, say where the output went."""
    options = _parser().parse_args()
    out = options.out or REPOSITORY / "data" / "report" / options.runs.resolve().name
    from imbseg.results.write import report  # pandas and matplotlib: after the flags are known to be good

    report(options.runs, out, options.baseline)


def _parser() -> Parser:
    parser = Parser(
        prog="report.py", description="Run folders -> tables, a figure of the gain a class, and the answer in words."
    )
    parser.add_argument(
        "--runs", type=Path, default=runs_folder(), metavar="DIR",
        help="searched to any depth (data/runs, or IMBSEG_RUNS)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (data/report/<name of runs>)")
    parser.add_argument(
        "--baseline", metavar="KEY",
        help="what the others are held against: a strategy as the report names it, or a loss or strategy that only one "
        "has (default: plain cross_entropy, else what neither resamples nor pastes, else the first)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    run_command(main)
