"""A diagnosis -> the trials to run, in order of priority, each with its reason."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from imbseg.copy_paste import COPY_PASTE
from imbseg.datasets.spec import Dataset
from imbseg.losses import LOSSES
from imbseg.meta.advice import names
from imbseg.meta.classes import ginis
from imbseg.meta.rarity import GINI_APART, MANY_EMPTY, classes_rare_by, empty_images
from imbseg.meta.read import Meta
from imbseg.sampling import SAMPLING

FEWEST, MOST = 6, 10
BELOW_MEDIAN = {"rare_objects": "median"}  # its default is a number of objects, which may be above or below every class


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One trial: what it changes, and why.

    Attributes:
        loss: a loss, or a weighted sum.
        sampling: a sampler; all but `none` take twice the steps.
        copy_paste: a rule.
        reason: for a person, without a full stop.
        parameters: of the sampler and the rule, by name.
        setup: what isn't a remedy, by name: geometry, batch size, learning rates; empty: as all trials have it.
        block: trials of one block answer one question: a plan holds all of them or none.
    """

    loss: str = "cross_entropy"
    sampling: str = "x2"
    copy_paste: str = "none"
    reason: str = ""
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    setup: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    block: str = ""

    def strategy(self, split: str) -> str:
        """The four parts as one value."""
        return f"full/{split}/{self.sampling}/{self.copy_paste}"

    def sampled(self, split: str, seed: int = 1) -> dict[str, Any]:
        """What NNI samples for it, from the file that `plan_config` writes."""
        return {"seed": seed, "strategy": {"_name": self.strategy(split), **self.inner, "loss": self.loss}}

    @property
    def inner(self) -> dict[str, Any]:
        """What stands beside its strategy and its loss."""
        return {**self.parameters, **self.setup}

    @property
    def remedy(self) -> tuple[str, str, str]:
        """What is left of it without its setup."""
        return self.sampling, self.copy_paste, self.loss

    @property
    def label(self) -> str:
        """Its sampler, copy-paste rule, loss and setup, in a line of a table."""
        setup = [f"{name} {value}" for name, value in self.setup.items()]
        return ", ".join([self.sampling, *([self.copy_paste] if self.copy_paste != "none" else []), self.loss, *setup])


BASELINE = Candidate(reason="baseline: each image twice an epoch, no remedy")
PLAIN = Candidate(sampling="none", reason="each image once, half the steps: the effect of the number of steps alone")


def candidates(
    meta: Meta, dataset: Dataset, geometries: Sequence[tuple[Mapping[str, Any], str]] = ()
) -> list[Candidate]:
    """The trials that follow from a diagnosis: the baseline, the same with half the steps, then remedies by priority.

    Each kind of rarity in the data adds one remedy, then the best sampler with the best loss, then each kind its next
    one. Common remedies fill up to FEWEST. A remedy that a menu lacks is skipped. A geometry brings two trials, the
    first behind the first remedy: with the baseline and that remedy they are the four cells of an interaction.

    Args:
        geometries: of each its settings and its reason, the most valuable first.

    Returns:
        FEWEST to MOST trials, and two for each geometry, all different.
    """
    lanes = [_known(trouble) for trouble in troubles(meta, dataset)]
    wanted = _different(_in_turn(lanes))
    together, both_known = _together(wanted)
    turn = max(len(lanes), both_known)
    first = [BASELINE, PLAIN, *wanted[:turn], *together, *wanted[turn:]]
    found = _different(first)[:MOST]
    found = _different([*found, *_known(_often())])[: max(FEWEST, len(found))]
    cells = [in_setup(setup, why, (BASELINE, found[2])) for setup, why in geometries]
    return [*found[:3], *(cells[0] if cells else []), *found[3:], *itertools.chain(*cells[1:])]


def in_setup(setup: Mapping[str, Any], reason: str, remedies: Sequence[Candidate]) -> list[Candidate]:
    """Trials in another setup as one block."""
    block = ", ".join(f"{name} {value}" for name, value in setup.items())
    reasons = [reason, *(f"the same with {one.label}" for one in remedies[1:])]
    pairs = zip(remedies, reasons, strict=True)
    return [dataclasses.replace(one, setup=setup, block=block, reason=why) for one, why in pairs]


def troubles(meta: Meta, dataset: Dataset) -> list[list[Candidate]]:
    """The remedies of each kind of rarity in the data, the most severe kind first."""
    classes = meta.classes
    empty, total = empty_images(meta.images, dataset)
    is_empty = dataset.background is not None and empty >= MANY_EMPTY * total
    one_class = len(classes) - (dataset.background is not None) == 1
    # With one class, drawing what shows it is what `positive` does already.
    few = [] if is_empty and one_class else classes_rare_by(classes, "images")
    thin = [name for name in classes_rare_by(classes, "pixels") if one_class or name not in few]
    small = classes_rare_by(classes, "size")
    by_images = [_few_images(names(few), _threshold(classes, dataset))] if few else []
    by_pixels = [_few_pixels(names(thin))] if thin else []
    gini = ginis(classes, dataset)
    pixels_first = gini["pixels"] > gini["images"] + GINI_APART or len(thin) > len(few)
    return [
        *([_mostly_empty(f"{empty / total:.0%} of the images have no foreground")] if is_empty else []),
        *(by_pixels + by_images if pixels_first else by_images + by_pixels),
        *([_small_objects(names(small))] if small else []),
    ]


