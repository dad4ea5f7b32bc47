"""Memory that a step frees is there for the next step."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
FAULTS = """
import resource, sys
if sys.argv[1] != "as it is":
    from imbseg.memory import keep_freed
    keep_freed(training=sys.argv[1] == "training")
import numpy as np

def step():
    return [np.ones(size * 2**17).sum() for size in (3, 12, 40)]  # 3, 12 and 40 MB

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Pages of 4 KB that five steps fetch anew, after a first one."""
    command, paths = [sys.executable, "-c", FAULTS, how], {**os.environ, "PYTHONPATH": str(SOURCE)}
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=paths).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_pages_are_fetched_once() -> None:
    fetched = {how: faults(how) for how in ("as it is", "loader", "training")}
    assert fetched["training"] < 20  # measured: 0, 105 and 3,675
    assert fetched["training"] < fetched["loader"] < fetched["as it is"] / 5  # a loader keeps no block of 40 MB
