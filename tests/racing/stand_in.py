"""Trials that write their run folder at once: what a race reads, without training."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from imbseg.manager import config, space
from imbseg.trial import name, parse_flags, resolve

SCORES = {"cross_entropy": 0.30, "weighted_cross_entropy": 0.70, "dice": 0.69, "softmax_focal": 0.05}


def write_trial(folder: Path, score: float, epochs: int, *, whole: bool) -> None:
    """A run folder after so many epochs: its score rises by .01 an epoch up to `score`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"epoch": epoch, "mIoU": value, "mIoU_present": value, "tail": value / 2}
        for epoch in range(1, epochs + 1)
        for value in [round(score - 0.01 * (8 - epoch), 6)]
    ]
    times = [{"epoch": row["epoch"], "train_s": 30.0, "val_s": 6.0} for row in rows]
    for file, table in (("epochs.csv", rows), ("timing.csv", times)):
        with (folder / file).open("w", newline="") as handle:
            writer = csv.DictWriter(handle, list(table[0]))
            writer.writeheader()
            writer.writerows(table)
    (folder / "status.json").write_text(json.dumps({"status": "finished" if whole else "interrupted", "result": {}}))


class Trainer:
    """Trains the rounds of a race; it may be interrupted after some trials, and have trials fail."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.rounds = epochs, list[list[str]]()
        self.interrupt_at: tuple[int, int] | None = None
        self.failing: set[str] = set()
        self.clock, self.slow = 0.0, 1.0

    def __call__(self, path: Path) -> None:
        """Train every trial of a round's config."""
        self.rounds.append([])
        for number, (folder, until, settings) in enumerate(trials_of(path)):
            if self.interrupt_at == (len(self.rounds), number):
                self.interrupt_at = None
                raise KeyboardInterrupt
            trial = resolve({}, settings).trial
            self.rounds[-1].append(f"{trial.loss} {trial.seed}")
            known = folder / name.whole(trial) / "epochs.csv"
            before = len(known.read_text().splitlines()) - 1 if known.is_file() else 0
            self.clock += self.slow * (36.0 * (until - before) + 12.0) / 2  # two at once
            if trial.loss not in self.failing:
                score = SCORES[trial.loss] + 0.001 * trial.seed + (0.05 if trial.batch_size == 2 else 0.0)
                write_trial(folder / name.whole(trial), score, until, whole=until == self.epochs)


def trials_of(path: Path) -> Iterator[tuple[Path, int, Mapping[str, Any]]]:
    """(the race's folder, last epoch, settings) of each trial that NNI would start from a round's config."""
    found = config.read(path)
    words = yaml.safe_load(path.read_text())["trialCommand"].split()
    flags = parse_flags(found.flags())
    until = int(words[words.index("--until") + 1]) if "--until" in words else int(flags["epochs"])
    for sampled in space.samples(found.space):
        yield Path(words[words.index("--below") + 1]), until, {**flags, **sampled}