def _few_images(who: str, threshold: float) -> list[Candidate]:
    why = f"few images show {who}"
    at = {"repeat_threshold": threshold}
    sampler = "rare_class" if "rare_class" in SAMPLING else "repeat_factor"
    parameters = {} if sampler == "rare_class" else at
    return [
        Candidate(sampling=sampler, parameters=parameters, reason=f"{why}: sample those more"),
        Candidate(copy_paste="rare", parameters=BELOW_MEDIAN, reason=f"{why}: copy-paste of the rarest classes"),
        Candidate(sampling="repeat_factor", parameters=at, reason=f"{why}: sample those more, by the root of rarity"),
        Candidate(sampling="adaptive", reason=f"{why}: sample the classes with the lowest IoU more"),
        Candidate(sampling="cluster", reason=f"{why}: sample images of small clusters more"),
    ]


def _few_pixels(who: str) -> list[Candidate]:
    why = f"few pixels of {who}"
    return [
        Candidate(loss="weighted_cross_entropy", reason=f"{why}: weight them in the loss"),
        Candidate(loss="logit_adjusted", reason=f"{why}: adjust the logits by the class prior in training"),
        Candidate(loss="cross_entropy+lovasz", reason=f"{why}: a term with equal weight for every class's IoU"),
        Candidate(loss="logit_variation", reason=f"{why}: add noise to the logits, more for rare classes"),
    ]


def _small_objects(who: str) -> list[Candidate]:
    why = f"small objects ({who})"
    rule, classes = "adaptive", "the classes with the lowest IoU"
    if rule not in COPY_PASTE:
        rule, classes = "rare", "the rarest classes"
    bound = BELOW_MEDIAN if rule == "rare" else {}
    return [
        Candidate(loss="size_balanced", reason=f"{why}: weight objects alike, whatever their pixels"),
        Candidate(copy_paste=rule, parameters=bound, reason=f"{why}: copy-paste of {classes}"),
        Candidate(loss="cross_entropy+lovasz", reason=f"{why}: a term that approximates IoU"),
        Candidate(loss="ohem", reason=f"{why}: only the hardest pixels count, often theirs"),
    ]


def _mostly_empty(why: str) -> list[Candidate]:
    return [
        Candidate(sampling="positive", reason=f"{why}: sample the others more"),
        Candidate(loss="cross_entropy+dice", reason=f"{why}: a term in which background does not dominate"),
        Candidate(loss="cross_entropy+tversky", reason=f"{why}: a term in which false negatives cost more"),
    ]


def _often() -> list[Candidate]:
    why = "no class is rare"
    return [
        Candidate(loss="weighted_cross_entropy", reason=f"{why}: class weights as the common first remedy"),
        Candidate(loss="cross_entropy+lovasz", reason=f"{why}: a term that approximates IoU"),
        Candidate(loss="softmax_focal", reason=f"{why}: down-weights pixels that are classified well"),
        Candidate(sampling="label", reason=f"{why}: sample images of rare major classes more, as published"),
    ]


def _threshold(classes: pd.DataFrame, dataset: Dataset) -> float:
    """The median class's share of the images: below it a class is drawn more; in (0, 1]."""
    shares = classes["image_share"][classes["class"].ne(dataset.background or "")]
    return min(max(round(float(shares.median()), 2), 0.01), 1.0)


def _known(wanted: Sequence[Candidate]) -> list[Candidate]:
    """Those that today's menus hold."""
    there = [one for one in wanted if one.sampling in SAMPLING and one.copy_paste in COPY_PASTE]
    return [one for one in there if all(term in LOSSES for term in one.loss.split("+"))]


def _in_turn(lanes: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """The first of each, then the second of each, and so on."""
    rounds: Iterator[tuple[Candidate | None, ...]] = itertools.zip_longest(*lanes)
    return [one for each in rounds for one in each if one is not None]


def _together(wanted: Sequence[Candidate]) -> tuple[list[Candidate], int]:
    """The first sampler and the first loss in one trial, where the data ask for both; after how many both are known."""
    sampler = next((number for number, one in enumerate(wanted) if one.sampling != "x2"), None)
    loss = next((number for number, one in enumerate(wanted) if one.loss != "cross_entropy"), None)
    if sampler is None or loss is None:
        return [], 0
    drawn, weighed = wanted[sampler], wanted[loss]
    reason = f"{drawn.sampling} and {weighed.loss} together: whether they add up"
    return [dataclasses.replace(drawn, loss=weighed.loss, reason=reason)], max(sampler, loss) + 1


def _different(wanted: Sequence[Candidate]) -> list[Candidate]:
    """Without repetitions, the first reason kept."""
    by_settings = {one.remedy: one for one in reversed(wanted)}
    return [one for one in wanted if by_settings[one.remedy] is one]
