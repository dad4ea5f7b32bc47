"""Every question at once: the tables of a group by name, and the sentences on them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from imbseg.report.errors import class_profile, confusion, exposure, lost, pixel_effect, sizes
from imbseg.runs.counted import counted
from imbseg.runs.strategies import Group


def tables(group: Group, subset: str = "test") -> dict[str, pd.DataFrame]:
    """Name of a question -> its table, see the module of each; one with nothing to tell is empty.

    Args:
        group: strategies that may be compared.
        subset: test or val; lost_classes is told of the validation images in any case.
    """
    shown, read = exposure.exposure(group, subset), counted(group, subset)
    return {
        "class_profile": class_profile.class_profile(group, subset, read),
        "pixel_effect": pixel_effect.pixel_effect(group, subset, read),
        "confusion_change": confusion.confusion_change(group, subset, read),
        "recall_by_size": sizes.recall_by_size(group, subset, read),
        "exposure": shown,
        "exposure_pays": exposure.pays(shown),
        "lost_classes": lost.lost_classes(group),
    }


def sentences(found: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Name of a question -> one to three sentences on its table.

    Args:
        found: what `tables` gave; exposure_pays is told with exposure.
    """
    return {
        "class_profile": class_profile.sentences(found["class_profile"]),
        "pixel_effect": pixel_effect.sentences(found["pixel_effect"]),
        "confusion_change": confusion.sentences(found["confusion_change"]),
        "recall_by_size": sizes.sentences(found["recall_by_size"]),
        "exposure": exposure.sentences(found["exposure"]),
        "lost_classes": lost.sentences(found["lost_classes"]),
    }
