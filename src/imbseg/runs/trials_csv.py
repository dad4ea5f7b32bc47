"""A table of trials from elsewhere (a row a trial, a column a class) -> the same records that run folders give."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray

from imbseg.datasets.spec import GROUPS, Dataset
from imbseg.errors import InputError, unknown_name
from imbseg.runs import nni_export
from imbseg.runs.collect import FINISHED, Run
from imbseg.runs.csv_table import LISTED, numbers, read_table
from imbseg.trial.fields import STRATEGY

COLUMNS = ("strategy", "seed", "mIoU", *STRATEGY)  # what --columns may name
OPTIONAL = ("mIoU", *STRATEGY)  # mIoU is the mean of the classes where it isn't named
FULL = {"true": "imbalanced", "1": "imbalanced", "yes": "imbalanced", "false": "full", "0": "full", "no": "full"}


def read_trials(
    file: Path, dataset: Dataset, columns: Mapping[str, str], groups: Mapping[str, Sequence[str]]
) -> list[Run]:
    """Read a table of trials.

    Args:
        file: CSV as pandas reads it; NNI's own export is recognised by its column trialJobId.
        dataset: its class names are columns: the IoU of each on the test images, 0..1.
        columns: strategy, seed (and mIoU, imbalance, split, sampling, copy_paste) -> the table's own column names.
        groups: head, medium, tail -> class names; see `class_groups`.

    Returns:
        One finished record a row.

    Raises:
        InputError: the file can't be read, lacks a column or a class, repeats a strategy with a seed, or holds what is
            no IoU.
    """
    table = read_table(file, "--trials", "a trial")
    if nni_export.is_export(table):
        table = nni_export.as_trials(table, dataset, columns)
        columns = {"mIoU": "mIoU", **columns} if "mIoU" in table.columns else columns
    named = {name: columns.get(name, name) for name in COLUMNS if name in columns or name not in OPTIONAL}
    _check_columns(table, named, dataset, file)
    classes = list(dataset.class_names)
    iou = _scores(table, classes, file)
    seeds = _seeds(table[named["seed"]], file)
    if (empty := table[named["strategy"]].str.strip().eq("")).any():
        raise InputError(
            f"--trials {file}: line {int(np.flatnonzero(empty)[0]) + 2}: {named['strategy']} is empty; "
            f"name each trial's strategy"
        )
    strategies = table[named["strategy"]].astype(str).tolist()
    _check_repeats(strategies, seeds, file)
    own = _scores(table, [named["mIoU"]], file)[:, 0] if "mIoU" in named else iou.mean(axis=1)
    axes = {name: table[named[name]].astype(str).tolist() for name in STRATEGY if name in named}
    runs = []
    for row in range(len(table)):
        key = strategies[row], seeds[row]
        run = _run(f"{file.name}:{row + 2}", file, dataset, key, iou[row], float(own[row]), groups)
        told = {
            name: FULL.get(values[row].lower(), values[row]) if name == "imbalance" else values[row]
            for name, values in axes.items()
        }
        run.about["parameters"].update(told)
        runs.append(run)
    return runs


def class_groups(dataset: Dataset, file: Path | None) -> dict[str, tuple[str, ...]]:
    """Head, medium and tail: of a YAML file, else as the data set declares them, else none.

    Raises:
        InputError: the file can't be read, or names another group, or what is no class.
    """
    if file is None:
        return {name: tuple(found) for name, found in (dataset.groups or {}).items()}
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"--groups {file}: can't be read ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict) or not all(isinstance(value, list) for value in content.values()):
        raise InputError(f"--groups {file}: expected lists of classes by group, such as 'tail: [pole, bicyclist]'")
    listed = [name for names in content.values() for name in names]
    for name in listed:
        if listed.count(name) > 1:
            raise InputError(f"--groups {file}: class {name!r} stands there twice; leave it in one place")
    for group, names in content.items():
        if group not in GROUPS:
            raise unknown_name(f"group in {file}:", group, GROUPS)
        for name in names:
            if name not in dataset.class_names:
                raise unknown_name(f"class in {file}:", name, dataset.class_names)
    return {group: tuple(names) for group, names in content.items()}


def column_names(text: str) -> dict[str, str]:
    """Read --columns.

    >>> column_names("strategy=configs,seed=random_state")
    {'strategy': 'configs', 'seed': 'random_state'}
    """
    found = {}
    for part in filter(None, text.split(",")):
        name, equals, column = part.partition("=")
        if name not in COLUMNS:
            raise unknown_name("column of --columns:", name, COLUMNS)
        if not equals or not column:
            raise InputError(f"--columns: expected {name}=COLUMN, found {part!r}")
        found[name] = column
    return found


def _check_columns(table: pd.DataFrame, named: Mapping[str, str], dataset: Dataset, file: Path) -> None:
    for name, column in named.items():
        if column not in table.columns:
            there = ", ".join(map(str, table.columns[:30]))
            raise InputError(
                f"--trials {file}: has no column {column!r} for {name}; name it with --columns "
                f"{name}=COLUMN, one of: {there}"
            )
    missing = [name for name in dataset.class_names if name not in table.columns]
    if missing:
        raise InputError(
            f"--trials {file}: has no column for {len(missing)} of {len(dataset.class_names)} classes of "
            f"{dataset.name} ({', '.join(missing[:LISTED])}); is it of another data set?"
        )


def _scores(table: pd.DataFrame, columns: Sequence[str], file: Path) -> NDArray[np.float64]:
    values = numbers(table, columns, f"--trials {file}", "an IoU of 0..1; leave unfinished trials out")
    if values.max() > 1 and values.min() >= 0 and values.max() <= 100:
        raise InputError(f"--trials {file}: the scores reach {values.max():g}: these look like percent; divide by 100")
    if values.min() < 0 or values.max() > 1:
        raise InputError(f"--trials {file}: expected IoU of 0..1, found {values.min():g}..{values.max():g}")
    return values


def _seeds(column: pd.Series, file: Path) -> list[int]:
    values = pd.to_numeric(column, errors="coerce")
    wrong = ~np.isfinite(values) | (values != values.round()) | (values.abs() > 2**53)
    if wrong.any():
        raise InputError(
            f"--trials {file}: line {int(np.flatnonzero(wrong)[0]) + 2}, {column.name}: expected a whole "
            f"number for the seed, found {column[wrong].iloc[0] or 'nothing'!r}"
        )
    return [int(value) for value in values]


def _check_repeats(strategies: Sequence[str], seeds: Sequence[int], file: Path) -> None:
    seen: dict[tuple[str, int], int] = {}
    for row, key in enumerate(zip(strategies, seeds, strict=True)):
        if key in seen:
            raise InputError(
                f"--trials {file}: lines {seen[key] + 2} and {row + 2} are both {key[0]!r} with seed {key[1]}; keep one"
            )
        seen[key] = row


def _run(
    name: str,
    file: Path,
    dataset: Dataset,
    key: tuple[str, int],
    iou: NDArray[np.float64],
    own: float,
    groups: Mapping[str, Sequence[str]],
) -> Run:
    of_class = dict(zip(dataset.class_names, iou.tolist(), strict=True))
    means = {group: math.fsum(of_class[one] for one in names) / len(names) for group, names in groups.items() if names}
    told = {"dataset": dataset.name, "strategy": key[0], "loss": "", "class_weights": "none", "seed": key[1]}
    about: dict[str, Any] = {
        "parameters": told,
        "weights_of_classes": dict.fromkeys(dataset.class_names, 1.0),
        "class_groups": {group: list(names) for group, names in groups.items()},
    }
    test = {"mIoU": own, **means, **{f"IoU/{one}": value for one, value in of_class.items()}}
    return Run(name, file.parent, FINISHED, "", about, test=test)
