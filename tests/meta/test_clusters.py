from __future__ import annotations

import numpy as np
import pytest

from imbseg.meta.clusters import SAMPLE, cluster, proportions


def blobs(per_centre: int = 20) -> np.ndarray:
    centres = np.array([[0.9, 0.0, 0.0], [0.0, 0.9, 0.0], [0.0, 0.0, 0.9], [0.3, 0.3, 0.3]])
    return np.repeat(centres, per_centre, axis=0) + np.random.default_rng(0).normal(0, 0.01, (4 * per_centre, 3))


def test_proportions_leave_out_background_and_survive_an_image_without_labels() -> None:
    pixels = np.array([[8, 1, 1], [0, 0, 5], [0, 0, 0]])
    assert proportions(pixels, 0).tolist() == [[0.1, 0.1], [0.0, 1.0], [0.0, 0.0]]
    assert proportions(pixels, None).tolist() == [[0.8, 0.1, 0.1], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_finds_the_groups_that_are_there_with_a_seed_the_same_ones() -> None:
    found, again = cluster(blobs(), classes=4, seed=1), cluster(blobs(), classes=4, seed=1)
    assert np.array_equal(found.number, again.number)
    assert found.silhouettes == again.silhouettes
    assert found.k == 4
    assert list(found.silhouettes) == [2, 3, 4, 5, 6, 7, 8]
    assert max(found.silhouettes, key=lambda k: found.silhouettes[k]) == 4
    for start in range(0, 80, 20):
        assert len(set(found.number[start : start + 20])) == 1


@pytest.mark.parametrize(("shares", "k"), [([[0.0]] * 6, 1), ([[0.0], [1.0]] * 4, 2), ([[0.5]], 1)])
def test_few_different_images(shares: list[list[float]], k: int) -> None:
    found = cluster(np.array(shares), classes=2, seed=1)
    assert found.k == k
    assert len(set(found.number)) == k
    assert list(found.silhouettes) == ([2] if k == 2 else [])


def test_at_most_two_clusters_a_class_and_twenty() -> None:
    shares = np.random.default_rng(0).random((60, 3))
    assert list(cluster(shares, classes=2, seed=1).silhouettes) == [2, 3, 4]
    assert max(cluster(shares, classes=150, seed=1).silhouettes) == 20


def test_many_images_are_clustered_whole_but_chosen_on_a_sample() -> None:
    shares = blobs(SAMPLE // 2)
    found = cluster(shares, classes=2, seed=1)
    assert found.number.shape == (len(shares),)
    assert found.k == 4
