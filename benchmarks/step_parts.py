"""make profile: where the seconds of a trial go, part by part, for networks and input sizes; a table and a figure.

    .venv/bin/python benchmarks/step_parts.py [--device cpu|cuda] [--cases NAME ...] [--steps N] [--out DIR]

The trainer's own steps, on generated 480 x 360 photographs, weighted cross-entropy, AdamW, one thread, each case by
itself; on a CPU as the library computes it, then with channels_last and fast_cpu. Times are medians over the steps: of
the processor where the network is on it, of the clock (synchronised) on a GPU. Evaluation counts at the masks' own
size. Writes profile.csv and profile.png; 20 minutes of one core.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from photographs import make_photographs

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from imbseg.canvas import Canvas, drawing  # noqa: E402
from imbseg.datasets.spec import load  # noqa: E402
from imbseg.memory import keep_freed  # noqa: E402
from imbseg.meta.build import build  # noqa: E402
from imbseg.models import checkpoint  # noqa: E402
from imbseg.training.fold import read_fold  # noqa: E402
from imbseg.training.folder import open_folder  # noqa: E402
from imbseg.training.loop import evaluate, train_epoch  # noqa: E402
from imbseg.training.prepare import Run, choose_device, make_batches, prepare  # noqa: E402
from imbseg.training.whole_images import WholeImages  # noqa: E402
from imbseg.trial import resolve  # noqa: E402

PARTS = ("loading", "forward", "loss", "backward", "optimizer")
MORE = ("evaluation: network", "evaluation: the rest", "checkpoint", "start-up")
WARM_UP = 2
COLORS = ("#999999", "#0072B2", "#E69F00", "#56B4E9", "#009E73")
LITE, SMALL = "timm-tf_efficientnet_lite0", "resnet18"
COMMON = {"loss": "weighted_cross_entropy", "strategy": "full/random/none/none", "encoder_weights": "none",
          "threads": "1", "workers": "0", "optimizer": "adamw", "lr": "0.001", "encoder_lr": "0.0005"}  # fmt: skip
UNET = {"architecture": "unet", "decoder_width": "96"}
CASES = {
    f"{words}, {encoder.removeprefix('timm-tf_')}, {size}": {
        **network, "encoder": encoder, "resize": size, "crop": "none", "scale_min": "1", "scale_max": "1",
    }
    for size in ("256x192", "512x512")
    for words, network in (("deeplabv3plus", {}), ("unet", UNET))
    for encoder in (LITE, SMALL)
}  # fmt: skip
CASES["deeplabv3plus, resnet101, 512x512"] = {"encoder": "resnet101", "resize": "512x512", "crop": "none"}
WAYS = {"library": {}, "fast_cpu": {"channels_last": "true", "fast_cpu": "true"}}


class Watches:
    """Stop watches of the parts of a step."""

    def __init__(self, device: torch.device) -> None:
        """Read the clock of a device."""
        self.device, self.begun = device, 0.0
        self.seconds: dict[str, list[float]] = {}

    def now(self) -> float:
        """Seconds; on a GPU when all that was asked of it is done."""
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    @contextlib.contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Time what is done within."""
        started = self.now()
        yield
        self.seconds.setdefault(part, []).append(self.now() - started)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.of(part):
                return function(*args, **kwargs)

        return wrapped


class Loaded:
    """The first batches of a loader, each timed."""

    def __init__(self, batches: Any, steps: int, watches: Watches) -> None:
        """Take the loader."""
        self.batches, self.steps, self.watches = iter(batches), steps, watches

    def __len__(self) -> int:
        """Steps."""
        return self.steps

    def __iter__(self) -> Iterator[Any]:
        """Yield batches."""
        for _ in range(self.steps):
            with self.watches.of("loading"):
                batch = next(self.batches)
            yield batch


def main() -> None:
    """Measure, print, write."""
    given = read_arguments()
    keep_freed(training=True)
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = make_photographs(Path(folder) / "photographs", 2 * given.batch * (given.steps + WARM_UP))  # 64 % train
        build(load(str(file)), Path(folder) / "meta", workers=1, seed=1)
        common = {**COMMON, "dataset": str(file), "meta": f"{folder}/meta", "device": given.device}
        ways = WAYS if given.device == "cpu" else list(WAYS)[:1]
        for number, (name, way) in enumerate(itertools.product(given.cases or CASES, ways)):
            settings = {**common, "batch_size": str(given.batch), **CASES[name], **WAYS[way]}
            found = profile(settings, Path(folder) / f"run{number}", given.steps)
            rows.append({"case": name, "way": way, "device": given.device, "batch": given.batch, **found})
            print(" ".join(f"{key}={one:.3g}" if isinstance(one, float) else str(one) for key, one in rows[-1].items()))
            write(rows, given.out)
    figure(rows).write(given.out / "profile.png")


