from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from loopback_server import Server, serving

from imbseg.datasets import download as download_module
from imbseg.datasets.download import check_file, download
from imbseg.errors import InputError

CONTENT = bytes(range(256)) * 1200  # 307,200 bytes
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
SIZE = len(CONTENT)


def fetch(server: Server, target: Path, **changes: Any) -> Path:
    return download(server.url, target, **{"md5": MD5, "size": SIZE, "timeout": 5, "pause": 0, **changes})


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the archive goes."""
    return tmp_path / "archive.tar"


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_fetches_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "raw/archive.tar"
    with serving(Server(CONTENT)) as server:
        assert fetch(server, target) == target
        assert fetch(server, target) == target
    assert server.requests == [None]
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    lines = capsys.readouterr().err.splitlines()  # no terminal: plain lines, at most one a tenth
    assert lines[-1] == "archive.tar: 0.3 MB of 0.3 MB"
    assert len(lines) <= 11


def test_goes_on_after_each_break(target: Path) -> None:
    with serving(Server(CONTENT, break_after=100_000)) as server:
        fetch(server, target)
    assert server.requests == [None, "bytes=100000-", "bytes=200000-", "bytes=300000-"]
    assert target.read_bytes() == CONTENT


def test_a_whole_part_needs_no_request(target: Path) -> None:
    part_of(target).write_bytes(CONTENT)
    with serving(Server(CONTENT)) as server:
        fetch(server, target)
        assert server.requests == []
        part_of(target).write_bytes(CONTENT)
        target.unlink()
        fetch(server, target, size=None)  # the server knows it: 416
    assert server.requests == [f"bytes={SIZE}-"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("chunked", [False, True])
def test_a_server_that_ignores_ranges_starts_from_0(target: Path, chunked: bool) -> None:
    part_of(target).write_bytes(b"?" * 1000)
    with serving(Server(CONTENT, ranges=False, chunked=chunked, break_after=5000, breaks=2)) as server:
        fetch(server, target)
    assert server.requests == ["bytes=1000-", "bytes=5000-", "bytes=5000-"]
    assert target.read_bytes() == CONTENT


def test_a_second_process_is_told_to_wait(target: Path) -> None:
    part_of(target).write_bytes(CONTENT[:1000])
    lock = target.with_name("archive.tar.lock")
    hold = "import fcntl, sys; h = open(sys.argv[1], 'ab'); fcntl.flock(h, fcntl.LOCK_EX); print(flush=True); input()"
    first = subprocess.Popen([sys.executable, "-c", hold, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.readline()
    with serving(Server(CONTENT)) as server:
        with pytest.raises(InputError, match=r"archive.tar.lock: another process fetches archive.tar; wait until"):
            fetch(server, target)
        assert server.requests == []
        first.communicate(b"\n")
        fetch(server, target)  # a lock file left behind by a killed process holds nobody up
    assert list(target.parent.iterdir()) == [target]


def test_always_broken_off_ends_with_a_part(target: Path) -> None:
    with (
        serving(Server(CONTENT, ranges=False, break_after=150_000)) as server,
        pytest.raises(InputError, match=r"ended after 150000; 0\.1 MB are kept in"),
    ):
        fetch(server, target, attempts=3)
    assert len(server.requests) == 4  # one that brought something, three that did not
    assert part_of(target).read_bytes() == CONTENT[:150_000]
    assert not target.exists()


def test_a_refusal_ends_at_once_and_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    for status in (403, 404, 410):
        told = rf"archive\.tar: the server answers {status} .*; check the network and"
        with serving(Server(CONTENT, status=status)) as server, pytest.raises(InputError, match=told):
            fetch(server, tmp_path / "archive.tar")
        assert len(server.requests) == 1
        assert list(tmp_path.iterdir()) == []
    for status in (429, 500, 503):
        with serving(Server(CONTENT, status=status, failures=2)) as server:
            fetch(server, tmp_path / str(status))
        assert len(server.requests) == 3


def test_another_length_than_the_known_one_is_another_file(tmp_path: Path) -> None:
    part = part_of(tmp_path / "archive.tar")
    part.write_bytes(CONTENT[:1000])
    for announced in (10, SIZE + 10):
        with (
            serving(Server(CONTENT, announced=announced)) as server,
            pytest.raises(InputError, match=f"expected a file of {SIZE} bytes, the server announces"),
        ):
            fetch(server, tmp_path / "archive.tar")
    assert part.read_bytes() == CONTENT[:1000]  # nothing of the other file got in


def test_a_length_too_large_is_forgiven_with_the_right_checksum_alone(tmp_path: Path) -> None:
    with serving(Server(CONTENT, announced=SIZE + 10, ranges=False)) as server:
        fetch(server, tmp_path / "archive.tar", size=None, attempts=1)
        with pytest.raises(InputError, match=f"expected {SIZE + 10} bytes, the connection ended after {SIZE}"):
            fetch(server, tmp_path / "unknown.tar", size=None, md5=None, attempts=1)
    assert (tmp_path / "archive.tar").read_bytes() == CONTENT
    assert not (tmp_path / "unknown.tar").exists()


def test_a_length_too_small_is_seen_by_the_checksum(tmp_path: Path) -> None:
    with (
        serving(Server(CONTENT, announced=1000)) as server,
        pytest.raises(InputError, match=f"expected the MD5 checksum {MD5}, found .* was removed"),
    ):
        fetch(server, tmp_path / "archive.tar", size=None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("wrong", "requests"), [(False, ["bytes=1000-"]), (True, ["bytes=1000-", None])])
def test_goes_on_in_a_later_call_unless_another_range_comes(target: Path, wrong: bool, requests: list) -> None:
    part_of(target).write_bytes(CONTENT[:1000])
    with serving(Server(CONTENT, wrong_range=wrong)) as server:
        fetch(server, target)
    assert server.requests == requests
    assert target.read_bytes() == CONTENT


def test_a_part_of_another_file(target: Path) -> None:
    part_of(target).write_bytes(b"?" * 1000)
    with serving(Server(CONTENT)) as server:
        with pytest.raises(InputError, match="expected the MD5 checksum"):
            fetch(server, target)
        part_of(target).write_bytes(b"?" * (SIZE + 1))
        fetch(server, target, size=None)  # longer than the file: dropped
    assert target.read_bytes() == CONTENT


def test_nobody_answers(tmp_path: Path) -> None:
    with serving(Server(CONTENT)) as server:
        pass
    with pytest.raises(InputError, match=r"no answer \(.*refused.*\); check the network"):
        fetch(server, tmp_path / "archive.tar", attempts=2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(InputError, match=r"no answer \(.*timed out\)"),
    ):
        download(f"http://127.0.0.1:{silent.getsockname()[1]}/a", tmp_path / "a", timeout=0.1, attempts=2, pause=0)
    with pytest.raises(InputError, match="expected an address that starts with http"):
        download("file:///etc/passwd", tmp_path / "archive.tar")


def test_a_wrong_file_is_not_overwritten(target: Path) -> None:
    target.write_bytes(b"mine")
    with serving(Server(CONTENT)) as server, pytest.raises(InputError, match="expected 307200 bytes, found 4"):
        fetch(server, target)
    assert (target.read_bytes(), server.requests) == (b"mine", [])
    with pytest.raises(InputError, match="expected a file, found none"):
        check_file(target.with_name("none.tar"))


def test_too_large_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=200_000)
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda _: usage)
    with serving(Server(CONTENT)) as server, pytest.raises(InputError, match=r"needed for the download, 0\.2 MB free"):
        fetch(server, tmp_path / "archive.tar")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="needs /dev/full, which Linux has")
def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    part_of(tmp_path / "archive.tar").symlink_to("/dev/full")
    with serving(Server(CONTENT)) as server, pytest.raises(InputError, match="the disk is full; free some space"):
        fetch(server, tmp_path / "archive.tar")
    assert not (tmp_path / "archive.tar").exists()
