"""Finished runs at work: labels of any image, scores on other data, and the pictures that a report shows of them.

>>> import imbseg.predict
>>> predictor = imbseg.predict.load("latest")  # doctest: +SKIP
>>> labels = predictor(image).labels  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imbseg.predict.predictor import Predictor, Tiling


def load(
    run: str,
    *,
    by: str = "mIoU",
    strategy: str | None = None,
    seeds: Sequence[int] = (),
    post_hoc: str = "none",
    device: str = "auto",
    tiling: Tiling | None = None,
    operating_points: bool = True,
) -> Predictor:
    """Make the networks of a run, or of an experiment's best strategy, ready to label images.

    Args:
        run: a run folder, a folder of runs, the name of one in data/runs, or `latest`.
        by: the validation score that chooses the strategy, and a correction's strength: mIoU or tail.
        strategy: as the report names it, instead of the best one.
        seeds: of which runs; all, where none is named.
        post_hoc: a correction, such as prior, flip or prior*flip.
        device: auto (a GPU that is there), cpu, cuda or cuda:N.
        tiling: how images are cut that are too large to be shown whole.
        operating_points: whether one run's thresholds are taken, where it keeps any (evaluate.py --operating_point).

    Returns:
        A function of an image (height, width, 3) uint8, red, green, blue; it gives `labels` (height, width) uint8 and
        `probabilities` (classes, height, width) float32. `said` tells how its networks were chosen.

    Raises:
        InputError: no such run, it has not finished, or something of it is missing or broken.
    """
    from imbseg.models.arithmetic import set_cudnn
    from imbseg.predict.member import Member  # torch: the report reads kept predictions without it
    from imbseg.predict.operating_points import kept
    from imbseg.predict.predictor import Predictor
    from imbseg.predict.which import choose
    from imbseg.training.prepare import choose_device

    chosen = choose(run, by=by, strategy=strategy, seeds=seeds)
    set_cudnn()
    members = [Member.of(one.folder, choose_device(device)) for one in chosen.runs]
    thresholds, names = {}, members[0].stored.class_names
    if operating_points and len(members) == 1:
        thresholds = kept(chosen.runs[0].folder, names)
    told = "".join(f"; {names[index]} where its probability reaches {at:.4f}" for index, at in thresholds.items())
    return Predictor(members, post_hoc, by, tiling, chosen.said + told, thresholds)
