"""One raw value -> one field's value."""

from __future__ import annotations

import pytest

from imbseg.trial.fields import kind_of
from imbseg.trial.values import Kind, parse


@pytest.mark.parametrize("field", ["class_weights", "sampling", "copy_paste"])
@pytest.mark.parametrize("word", [None, "null", "None", "none"])
def test_null_is_none_where_a_menu_has_it(field: str, word: str | None) -> None:
    assert parse(field, word, kind_of(field)) == "none"


def test_sizes() -> None:
    kind = Kind("size", low=32)
    assert parse("crop", "256x192", kind) == (256, 192)
    assert parse("crop", 64, kind) == (64, 64)
    assert parse("crop", [64, 32], kind) == (64, 32)
    # NNI's quniform gives whole numbers as floats.
    assert parse("crop", 96.0, kind) == (96, 96)
    assert parse("crop", [96.0, 64], kind) == (96, 64)
