"""NNI's own export of an experiment (`nnictl experiment export ID --type csv`) -> a table of trials."""

from collections.abc import Mapping

import pandas as pd

from imbseg.datasets.spec import GROUPS, Dataset
from imbseg.post_hoc import CORRECTIONS, PRODUCTS, prefix

TRIAL = "trialJobId"  # the column that only NNI's export has
TEST = "test/"  # before the scores of the test images, which trials report once, at their end
METRICS = ("default", "reward", "intermediate", *GROUPS)
REPORTED = ("IoU/", TEST, *map(prefix, (*CORRECTIONS, *PRODUCTS)))


def is_export(table: pd.DataFrame) -> bool:
    """Whether a table came from NNI."""
    return TRIAL in table.columns


def as_trials(table: pd.DataFrame, dataset: Dataset, named: Mapping[str, str]) -> pd.DataFrame:
    """Give an export the columns of a table of trials.

    The test scores lose their `test/`, `IoU/` goes before no class any more, and a column `strategy` tells what the
    trial's parameters are, all but its seed, those that no two trials have in common left out.

    Args:
        named: what --columns names; a strategy named there stays as it is.

    Returns:
        A new table; what the export lacks it lacks too.
    """
    scores = {f"{TEST}IoU/{name}": name for name in dataset.class_names} | {f"{TEST}mIoU": "mIoU"}
    seed = named.get("seed", "seed")
    parameters = [
        name
        for name in map(str, table.columns)
        if name not in (TRIAL, seed, *METRICS) and not name.startswith(REPORTED)
    ]
    varying = [name for name in parameters if len(table[name].astype(str).unique()) > 1] or parameters
    found = table.drop(columns=[new for old, new in scores.items() if {old, new} <= {*table.columns}])
    found = found.rename(columns=scores)  # a parameter that is called as a class is none
    if "strategy" not in named and varying:
        found["strategy"] = [
            ", ".join(_told(name, row[name], varying) for name in varying) for _, row in table.iterrows()
        ]
    return found


def _told(name: str, value: object, varying: list[str]) -> str:
    return str(value) if name in ("strategy", "loss") or len(varying) == 1 else f"{name}={value}"
