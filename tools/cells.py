"""python tools/cells.py DATASET ... [--cells NAME ...] [--seeds 1 2 3] [--list]

Trains the cells of configs/cells/DATASET.yml one after another, one process and one thread each, in
data/runs/DATASET_cells/NAME_SEED, and copies each finished run without its weights, and the diagnosis, to
docs/runs/DATASET/. Seeds are the outer loop, and several data sets take turns. Started again it goes on where it was
stopped. The meta comes first: python src/make_meta.py --dataset DATASET. IMBSEG_ROOT says where one data set lies, if
not in data/raw/DATASET. A data set may have more such files, DATASET_gpu.yml say, with pages of their own.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from imbseg.errors import Parser, run_command, unknown_name  # noqa: E402
from imbseg.files import read_object  # noqa: E402

CELLS = REPOSITORY / "configs" / "cells"
DIAGNOSIS = ("diagnosis.md", "classes.csv", "ceiling.csv")  # of the meta, which the verdict reads beside the runs
KEPT = ("*.csv", "*.npz", "status.json", "trial.json")
Cells = dict[str, dict[str, Any]]


def main() -> None:
    """Train what isn't there yet."""
    arguments = _parser().parse_args()
    if arguments.list:
        for dataset, name, seed, settings in chosen(arguments):
            print(" ".join(command(dataset, name, seed, settings)))
    else:
        for dataset, name, seed, settings in chosen(arguments):
            train(dataset, name, seed, settings)


def read(dataset: str) -> Cells:
    """configs/cells/DATASET.yml -> the settings of each cell, in the order of the file."""
    if not (path := CELLS / f"{dataset}.yml").is_file():
        raise unknown_name("data set with cells", dataset, sorted(file.stem for file in CELLS.glob("*.yml")))
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {name: _merged(config, parts) for name, parts in config["cells"].items()}


def _merged(config: Mapping[str, Any], parts: list[Any]) -> dict[str, Any]:
    settings = dict(config["common"])
    for part in parts:
        settings |= config["blocks"][part] if isinstance(part, str) else part
    return settings


def chosen(arguments: argparse.Namespace) -> Iterator[tuple[str, str, int, dict[str, Any]]]:
    """(data set, cell, seed, settings) in the order of training."""
    cells = {dataset: read(dataset) for dataset in arguments.datasets}
    known = list(dict.fromkeys(name for own in cells.values() for name in own))
    for name in arguments.cells or ():
        if name not in known:
            raise unknown_name("cell", name, known)
    turns = [
        [(dataset, name, own[name]) for name in arguments.cells or own if name in own] for dataset, own in cells.items()
    ]
    for seed in arguments.seeds:
        for turn in itertools.zip_longest(*turns):
            yield from ((dataset, name, seed, own) for dataset, name, own in filter(None, turn))


def command(dataset: str, name: str, seed: int, settings: Mapping[str, Any]) -> list[str]:
    """One trial as it would be typed."""
    flags = {**settings, "seed": seed, "out": f"data/runs/{dataset}_cells/{name}_{seed}"}
    words = [word for flag, value in flags.items() for word in (f"--{flag}", str(value))]
    return ["python", "src/train_nni.py", *words]


def train(dataset: str, name: str, seed: int, settings: Mapping[str, Any]) -> None:
    """Train one cell unless it has finished, and keep what a report reads."""
    folder = REPOSITORY / f"data/runs/{dataset}_cells/{name}_{seed}"
    status = folder / "status.json"
    if not (status.is_file() and read_object(status).get("status") == "finished"):
        words, one_thread = command(dataset, name, seed, settings), {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *words[1:]], cwd=REPOSITORY, env=one_thread, check=True)
    kept = REPOSITORY / f"docs/runs/{dataset}/{name}_{seed}"
    kept.mkdir(parents=True, exist_ok=True)
    for file in sorted(file for pattern in KEPT for file in folder.glob(pattern)):
        shutil.copy(file, kept)
    meta = REPOSITORY / "data" / "meta" / settings.get("dataset", dataset)
    for told in DIAGNOSIS:
        if (meta / told).is_file():
            shutil.copy(meta / told, kept.parent)


def _parser() -> Parser:
    parser = Parser(prog="cells.py", description="Train the cells of data sets, resumable.")
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="names in configs/cells")
    parser.add_argument("--cells", nargs="+", metavar="NAME", help="cells of these data sets; default: all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="S", help="default: 1 2 3")
    parser.add_argument("--list", action="store_true", help="print the commands, train nothing")
    return parser


if __name__ == "__main__":
    try:
        run_command(main)
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from error
