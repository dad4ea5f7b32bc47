"""A trial counts by object size and keeps each image's group, whatever loads the images and whoever stopped it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from asked import evidence, frames_of
from small_trial import SMALL, train

from imbseg.augment.object_area import object_numbers
from imbseg.datasets.read import read_mask
from imbseg.files import sha256
from imbseg.metrics.counts import BY_SIZE, load_counts
from imbseg.metrics.scores import iou
from imbseg.metrics.tables import load_table
from imbseg.models.weights import IMAGENET
from imbseg.runs.draws import shown
from imbseg.training import loop
from imbseg.training.fold import read_fold
from imbseg.training.whole_images import WholeImages
from imbseg.trial import resolve

FILES = ("counts_val.npz", "counts_test.npz")


def whole_images(data: dict[str, str], subset: str = "test", **changed: str) -> WholeImages:
    made = resolve({**SMALL, **data, **changed}, {})
    return WholeImages(getattr(read_fold(made.trial, made.dataset), subset), made.dataset, made.trial, IMAGENET)


@pytest.mark.parametrize("file", FILES)
def test_sizes_share_out_the_pixels_of_every_class_but_the_background(
    data: dict[str, str], finished: tuple[Path, Any], file: str
) -> None:
    counts = load_counts(finished[0] / file)
    assert counts.object_tp is not None
    assert counts.object_fn is not None
    assert counts.objects is not None
    assert counts.object_tp.shape == counts.object_fn.shape == counts.objects.shape == (2, 3)
    assert counts.object_tp.sum(axis=1)[1] == counts.tp.sum(axis=0)[1]
    assert counts.object_fn.sum(axis=1)[1] == counts.fn.sum(axis=0)[1]
    assert [getattr(counts, name)[0].tolist() for name in BY_SIZE] == [[0, 0, 0]] * 3
    whole = whole_images(data, "val" if "val" in file else "test")
    masks = [read_mask(path, whole.dataset) for path in whole.files.masks]
    assert counts.objects.sum() == sum(int(object_numbers(mask, 0).max()) for mask in masks) > 0
    assert counts.groups.tolist() == [name.split("_")[0] for name in counts.ids.tolist()]


def test_results_read_what_a_trial_wrote(finished: tuple[Path, Any]) -> None:
    asked = evidence(finished[0])
    counts, tables = load_counts(finished[0] / "counts_test.npz"), frames_of(asked)
    by_size = tables["recall_by_size.csv"]
    assert by_size["class"].unique().tolist() == ["crack"]
    assert by_size["pixels"].sum() == (counts.tp + counts.fn)[:, 1].sum()
    assert by_size["objects"].sum() == np.asarray(counts.objects).sum()
    assert tables["class_profile.csv"]["IoU"].tolist() == pytest.approx(iou(counts).tolist())
    ((_, drawn),) = shown(asked.group.baseline).items()
    assert drawn["pixels"].sum() > 0


class OneClass(torch.nn.Module):
    """Says class 1 everywhere."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.zeros_like(images[:, 0]), torch.ones_like(images[:, 0])], dim=1)


def test_objects_are_instances_where_their_masks_are_there(data: dict[str, str]) -> None:
    whole = whole_images(data)
    files = whole.files
    paths = [path.with_name(f"{path.stem}.objects.png") for path in files.masks]
    for path, mask in zip(paths, files.masks, strict=True):  # a crack is two objects, 32 columns each
        cracks = read_mask(mask, whole.dataset)
        cv2.imwrite(str(path), cracks * np.repeat(np.array([7, 9], np.uint8), 32))
    cpu, shown = torch.device("cpu"), sum(read_mask(path, whole.dataset).any() for path in files.masks)
    plain = loop.evaluate(OneClass(), whole, cpu, whole.trial, "test")
    instances = WholeImages(dataclasses.replace(files, objects=paths), whole.dataset, whole.trial, IMAGENET)
    found = loop.evaluate(OneClass(), instances, cpu, whole.trial, "test")
    assert plain.objects is not None
    assert found.objects is not None
    assert plain.objects.tolist() == [[0, 0, 0], [shown, 0, 0]]
    assert found.objects.tolist() == [[0, 0, 0], [2 * shown, 0, 0]]
    np.testing.assert_array_equal(found.object_tp, plain.object_tp)
    paths[-1].unlink()
    lacking = WholeImages(dataclasses.replace(files, objects=paths), whole.dataset, whole.trial, IMAGENET)
    counts = loop.evaluate(OneClass(), lacking, cpu, whole.trial, "test")
    assert [getattr(counts, name) for name in BY_SIZE] == [None] * 3
    np.testing.assert_array_equal(counts.tp, plain.tp)


@pytest.mark.parametrize("post_hoc", ["prior", "none"])
def test_a_trial_ends_with_its_objects_and_its_calibration(
    data: dict[str, str], finished: tuple[Path, Any], tmp_path: Path, post_hoc: str
) -> None:
    folder = finished[0]
    if post_hoc == "none":
        train({**data, "post_hoc": "none"}, folder := tmp_path / "plain")
    for subset in ("val", "test"):
        counts = load_counts(folder / f"counts_{subset}.npz")
        components = load_table(folder, "components", subset, ("background", "crack"))
        calibration = load_table(folder, "calibration", subset, ("background", "crack"))
        assert counts.objects is not None
        assert components is not None
        assert calibration is not None
        assert components[0].sum() == 0
        tp, _, fn = components[1].T
        assert (tp + fn).tolist() == [counts.objects[1].sum()] * 2
        # Images of 64 x 64 are counted whole: every labelled pixel, once a class
        assert calibration[..., 1].sum(axis=1).tolist() == (counts.tp + counts.fn).sum(axis=0).tolist()
        assert calibration[..., 0].sum(axis=1).tolist() == [(counts.tp + counts.fn).sum()] * 2
        # Of two classes that with .5 or more is predicted: bins from the ninth on hold nothing else
        assert calibration[1, 8:, 0].sum() <= (counts.tp + counts.fp)[:, 1].sum() <= calibration[1, 7:, 0].sum()
    for name in ("components.csv", "calibration.csv"):
        assert sha256(folder / name) == sha256(finished[0] / name)
