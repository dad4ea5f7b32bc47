"""Every command's --help: at once, which is to say without what takes seconds to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
SLOW = ("torch", "torchvision", "numpy", "pandas", "scipy", "sklearn", "cv2", "matplotlib", "timm", "nni",
        "segmentation_models_pytorch", "pytorch_toolbelt")  # fmt: skip


@pytest.mark.parametrize("script", sorted(path.name for path in SOURCE.glob("*.py")))
def test_help_imports_nothing_slow(script: str) -> None:
    code = (
        f"import atexit, runpy, sys; sys.path.insert(0, {str(SOURCE)!r}); sys.argv = [{script!r}, '--help']\n"
        f"atexit.register(lambda: print('imported:', *sorted(sys.modules.keys() & set({SLOW!r}))))\n"
        f"runpy.run_path({str(SOURCE / script)!r}, run_name='__main__')"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--help" in shown
    assert shown.splitlines()[-1] == "imported:"


@pytest.mark.parametrize(
    ("line", "absent"),
    [
        ("from imbseg.manager import algorithms as a; a.known()", {"nni"}),
        ("import imbseg.manager.rest", {"yaml", "numpy", "rich", "requests"}),
    ],
)
def test_what_every_trial_or_check_imports_is_cheap(line: str, absent: set[str]) -> None:
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {line}; print({absent} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_the_checks_refuse_an_unknown_kind_before_torch_is_imported() -> None:
    code = (
        f"import atexit, runpy, sys; sys.path.insert(0, {str(SOURCE)!r}); sys.argv = ['checks', 'sampler', 'sparse']\n"
        "atexit.register(lambda: print('torch' in sys.modules))\n"
        "runpy.run_module('imbseg.checks', run_name='__main__', alter_sys=False)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "expected one of loss, sampling, post_hoc, and a name such as mine:soft_iou, found" in done.stderr
    assert (done.returncode, done.stdout) == (2, "False\n")
