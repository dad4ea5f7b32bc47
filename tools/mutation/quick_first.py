"""A pytest plugin for `make mutants`: what makes a mutant cheap."""

from __future__ import annotations

import gc
import json
import os
from pathlib import Path

import pytest

if os.environ.get("MUTANT_UNDER_TEST") == "stats":
    del os.environ["MUTANT_UNDER_TEST"]  # mutmut keeps its own copy; commands that tests start know nothing of it


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put quick tests first: the sooner one kills, the cheaper the mutant."""
    gc.freeze()  # each mutant is a fork; collecting garbage there would copy every page of torch
    gc.disable()
    stats = Path("mutmut-stats.json")
    if stats.is_file():
        seconds = json.loads(stats.read_text())["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0.0))
