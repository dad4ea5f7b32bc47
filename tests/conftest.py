from __future__ import annotations

import os
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for the network
os.environ.setdefault("OMP_NUM_THREADS", "1")  # pytest -n has a process a core; threads of BLAS would spin beside them
os.environ.setdefault("MPLBACKEND", "Agg")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # Started in the background of a script, SIGINT is ignored, which the commands under test would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]
collect_ignore_glob = ["*/conftest.py"]  # searched for doctests, two of one name can't be given to one call


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Photographs with masks (CamVid), which are no part of the repository."""
    folder = Path(os.environ.get("IMBSEG_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no photographs in {folder}: say where they lie with IMBSEG_SHARED_DATA")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: processes are given whole files, and the last ones are short."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With IMBSEG_REQUIRE_DATA=1 whatever is skipped fails, but for a GPU."""
    report = yield
    if os.environ.get("IMBSEG_REQUIRE_DATA") == "1" and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "GPU" not in reason:
            report.outcome, report.longrepr = "failed", f"IMBSEG_REQUIRE_DATA=1 and {reason}"
    return report


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Callable[[int], Path], None, None]:
    """Make a file system of so many KiB."""
    places = []

    def make(kib: int) -> Path:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a tmpfs")
        places.append(place)
        return place

    yield make
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a script of src/ in this process: its exit status, what it printed, what it complained of."""

    def run(script: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.delenv("NNI_PLATFORM", raising=False)
        monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(REPOSITORY / "src" / script), run_name="__main__")
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def refused(command: Callable[..., tuple[int, str, str]]) -> Callable[..., str]:
    """Run a script of src/ that must refuse what it is given: exit status 2 and the one sentence that comes back."""

    def run(script: str, *arguments: object) -> str:
        status, _, sentence = command(script, *arguments)
        assert (status, sentence.count("\n")) == (2, 1), sentence
        assert sentence.startswith("error: ")
        assert "Traceback" not in sentence
        return sentence

    return run
