"""What a declaration accepts, in words, and what a text stands for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from imbseg.trial.fields import read
from imbseg.trial.values import Kind, kind_of

Side = Annotated[int, Field(ge=32)]


class Declared(BaseModel):
    share: float = Field(0.5, gt=0, lt=1)
    least: int | None = Field(None, ge=1)
    fewer: Annotated[int, Field(ge=1)] | Literal["median"] = 60
    size: tuple[Side, Side] | None = None
    stride: Literal[8, 16] = 8
    way: Literal["up", "down"] = "up"
    on: bool = False


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("share", "a number > 0 and < 1"),
        ("least", "a whole number >= 1, or none"),
        ("fewer", "a whole number >= 1, or median"),
        ("size", "a size in pixels such as 512 or 256x192 (width x height) >= 32, or none"),
        ("stride", "8 or 16"),
        ("way", "one of up, down"),
        ("on", "true or false"),
    ],
)
def test_what_is_accepted_in_words(name: str, words: str) -> None:
    assert kind_of(Declared.model_fields[name]).describe() == words


@pytest.mark.parametrize("field", ["class_weights", "sampling", "copy_paste"])
@pytest.mark.parametrize("word", [None, "null", "None", "none"])
def test_null_is_none_where_a_menu_has_it(field: str, word: str | None) -> None:
    assert read({field: word}) == {field: "none"}


@pytest.mark.parametrize(
    ("raw", "size"),
    [("256x192", (256, 192)), (64, (64, 64)), ([64, 32], (64, 32)), (96.0, (96, 96)), ([96.0, 64], (96, 64))],
)
def test_sizes(raw: Any, size: tuple[int, int]) -> None:
    assert Kind("tuple").value(raw) == size  # NNI's quniform gives whole numbers as floats
