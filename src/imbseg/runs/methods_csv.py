"""A table of methods from elsewhere: the first column names classes, each other column holds a method's IoU."""

from pathlib import Path

import pandas as pd

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError, unknown_name
from imbseg.runs.csv_table import LISTED, numbers, read_table

MEANS = ("mean", "average", "mIoU", "miou")  # rows that are no class


def read_methods(file: Path, dataset: Dataset) -> tuple[pd.DataFrame, bool]:
    """Read it.

    Args:
        file: CSV; a row called mean is left aside.
        dataset: whose classes are expected, in any order.

    Returns:
        (classes, methods) IoU of 0..1, and whether they were percent.

    Raises:
        InputError: the file can't be read, lacks a class, has one twice or an unknown one, or holds what is no IoU.
    """
    where = f"--correlate {file}"
    table = read_table(file, "--correlate", "a class")
    names, methods = table.iloc[:, 0].astype(str), [str(name) for name in table.columns[1:]]
    if not methods:
        raise InputError(f"{where}: expected the class's name and then a column a method, found one column")
    values = numbers(table, methods, where, "an IoU; leave out methods that don't have all classes")
    for name in names:
        if name not in (*dataset.class_names, *MEANS):
            raise unknown_name(f"class in {file}:", name, dataset.class_names)
    if (twice := names[names.duplicated()]).size:
        raise InputError(f"{where}: class {twice.iloc[0]!r} stands there twice; keep one row of each")
    missing = [name for name in dataset.class_names if name not in set(names)]
    if missing:
        raise InputError(
            f"{where}: has no row for {len(missing)} of {len(dataset.class_names)} classes of "
            f"{dataset.name} ({', '.join(missing[:LISTED])}); is it of another data set?"
        )
    if values.min() < 0 or values.max() > 100:
        raise InputError(f"{where}: expected IoU of 0..1 or percent, found {values.min():g}..{values.max():g}")
    percent = bool(values.max() > 1)
    scores = pd.DataFrame(values / 100 if percent else values, index=list(names), columns=methods)
    return scores.loc[list(dataset.class_names)], percent
