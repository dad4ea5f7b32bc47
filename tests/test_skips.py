"""What is not there is skipped with its reason, or fails where IMBSEG_REQUIRE_DATA=1 asks for everything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
NEEDS_PHOTOGRAPHS = "tests/datasets/test_described.py::test_the_group_of_camvid_is_its_video"


@pytest.mark.parametrize(("required", "status", "ending"), [("", 0, "1 skipped"), ("1", 1, "1 error")])
def test_missing_photographs(required: str, status: int, ending: str) -> None:
    environment = {**os.environ, "IMBSEG_SHARED_DATA": "/nowhere", "IMBSEG_REQUIRE_DATA": required}
    command = [sys.executable, "-m", "pytest", NEEDS_PHOTOGRAPHS]
    found = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True)
    assert found.returncode == status, found.stdout
    assert ending in found.stdout.splitlines()[-1]
    assert "no photographs in /nowhere: say where they lie with IMBSEG_SHARED_DATA" in found.stdout
