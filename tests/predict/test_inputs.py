"""IMAGES as a user names them -> files."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbseg.errors import InputError
from imbseg.predict.inputs import named_images


def files(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize("out", ["labelled", ".", "labelled/again"])
def test_what_an_earlier_start_wrote_is_no_photograph(out: str, tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "sub/b.JPG", "notes.txt", "sub/labels/c.png")
    made = tmp_path / out
    files(made, "labels/a.png", "labels/sub/b.tif", "overlays/a.jpg", "overlays/sub/b.jpg", "doubtful.png",
          "probabilities/a/00_x.png", "predictions.csv")  # fmt: skip
    assert len(named_images([str(tmp_path)])) > 3
    (made / "predicted_with.json").touch()
    assert set(named_images([str(tmp_path)], out=made)) == {"a", "sub/b", "sub/labels/c"}
    assert set(named_images([f"{tmp_path}/**/*.[jJ]*"], out=made)) == {"a", "b"}
    assert set(named_images([str(tmp_path / "sub")], out=made)) == {"b", "labels/c"}
    with pytest.raises(InputError, match="holds no picture"):
        named_images([str(made / "overlays")], out=made)
    assert set(named_images([str(made / "overlays" / "a.jpg")], out=made)) == {"a"}  # named by itself, it is meant


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    files(tmp_path, "one/a.jpg", "two/a.png")
    with pytest.raises(InputError, match="would both be written as a; name the folder above them"):
        named_images([str(tmp_path / "one"), str(tmp_path / "two")])
