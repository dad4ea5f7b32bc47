"""VOC 2012 brought to its folder: downloaded, from an archive, unpacked by hand; and the command that does it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from loopback_server import Server, serving
from voc_tree import make_voc_tree

from imbseg.datasets.voc2012 import NAME, fetch_voc2012
from imbseg.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = [
    {"id": "2007_000032", "subset": "train", "background": "900", "aeroplane": "50", "border": "9"},
    {"id": "2007_000033", "subset": "val", "background": "900", "cat": "50"},
]


def make_archive(folder: Path) -> tuple[Path, str, int]:
    make_voc_tree(folder / "VOCdevkit/VOC2012", ROWS)
    path = folder / NAME
    with tarfile.open(path, "w") as tar:
        tar.add(folder / "VOCdevkit", "VOCdevkit")
    return path, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), path.stat().st_size


def test_voc_from_server_archive_and_by_hand(tmp_path: Path) -> None:
    archive, md5, size = make_archive(tmp_path / "source")
    known: dict[str, Any] = {"md5": md5, "size": size}
    with serving(Server(archive.read_bytes())) as server:
        root = tmp_path / "raw/VOCdevkit/VOC2012"
        assert fetch_voc2012(root, url=server.url, **known) == (root, True)
        assert fetch_voc2012(root, url=server.url, **known) == (root, False)
    assert len(server.requests) == 1
    other = tmp_path / "other/VOC2012"
    assert fetch_voc2012(other, archive=archive, **known) == (other, True)
    by_hand = tmp_path / "source/VOCdevkit/VOC2012"
    assert fetch_voc2012(tmp_path / "none", elsewhere=[by_hand]) == (by_hand, False)
    assert not (tmp_path / "none").exists()


def test_voc_with_the_wrong_checksum_is_not_unpacked(tmp_path: Path) -> None:
    archive, md5, size = make_archive(tmp_path / "source")
    content = bytearray(archive.read_bytes())
    content[700] ^= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match=f"expected the MD5 checksum {md5}, found .*: the file is damaged"):
        fetch_voc2012(tmp_path / "out/VOC2012", archive=archive, md5=md5, size=size)
    assert not (tmp_path / "out").exists()
    assert archive.exists()  # the user's file


def run_script(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(REPOSITORY / "src/get_data.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_finds_an_unpacked_voc(tmp_path: Path) -> None:
    root = make_voc_tree(tmp_path / "VOC2012", ROWS)
    done = run_script("voc2012", "--root", root)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"voc2012: 2 segmentation images in {root} (there already)"
    (root / "SegmentationClass/2007_000033.png").unlink()
    broken = run_script("voc2012", "--root", root)
    assert broken.returncode == 2
    assert "expected 6 images and masks, 1 are missing (the first: SegmentationClass/2007_000033.png)" in broken.stderr


def test_the_command_ends_in_one_sentence(tmp_path: Path) -> None:
    archive, _, size = make_archive(tmp_path / "source")
    wrong = run_script("voc2012", "--root", tmp_path / "out", "--archive", archive)
    with serving(Server(b"", status=404)) as server:
        absent = run_script("voc2012", "--root", tmp_path / "out", "--url", server.url)
    for done, said in ((wrong, f"expected 1999639040 bytes, found {size}"), (absent, "the server answers 404")):
        assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        assert said in done.stderr
        assert done.stderr.startswith("error: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]
    assert run_script("sample", "--archive", archive).returncode == 2
