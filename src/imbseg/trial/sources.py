"""Flags, what NNI sampled, the data set's `trial:` and Trial's defaults -> one Trial, and the source of each value."""

import argparse
import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imbseg import own
from imbseg.copy_paste.weak_file import weak_classes
from imbseg.datasets import spec
from imbseg.errors import InputError, Parser, unknown_name
from imbseg.models import ARCHITECTURES
from imbseg.models.encoders import NO_STRIDE_2, check_encoder
from imbseg.trial.fields import FIELDS, STRATEGY, Trial, kind_of, read
from imbseg.trial.geometry import check_rates
from imbseg.trial.remedies import MENUS, known, takes
from imbseg.trial.values import show

RENAMED = {"TRIAL_BUDGET": "epochs"}  # what Hyperband and BOHB call it
GONE = {"amp": "write precision: float16"}
OWN = re.compile(r"(^|[/+*=])[A-Za-z_][\w.]*:[A-Za-z_]\w*")  # a remedy of the user's own, alone or within a value


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
        words = f"{field.description or name}: {kind_of(name).describe()} (default {show(field.default)})"
        made.add_argument(f"--{name}", metavar="VALUE", help=words.replace("%", "%%"))
    for name in GONE:  # resolve() says what to write instead
        made.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return made


def parse_flags(argv: Sequence[str]) -> dict[str, str]:
    """Read Trial flags, and only those, from a command line; values stay texts.

    Raises:
        InputError: an unknown flag, or one without its value.
    """
    try:
        found = vars(parser("").parse_args(list(argv)))
    except InputError as error:
        if str(error).startswith("unknown flag") and any(OWN.search(word) for word in argv):
            fixed = "an argument of a function of your own keeps its default: write a second function for another value"
            raise InputError(f"{error}; {fixed}") from error
        raise
    return {name: value for name, value in found.items() if value is not None}


def resolve(flags: Mapping[str, Any], sampled: Mapping[str, Any]) -> Resolved:
    """Make a trial of its sources: flag, then sampled, then the data set's `trial`, then the default.

    Args:
        flags: field name (or `strategy`) -> text.
        sampled: what NNI sampled; a nested choice {"_name": "focal", "gamma": 2} gives loss=focal, gamma=2.

    Raises:
        InputError: an unknown name or value, two sources that disagree, or settings that don't fit together.
    """
    given = {**flatten(sampled), **flatten(flags)}
    dataset = spec.load(_first("dataset", given), root=_first("root", given))
    own.look_beside(dataset.path)
    _check_same(flatten(flags), flatten(sampled))
    declared = _split_strategy(flatten(dataset.trial))
    sources = dict.fromkeys(FIELDS, "default")
    values: dict[str, Any] = {}
    layers = {"dataset": declared, "sampled": _split_strategy(flatten(sampled))}
    for source, layer in {**layers, "flag": _split_strategy(flatten(flags))}.items():
        values |= read(layer)
        sources |= dict.fromkeys(layer, source)
    trial = Trial(**(_own_defaults(values) | values))
    _check(trial, dataset, {name for name, source in sources.items() if source in ("flag", "sampled")})
    return Resolved(trial, dataset, sources)


