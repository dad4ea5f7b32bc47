"""What is said and kept of each epoch (a line, a row, a point for TensorBoard), and which is the best so far."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from imbseg.datasets.spec import GROUPS

Row = dict[str, float]
SELECTED = "mIoU_present"  # the score of an epoch: over the classes that the validation images show
MUCH_WAITING = 0.1  # share of the training time from which on the loader is said to hold it back
TABLE = ("mIoU", SELECTED, "classes_scored", *GROUPS, "mIoU_I", "mIoU_C", "mIoU_published_val", "pixel_accuracy")


def epoch_row(epoch: int, loss: float, scores: Mapping[str, float]) -> Row:
    """One row of epochs.csv: nothing in it depends on the clock."""
    return {"epoch": epoch, "loss": loss} | table_scores(scores)


def table_scores(scores: Mapping[str, float]) -> Row:
    """The scores that a row of a run's tables holds."""
    row = {name: scores[name] for name in TABLE if name in scores}
    return row | {name: value for name, value in scores.items() if name.startswith(("IoU/", "precision/", "recall/"))}


def timing_row(epoch: int, spent: tuple[float, float, float], samples: int, val_s: float, checkpoint_s: float) -> Row:
    """One row of timing.csv.

    Args:
        spent: seconds of training by the clock, by the processor, and waited for data.
    """
    train_s, cpu_s, waited_s = spent
    row = {"epoch": epoch, "train_s": train_s, "train_cpu_s": cpu_s, "val_s": val_s, "checkpoint_s": checkpoint_s}
    return row | {"waited_s": waited_s, "samples_per_s": samples / train_s if train_s else math.nan}


def waiting(timing: Row) -> float:
    """The share of an epoch's training that waits for data.

    >>> waiting({"train_s": 10.0, "waited_s": 2.5}), waiting({"train_s": 0.0})
    (0.25, 0.0)
    """
    return timing.get("waited_s", 0.0) / timing["train_s"] if timing["train_s"] else 0.0


def waiting_advice(timing: Row, before: Sequence[Row], workers: int) -> str:
    """What to do where the loader holds training back; said once."""
    if waiting(timing) < MUCH_WAITING or any(waiting(row) >= MUCH_WAITING for row in before):
        return ""
    cores = len(os.sched_getaffinity(0))
    more = f"take more `workers` than {workers} ({cores} cores here), or " if workers < cores else ""
    return f"{waiting(timing):.0%} of the training time waits for data: {more}keep decoded images (`cache_mb`)"


def epoch_line(row: Row, epochs: int, timing: Row, history: list[Row]) -> str:
    """The line a person reads after an epoch; classes that scored before and are now at 0 are named."""
    words = [f"epoch {int(row['epoch'])}/{epochs}", f"loss {row['loss']:.4f}", f"mIoU {row['mIoU']:.3f}"]
    words += [f"tail {row['tail']:.3f}"] if not math.isnan(row.get("tail", math.nan)) else []
    words += [f"{timing['train_s'] + timing['val_s']:.1f} s"]
    words += [f"{timing['samples_per_s']:.3g} samples/s"] if timing["samples_per_s"] > 0 else []
    lost = lost_classes(row, history)
    return "  ".join(words) + (f"  lost: {', '.join(lost)}" if lost else "")


def lost_classes(row: Row, history: list[Row]) -> list[str]:
    """Classes whose IoU was above 0 in an earlier epoch and is 0 now.

    >>> lost_classes({"IoU/pole": 0.0, "IoU/sky": 0.9}, [{"IoU/pole": 0.1, "IoU/sky": 0.8}])
    ['pole']
    """
    return [
        name.removeprefix("IoU/")
        for name, value in row.items()
        if name.startswith("IoU/") and value == 0 and any(earlier[name] > 0 for earlier in history)
    ]


def for_tuner(row: Mapping[str, float], test: Mapping[str, float] | None = None) -> Row:
    """What NNI gets: `default` = validation mIoU, the groups, IoU/<class>; at the end also test/...

    The mIoU is over the classes that the validation images show. NaN (a class absent from truth and prediction) is left
    out, since the tuner takes it for a number.
    """
    scores = {"default": row[SELECTED]}
    scores |= {name: row[name] for name in GROUPS if name in row}
    scores |= {name: value for name, value in row.items() if name.startswith("IoU/")}
    for name, value in (test or {}).items():
        if name in ("mIoU", *GROUPS) or name.startswith("IoU/"):
            scores[f"test/{name}"] = value
    return {name: float(value) for name, value in scores.items() if not math.isnan(value)}


def write_events(folder: Path, row: Row) -> None:
    """Add an epoch's scores to TensorBoard's event files."""
    from torch.utils.tensorboard import SummaryWriter

    epoch = int(row["epoch"])
    with SummaryWriter(str(folder), purge_step=epoch) as writer:
        for name, value in row.items():
            if name != "epoch" and not math.isnan(value):
                writer.add_scalar(name, value, epoch)


def best_epoch(scores: Sequence[float]) -> int:
    """The first epoch, counted from 1, with the highest score; 0 where there is none.

    >>> best_epoch([0.2, 0.5, 0.5])
    2
    """
    return 1 + max(range(len(scores)), key=lambda i: (scores[i], -i)) if scores else 0


def should_stop(scores: Sequence[float], patience: int) -> bool:
    """Whether `patience` epochs have gone by without a better score; never with patience 0.

    >>> should_stop([0.5, 0.4, 0.3], 2), should_stop([0.5, 0.4], 2), should_stop([0.5, 0.4, 0.3], 0)
    (True, False, False)
    """
    return patience > 0 and len(scores) - best_epoch(scores) >= patience
