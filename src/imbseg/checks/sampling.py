"""What every sampler keeps."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.checks.expect import expect

FOLDS: dict[str, dict[str, Any]] = {  # columns of small and odd train folds
    "five images": {
        "major_class": ["dog", "dog", "dog", "cat", ""],
        "cluster": [0, 0, 1, 1, 2],
        "pixel_counts": [[9, 0], [9, 0], [9, 0], [0, 9], [0, 0]],
    },
    "one image": {"major_class": ["dog"], "cluster": [0], "pixel_counts": [[9, 0]]},
    "one class in all images": {"pixel_counts": [[9, 0], [9, 1], [9, 0]]},
    "a class absent from the fold": {"pixel_counts": [[9, 0, 1], [9, 0, 0], [9, 0, 0]]},
    "counts of 1": {"pixel_counts": [[1, 0], [0, 1], [0, 0]]},
    "one class": {"pixel_counts": [[3], [0], [1]]},
    "no labels at all": {"pixel_counts": [[0, 0], [0, 0], [0, 0]]},
    "only one class there": {"pixel_counts": [[5, 0], [5, 0], [5, 0]]},
}


def columns(fold: str, background: int | None = 0) -> dict[str, Any]:
    """What a sampler may ask for, of one of FOLDS."""
    rows = {"major_class": ["dog", "dog", "cat"], "cluster": [0, 0, 1], **FOLDS[fold]}
    counts = np.array(rows["pixel_counts"], np.int64)
    scores = np.linspace(0, 1, counts.shape[1])
    return {
        "major_class": np.array(rows["major_class"], str),
        "cluster": np.array(rows["cluster"], np.int64),
        "pixel_counts": counts,
        "background": background,
        "class_scores": scores,
    }


def draws_from_any_fold(sampler: Callable[[Mapping[str, Any]], NDArray[np.float64]]) -> None:
    """One finite weight an image, or a class and image, not all 0, the same at every call; columns stay untouched."""
    for fold in FOLDS:
        for background in (0, None):
            given = columns(fold, background)
            kept = copy.deepcopy(given)
            weights = sampler(given)
            images, classes = given["pixel_counts"].shape
            shape, where = np.shape(weights), f"of a fold with {fold}"
            expect(
                shape in ((images,), (classes, images)),
                f"weights of shape ({images},) or ({classes}, {images}) {where}",
                shape,
            )
            expect(weights.dtype == np.float64, f"float64 weights {where}", weights.dtype)
            sound = np.isfinite(weights).all() and (weights >= 0).all() and weights.any()
            expect(bool(sound), f"finite weights >= 0, not all 0, {where}", weights.tolist())
            expect(np.array_equal(sampler(given), weights), f"the same weights at every call {where}", "others")
            same = all(np.array_equal(given[name], value) for name, value in kept.items())
            expect(same, f"untouched columns {where}", "changed ones")


SAMPLER_CHECKS: tuple[Callable[[Any], None], ...] = (draws_from_any_fold,)
