"""A report's figures are drawn into its page; their files, most of its time, only in the test of figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from imbseg.canvas import Canvas


def _blank(_: Canvas, path: Path) -> None:
    for file in (path, path.with_suffix(".svg")):
        file.write_bytes(b"")


@pytest.fixture(scope="module", autouse=True)
def _blank_figures(request: pytest.FixtureRequest) -> Iterator[None]:
    drawn = request.module.__name__.endswith("test_figures")
    with mock.patch.object(Canvas, "write", Canvas.write if drawn else _blank):
        yield
