"""The set-up: one lock, one answer for each thing that can go wrong."""

from __future__ import annotations

import importlib.metadata
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPT = REPOSITORY / "tools" / "setup_environment.py"
FIXED = ["nni", "torch", "segmentation-models-pytorch", "pytorch-toolbelt", "iterative-stratification", "scikit-learn",
         "opencv-python", "numpy", "pandas", "pyyaml"]  # fmt: skip


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {canonical(name): version for name, version in (line.split("==") for line in lines if "==" in line)}


@pytest.fixture
def setup_script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_lock_is_what_runs_here() -> None:
    for name, version in locked().items():
        assert importlib.metadata.version(name) == version, name


def test_the_lock_names_the_fixed_packages_and_what_nni_needs() -> None:
    lock = locked()
    assert set(FIXED) <= lock.keys()
    assert lock["torch"] == "2.14.1"
    assert int(lock["setuptools"].split(".")[0]) < 81
    assert tuple(map(int, lock["filelock"].split(".")))[:2] < (3, 12)
    assert tuple(map(int, lock["typeguard"].split("."))) < (4, 1, 3)


def test_the_conda_environment_installs_the_same_lock() -> None:
    content = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    assert content["name"] == "imbseg"
    assert "python=3.11" in content["dependencies"]
    assert content["dependencies"][-1] == {"pip": ["-r requirements.lock"]}


def test_every_fixed_package_is_imported_somewhere() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "src").rglob("*.py"))
    modules = {"segmentation-models-pytorch": "segmentation_models_pytorch", "pytorch-toolbelt": "pytorch_toolbelt",
               "iterative-stratification": "iterstrat", "scikit-learn": "sklearn", "opencv-python": "cv2",
               "pyyaml": "yaml"}  # fmt: skip
    for name in FIXED:
        assert re.search(rf"^\s*(import|from) {modules.get(name, name)}\b", source, re.MULTILINE), name


def test_a_second_setup_does_nothing_and_takes_no_time(tmp_path: Path, setup_script: dict[str, Any]) -> None:
    import hashlib

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    digest = hashlib.sha256((REPOSITORY / "requirements.lock").read_bytes()).hexdigest()
    (tmp_path / "imbseg-requirements.sha256").write_text(digest)
    started = time.perf_counter()
    found = run({"VIRTUAL_ENV": str(tmp_path)})
    assert time.perf_counter() - started < 3
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("set up: ")


def run(environment: dict[str, str], path: str | None = None) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "CONDA"))}
    if path is not None:
        plain["PATH"] = path
    return subprocess.run([sys.executable, str(SCRIPT)], env={**plain, **environment}, capture_output=True, text=True)


def test_another_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "python"
    fake.write_text("#!/bin/sh\necho 3.12\n")
    fake.chmod(0o755)
    found = run({"VIRTUAL_ENV": str(tmp_path)})
    assert found.returncode == 2
    assert found.stderr.startswith("error: the active environment")
    assert "has Python 3.12, 3.11 is needed" in found.stderr
    assert found.stderr.count("\n") == 1


def test_conda_base_is_left_alone(setup_script: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "base")
    assert setup_script["target"]()[1] == REPOSITORY / ".venv"


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "the disk is full: free 8 GiB"),
        ("ImportError: libGL.so.1: cannot open shared object file", "apt-get install libgl1 libglib2.0-0"),
        ("ImportError: libgthread-2.0.so.0: cannot open shared object file", "apt-get install libgl1 libglib2.0-0"),
        ("NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
         "no network: connect"),
        ("ERROR: No matching distribution found for torch==2.14.1", "pip finds no such version"),
        ("[Errno 13] Permission denied: '/usr/lib'", "the environment can't be written"),
    ],
)  # fmt: skip
def test_what_pip_prints_becomes_advice(setup_script: dict[str, Any], printed: str, advice: str) -> None:
    assert advice in setup_script["explain"](printed, "otherwise")


def test_a_full_disk_is_seen_before_anything_is_fetched(
    setup_script: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = shutil._ntuple_diskusage(2**40, 2**40 - 2**30, 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(Exception, match=r"1\.0 GiB free, the packages take 8"):
        setup_script["check_disk"](tmp_path / "not" / "there")


def test_the_demo_takes_its_own_data_whatever_imbseg_root_says() -> None:
    shown = subprocess.run(["make", "-n", "-C", str(REPOSITORY), "demo"], capture_output=True, text=True, check=True)
    lines = [
        line for line in shown.stdout.splitlines() if "src/make_meta.py" in line or "src/run_experiment.py" in line
    ]
    assert len(lines) == 2
    assert all(line.startswith("env -u IMBSEG_ROOT ") for line in lines)


def test_make_help_lists_every_target() -> None:
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    shown = subprocess.run(["make", "-C", str(REPOSITORY), "help"], capture_output=True, text=True, check=True).stdout
    assert targets is not None
    for target in targets.group(1).split():
        assert re.search(rf"^{target} ", shown, re.MULTILINE), target
