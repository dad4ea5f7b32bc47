"""A trial of seconds: a generated binary data set with its meta, a small encoder, few epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from binary_tree import make_binary_tree
from plain_meta import build

from imbseg.datasets.spec import load
from imbseg.training.run import run_trial
from imbseg.trial import resolve

REPOSITORY = Path(__file__).resolve().parents[1]
SMALL = {"encoder": "tu-test_resnet", "encoder_weights": "none", "crop": "64", "batch_size": "4",
         "epochs": "2", "lr": "0.01", "encoder_lr": "0.01", "loss": "cross_entropy", "threads": "1", "workers": "0",
         "strategy": "full/mskf/none/none", "scale_min": "0.8", "scale_max": "1.25"}  # fmt: skip


def make_data(folder: Path, n: int = 20) -> dict[str, str]:
    """A data set with meta below a folder; the flags that name them."""
    file = make_binary_tree(folder / "cracks", n=n, size=(64, 64))
    build(load(str(file)), folder / "meta")
    return {"dataset": str(file), "meta": str(folder / "meta")}


def words_of(flags: dict[str, str]) -> list[str]:
    """As they stand on the command line."""
    return [word for name, value in flags.items() for word in (f"--{name}", value)]


def train(flags: dict[str, str], out: Path, **watch: Any) -> dict[str, Any]:
    """Run a small trial in this process; what NNI would have got."""
    heard: dict[str, Any] = {"intermediate": [], "final": [], "lines": []}
    run_trial(
        resolve({**SMALL, **flags}, {}),
        out,
        intermediate=watch.get("intermediate", heard["intermediate"].append),
        final=heard["final"].append,
        say=watch.get("say", heard["lines"].append),
    )
    return heard
