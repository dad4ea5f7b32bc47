"""The finished network decoded again: the prior's strength chosen on validation, then the test images once with it."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg import menu
from imbseg.metrics.counts import BY_SIZE, Counts, image_confusion, marginals, save_counts
from imbseg.metrics.object_size import size_counts
from imbseg.metrics.scores import mean, summary
from imbseg.post_hoc import POST_HOC
from imbseg.post_hoc.prior import BETAS
from imbseg.training.folder import Row, write_rows
from imbseg.training.loop import predict
from imbseg.training.prepare import Run
from imbseg.training.record import SELECTED, table_scores
from imbseg.training.whole_images import WholeImages

Way = tuple[str, float]  # a correction of the menu and its strength; rank has none, and stands with 0
Scores = Mapping[str, Mapping[Way, Row]]  # subset -> way -> scores
PLAIN: Way = ("prior", 0.0)
# The score that each column's beta is chosen by. A moved prior also moves whether a class is predicted that no image
# shows: these are over the classes that validation shows; `tail_present` stands in no table.
CHOOSERS = {"mIoU": SELECTED, "tail": "tail_present"}


@dataclasses.dataclass(frozen=True)
class Along:
    """Counts of one subset, decoded in every way: what `Counts` holds, in half the memory.

    Attributes:
        ids: one an image.
        ways: the decodings.
        images: (images, ways, 4, classes) int32: TP, FP, FN, ignored.
        confusions: (ways, classes, classes) int64.
        by_size: (3, classes, 3) int64 as `size_counts` gives, of the network as trained (PLAIN) alone; None: not
            counted.
        groups: one an image, or none.
    """

    ids: list[str]
    ways: tuple[Way, ...]
    images: NDArray[np.int32]
    confusions: NDArray[np.int64]
    by_size: NDArray[np.int64] | None = None
    groups: Sequence[str] = ()

    def at(self, way: Way) -> Counts:
        """The counts of one decoding."""
        place = self.ways.index(way)
        tp, fp, fn, ignored = np.moveaxis(self.images[:, place].astype(np.int64), 1, 0)
        sized = dict(zip(BY_SIZE, self.by_size, strict=True)) if way == PLAIN and self.by_size is not None else {}
        groups = np.array(self.groups, np.str_)
        return Counts(np.array(self.ids), tp, fp, fn, ignored, self.confusions[place], groups=groups, **sized)


def correct(run: Run) -> tuple[Counts, Row]:
    """Decode validation and test images anew with the network as it is; write post_hoc.csv and the counts.

    Args:
        run: its network holds the best epoch's weights; its `post_hoc` is prior, or rank, which comes beside prior.

    Returns:
        The test counts as trained (beta 0, from the same pass), and what the result gains, a score that doesn't exist
        left out: prior/mIoU at prior/beta, prior/tail at prior/tail_beta (each the best on validation), with test/
        before them the same on the test images, and rank/mIoU, rank/tail likewise.
    """
    more: list[Way] = [("rank", 0.0)] if run.trial.post_hoc == "rank" else []
    val = count_along(run, "val", [*(("prior", beta) for beta in BETAS), *more])
    scores = {"val": _scores(run, val)}
    chosen = choose({beta: row for (method, beta), row in scores["val"].items() if method == "prior"})
    test = count_along(run, "test", [*(("prior", beta) for beta in sorted({0.0, *chosen.values()})), *more])
    scores["test"] = _scores(run, test)
    write_rows(run.folder.file("post_hoc.csv"), _rows(scores, chosen))
    for subset, along in (("val", val), ("test", test)):
        for name, beta in chosen.items():
            kind = "prior" if name == "mIoU" else f"prior_{name}"
            save_counts(run.folder.file(f"counts_{subset}_{kind}.npz"), along.at(("prior", beta)))
    for line in _lines(scores, chosen, more):
        run.say(line)
    return test.at(PLAIN), _result(scores, chosen, more)


def count_along(run: Run, subset: str, ways: Sequence[Way]) -> Along:
    """Predict a subset once and count it in every way.

    Args:
        run: the trial.
        subset: val or test.
        ways: the decodings.
    """
    whole = WholeImages(getattr(run.fold, subset), run.dataset, run.trial, run.normalisation)
    classes, priors = len(run.dataset.classes), torch.from_numpy(run.fold.class_priors)
    decoders = [decoder(way, priors) for way in ways]
    images = np.zeros((len(whole.files.ids), len(ways), 4, classes), np.int32)
    confusions = np.zeros((len(ways), classes, classes), np.int64)
    by_size = np.zeros((3, classes, 3), np.int64) if whole.by_size and PLAIN in ways else None
    for index, logits, truth in predict(run.learner.model, whole, run.learner.device, run.trial, f"post_hoc, {subset}"):
        labels = [one(logits[None])[0].to(torch.uint8).cpu().numpy() for one in decoders]
        each = np.stack([image_confusion(one, truth.mask, classes) for one in labels])  # (ways, classes + 1, classes)
        images[index] = np.stack(marginals(each), axis=1)
        confusions += each[:, :-1]
        if by_size is not None and truth.sizes is not None:
            by_size += size_counts(labels[ways.index(PLAIN)], truth.mask, truth.sizes)
    return Along(whole.files.ids, tuple(ways), images, confusions, by_size, whole.files.groups)


def decoder(way: Way, class_priors: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """A correction of the menu with what it takes: (images, classes, height, width) logits -> labels."""
    method, beta = way
    given = {"class_priors": class_priors, "beta": beta}
    taken = {name: given[name] for name in menu.arguments(POST_HOC, method) if name in given}
    return functools.partial(menu.choose(POST_HOC, method, "correction"), **taken)


def choose(scores: Mapping[float, Mapping[str, float]]) -> dict[str, float]:
    """The best beta by mIoU, and by tail where that is scored; between equals the one that moves the prior least.

    Args:
        scores: beta -> scores on the validation images, those over the classes that these show.

    >>> rows = {0.0: {"mIoU_present": 0.5}, 0.5: {"mIoU_present": 0.5, "tail_present": 0.1}}
    >>> choose(rows)
    {'mIoU': 0.0, 'tail': 0.5}
    """
    found = {}
    for name, score in CHOOSERS.items():
        scored = {beta: row[score] for beta, row in scores.items() if not math.isnan(row.get(score, math.nan))}
        if scored:
            found[name] = max(scored, key=lambda beta: (scored[beta], -abs(beta), beta))
    return found


def _scores(run: Run, along: Along) -> dict[Way, Row]:
    found = {}
    for way in along.ways:
        row = table_scores(summary(along.at(way), run.dataset.class_names, run.fold.groups))
        shown = [row[f"IoU/{name}"] for name in run.fold.groups["tail"] if not math.isnan(row[f"recall/{name}"])]
        found[way] = row | {"tail_present": float(mean(np.array(shown)))}
    return found


def _result(scores: Scores, chosen: Mapping[str, float], more: Sequence[Way]) -> Row:
    result = {}
    for prefix, subset in (("", "val"), ("test/", "test")):
        for name, beta in chosen.items():
            result[f"{prefix}prior/{name}"] = _score(scores[subset]["prior", beta], subset, name)
        for way in more:
            result |= {f"{prefix}{way[0]}/{name}": _score(scores[subset][way], subset, name) for name in CHOOSERS}
    betas = {("prior/beta" if name == "mIoU" else f"prior/{name}_beta"): beta for name, beta in chosen.items()}
    return {name: value for name, value in (result | betas).items() if not math.isnan(value)}


def _score(row: Row, subset: str, name: str) -> float:
    """As the tuner gets it: mIoU of validation by what chooses epochs, mIoU of the test images as such."""
    return row.get(SELECTED if (subset, name) == ("val", "mIoU") else name, math.nan)


def _rows(scores: Scores, chosen: Mapping[str, float]) -> list[dict[str, float | str]]:
    rows: list[dict[str, float | str]] = []
    for subset, at in scores.items():
        for (method, beta), row in at.items():
            by = " ".join(name for name in CHOOSERS if method == "prior" and chosen.get(name) == beta)
            strength = beta if method == "prior" else ""
            kept = {name: value for name, value in row.items() if name != "tail_present"}
            rows.append({"subset": subset, "method": method, "beta": strength, "chosen_by": by, **kept})
    return rows


def _lines(scores: Scores, chosen: Mapping[str, float], more: Sequence[Way]) -> list[str]:
    """What a person reads: the gain of each choice, and whether the grid was too short for it."""
    lines = []
    for name, beta in chosen.items():
        lines.append(f"prior, beta {beta:g} (best validation {name}): {_gains(scores, ('prior', beta))}")
        if beta in (min(BETAS), max(BETAS)):
            lines.append(f"prior: beta {beta:g} is the end of the grid {min(BETAS):g}..{max(BETAS):g}; a better one "
                         f"may lie beyond")  # fmt: skip
    return lines + [f"{way[0]}: {_gains(scores, way)}" for way in more]


def _gains(scores: Scores, way: Way) -> str:
    pairs = [
        (f"{name} {subset}", _score(at[PLAIN], subset, name), _score(at[way], subset, name))
        for subset, at in scores.items() for name in CHOOSERS
    ]  # fmt: skip
    return ", ".join(f"{what} {before:.3f} -> {after:.3f}" for what, before, after in pairs if not math.isnan(before))
