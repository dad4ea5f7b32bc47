"""Every choice of every menu trains, alone through the command line and beside every choice of every other menu.

What is tried is read from the menus: a new entry joins by being listed.
"""

from __future__ import annotations

import copy
import functools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from all_pairs import Combination, Pair, all_pairs, cover, pairs_of
from binary_tree import make_binary_tree
from plain_meta import build
from small_trial import words_of

from imbseg.copy_paste import COPY_PASTE
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.losses import CLASS_WEIGHTS, LOSSES, terms
from imbseg.models.decoders import build_network
from imbseg.post_hoc import POST_HOC
from imbseg.sampling import SAMPLING
from imbseg.splits import SPLITS
from imbseg.training import loop, prepare, run, stages
from imbseg.trial import resolve
from imbseg.trial.fields import IMBALANCES, kind_of

UNNAMED = "(unnamed)"  # class weights that no flag names: what a loss without any takes
FLAGS = {
    "imbalance": tuple(IMBALANCES),
    "split": tuple(SPLITS),
    "sampling": tuple(SAMPLING),
    "copy_paste": tuple(COPY_PASTE),
    "loss": tuple(LOSSES),
    "class_weights": (UNNAMED, *CLASS_WEIGHTS),
    "optimizer": kind_of("optimizer").choices,
}
AXES = {**FLAGS, "post_hoc": tuple(POST_HOC)}
PLAIN = {"imbalance": "full", "split": "mskf", "sampling": "none", "copy_paste": "none", "loss": "cross_entropy",
         "class_weights": UNNAMED, "optimizer": "sgd"}  # fmt: skip
TINY = {"encoder": "tu-test_resnet", "encoder_weights": "none", "crop": "32", "batch_size": "6", "epochs": "1",
        "lr": "0.001", "encoder_lr": "0.001", "threads": "1", "workers": "0", "device": "cpu"}  # fmt: skip
STEPS = 2


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """16 train images, 4 of them the val subset, of ten groups, and 5 test images, with every kind of split in meta."""
    folder = tmp_path_factory.mktemp("choices")
    file = make_binary_tree(folder / "cracks", n=21, size=(48, 48))
    text = file.read_text()
    text = text.replace("{train: train.txt, ", "{train: train.txt, val: val.txt, ").replace("^(part\\d+)_", "(\\d)$")
    text = text.replace("batch_size: 2}", "batch_size: 2, paste_min_pixels: 20, paste_probability: 1}")
    file.write_text(text + "imbalance: {classes: [crack], ratio: 0.5}\nweak: [crack]\n")
    ids = (file.parent / "train.txt").read_text().splitlines()
    (file.parent / "train.txt").write_text("".join(f"{one}\n" for one in ids[4:]))
    (file.parent / "val.txt").write_text("".join(f"{one}\n" for one in ids[:4]))
    build(load(str(file)), folder / "meta")
    return {**TINY, "dataset": str(file), "meta": str(folder / "meta")}


def flags(data: dict[str, str], chosen: dict[str, str]) -> dict[str, str]:
    named = {axis: value for axis, value in {**PLAIN, **chosen}.items() if axis in FLAGS and value != UNNAMED}
    return {**data, **named}


@pytest.fixture(scope="module")
def refused(data: dict[str, str]) -> set[Pair]:
    """The pairs of choices that a trial refuses."""

    def refuses(pair: Pair) -> bool:
        try:
            resolve(flags(data, dict(pair)), {})
        except InputError:
            return True
        return False

    return {pair for pair in all_pairs(AXES) if refuses(pair)}


@pytest.fixture(scope="module")
def combinations(refused: set[Pair]) -> list[Combination]:
    return cover(AXES, lambda pair: pair not in refused)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_network("deeplabv3plus", TINY["encoder"], classes=2, output_stride=16)


