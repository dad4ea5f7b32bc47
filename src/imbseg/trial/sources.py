"""Flags, what NNI sampled, the data set's `trial:` and Trial's defaults -> one Trial, and the source of each value."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imbseg import menu
from imbseg.copy_paste import PASTE_PARAMETERS, parameters
from imbseg.copy_paste.weak_file import weak_classes
from imbseg.datasets import spec
from imbseg.errors import InputError, Parser, unknown_name
from imbseg.losses import LOSS_PARAMETERS, terms
from imbseg.models.encoders import check_encoder
from imbseg.sampling import SAMPLER_PARAMETERS, SAMPLING, SCORE_PARAMETERS
from imbseg.trial.fields import FIELDS, STRATEGY, Trial, kind_of
from imbseg.trial.values import parse, show


@dataclasses.dataclass(frozen=True)
class Resolved:
    """A trial, its data set, and for every field its source: flag, sampled, dataset or default."""

    trial: Trial
    dataset: spec.Dataset
    sources: dict[str, str]


def parser(description: str) -> Parser:
    """A parser with a flag for every Trial field, whose --help lists every choice."""
    made = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--strategy", metavar="I/S/S/C", help="imbalance/split/sampling/copy_paste in one value")
    for name, field in FIELDS.items():
        words = f"{field.metadata['help']}: {kind_of(name).describe()} (default {show(field.default)})"
        made.add_argument(f"--{name}", metavar="VALUE", help=words.replace("%", "%%"))
    return made


def parse_flags(argv: Sequence[str]) -> dict[str, str]:
    """Read Trial flags, and only those, from a command line; values stay texts.

    Raises:
        InputError: an unknown flag, or one without its value.
    """
    found = vars(parser("").parse_args(list(argv)))
    return {name: value for name, value in found.items() if value is not None}


def resolve(flags: Mapping[str, Any], sampled: Mapping[str, Any]) -> Resolved:
    """Make a trial of its sources: flag, then sampled, then the data set's `trial`, then the default.

    Args:
        flags: field name (or `strategy`) -> text.
        sampled: what NNI sampled; a nested choice {"_name": "focal", "gamma": 2} gives loss=focal, gamma=2.

    Raises:
        InputError: an unknown name or value, two sources that disagree, or settings that don't fit together.
    """
    explicit = _merge(flatten(flags), flatten(sampled))
    dataset = spec.load(_first("dataset", explicit), root=_first("root", explicit))
    declared = _split_strategy(flatten(dataset.trial))
    sources = dict.fromkeys(FIELDS, "default")
    values = {}
    for source, layer in (("dataset", declared), ("sampled", _split_strategy(flatten(sampled))),
                          ("flag", _split_strategy(flatten(flags)))):  # fmt: skip
        for name, raw in layer.items():
            values[name] = parse(name, raw, kind_of(name))
            sources[name] = source
    values.setdefault("loss", FIELDS["loss"].default)
    values.setdefault("class_weights", terms.own_weights(values["loss"]))
    trial = Trial(**values)
    _check(trial, dataset, {name for name, source in sources.items() if source in ("flag", "sampled")})
    return Resolved(trial, dataset, sources)


def flatten(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Check names, and open nested choices.

    >>> flatten({"loss": {"_name": "focal", "gamma": 2}, "seed": 1})
    {'loss': 'focal', 'gamma': 2, 'seed': 1}

    Raises:
        InputError: an unknown name, or one that stands inside a nested choice and beside it.
    """
    flat: dict[str, Any] = {}
    for name, value in layer.items():
        if name not in FIELDS and name != "strategy":
            raise unknown_name("setting", name, (*FIELDS, "strategy"))
        inner = dict(value) if isinstance(value, Mapping) else {"_name": value}
        opened = {name: inner.pop("_name", None)}
        nested = flatten(inner)
        for twice in sorted((opened.keys() & nested.keys()) | (flat.keys() & {*opened, *nested})):
            raise InputError(f"{twice}: is given inside a nested choice and once more beside it; take it out of one")
        flat |= opened | nested
    return flat


def _first(name: str, explicit: Mapping[str, Any]) -> Any:
    """A field that the data set's file depends on: it is parsed before there are any other sources."""
    return parse(name, explicit[name], kind_of(name)) if name in explicit else FIELDS[name].default


def _merge(flags: dict[str, Any], sampled: dict[str, Any]) -> dict[str, Any]:
    """Flags and sampled values must not contradict: NNI would list what didn't run."""
    one, other = _split_strategy(flags), _split_strategy(sampled)
    for name in one.keys() & other.keys():
        if parse(name, one[name], kind_of(name)) != parse(name, other[name], kind_of(name)):
            raise InputError(
                f"{name}: the flag says {one[name]!r}, NNI sampled {other[name]!r}; take it out of one of them"
            )
    return {**other, **one}


def _split_strategy(layer: dict[str, Any]) -> dict[str, Any]:
    """Replace `strategy` by its four parts, which must not contradict a part given by itself."""
    if layer.get("strategy") is None:
        return {name: value for name, value in layer.items() if name != "strategy"}
    parts = str(layer["strategy"]).split("/")
    if len(parts) != len(STRATEGY):
        raise InputError(f"strategy: expected four parts {'/'.join(STRATEGY)}, found {layer['strategy']!r}")
    rest = {name: value for name, value in layer.items() if name != "strategy"}
    for name, part in zip(STRATEGY, parts, strict=True):
        parse(name, part, kind_of(name))
        if name in rest and parse(name, rest[name], kind_of(name)) != part:
            raise InputError(
                f"{name}: {rest[name]!r} disagrees with the strategy {layer['strategy']!r}; give one of them"
            )
        rest[name] = part
    return rest


