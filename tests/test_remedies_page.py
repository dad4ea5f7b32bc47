"""docs/remedies.md has a row for every name of every menu, and none for a name that is in no menu."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import pytest

from imbseg.copy_paste import COPY_PASTE
from imbseg.losses import CLASS_WEIGHTS, LOSSES
from imbseg.meta.atrous import ATROUS_RATES
from imbseg.models import ARCHITECTURES
from imbseg.post_hoc import POST_HOC
from imbseg.sampling import SAMPLING
from imbseg.splits import SPLITS

DOCS = Path(__file__).resolve().parents[1] / "docs"
MENUS = {"split": SPLITS, "sampling": SAMPLING, "copy_paste": COPY_PASTE, "loss": LOSSES,
         "class_weights": CLASS_WEIGHTS, "correction": POST_HOC}  # fmt: skip


def rows(text: str, axis: str) -> list[str]:
    """The names in the first cells of the tables whose first heading is an axis; parameters and the like aside.

    >>> rows("| loss | ms |\\n|---|---|\\n| `dice`, `lovasz` | 5 |\\n\\n| `focal` |", "loss")
    ['dice', 'lovasz']
    """
    found, inside = [], False
    for line in text.splitlines():
        first = line.split("|")[1].strip() if line.startswith("|") else None
        inside = first == axis or (inside and first is not None)
        if inside and first and first.startswith("`"):
            found += re.findall(r"`([^`]+)`", first)
    return found


def wrong(text: str, axis: str, menu: Collection[str]) -> list[str]:
    """Names without a row, rows without a name, and rows that stand twice."""
    found = rows(text, axis)
    return sorted({*menu} ^ {*found}) + sorted(name for name in {*found} if found.count(name) > 1)


@pytest.mark.parametrize("axis", MENUS)
def test_every_name_has_its_row(axis: str) -> None:
    found = wrong((DOCS / "remedies.md").read_text(encoding="utf-8"), axis, MENUS[axis])
    assert found == [], f"one row each in docs/remedies.md: add a row to it, or take one out, for {found}"


def test_the_pages_of_splits_and_samplers_have_every_name_too() -> None:
    for axis, page, menu in (("split", "splits.md", SPLITS), ("sampling", "sampling.md", SAMPLING)):
        lacking = set(menu) - set(rows((DOCS / page).read_text(encoding="utf-8"), axis))
        assert not lacking, f"add a row to docs/{page} for {sorted(lacking)}"
    first = [line.split("|")[1].strip(" `") for line in (DOCS / "geometry.md").read_text(encoding="utf-8").splitlines()
             if line.startswith("| `")]  # fmt: skip
    assert {*ARCHITECTURES, *ATROUS_RATES} <= set(first) | {"smp"}
