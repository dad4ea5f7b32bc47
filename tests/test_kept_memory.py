"""Memory that a step frees is there for the next step, or goes back to the system: as it is asked for."""

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

sizes = [int(size) for size in sys.argv[2].split(",")]

def step():
    return [np.ones(size * 2**17).sum() for size in sizes]  # in MB

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


# The first array has malloc keep blocks of its size; what is between keeps the second from the end of the heap
LEFT = """
import sys
if sys.argv[1] == "returned":
    from imbseg.memory import return_freed
    return_freed()
import numpy as np

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) // 256

before = resident()
first = np.ones(3 * 2**20)
del first
second, between = np.ones(2 * 2**20), [bytes(1000) for _ in range(1000)]
del second
print(resident() - before)
"""


def printed(code: str, how: str, sizes: str = "") -> int:
    """What a program prints: pages of 4 KB that five steps fetch anew after a first one, or MB that are still there."""
    command, paths = [sys.executable, "-c", code, how, sizes], {**os.environ, "PYTHONPATH": str(SOURCE)}
    return int(subprocess.run(command, capture_output=True, text=True, check=True, env=paths).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_pages_are_fetched_once() -> None:
    fetched = {how: printed(FAULTS, how, "3,12,24") for how in ("as it is", "loader", "training")}
    assert max(fetched["training"], fetched["loader"]) < 20 < 100 < fetched["as it is"]  # measured: 0, 0 and 1,533
    large = {how: printed(FAULTS, how, "40") for how in ("loader", "training")}
    assert large["training"] < 20 < 100 <= large["loader"]  # which keeps no block of 40 MB; in pages of 2 MB 100 times


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_freed_blocks_are_returned() -> None:
    assert printed(LEFT, "returned") < 8
    assert printed(LEFT, "as it is") > 12  # else `return_freed` can go
