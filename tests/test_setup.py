"""The set-up: one lock, one answer for each thing that can go wrong."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import setup_environment
import yaml
from find_python import PYTHONS, SetupError

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPT = REPOSITORY / "tools" / "setup_environment.py"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return {canonical(name): version for name, version in (line.split("==") for line in lines if "==" in line)}


def test_the_lock_is_what_runs_here() -> None:
    for name, version in locked().items():
        assert importlib.metadata.version(name) == version, name


def test_every_place_names_the_same_pythons() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    below = f"3.{int(PYTHONS[-1].split('.')[1]) + 1}"
    assert project["requires-python"] == f">={PYTHONS[0]},<{below}"
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == list(PYTHONS)


def test_a_second_setup_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    digest = hashlib.sha256((REPOSITORY / "requirements.lock").read_bytes()).hexdigest()
    (tmp_path / "imbseg-requirements.sha256").write_text(digest)
    found = run({"VIRTUAL_ENV": str(tmp_path)})
    assert found.returncode == 0, found.stderr
    assert found.stdout == f"set up: {tmp_path}/bin/python has what requirements.lock names\n"


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "CONDA"))}
    return subprocess.run([sys.executable, str(SCRIPT)], env={**plain, **environment}, capture_output=True, text=True)


def executable(file: Path, *lines: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(("#!/bin/sh", *lines, "")))
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("line", "found"), [("echo 3.10", "has Python 3.10"), ("exit 127", "has a Python that does not start")]
)
def test_another_python_is_refused_in_one_sentence(tmp_path: Path, line: str, found: str) -> None:
    executable(tmp_path / "bin" / "python", line)
    refused = run({"VIRTUAL_ENV": str(tmp_path)})
    assert refused.returncode == 2
    expected = f"{found}, 3.11 to 3.13 is needed: deactivate it, or activate another, then again\n"
    assert refused.stderr == f"error: the active environment {tmp_path} {expected}"


def test_an_unknown_installer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTALLER", "poetry")
    with pytest.raises(SetupError, match="INSTALLER: expected pip or uv, found 'poetry'"):
        setup_environment.install(Path(sys.executable))


def test_pip_installs_and_uv_on_wish(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uv, commands = executable(tmp_path / "uv", "exit 0"), []
    monkeypatch.setattr(setup_environment, "follow", commands.append)
    monkeypatch.setenv("PATH", str(tmp_path))
    for installer in ("", "uv"):
        monkeypatch.setenv("INSTALLER", installer)
        setup_environment.install(Path("/env/bin/python"))
    lock = ["-r", str(REPOSITORY / "requirements.lock")]
    pip = ["/env/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *lock]
    assert commands == [pip, [str(uv), "pip", "install", "--quiet", "--python", "/env/bin/python", *lock]]


def test_conda_base_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.setenv("CONDA_PREFIX", "/opt/conda")
    monkeypatch.setenv("CONDA_DEFAULT_ENV", "base")
    monkeypatch.setattr(setup_environment, "REPOSITORY", tmp_path)
    assert setup_environment.target() == (tmp_path / ".venv/bin/python", tmp_path / ".venv")


def test_an_environment_of_ones_own_with_an_old_python_is_not_filled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(setup_environment, "REPOSITORY", tmp_path)
    executable(tmp_path / ".venv/bin/python", "echo 3.9")
    with pytest.raises(SetupError, match=r"^\S+/\.venv has Python 3\.9, 3\.11 to 3\.13 is needed: remove it, then"):
        setup_environment.target()


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "the disk is full: free 8 GiB"),
        ("ImportError: libGL.so.1: cannot open shared object file", "apt-get install libgl1 libglib2.0-0"),
        ("ImportError: libgthread-2.0.so.0: cannot open shared object file", "apt-get install libgl1 libglib2.0-0"),
        ("NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
         "no network: connect"),
        ("ERROR: No matching distribution found for torch==2.14.1", "no such version is found"),
        ("[Errno 13] Permission denied: '/usr/lib'", "the environment can't be written"),
    ],
)  # fmt: skip
def test_what_pip_prints_becomes_advice(printed: str, advice: str) -> None:
    assert advice in setup_environment.explain(printed, "otherwise")


def test_a_full_disk_is_seen_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil._ntuple_diskusage(2**40, 2**40 - 2**30, 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(Exception, match=r"1\.0 GiB free, the packages take 8"):
        setup_environment.check_disk(tmp_path / "not" / "there")


def test_the_demo_takes_its_own_data_whatever_imbseg_root_says() -> None:
    shown = subprocess.run(["make", "-n", "-C", str(REPOSITORY), "demo"], capture_output=True, text=True, check=True)
    lines = [
        line for line in shown.stdout.splitlines() if "src/make_meta.py" in line or "src/run_experiment.py" in line
    ]
    assert len(lines) == 2
    assert all(line.startswith("env -u IMBSEG_ROOT ") for line in lines)
