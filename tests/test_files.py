from __future__ import annotations

from pathlib import Path

import pytest

from imbseg.datasets import transfer_meter
from imbseg.datasets.transfer_meter import only_one
from imbseg.errors import InputError
from imbseg.files import replaceable_folder


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
