"""python3 tools/setup_environment.py: install requirements.lock into the active environment, else into .venv.

Needs nothing but a Python of 3.8 or later; where none of 3.11 to 3.13 is on PATH, uv brings one. INSTALLER=uv installs
with uv instead of pip. Ends in one sentence whatever goes wrong. Two minutes the first time, at once the second.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from find_python import NEEDED, PYTHONS, REPOSITORY, SetupError, bring, choose, uv_program, version_of

LOCK = REPOSITORY / "requirements.lock"
NEEDED_GIB = 8
LIBRARIES = "OpenCV lacks a system library: run `apt-get install libgl1 libglib2.0-0` (Debian, Ubuntu), then again"
NETWORK = "no network: connect, then run `make setup` again; it goes on where it was"
REASONS = (  # what pip, uv or an import prints -> what to do
    (("No space left on device",), "the disk is full: free {gib} GiB and run `make setup` again"),
    (("libGL.so", "libgthread"), LIBRARIES),
    (
        ("Temporary failure in name resolution", "Failed to establish a new connection", "Network is unreachable",
         "Name or service not known", "error sending request for url"),
        NETWORK,
    ),
    (
        ("No matching distribution", "No solution found"),
        "no such version is found (no network, another index, or another Python): see above",
    ),
    (("Permission denied",), "the environment can't be written: activate one of your own, or none, and run it again"),
)  # fmt: skip


def main() -> int:
    """Set up, or say in one sentence why not."""
    try:
        python, folder = target()
        stamp = folder / "imbseg-requirements.sha256"
        wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
        if python.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            print(f"set up: {python} has what requirements.lock names")
            return 0
        check_disk(folder)
        if not python.is_file():
            make_environment(folder)
        install(python)
        check_imports(python)
        stamp.write_text(wanted, encoding="utf-8")
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {explain(str(error))}", file=sys.stderr)
        return 2
    print(f"set up: {python}")
    return 0


def target() -> "tuple[Path, Path]":
    """The Python of the active environment (conda's base aside), else of .venv, and its folder."""
    active = os.environ.get("VIRTUAL_ENV") or conda_environment()
    folder = Path(active) if active else REPOSITORY / ".venv"
    python = folder / "bin" / "python"
    if not active and not python.is_file():
        return python, folder
    version = version_of(str(python))
    if version not in PYTHONS:
        what, then = ("the active environment", "deactivate it, or activate another") if active else ("", "remove it")
        found = f"has Python {version}" if version else "has a Python that does not start"
        raise SetupError(f"{what} {folder} {found}, {NEEDED} is needed: {then}, then again".strip())
    return python, folder


def conda_environment() -> "str | None":
    """The active conda environment; base is left alone."""
    return os.environ.get("CONDA_PREFIX") if os.environ.get("CONDA_DEFAULT_ENV", "base") != "base" else None


def make_environment(folder: Path) -> None:
    """A virtual environment, of a Python on PATH or of one that uv brings."""
    python = choose(os.environ.get("PATH", ""))
    if python is None:
        with uv_program() as uv:
            python = bring(uv)
    print(f"making {folder} with {python}", flush=True)
    made = subprocess.run(
        [python, "-m", "venv", "--clear", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if made.returncode:
        shutil.rmtree(str(folder), ignore_errors=True)
        raise SetupError(explain(made.stdout.decode(errors="replace"), f"the venv module of {python} failed"))


def check_disk(folder: Path) -> None:
    """Refuse before gigabytes are fetched."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(str(there)).free / 2**30
    if free < NEEDED_GIB:
        raise SetupError(
            f"{there} has {free:.1f} GiB free, the packages take {NEEDED_GIB}: free some space, then again"
        )


def install(python: Path) -> None:
    """Let pip, or uv where INSTALLER says so, install the lock."""
    installer = os.environ.get("INSTALLER") or "pip"
    if installer not in ("pip", "uv"):
        raise SetupError(f"INSTALLER: expected pip or uv, found {installer!r}")
    print("installing requirements.lock (5.5 GB with torch's CUDA libraries; minutes the first time)", flush=True)
    if installer == "uv":
        with uv_program() as uv:
            follow([uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(LOCK)])
    else:
        follow([str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-r", str(LOCK)])


def follow(command: "list[str]") -> None:
    """Run an installer, showing what it prints."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shown = []
    for line in running.stdout or ():
        text = line.decode(errors="replace")
        shown.append(text)
        if not text.startswith("WARNING"):
            print(text, end="", flush=True)
    if running.wait():
        raise SetupError(explain("".join(shown), "the installation failed: see what was printed above"))


def check_imports(python: Path) -> None:
    """The packages that need system libraries import."""
    tried = subprocess.run(
        [str(python), "-c", "import cv2, torch"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if tried.returncode:
        shown = tried.stdout.decode(errors="replace").strip()
        raise SetupError(explain(shown, f"an import fails: {shown.splitlines()[-1] if shown else 'no message'}"))


def explain(text: str, otherwise: str = "") -> str:
    """What to do about what was printed."""
    for signs, advice in REASONS:
        if any(sign in text for sign in signs):
            return advice.format(gib=NEEDED_GIB)
    return otherwise or text


if __name__ == "__main__":
    sys.exit(main())