def _check(trial: Trial, dataset: spec.Dataset, explicit: set[str]) -> None:
    """What one field alone can't tell."""
    if trial.imbalance == "imbalanced" and dataset.imbalance is None:
        raise InputError(f"{dataset.path}: declares no 'imbalance', so strategy {trial.strategy} can't run; "
                         f"add it there, or take full/...")  # fmt: skip
    if trial.split == "given":
        _check_given(trial, dataset, explicit)
    if trial.split == "grouped" and dataset.group is None:
        raise InputError(f"{dataset.path}: declares no 'group', by which the split 'grouped' keeps images together; "
                         f"add it there, or take another split")  # fmt: skip
    _check_seed(trial)
    _check_sampler(trial, explicit)
    _check_paste(trial, dataset, explicit)
    _check_loss(trial, explicit)
    if trial.output_stride not in (8, 16):
        raise InputError(f"output_stride: expected 8 or 16, found {trial.output_stride}")
    check_encoder(trial.encoder)
    _check_sizes(trial)


def _check_sampler(trial: Trial, explicit: set[str]) -> None:
    """A parameter named for a sampler that has none would change nothing."""
    taken = menu.arguments(SAMPLING, trial.sampling)
    taken += SCORE_PARAMETERS if "class_scores" in taken else ()
    known = (*SAMPLER_PARAMETERS, *SCORE_PARAMETERS)
    for name in known:
        if name in explicit and name not in taken:
            takes = ", ".join(p for p in known if p in taken) or "none"
            raise InputError(
                f"{name}: sampling {trial.sampling!r} has no such parameter (its own: {takes}); leave it out"
            )


def _check_paste(trial: Trial, dataset: spec.Dataset, explicit: set[str]) -> None:
    taken = parameters(trial.copy_paste)
    for name in PASTE_PARAMETERS:
        if name in explicit and name not in taken:
            raise InputError(f"{name}: copy_paste {trial.copy_paste!r} has no such parameter (its own: "
                             f"{', '.join(taken) or 'none'}); leave it out")  # fmt: skip
    if trial.paste_scale_min > trial.paste_scale_max:
        raise InputError(
            f"paste_scale_min: {trial.paste_scale_min} is above paste_scale_max {trial.paste_scale_max}; swap them"
        )
    if trial.copy_paste != "weak":
        return
    if trial.weak_from is not None:
        weak_classes(Path(trial.weak_from), dataset.class_names, dataset.background)
    elif not dataset.weak:
        raise InputError(f"{dataset.path}: declares no 'weak' classes, which copy_paste 'weak' pastes; list them "
                         f"there, or name the CSV of an earlier result with weak_from")  # fmt: skip


def _check_loss(trial: Trial, explicit: set[str]) -> None:
    taken = terms.arguments(trial.loss)
    for name in LOSS_PARAMETERS:
        if name in explicit and name not in taken:
            takes = ", ".join(p for p in LOSS_PARAMETERS if p in taken) or "none"
            raise InputError(f"{name}: loss {trial.loss!r} has no such parameter (its own: {takes}); leave it out")
    if "gamma" in taken and 0 < trial.gamma < 1:
        raise InputError(
            f"gamma: expected 0 (no focusing) or a number >= 1, found {trial.gamma:g}; in between, the gradient of a "
            f"focal loss is infinite at pixels that are surely right"
        )


def _check_seed(trial: Trial) -> None:
    """The split is cut with the trial's own seed where it has none of its own."""
    seed, there = trial.seed if trial.split_seed is None else trial.split_seed, kind_of("split_seed")
    if trial.split != "given" and not there.low <= seed <= there.high:
        raise InputError(f"seed {seed}: the splits in meta have seeds {there.low:g} to {there.high:g}; "
                         f"name one of them with split_seed")  # fmt: skip


def _check_given(trial: Trial, dataset: spec.Dataset, explicit: set[str]) -> None:
    if "val" not in dataset.subsets:
        raise InputError(
            f"{dataset.path}: has no 'val' subset, which the split 'given' validates on; take another split"
        )
    for name in ("fold", "split_seed"):
        if name in explicit and getattr(trial, name):
            raise InputError(f"{name}: the split 'given' has one validation set, no folds or seeds; leave {name} out")


def _check_sizes(trial: Trial) -> None:
    if trial.crop is None and trial.resize is None:
        raise InputError(
            "crop: none needs a resize, since the images of a batch must be of one size; give one of the two"
        )
    for side in trial.input_size:
        if side % 16:
            name = "crop" if trial.crop else "resize"
            near = max(32, round(side / 16) * 16)
            raise InputError(
                f"{name}: the network takes multiples of 16 pixels, found {show(trial.input_size)}; try {near}"
            )
    if trial.scale_min > trial.scale_max:
        raise InputError(f"scale_min: {trial.scale_min} is above scale_max {trial.scale_max}; swap them")
