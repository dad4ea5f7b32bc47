"""Meta is built without its figures where no test looks at them."""

from __future__ import annotations

import pytest

from imbseg.meta import build as build_module


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_module, "_draw", lambda *_: None)
