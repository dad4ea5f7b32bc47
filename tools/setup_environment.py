"""python3 tools/setup_environment.py: install requirements.lock into the active environment, else into .venv.

Needs nothing but a Python; ends in one sentence whatever goes wrong. Two minutes the first time, at once the second.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LOCK = REPOSITORY / "requirements.lock"
NEEDED_GIB = 8
REASONS = (  # what pip or an import prints -> what to do
    ("No space left on device", "the disk is full: free {gib} GiB and run `make setup` again"),
    (
        "libGL.so",
        "OpenCV lacks a system library: run `apt-get install libgl1 libglib2.0-0` (Debian, Ubuntu), then again",
    ),
    (
        "libgthread",
        "OpenCV lacks a system library: run `apt-get install libgl1 libglib2.0-0` (Debian, Ubuntu), then again",
    ),
    (
        "Temporary failure in name resolution",
        "no network: connect, then run `make setup` again; it goes on where it was",
    ),
    (
        "Failed to establish a new connection",
        "no network: connect, then run `make setup` again; it goes on where it was",
    ),
    ("Network is unreachable", "no network: connect, then run `make setup` again; it goes on where it was"),
    ("Name or service not known", "no network: connect, then run `make setup` again; it goes on where it was"),
    ("No matching distribution", "pip finds no such version (no network, another index, or another Python): see above"),
    ("Permission denied", "the environment can't be written: activate one of your own, or none, and run it again"),
)


class SetupError(Exception):
    """What went wrong, in one sentence."""


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
    """The active environment's Python (conda's base aside), else .venv's; it must be 3.11."""
    active = os.environ.get("VIRTUAL_ENV") or conda_environment()
    if not active:
        folder = REPOSITORY / ".venv"
        return folder / "bin" / "python", folder
    python = Path(active) / "bin" / "python"
    version = version_of(str(python))
    if version != "3.11":
        raise SetupError(
            f"the active environment {active} has Python {version}, 3.11 is needed: deactivate it, or activate another"
        )
    return python, Path(active)


def conda_environment() -> "str | None":
    """The active conda environment; base is left alone."""
    return os.environ.get("CONDA_PREFIX") if os.environ.get("CONDA_DEFAULT_ENV", "base") != "base" else None


def version_of(python: str) -> "str | None":
    """A Python's version such as 3.11, None where it doesn't run."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        found = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return None
    return found.stdout.decode().strip() or None


def make_environment(folder: Path) -> None:
    """A virtual environment of Python 3.11."""
    candidates = (sys.executable, "python3.11", "python3", "python")
    python = next((one for one in candidates if version_of(one) == "3.11"), None)
    if python is None:
        raise SetupError(
            "Python 3.11 is needed and none is on PATH: install it (python3.11 and python3.11-venv), then again"
        )
    print(f"making {folder} with {python}", flush=True)
    made = subprocess.run(
        [python, "-m", "venv", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise SetupError(
            explain(made.stdout.decode(errors="replace"), "the venv module failed: install python3.11-venv")
        )


def check_disk(folder: Path) -> None:
    """Refuse before gigabytes are fetched."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free / 2**30
    if free < NEEDED_GIB:
        raise SetupError(
            f"{there} has {free:.1f} GiB free, the packages take {NEEDED_GIB}: free some space, then again"
        )


def install(python: Path) -> None:
    """Let pip install the lock, showing what it prints."""
    print("installing requirements.lock (5.5 GB with torch's CUDA libraries; minutes the first time)", flush=True)
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-r", str(LOCK)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = []
    for line in running.stdout or ():
        text = line.decode(errors="replace")
        said.append(text)
        if not text.startswith("WARNING"):
            print(text, end="", flush=True)
    if running.wait():
        raise SetupError(explain("".join(said), "pip failed: see what it printed above"))


def check_imports(python: Path) -> None:
    """The packages that need system libraries import."""
    tried = subprocess.run(
        [str(python), "-c", "import cv2, torch"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if tried.returncode:
        said = tried.stdout.decode(errors="replace").strip()
        raise SetupError(explain(said, f"an import fails: {said.splitlines()[-1] if said else 'no message'}"))


def explain(text: str, otherwise: str = "") -> str:
    """What to do about what was printed."""
    for sign, advice in REASONS:
        if sign in text:
            return advice.format(gib=NEEDED_GIB)
    return otherwise or text


if __name__ == "__main__":
    sys.exit(main())
