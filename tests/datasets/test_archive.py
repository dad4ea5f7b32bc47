from __future__ import annotations

import errno
import io
import shutil
import tarfile
from pathlib import Path

import pytest

from imbseg.datasets import archive as archive_module
from imbseg.datasets.archive import extract_tar
from imbseg.errors import InputError

TREE = {"VOCdevkit/VOC2012/a.txt": b"a", "VOCdevkit/VOC2012/sub/b.bin": bytes(range(256)) * 40}


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def write_tar(path: Path, *extra: tarfile.TarInfo, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in TREE.items():
            info = member(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in extra:
            tar.addfile(info, io.BytesIO(b"x" * info.size))
    return path


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_folder_of_it_becomes_the_destination(tmp_path: Path, mode: str) -> None:
    source = write_tar(tmp_path / "voc.tar", mode=mode)
    assert extract_tar(source, tmp_path / "raw/VOC2012", inside="VOCdevkit/VOC2012") == tmp_path / "raw/VOC2012"
    assert leftovers(tmp_path / "raw") == ["VOC2012"]
    for name, content in TREE.items():
        assert (tmp_path / "raw" / name.removeprefix("VOCdevkit/")).read_bytes() == content


def test_without_inside_it_is_all_of_it(tmp_path: Path) -> None:
    extract_tar(write_tar(tmp_path / "voc.tar"), tmp_path / "all")
    assert (tmp_path / "all/VOCdevkit/VOC2012/a.txt").read_bytes() == b"a"


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (member("../outside.txt"), "a path outside the archive"),
        (member("VOCdevkit/../../outside.txt"), "a path outside the archive"),
        (member("/outside.txt"), "a path outside the archive"),
        (member("..\\outside.txt"), "a path outside the archive"),
        (member("C:/outside.txt"), "a path outside the archive"),
        (member("VOCdevkit/link", tarfile.SYMTYPE, "../../outside.txt"), "a link (to ../../outside.txt)"),
        (member("VOCdevkit/link", tarfile.SYMTYPE, "VOC2012"), "a link (to VOC2012)"),
        (member("VOCdevkit/link", tarfile.LNKTYPE, "VOCdevkit/VOC2012/a.txt"), "a link (to VOCdevkit/VOC2012/a.txt)"),
        (member("VOCdevkit/null", tarfile.CHRTYPE), "a special file"),
        (member("VOCdevkit/disk", tarfile.BLKTYPE), "a special file"),
        (member("VOCdevkit/pipe", tarfile.FIFOTYPE), "a special file"),
    ],
)
def test_dangerous_members_are_refused_before_anything_is_written(
    tmp_path: Path, bad: tarfile.TarInfo, what: str
) -> None:
    source = write_tar(tmp_path / "bad.tar", bad)
    with pytest.raises(InputError) as caught:
        extract_tar(source, tmp_path / "raw/VOC2012", inside="VOCdevkit/VOC2012")
    assert f"member {bad.name!r} is {what}, expected only files and folders" in str(caught.value)
    assert leftovers(tmp_path) == ["bad.tar", "raw"]
    assert leftovers(tmp_path / "raw") == []


def test_an_archive_cut_short(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "voc.tar").read_bytes()
    for length in (0, 100, 1024, 1500, 1536, 3000, 11_776):  # in headers, between members, in a file, before the end
        (tmp_path / "cut.tar").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.tar: expected a tar archive, found something else or one cut"):
            extract_tar(tmp_path / "cut.tar", tmp_path / "raw/VOC2012", inside="VOCdevkit/VOC2012")
        assert leftovers(tmp_path / "raw") == []


def test_no_archive_at_all(tmp_path: Path) -> None:
    (tmp_path / "page.tar").write_text("<html>Log in, please</html>" * 100)
    with pytest.raises(InputError, match=r"page\.tar: expected a tar archive, found something else"):
        extract_tar(tmp_path / "page.tar", tmp_path / "out")
    with pytest.raises(InputError, match="expected a folder VOC2007 in the archive, found none"):
        extract_tar(write_tar(tmp_path / "voc.tar"), tmp_path / "out", inside="VOC2007")
    with pytest.raises(InputError, match="expected nothing here yet"):
        extract_tar(tmp_path / "voc.tar", tmp_path)
    assert leftovers(tmp_path) == ["page.tar", "voc.tar"]


def test_too_large_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tar(tmp_path / "voc.tar")
    usage = shutil.disk_usage(tmp_path)._replace(free=10_000)
    monkeypatch.setattr(archive_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="10241 bytes needed to unpack, 10000 bytes free"):
        extract_tar(source, tmp_path / "out")
    assert leftovers(tmp_path) == ["voc.tar"]


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: tarfile.TarFile, info: tarfile.TarInfo, path: Path, *, filter: str) -> None:
        (path / "half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    source = write_tar(tmp_path / "voc.tar")
    monkeypatch.setattr(tarfile.TarFile, "extract", full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        extract_tar(source, tmp_path / "out")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "out"))
    assert leftovers(tmp_path) == ["voc.tar"]
