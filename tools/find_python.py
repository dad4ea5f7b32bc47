"""Which Python makes the environment: one that runs, else one that uv brings. For any Python from 3.8 on."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13")  # not 3.14: the typeguard that NNI 3.0 pins imports ast.Str, which is gone there
NEEDED = f"{PYTHONS[0]} to {PYTHONS[-1]}"
ASKED = (  # prints what keeps a Python from being used, or its version
    "import sys, sysconfig\n"
    "if sys.implementation.name != 'cpython' or sysconfig.get_config_var('Py_GIL_DISABLED'):\n"
    "    sys.exit('no usual CPython')\n"
    "print('%d.%d' % sys.version_info[:2])\n"
)


class SetupError(Exception):
    """What went wrong, in one sentence."""


def version_of(python: str, also: str = "") -> "str | None":
    """A Python's version such as 3.11; None where it doesn't run, or lacks a module of the line `also`."""
    try:
        found = subprocess.run(
            [python, "-c", ASKED + also], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.decode().strip() or None if found.returncode == 0 else None


def candidates(path: str) -> "list[str]":
    """This Python, then whatever is called one in the folders of PATH."""
    names = [f"python{version}" for version in PYTHONS] + ["python3", "python"]
    found = [shutil.which(name, path=folder) for folder in path.split(os.pathsep) if folder for name in names]
    return list(dict.fromkeys([sys.executable, *filter(None, found)]))


def choose(path: str) -> "str | None":
    """The Python to make an environment with, every one of them run before; None where none will do.

    This Python comes first, then those of PATH, 3.11 before 3.12.
    """
    usable: list[tuple[bool, int, int, str]] = []
    for place, python in enumerate(candidates(path)):
        version = version_of(python)
        if version in PYTHONS and version_of(python, "import ensurepip, venv") is None:
            print(f"passed over: {python} has no venv module (Debian, Ubuntu: apt-get install python{version}-venv)")
        elif version in PYTHONS:
            usable.append((place > 0, PYTHONS.index(version), place, python))
        elif version is None:
            print(f"passed over: {python} does not start as a usual CPython")
    return min(usable)[-1] if usable else None


@contextlib.contextmanager
def uv_program() -> "Iterator[str]":
    """The uv of PATH, else one that pip puts into a scratch environment for as long as it is needed."""
    present = shutil.which("uv")
    if present:
        yield present
        return
    with tempfile.TemporaryDirectory(prefix="imbseg-uv-") as scratch:
        made = subprocess.run([sys.executable, "-m", "venv", scratch], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        pip = [str(Path(scratch) / "bin" / "python")] if made.returncode == 0 else [sys.executable]
        where = [] if made.returncode == 0 else ["--target", scratch]
        printed([*pip, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *where, "uv"],
                f"Python {NEEDED} is needed, none is on PATH, and pip can't install uv to bring one")  # fmt: skip
        yield str(Path(scratch) / "bin" / "uv")


def bring(uv: str, version: str = PYTHONS[0]) -> str:
    """Let uv fetch a Python into .python (or UV_PYTHON_INSTALL_DIR) of the repository."""
    environment = {"UV_PYTHON_INSTALL_DIR": str(REPOSITORY / ".python"), **os.environ}
    print(f"no Python {NEEDED} on PATH: uv brings {version} into {environment['UV_PYTHON_INSTALL_DIR']}", flush=True)
    failed = f"Python {NEEDED} is needed, none is on PATH, and uv can't bring one: install one, then again"
    printed([uv, "python", "install", "--no-bin", version], failed, environment)
    python = printed([uv, "python", "find", "--managed-python", "--system", version], failed, environment).split()[-1]
    if version_of(python, "import ensurepip, venv") != version:
        raise SetupError(f"{python}, which uv brought, does not start as Python {version}: install one, then again")
    return python


def printed(command: "list[str]", failed: str, environment: "dict[str, str] | None" = None) -> str:
    """What a command prints; a SetupError with its last line where it fails."""
    try:
        run = subprocess.run(command, capture_output=True, env=environment, check=False)
    except OSError as error:
        raise SetupError(f"{failed} ({error})") from None
    if run.returncode:
        lines = run.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise SetupError(f"{failed} ({lines[-1].strip()})")
    return run.stdout.decode(errors="replace")
