"""make simulate: experiments whose truth is known -> docs/statistics_simulation.csv, the rates in docs/statistics.md.

    python tools/simulate_statistics.py [--experiments N] [--claims] [--out FILE]

For 3, 5 and 10 seeds and 100 and 1,000 test images: how often each interval of a report holds the truth, how often each
test raises a false alarm, and how often it finds a known effect; interactions, margins, probabilities and winners. 7
minutes of one core at 1,000 experiments (--claims: 1). Exit status 1 where a promise isn't kept.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import pandas as pd
from simulation_table import simulation_table, with_new_claims

from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY, write_text


def main() -> int:
    """Simulate, write the table, say what isn't kept."""
    parser = Parser(prog="simulate_statistics.py", description="What the intervals and tests of a report are worth.")
    parser.add_argument("--experiments", type=int, default=1000, metavar="N", help="a cell (1000)")
    parser.add_argument(
        "--out", type=Path, default=REPOSITORY / "docs" / "statistics_simulation.csv", metavar="FILE",
        help="CSV to write (docs/statistics_simulation.csv)",
    )  # fmt: skip
    parser.add_argument(
        "--claims", action="store_true", help="only what is claimed beyond intervals and tests, in FILE"
    )
    options = parser.parse_args()
    if options.experiments < 1:
        raise InputError(f"--experiments: expected 1 or more, found {options.experiments}")
    if options.claims:
        found = with_new_claims(pd.read_csv(options.out), options.experiments)
    else:
        found = simulation_table(options.experiments)
    write_text(options.out, found.to_csv(index=False, lineterminator="\n", float_format="%.4f"))
    print(f"written to {options.out}")
    for _, row in found[found["kept"] == "no"].iterrows():
        print(f"beyond its promise: {row['seeds']} seeds, {row['images']} images, {row['question']}, {row['method']}: "
              f"{row['rate']:.3f}")  # fmt: skip
    return int((found["kept"] == "no").any())


if __name__ == "__main__":
    run_command(main)
