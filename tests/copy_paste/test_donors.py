from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from imbseg.copy_paste.donors import Donors, draw, find_donors

DATASET = SimpleNamespace(class_names=("ground", "ball", "rod"), classes=range(3))
IMAGES = pd.DataFrame({"id": ["b", "a"], "subset": "train", "height": 10, "width": 10})


def table(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Objects as (id, class, pixels)."""
    found = [(one, name, 1 + n, pixels, n, 0, 1, 1) for n, (one, name, pixels) in enumerate(rows)]
    return pd.DataFrame(found, columns=["id", "class", "object", "pixels", "x", "y", "width", "height"])


def find(objects: pd.DataFrame, **bounds: float) -> Donors:
    bounds = {"paste_min_pixels": 1, "paste_max_share": 1.0, **bounds}
    return find_donors(IMAGES, objects, DATASET, **bounds)


def test_only_images_of_the_fold_give() -> None:
    found = find(table(("a", "ball", 5), ("test", "ball", 5), ("b", "rod", 6), ("val", "rod", 7)))
    assert found.image.tolist() == [0, 1]  # b stands first
    assert found.label.tolist() == [2, 1]
    assert found.number.tolist() == [3, 1]
    assert found.box[:, 0].tolist() == [2, 0]
    assert found.counts.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("bounds", "counts"),
    [({}, [0, 4, 1]), ({"paste_min_pixels": 6}, [0, 3, 1]), ({"paste_min_pixels": 7}, [0, 2, 1]),
     ({"paste_max_share": 0.08}, [0, 3, 0])],
)  # fmt: skip
def test_area_bounds_by_hand(bounds: dict[str, float], counts: list[int]) -> None:
    objects = table(("a", "ball", 5), ("a", "ball", 6), ("b", "ball", 7), ("b", "ball", 9), ("b", "rod", 50))
    assert find(objects, **bounds).counts.tolist() == counts


def test_crumbs_of_a_region_give_nothing() -> None:
    region = table(("a", "ball", 60), ("a", "ball", 30), ("b", "ball", 29), ("a", "rod", 30), ("b", "rod", 31))
    assert find(region, paste_max_share=0.3).counts.tolist() == [0, 0, 0]  # 60 of 119, 31 of 61
    assert find(region, paste_max_share=0.31).counts.tolist() == [0, 0, 2]


def test_no_object_at_all() -> None:
    found = find(table())
    assert found.counts.tolist() == [0, 0, 0]
    assert draw_many(found, np.zeros(3)) == []


def draw_many(donors: Donors, weights: np.ndarray, n: int = 2000, **more: float) -> list:
    settings = {"probability": 1.0, "objects": 1, "scale": (0.5, 2.0), "flip": 0.25, **more}
    rng = np.random.default_rng(3)
    return [one for _ in range(n) for one in draw(rng, donors, weights, **settings)]


def test_classes_by_weight_and_objects_of_a_class_alike() -> None:
    found = find(table(("a", "ball", 5), ("a", "ball", 6), ("b", "rod", 7)))
    drawn = draw_many(found, np.array([0.0, 1.0, 3.0]))
    rods = [one for one in drawn if found.label[one.donor] == 2]
    assert len(rods) / len(drawn) == pytest.approx(0.75, abs=0.03)
    balls = [one.donor for one in drawn if found.label[one.donor] == 1]
    assert np.bincount(balls)[1:].std() < 0.1 * len(balls)
    assert sum(one.flip for one in drawn) / len(drawn) == pytest.approx(0.25, abs=0.03)
    logs = np.log([one.scale for one in drawn])
    assert -np.log(2) <= logs.min() < -0.6
    assert 0.6 < logs.max() <= np.log(2)
    assert abs(logs.mean()) < 0.03
    assert all(0 <= part < 1 for one in drawn for part in one.centre)


def test_a_class_without_weight_is_never_drawn() -> None:
    found = find(table(("a", "ball", 5), ("b", "rod", 7)))
    assert {int(found.label[one.donor]) for one in draw_many(found, np.array([0.0, 0.1, 0.0]))} == {1}
    assert draw_many(found, np.zeros(3)) == []


def test_how_many_and_how_often() -> None:
    found = find(table(("a", "ball", 5)))
    settings = {"scale": (1.0, 1.0), "flip": 1.0, "probability": 0.5, "objects": 3}
    sizes = [len(draw(np.random.default_rng([1, n]), found, np.array([0.0, 1.0, 0.0]), **settings))
             for n in range(2000)]  # fmt: skip
    counts = np.bincount(sizes, minlength=4) / 2000
    np.testing.assert_allclose(counts, [0.5, 1 / 6, 1 / 6, 1 / 6], atol=0.03)
