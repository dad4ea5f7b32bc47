"""data/meta/<name> belongs to one data set file: another of the same name is refused, a moved one goes on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_tree import make_tiny, tiny_masks

from imbseg.datasets import spec
from imbseg.errors import InputError
from imbseg.meta import read
from imbseg.meta.read import meta_folder, read_manifest

Make = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path, no_figures: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where data/meta lies: a folder in place of the repository."""
    monkeypatch.setattr(read, "REPOSITORY", tmp_path / "home")
    return tmp_path / "home/data/meta/tiny"


@pytest.fixture
def make(home: Path, command) -> Make:
    """make_meta.py on a data set file: its exit status and what it complained of."""
    return lambda file, *more: command("make_meta.py", "--dataset", file, "--workers", 1, *more)[::2]


def recorded(home: Path) -> str:
    return str(read.read_json(home / "manifest.json")["dataset_file"])


def test_another_file_of_the_same_name_is_refused(tmp_path: Path, home: Path, make: Make) -> None:
    a = make_tiny(tmp_path / "a", tiny_masks(8))
    b = make_tiny(tmp_path / "b", tiny_masks(9))
    assert make(a) == (0, "")
    status, told = make(b)
    assert status == 2
    assert told.startswith(f"error: {home}: holds the meta of {a}, not of {b}; give one of the two a 'name' of its own")
    assert recorded(home) == str(a)
    command = told.strip().split("): ")[1].split()
    assert command[:2] == ["python", "src/make_meta.py"]
    assert make(b, *command[4:]) == (0, "")  # as the sentence says: --root and --out named
    assert recorded(home) == str(b)
    with pytest.raises(InputError, match=f"holds the meta of {b}, not of {a}"):
        read_manifest(spec.load(str(a)), meta_folder(spec.load(str(a)), None))


def test_a_name_of_its_own_is_a_way_out(tmp_path: Path, home: Path, make: Make) -> None:
    assert make(make_tiny(tmp_path / "a", tiny_masks(8))) == (0, "")
    assert make(make_tiny(tmp_path / "b", tiny_masks(9), name="other")) == (0, "")
    assert sorted(path.name for path in home.parent.iterdir()) == ["other", "tiny"]


def test_the_same_file_by_another_path_goes_on_also_when_changed(tmp_path: Path, home: Path, make: Make) -> None:
    a = make_tiny(tmp_path / "a", tiny_masks(8))
    (tmp_path / "link.yml").symlink_to(a)
    assert make(a) == (0, "")
    a.write_text(a.read_text() + "# changed\n")
    assert make(tmp_path / "link.yml") == (0, "")
    assert recorded(home) == str(a)


@pytest.mark.parametrize(("changed", "status"), [(False, 0), (True, 2)])
def test_a_moved_file_goes_on_unless_it_was_changed_too(
    changed: bool, status: int, tmp_path: Path, home: Path, make: Make
) -> None:
    a = make_tiny(tmp_path / "a", tiny_masks(8))
    assert make(a) == (0, "")
    (tmp_path / "b").mkdir()
    moved = Path(shutil.move(a, tmp_path / "b/tiny.yml"))
    if changed:
        moved.write_text(moved.read_text() + "# changed\n")
    assert make(moved)[0] == status


def test_a_copy_of_the_repository_goes_on(
    tmp_path: Path, home: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name / "data/datasets" for name in ("first", "copy")]
    for folder in folders:
        folder.mkdir(parents=True)
        shutil.copy(make_tiny(tmp_path / "a", tiny_masks(8)), folder)
    assert make(folders[0] / "tiny.yml") == (0, "")
    assert make(folders[1] / "tiny.yml")[0] == 2
    monkeypatch.setattr(read, "FOLDER", folders[1])
    assert make(folders[1] / "tiny.yml") == (0, "")


@pytest.mark.parametrize("manifest", ["{", "[]", "{}"])
def test_a_broken_manifest_is_replaced(manifest: str, tmp_path: Path, home: Path, make: Make) -> None:
    home.mkdir(parents=True)
    (home / "manifest.json").write_text(manifest)
    assert make(make_tiny(tmp_path / "a", tiny_masks(8))) == (0, "")


def test_out_may_be_a_link(tmp_path: Path, home: Path, make: Make) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "store/meta")
    a = make_tiny(tmp_path / "a", tiny_masks(8))
    for _ in range(2):
        assert make(a, "--out", tmp_path / "link") == (0, "")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "store/meta/manifest.json").is_file()
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["meta"]


def test_out_may_be_relative_but_not_the_current_folder(
    tmp_path: Path, home: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = make_tiny(tmp_path / "a", tiny_masks(8))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert make(a, "--out", "../y/meta") == (0, "")
    assert (tmp_path / "y/meta/manifest.json").is_file()
    status, told = make(a, "--out", ".")
    assert status == 2
    assert told.startswith(f"error: {tmp_path}/here: is the folder that you stand in, or above it")
    assert list((tmp_path / "here").iterdir()) == []
