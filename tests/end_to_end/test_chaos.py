"""`make chaos` on a few small trainings and stand-ins: the same kills, the same questions."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from small_trial import REPOSITORY, SMALL, words_of

pytestmark = pytest.mark.long


def chaos(folder: Path, *words: str) -> str:
    """What it says; it must find nothing wrong."""
    command = [sys.executable, str(REPOSITORY / "tools" / "chaos.py"), *words, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_four_trainings_survive_everything(cracks: dict[str, str], tmp_path: Path) -> None:
    given = {name: value for name, value in {**SMALL, **cracks, "epochs": "30"}.items()
             if name not in ("loss", "lr", "strategy", "threads", "workers")}  # fmt: skip
    said = chaos(tmp_path / "fire", "kills", "--trials", "4", "--trial", shlex.join(words_of(given)))
    assert "4 of 4 byte-equal to an undisturbed run" in said


def test_what_is_listed_is_what_ran(tmp_path: Path) -> None:
    said = chaos(tmp_path / "many", "hundred", "--trials", "20")
    assert said.count("20 trials listed, 0 wrongly, 10 with a result") == 3
