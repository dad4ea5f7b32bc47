"""The finished network decoded again: the prior's strength chosen on validation, then the test images once with it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.metrics.counts import Counts, image_confusion, marginals, save_counts
from imbseg.metrics.scores import summary
from imbseg.post_hoc.prior import BETAS, prior
from imbseg.training.folder import Row, write_rows
from imbseg.training.loop import predict
from imbseg.training.prepare import Run
from imbseg.training.record import SELECTED, table_scores
from imbseg.training.samples import WholeImages

# What chooses a beta, and the validation score it goes by. The first one's choice is the correction, the other's stands
# beside it. A moved prior also moves whether a class is predicted that no image shows: the score must not depend on it.
CHOOSERS = {"mIoU": SELECTED, "tail": "tail"}


@dataclasses.dataclass(frozen=True)
class Along:
    """Counts of one subset at every beta: what `Counts` holds, in half the memory.

    Attributes:
        ids: one an image.
        betas: the strengths.
        images: (images, betas, 4, classes) int32: TP, FP, FN, ignored.
        confusions: (betas, classes, classes) int64.
    """

    ids: list[str]
    betas: tuple[float, ...]
    images: NDArray[np.int32]
    confusions: NDArray[np.int64]

    def at(self, beta: float) -> Counts:
        """The counts at one of the betas."""
        place = self.betas.index(beta)
        tp, fp, fn, ignored = np.moveaxis(self.images[:, place].astype(np.int64), 1, 0)
        return Counts(np.array(self.ids), tp, fp, fn, ignored, self.confusions[place])


def correct(run: Run) -> tuple[Counts, Row]:
    """Decode validation and test images anew with the network as it is; write post_hoc.csv and the counts.

    Args:
        run: its network holds the best epoch's weights.

    Returns:
        The test counts as trained (beta 0, from the same pass), and what the result gains: prior/mIoU, prior/tail
        and prior/beta of validation, test/prior/mIoU and test/prior/tail, all at the beta with the best validation
        mIoU. A score that doesn't exist is left out.
    """
    val = count_along(run, "val", BETAS)
    scores = {"val": _scores(run, val)}
    chosen = choose(scores["val"])
    test = count_along(run, "test", tuple(sorted({0.0, *chosen.values()})))
    scores["test"] = _scores(run, test)
    write_rows(run.folder.file("post_hoc.csv"), _rows(scores, chosen))
    best = chosen["mIoU"]
    save_counts(run.folder.file("counts_val_prior.npz"), val.at(best))
    save_counts(run.folder.file("counts_test_prior.npz"), test.at(best))
    for line in _lines(scores, chosen):
        run.say(line)
    result = {"prior/beta": best}
    for prefix, subset in (("", "val"), ("test/", "test")):
        result |= {f"{prefix}prior/{name}": _score(scores[subset][best], subset, name) for name in CHOOSERS}
    return test.at(0.0), {name: value for name, value in result.items() if not math.isnan(value)}


def count_along(run: Run, subset: str, betas: Sequence[float]) -> Along:
    """Predict a subset once and count it at every beta.

    Args:
        run: the trial.
        subset: val or test.
        betas: the strengths.
    """
    whole = WholeImages(getattr(run.fold, subset), run.dataset, run.trial, run.normalisation)
    classes, priors = len(run.dataset.classes), torch.from_numpy(run.fold.class_priors)
    images = np.zeros((len(whole.files.ids), len(betas), 4, classes), np.int32)
    confusions = np.zeros((len(betas), classes, classes), np.int64)
    for index, logits, mask in predict(run.learner.model, whole, run.learner.device, run.trial, f"prior, {subset}"):
        labels = [prior(logits[None], class_priors=priors, beta=beta)[0].to(torch.uint8) for beta in betas]
        each = np.stack([image_confusion(one.cpu().numpy(), mask, classes) for one in labels])
        images[index] = np.stack(marginals(each), axis=1)  # of (betas, classes + 1, classes)
        confusions += each[:, :-1]
    return Along(whole.files.ids, tuple(betas), images, confusions)


def choose(scores: Mapping[float, Mapping[str, float]]) -> dict[str, float]:
    """The best beta by mIoU, and by tail where that is scored; between equals the one that moves the prior least.

    Args:
        scores: beta -> scores on the validation images; mIoU is taken over the classes that these show.

    >>> choose({-0.5: {"mIoU_present": 0.4}, 0.0: {"mIoU_present": 0.5}, 0.5: {"mIoU_present": 0.5, "tail": 0.1}})
    {'mIoU': 0.0, 'tail': 0.5}
    """
    found = {}
    for name, score in CHOOSERS.items():
        scored = {beta: row[score] for beta, row in scores.items() if not math.isnan(row.get(score, math.nan))}
        if scored:
            found[name] = max(scored, key=lambda beta: (scored[beta], -abs(beta), beta))
    return found


def _scores(run: Run, along: Along) -> dict[float, Row]:
    return {
        beta: table_scores(summary(along.at(beta), run.dataset.class_names, run.fold.groups)) for beta in along.betas
    }


def _score(row: Row, subset: str, name: str) -> float:
    """As the tuner gets it: `default` of validation by what chooses epochs, mIoU of the test images as such."""
    return row.get(CHOOSERS[name] if subset == "val" else name, math.nan)


def _rows(scores: Mapping[str, Mapping[float, Row]], chosen: Mapping[str, float]) -> list[dict[str, float | str]]:
    return [
        {"subset": subset, "method": "prior", "beta": beta,
         "chosen_by": " ".join(name for name in CHOOSERS if chosen.get(name) == beta), **row}
        for subset, at in scores.items() for beta, row in at.items()
    ]  # fmt: skip


def _lines(scores: Mapping[str, Mapping[float, Row]], chosen: Mapping[str, float]) -> list[str]:
    """What a person reads: the gain of each choice, and whether the grid was too short for it."""
    lines = []
    for name, beta in chosen.items():
        words = [
            f"{what} {subset} {_score(at[0.0], subset, what):.3f} -> {_score(at[beta], subset, what):.3f}"
            for subset, at in scores.items() for what in CHOOSERS if not math.isnan(_score(at[0.0], subset, what))
        ]  # fmt: skip
        lines.append(f"prior, beta {beta:g} (best validation {name}): {', '.join(words)}")
        if beta in (min(BETAS), max(BETAS)):
            lines.append(f"prior: beta {beta:g} is the end of the grid {min(BETAS):g}..{max(BETAS):g}; a better one "
                         f"may lie beyond")  # fmt: skip
    return lines