@pytest.fixture
def steps(network: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The losses of the steps; the network is copied instead of built, checkpoints stay in memory."""
    losses: list[float] = []
    stored: dict[Path, Any] = {}
    original, epoch = loop._step, run.train_epoch

    def recorded(*args: Any, **more: Any) -> Any:
        found = original(*args, **more)
        losses.append(found[0].item())
        return found

    def first_steps(learner: Any, batches: Any, *rest: Any, **more: Any) -> float:
        batches.batch_sampler.__class__ = short(type(batches.batch_sampler))
        return epoch(learner, batches, *rest, **more)

    monkeypatch.setattr(loop, "_step", recorded)
    monkeypatch.setattr(run, "train_epoch", first_steps)
    monkeypatch.setattr(stages, "write_events", lambda *_: None)
    monkeypatch.setattr(run.checkpoint, "save", lambda path, state, **_: stored.update({path: copy.deepcopy(state)}))
    monkeypatch.setattr(run.checkpoint, "load", lambda path, _: stored[path])
    monkeypatch.setattr(prepare, "make_network", lambda *_args, **_more: copy.deepcopy(network))
    return losses


def test_only_class_weights_of_a_loss_without_any_are_refused(refused: set[Pair]) -> None:
    without = [name for name in LOSSES if "class_weights" not in terms.arguments(name)]
    expected = {frozenset([("loss", loss), ("class_weights", name)]) for loss in without for name in CLASS_WEIGHTS}
    assert refused == expected
    assert refused


def test_the_combinations_hold_every_pair(refused: set[Pair], combinations: list[Combination]) -> None:
    held = set().union(*(pairs_of(combination) for combination in combinations))
    assert held == set(all_pairs(AXES)) - refused


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_two_steps_of_every_pair(
    loss: str, data: dict[str, str], combinations: list[Combination], steps: list[float], tmp_path: Path
) -> None:
    mine = [combination for combination in combinations if combination["loss"] == loss]
    assert mine
    for number, combination in enumerate(mine):
        heard: list[dict[str, float]] = []
        steps.clear()
        run.run_trial(
            resolve(flags(data, combination), {}), tmp_path / str(number),
            intermediate=heard.append, final=heard.append, say=lambda _line: None,
        )  # fmt: skip
        assert len(steps) == STEPS, combination
        assert all(math.isfinite(value) for row in heard for value in (*steps, *row.values())), combination


@functools.cache
def short(order: type) -> type:
    """An order of batches that ends after two."""
    return type("Short", (order,), {"__len__": lambda _: STEPS})


SINGLE = [(axis, value) for axis, values in FLAGS.items() for value in values if value != UNNAMED]
QUICK = {("loss", "size_balanced"), ("loss", "logit_variation")}


@pytest.mark.parametrize(
    ("axis", "value"), [pytest.param(*one, marks=[] if one in QUICK else pytest.mark.long) for one in SINGLE]
)
def test_every_choice_trains_an_epoch_from_the_command_line(
    axis: str, value: str, data: dict[str, str], tmp_path: Path, command
) -> None:
    settings = flags(data, {axis: value})
    assert command("train_nni.py", *words_of(settings), "--out", tmp_path / "run")[0] == 0
    with (tmp_path / "run" / "epochs.csv").open() as table:
        header, row = (line.rstrip("\n").split(",") for line in table)
    assert np.isfinite(float(row[header.index("loss")]))
    assert 0 <= float(row[header.index("mIoU")]) <= 1


STRATEGY = ["imbalanced", "mskf", "label", "none"]
UNKNOWN = {
    **{axis: ({axis: "nosuch"}, values) for axis, values in FLAGS.items()},
    **{f"part {place + 1} of the strategy": (
        {"strategy": "/".join([*STRATEGY[:place], "nosuch", *STRATEGY[place + 1 :]])}, FLAGS[axis]
    ) for place, axis in enumerate(("imbalance", "split", "sampling", "copy_paste"))},
    "second term of a sum": ({"loss": "dice+0.5*nosuch"}, FLAGS["loss"]),
    "first term of a sum": ({"loss": "nosuch+dice"}, FLAGS["loss"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNKNOWN)
def test_an_unknown_name_lists_the_whole_menu(kind: str, data: dict[str, str], tmp_path: Path, command) -> None:
    changed, choices = UNKNOWN[kind]
    status, _, said = command("train_nni.py", *words_of({**data, **changed}), "--out", tmp_path / "run")
    assert (status, said.count("\n"), "'nosuch'" in said) == (2, 1, True)
    listed = Counter(said.rstrip().partition("choose from: ")[2].split(", "))
    assert listed == Counter(name for name in choices if name != UNNAMED)
    assert not (tmp_path / "run").exists()
