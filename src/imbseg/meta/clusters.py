"""Images that show similar mixtures of classes: k-means, with its k chosen by silhouette."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

MOST = 20  # clusters at most; and at most two a class
SAMPLE = 2000  # images the k is chosen on: the silhouette takes the square of it
STARTS = 3  # of each k-means


@dataclasses.dataclass(frozen=True)
class Clusters:
    """The clusters found.

    Attributes:
        number: (images,) int64, the cluster of each image.
        k: how many there are.
        silhouettes: of each k that was tried, on at most SAMPLE images; empty where there was nothing to choose.
    """

    number: NDArray[np.int64]
    k: int
    silhouettes: dict[int, float]


def proportions(pixels: NDArray[np.int64], background: int | None) -> NDArray[np.float64]:
    """The share of each class in an image's labelled pixels, the background's column left out.

    Without that column the clusters follow the classes: on VOC 2012 train they agree with the major class twice as
    well (adjusted mutual information .50 against .25 at the k chosen), and the empty images lie together at zero.

    Args:
        pixels: (images, classes) int, labelled pixels of each class.
        background: index of the background class, or None.

    Returns:
        (images, classes without background) float64; zeros where nothing is labelled.

    >>> proportions(np.array([[6, 2], [0, 0]]), 0)
    array([[0.25],
           [0.  ]])
    """
    shares = pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1)
    return np.asarray(shares if background is None else np.delete(shares, background, axis=1))


def cluster(shares: NDArray[np.float64], *, classes: int, seed: int) -> Clusters:
    """Cluster images by their class proportions.

    Args:
        shares: (images, columns) float, see `proportions`.
        classes: number of classes; k is chosen from 2..min(2 * classes, 20), no more than there are different rows.
    """
    import sklearn.cluster
    import sklearn.metrics  # noqa: F401  threadpool_limits sees only the libraries that are loaded already
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.choice(len(shares), min(SAMPLE, len(shares)), replace=False))
    sample = shares[chosen]
    # One thread: several add up a centre's points in whatever order they finish, and the last bits would differ
    with threadpool_limits(1):
        most = min(2 * classes, MOST, len(np.unique(sample, axis=0)), len(sample) - 1)
        scores = {k: _silhouette(sample, k, seed) for k in range(2, most + 1)}
        k = max(scores, key=lambda one: (scores[one], -one)) if scores else 1
        number = _fit(shares, k, seed)
    return Clusters(number, k, {one: round(score, 6) for one, score in scores.items()})


def _silhouette(sample: NDArray[np.float64], k: int, seed: int) -> float:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(sample, _fit(sample, k, seed)))


def _fit(shares: NDArray[np.float64], k: int, seed: int) -> NDArray[np.int64]:
    from sklearn.cluster import KMeans

    if k < 2:
        return np.zeros(len(shares), np.int64)
    labels = KMeans(k, n_init=STARTS, random_state=seed).fit_predict(shares)
    return np.asarray(labels, np.int64)
