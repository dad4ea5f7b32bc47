"""Files are written whole or not at all, errors name the file that the user knows, and one process works at a time."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from imbseg.datasets import transfer_meter
from imbseg.datasets.transfer_meter import only_one
from imbseg.errors import InputError
from imbseg.files import REPOSITORY, replaceable_folder, runs_folder, whole_file


@pytest.mark.parametrize("named", [None, "temporary", "elsewhere"])
def test_an_error_names_the_target_unless_it_names_another_file(tmp_path: Path, named: str | None) -> None:
    target = tmp_path / "table.csv"
    target.write_text("before")

    def write() -> None:
        with whole_file(target) as temporary:
            temporary.write_text("half")
            name = {None: None, "temporary": str(temporary), "elsewhere": "/elsewhere"}[named]
            raise OSError(errno.ENOSPC, "No space left on device", name)

    with pytest.raises(OSError, match="No space") as raised:
        write()
    assert raised.value.filename == ("/elsewhere" if named == "elsewhere" else str(target))
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "before"


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, "data/runs"), ("", "data/runs"), ("data/mine", "data/mine"), ("/elsewhere", "/elsewhere")],
)
def test_where_runs_go(monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str) -> None:
    monkeypatch.delenv("IMBSEG_RUNS", raising=False)
    if given is not None:
        monkeypatch.setenv("IMBSEG_RUNS", given)
    assert runs_folder() == REPOSITORY / expected
    assert (REPOSITORY / "pyproject.toml").is_file()


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target/meta")
    assert replaceable_folder(tmp_path / "link") == tmp_path / "target/meta"


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "link")
    with pytest.raises(InputError, match="link: is a link that leads to itself; choose another folder"):
        replaceable_folder(tmp_path / "link")


@pytest.mark.parametrize("path", [".", "..", "/", ""])
def test_the_folder_one_stands_in_is_refused(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")
    with pytest.raises(InputError, match=r"is the folder that you stand in, or above it, .* such as .*new, or start"):
        replaceable_folder(Path(path))
    assert replaceable_folder("c") == tmp_path / "a/b/c"


def test_one_at_a_time_and_no_file_left(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        only_one(lock, "works"),
        pytest.raises(InputError, match="lock: another process works; wait"),
        only_one(lock, "works"),
    ):
        pass  # never reached
    assert not lock.exists()
    with only_one(lock, "works"):
        assert lock.exists()


def test_a_lock_file_removed_by_its_holder_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, opened = tmp_path / "lock", []

    def locked_and_once_removed(path: Path, real=transfer_meter._locked):
        handle = real(path)
        if not opened:
            path.unlink()  # as the process does that held the lock while we opened the file
        opened.append(handle)
        return handle

    monkeypatch.setattr(transfer_meter, "_locked", locked_and_once_removed)
    with only_one(lock, "works"):
        assert len(opened) == 2
        assert lock.exists()