def flatten(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Check names, and open nested choices.

    >>> flatten({"loss": {"_name": "focal", "gamma": 2}, "seed": 1})
    {'loss': 'focal', 'gamma': 2, 'seed': 1}

    Raises:
        InputError: an unknown or former name, or one that stands inside a nested choice and beside it.
    """
    flat: dict[str, Any] = {}
    for given, value in layer.items():
        name = RENAMED.get(given, given)
        if name in GONE:
            raise InputError(f"{name}: is no setting any more; {GONE[name]}")
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
    return read({name: explicit[name]})[name] if name in explicit else FIELDS[name].default


def _own_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that the chosen remedies declare for what they take."""
    chosen = {axis: values.get(axis, FIELDS[axis].default) for axis in MENUS}
    taken = {name: default for axis, text in chosen.items() for name, default in takes(axis, text).items()}
    return {name: default for name, default in taken.items() if default is not None}


def _check_same(flags: dict[str, Any], sampled: dict[str, Any]) -> None:
    """Flags and sampled values must not contradict: NNI would list what didn't run."""
    one, other = _split_strategy(flags), _split_strategy(sampled)
    for name in one.keys() & other.keys():
        if read({name: one[name]}) != read({name: other[name]}):
            both = f"the flag says {one[name]!r}, NNI sampled {other[name]!r}"
            raise InputError(f"{name}: {both}; take it out of one of them")


def _split_strategy(layer: dict[str, Any]) -> dict[str, Any]:
    """Replace `strategy` by its four parts, which must not contradict a part given by itself."""
    rest = {name: value for name, value in layer.items() if name != "strategy"}
    if layer.get("strategy") is None:
        return rest
    parts = str(layer["strategy"]).split("/")
    if len(parts) != len(STRATEGY):
        raise InputError(f"strategy: expected four parts {'/'.join(STRATEGY)}, found {layer['strategy']!r}")
    named = read(dict(zip(STRATEGY, parts, strict=True)))
    for name, part in named.items():
        if name in rest and read({name: rest[name]})[name] != part:
            both = f"{rest[name]!r} disagrees with the strategy {layer['strategy']!r}"
            raise InputError(f"{name}: {both}; give one of them")
        rest[name] = part
    return rest


def _check(trial: Trial, dataset: spec.Dataset, explicit: set[str]) -> None:
    """What one field alone can't tell."""
    if trial.imbalance == "imbalanced" and dataset.imbalance is None:
        why = f"declares no 'imbalance', so strategy {trial.strategy} can't run"
        raise InputError(f"{dataset.path}: {why}; add it there, or take full/...")
    if trial.split == "given":
        _check_given(trial, dataset, explicit)
    if trial.split == "grouped" and dataset.group is None:
        why = "declares no 'group', by which the split 'grouped' keeps images together"
        raise InputError(f"{dataset.path}: {why}; add it there, or take another split")
    _check_seed(trial)
    _check_taken(trial, explicit)
    _check_paste(trial, dataset)
    _check_sizes(trial)
    _check_stages(trial)
    _check_network(trial, explicit)


def _check_taken(trial: Trial, explicit: set[str]) -> None:
    """A setting named for a remedy that doesn't take it would change nothing."""
    for axis in MENUS:
        taken = takes(axis, getattr(trial, axis))
        for name in known(axis):
            if name in explicit and name not in taken:
                remedy, own_ones = f"{axis} {getattr(trial, axis)!r}", ", ".join(taken) or "none"
                raise InputError(f"{name}: {remedy} has no such parameter (its own: {own_ones}); leave it out")


def _check_paste(trial: Trial, dataset: spec.Dataset) -> None:
    _check_order(trial, "paste_scale")
    if trial.copy_paste != "weak":
        return
    if trial.weak_from is not None:
        weak_classes(Path(trial.weak_from), dataset.class_names, dataset.background)
    elif not dataset.weak:
        why = "declares no 'weak' classes, which copy_paste 'weak' pastes"
        other = "list them there, or name the CSV of an earlier result with weak_from"
        raise InputError(f"{dataset.path}: {why}; {other}")


def _check_order(trial: Trial, name: str) -> None:
    low, high = getattr(trial, f"{name}_min"), getattr(trial, f"{name}_max")
    if low > high:
        raise InputError(f"{name}_min: {low} is above {name}_max {high}; swap them")


def _check_seed(trial: Trial) -> None:
    """The split is cut with the trial's own seed where it has none of its own."""
    seed, there = trial.seed_of_split, kind_of("split_seed")
    if trial.split != "given" and not there.low <= seed <= there.high:
        seeds = f"the splits in meta have seeds {there.low:g} to {there.high:g}"
        raise InputError(f"seed {seed}: {seeds}; name one of them with split_seed")


def _check_given(trial: Trial, dataset: spec.Dataset, explicit: set[str]) -> None:
    if "val" not in dataset.subsets:
        why = "has no 'val' subset, which the split 'given' validates on"
        raise InputError(f"{dataset.path}: {why}; take another split")
    for name in ("fold", "split_seed"):
        if name in explicit and getattr(trial, name):
            raise InputError(f"{name}: the split 'given' has one validation set, no folds or seeds; leave {name} out")


def _check_stages(trial: Trial) -> None:
    """A larger input needs both of its settings, and epochs before it."""
    size, epochs = trial.finish_size, trial.finish_epochs
    if (size is None) != (epochs == 0):
        why = "one says how many of the last epochs take the other"
        raise InputError(f"finish_epochs {epochs} and finish_size {show(size)}: {why}; give both, or none")
    if epochs >= trial.epochs:
        why = f"{epochs} of {trial.epochs} epochs take finish_size, which leaves none before them"
        other = f"take fewer, or that size as {'crop' if trial.crop else 'resize'}"
        raise InputError(f"finish_epochs: {why}; {other}")


def _check_network(trial: Trial, explicit: set[str]) -> None:
    """What no network can be built of."""
    entry = ARCHITECTURES[trial.architecture]
    check_encoder(trial.encoder, trial.architecture)
    if trial.decoder_stride == 2 and "decoder_stride" in explicit and trial.encoder.startswith(NO_STRIDE_2):
        other = "take decoder_stride 4, or another encoder, such as resnet101"
        raise InputError(f"decoder_stride: encoder {trial.encoder!r} gives no map at stride 2; {other}")
    if min(trial.padded_size) < entry.smallest:
        expected = f"takes sides of at least {entry.smallest} pixels, found {show(trial.input_size)}"
        raise InputError(f"{'crop' if trial.crop else 'resize'}: {trial.architecture} {expected}")
    if "atrous_rates" in explicit:
        check_rates(trial)


def _check_sizes(trial: Trial) -> None:
    if trial.crop is None and trial.resize is None:
        why = "none needs a resize, since the images of a batch must be of one size"
        raise InputError(f"crop: {why}; give one of the two")
    _check_order(trial, "scale")