def profile(settings: dict[str, str], folder: Path, steps: int) -> dict[str, float]:
    """Seconds of each part: of a step, an evaluated image, a checkpoint, the start."""
    resolved = resolve(settings, {})
    trial = resolved.trial
    device = choose_device(trial.device, trial.precision)
    watches = Watches(device)
    with open_folder(folder) as opened:
        run = prepare(resolved, trial, read_fold(trial, resolved.dataset), opened, device, say=lambda _: None)
        _steps(run, watches, steps)
        _images(run, watches)
        with watches.of("checkpoint"):
            checkpoint.save(opened.file("last.pt"), {"model": run.learner.model.state_dict(),
                                                     "optimizer": run.learner.optimizer.state_dict()})  # fmt: skip
    found = {part: statistics.median(watches.seconds[part][WARM_UP:]) for part in PARTS}
    images = len(run.fold.val.ids)
    network = sum(watches.seconds["network"])
    found |= {MORE[0]: network / images, MORE[1]: (watches.seconds["evaluation"][0] - network) / images}
    return found | {MORE[2]: watches.seconds["checkpoint"][0], MORE[3]: start_up()}


def _steps(run: Run, watches: Watches, steps: int) -> None:
    learner = run.learner
    batches = Loaded(make_batches(run), steps + WARM_UP, watches)
    forward, loss_of = learner.model.forward, watches.timed("loss", run.loss_of)
    step = mock.patch.object(learner.optimizer, "step", watches.timed("optimizer", learner.optimizer.step))
    backward = mock.patch("torch.autograd.backward", watches.timed("backward", torch.autograd.backward))
    with step, backward, mock.patch.object(learner.model, "forward", watches.timed("forward", forward)):
        train_epoch(learner, batches, loss_of, run.trial, 1, lambda _batch, _logits: None)  # type: ignore[arg-type]


def _images(run: Run, watches: Watches) -> None:
    model = run.learner.evaluated
    whole = WholeImages(run.fold.val, run.dataset, run.trial, run.normalisation)
    with mock.patch.object(model, "forward", watches.timed("network", model.forward)), watches.of("evaluation"):
        evaluate(model, whole, run.learner.device, run.trial, "val")


def start_up() -> float:
    """Processor seconds from the command to the trainer's modules, torch and smp with them."""
    code = "import time, imbseg.training.run; print(time.process_time())"
    command = [sys.executable, "-c", code]
    where = {"cwd": REPOSITORY / "src", "capture_output": True, "text": True, "check": True}
    return float(subprocess.run(command, **where).stdout)  # type: ignore[call-overload]


def write(rows: list[dict[str, Any]], out: Path) -> None:
    """profile.csv, whole each time."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "profile.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: f"{one:.4f}" if isinstance(one, float) else one for key, one in row.items()} for row in rows
        )


@drawing()
def figure(rows: list[dict[str, Any]]) -> Canvas:
    """A bar a case and way: what each part takes, in percent of the case's step as the library computes it."""
    canvas = Canvas(8.5, 1.4 + 0.3 * len(rows), "What the parts of a training step take", "constrained")
    whole = {row["case"]: seconds_of(row) for row in reversed(rows)}  # of the first way
    axis = canvas.subplots()
    left = [0.0] * len(rows)
    for part, color in zip(PARTS, COLORS, strict=True):
        shares = [100 * row[part] / whole[row["case"]] for row in rows]
        axis.barh(range(len(rows)), shares, left=left, color=color, label=part)
        left = [before + share for before, share in zip(left, shares, strict=True)]
    steps = [f"{row['case']}, {row['way']}: {seconds_of(row):.3g} s" for row in rows]
    axis.set_yticks(range(len(rows)), steps)
    axis.invert_yaxis()
    axis.set(xlabel=f"% of the library's step of {rows[0]['batch']} samples", xlim=(0, 105))
    canvas.legend(loc="outside upper center", ncols=len(PARTS), frameon=False)
    return canvas


def seconds_of(row: dict[str, Any]) -> float:
    """A whole step's."""
    return sum(row[part] for part in PARTS)


def read_arguments() -> argparse.Namespace:
    """Flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), metavar="NAME", help=f"of: {'; '.join(CASES)}")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of each, after two (default 5)")
    parser.add_argument("--batch", type=int, default=8, help="samples a step (default 8)")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "data" / "report" / "profile", metavar="DIR")
    return parser.parse_args()


if __name__ == "__main__":
    main()
