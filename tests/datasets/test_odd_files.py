from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image

from imbseg.datasets import spec
from imbseg.datasets.read import read_mask
from imbseg.errors import InputError


@pytest.mark.parametrize("value", [1, 255])
def test_masks_of_one_bit_a_pixel(tmp_path: Path, value: int) -> None:
    file = make_binary_tree(tmp_path, n=4)
    file.write_text(file.read_text().replace("value: 255", f"value: {value}"))
    bits = np.array([[0, 1], [1, 1]], bool)
    Image.fromarray(bits).save(tmp_path / "bits.png")
    found = read_mask(tmp_path / "bits.png", spec.load(str(file)))
    np.testing.assert_array_equal(found, bits.astype(np.uint8))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("groups: [head, tail]", "groups: expected keys such as head"),
        ("imbalance: 5", "imbalance: expected keys such as classes"),
        ("weak: 2012-99-99", "broken YAML"),
    ],
)
def test_yaml_of_the_wrong_shape_is_one_sentence(tmp_path: Path, line: str, message: str) -> None:
    file = make_binary_tree(tmp_path, n=4)
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(InputError, match=message):
        spec.load(str(file))


@pytest.mark.parametrize("key", ["dataset", "root", "meta"])
def test_what_is_no_default_of_a_trial(tmp_path: Path, key: str) -> None:
    file = make_binary_tree(tmp_path, n=4)
    text = file.read_text()
    file.write_text(text[: text.index("trial:")] + f"trial: {{{key}: x}}\n")
    with pytest.raises(InputError, match=f"trial: {key} is no default"):
        spec.load(str(file))
