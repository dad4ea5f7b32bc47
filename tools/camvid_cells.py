"""python tools/camvid_cells.py [--cells NAME ...] [--seeds 1 2 3] [--list]

Trains CamVid's cells one after another, one process and one thread each, in data/runs/camvid_cells/NAME_SEED, and
copies each finished run without its weights to docs/runs/camvid/. Started again it goes on where it was stopped. Say
where CamVid lies with IMBSEG_ROOT; its meta is made first: python src/make_meta.py --dataset camvid.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from imbseg.errors import Parser, run_command, unknown_name  # noqa: E402

COMMON = {"dataset": "camvid", "strategy": "full/given/x2/none", "threads": 1, "workers": 0}
PLAIN, WEIGHTED = {"loss": "cross_entropy"}, {"loss": "weighted_cross_entropy"}
UNET = {"architecture": "unet", "decoder_width": 96, "batch_size": 4}
FINE = {"decoder_stride": 2, "atrous_rates": "fit", "aspp_dropout": 0.1, "batch_size": 4}
LOVASZ = {"loss": "weighted_cross_entropy+0.5*lovasz"}
# Without `epochs` a cell has the 5 of data/datasets/camvid.yml; all else that isn't here is said there too
CELLS: dict[str, dict[str, object]] = {
    "unet_four_weighted": {**UNET, **WEIGHTED},
    "weighted": WEIGHTED,
    "plain": PLAIN,
    "unet_four_plain": {**UNET, **PLAIN},
    "fine_four_weighted": {**FINE, **WEIGHTED},
    "four_weighted": {"batch_size": 4, **WEIGHTED},  # the batch alone, in today's geometry
    # attempts on the best geometry, each one change or two; six epochs of the U-Net still fit 1.25 x the budget
    "unet_lovasz": {**UNET, **LOVASZ},
    "unet_six": {**UNET, **WEIGHTED, "epochs": 6},
    "unet_onecycle": {**UNET, **WEIGHTED, "schedule": "onecycle", "lr": 0.002, "encoder_lr": 0.001},
    "unet_ema": {**UNET, **WEIGHTED, "ema": 0.99},
    "unet_two": {**UNET, **WEIGHTED, "batch_size": 2},
    "unet_power": {**UNET, "loss": "cross_entropy", "class_weights": "power", "weight_exponent": 0.75},
    "unet_cc_dice": {**UNET, "loss": "cc_dice", "class_weights": "inverse_sqrt"},
    "unet_finish": {**UNET, **WEIGHTED, "finish_epochs": 1, "finish_size": "384x288"},
    "unet_six_onecycle_lovasz": {
        **UNET, **LOVASZ, "epochs": 6, "schedule": "onecycle", "lr": 0.002, "encoder_lr": 0.001, "ema": 0.99,
    },
}  # fmt: skip
KEPT = ("*.csv", "*.npz", "status.json", "trial.json")


def main() -> None:
    """Train what isn't there yet."""
    arguments = _parser().parse_args()
    if strange := [name for name in arguments.cells if name not in CELLS]:
        raise unknown_name("cell", strange[0], CELLS)
    for seed in arguments.seeds:
        for name in arguments.cells:
            if arguments.list:
                print(" ".join(command(name, seed)))
            else:
                train(name, seed)


def command(name: str, seed: int) -> list[str]:
    """One trial as it would be typed."""
    flags = {**COMMON, **CELLS[name], "seed": seed, "out": f"data/runs/camvid_cells/{name}_{seed}"}
    words = [word for flag, value in flags.items() for word in (f"--{flag}", str(value))]
    return ["python", "src/train_nni.py", *words]


def train(name: str, seed: int) -> None:
    """Train one cell unless it has finished, and keep what a report reads."""
    folder = REPOSITORY / f"data/runs/camvid_cells/{name}_{seed}"
    status = folder / "status.json"
    if not (status.is_file() and json.loads(status.read_text())["status"] == "finished"):
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, *command(name, seed)[1:]], cwd=REPOSITORY, env=one_thread, check=True)
    kept = REPOSITORY / f"docs/runs/camvid/{name}_{seed}"
    kept.mkdir(parents=True, exist_ok=True)
    for file in sorted(file for pattern in KEPT for file in folder.glob(pattern)):
        shutil.copy(file, kept)


def _parser() -> Parser:
    parser = Parser(prog="camvid_cells.py", description="Train CamVid's cells, resumable.")
    parser.add_argument("--cells", nargs="+", default=list(CELLS), metavar="NAME", help=f"of {', '.join(CELLS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="S", help="default: 1 2 3")
    parser.add_argument("--list", action="store_true", help="print the commands, train nothing")
    return parser


if __name__ == "__main__":
    try:
        run_command(main)
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from error
