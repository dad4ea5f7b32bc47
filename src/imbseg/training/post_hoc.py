"""Post-hoc corrections of a trained network: strengths chosen on validation, then the test images once with them."""

import dataclasses
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg import ranks
from imbseg.metrics.counts import Counts, image_confusion, marginals, save_counts
from imbseg.metrics.scores import mean, summary
from imbseg.metrics.tally import Sums, Tally, added
from imbseg.post_hoc import POST_HOC, factors, grid, passes, prefix, steps
from imbseg.post_hoc.logits import as_labels
from imbseg.training.folder import Row, write_rows
from imbseg.training.large import in_bands, large
from imbseg.training.prepare import Run
from imbseg.training.record import SELECTED, table_scores
from imbseg.training.views import Way, asked, decoder, in_views, last_layer
from imbseg.training.whole_images import WholeImages

Scores = Mapping[str, Mapping[Way, Row]]  # subset -> way -> scores
Chosen = Mapping[str, Mapping[str, float]]  # correction with a grid -> score -> the strength that is best for it
# The score that each column's strength is chosen by. A correction also changes whether a class is predicted that no
# image shows: these are over the classes that validation shows; `tail_present` stands in no table.
CHOOSERS = {"mIoU": SELECTED, "tail": "tail_present"}


@dataclasses.dataclass(frozen=True)
class Along:
    """Counts of one subset under every correction: what `Counts` holds, in half the memory.

    Attributes:
        images: (images, ways, 4, classes) int32: TP, FP, FN, ignored.
        confusions: (ways, classes, classes) int64.
        groups: one an image, or none.
        sums: what is counted beside, of the network as trained alone.
    """

    ids: list[str]
    ways: tuple[Way, ...]
    images: NDArray[np.int32]
    confusions: NDArray[np.int64]
    groups: Sequence[str] = ()
    sums: Sums = dataclasses.field(default_factory=dict)

    def at(self, way: Way) -> Counts:
        """The counts of one correction and strength."""
        place = self.ways.index(way)
        tp, fp, fn, ignored = np.moveaxis(self.images[:, place].astype(np.int64), 1, 0)
        groups, sums = np.array(self.groups, np.str_), self.sums if way == plain_of(self.ways) else {}
        return Counts(np.array(self.ids), tp, fp, fn, ignored, self.confusions[place], groups=groups, **sums)


def ways_of(post_hoc: str, chosen: Chosen | None = None) -> list[Way]:
    """Every correction and strength of a `post_hoc` setting, the network as trained among them.

    Args:
        post_hoc: see `imbseg.post_hoc.steps`.
        chosen: with the strengths that validation chose, instead of whole grids.
    """
    found: list[Way] = []
    for name in steps(post_hoc):
        strengths = grid(name)[1]
        if strengths and chosen is not None:
            strengths = tuple(sorted({0.0, *chosen.get(name, {}).values()}))
        found += [(name, strength) for strength in strengths or (0.0,)]
    return found if plain_of(found) else [("none", 0.0), *found]


def plain_of(ways: Sequence[Way]) -> Way | None:
    """The network as trained: strength 0 of the first grid, else `none`."""
    return next((way for way in ways if way[1] == 0 and (way[0] == "none" or _has_plain(way[0]))), None)


def _has_plain(name: str) -> bool:
    """Whether strength 0 is the network as trained: not where another view of the image comes first."""
    return len(factors(name)) == 1 and bool(grid(name)[1])


def correct(run: Run) -> tuple[dict[str, Counts], Row]:
    """Correct the predictions on validation and test images; write post_hoc.csv and the counts.

    Args:
        run: its network holds the best epoch's weights; its `post_hoc` names corrections.

    Returns:
        Each subset's counts as trained (from the same passes), and what the result gains, a score that doesn't exist
        left out. Of a correction with a grid: prior/mIoU at prior/beta, prior/tail at prior/tail_beta (each the best on
        validation), with test/ before them the same on the test images; of another rank/mIoU and rank/tail.
    """
    ways = ways_of(run.trial.post_hoc)
    val = count_along(run, "val", ways)
    scores = {"val": _scores(run, val)}
    by_name: dict[str, dict[float, Row]] = {}
    for (name, strength), row in scores["val"].items():
        by_name.setdefault(name, {})[strength] = row
    chosen = {name: choose(rows) for name, rows in by_name.items() if grid(name)[1]}
    test = count_along(run, "test", ways_of(run.trial.post_hoc, chosen))
    scores["test"] = _scores(run, test)
    both = {"val": val, "test": test}
    plain = {subset: along.at(plain_of(along.ways) or along.ways[0]) for subset, along in both.items()}
    if ranks.is_main():
        _write(run, both, scores, chosen)
    return plain, _result(scores, chosen)


def _write(run: Run, both: Mapping[str, Along], scores: Scores, chosen: Chosen) -> None:
    write_rows(run.folder.file("post_hoc.csv"), _rows(scores, chosen))
    for subset, along in both.items():
        for way, score in [((name, at), score) for name, by in chosen.items() for score, at in by.items()]:
            kind = prefix(way[0])[:-1].replace("*", "_") + ("" if score == "mIoU" else f"_{score}")
            save_counts(run.folder.file(f"counts_{subset}_{kind}.npz"), along.at(way))
    for line in _lines(scores, chosen):
        run.say(line)


def count_along(run: Run, subset: str, ways: Sequence[Way]) -> Along:
    """Predict a subset once and count it in every way."""
    whole = WholeImages(getattr(run.fold, subset), run.dataset, run.trial, run.normalisation)
    classes, priors = len(run.dataset.classes), torch.from_numpy(run.fold.class_priors)
    given = {name: getattr(run.trial, name) for name in POST_HOC.declares()} | {"class_priors": priors}
    if "class_norms" in asked(ways):
        given |= last_layer(run.learner.model)
    decoders = [decoder(way, given) for way in ways]
    images = np.zeros((len(whole.files.ids), len(ways), 4, classes), np.int32)
    confusions = np.zeros((len(ways), classes, classes), np.int64)
    plain, tally = plain_of(ways), Tally(run.dataset, closely=True)
    for index, views, truth in in_views(run, whole, ways, f"post_hoc, {subset}"):
        labels = [as_labels(one(views)[0], classes) for one in decoders]
        each = np.stack([image_confusion(one, truth.mask, classes) for one in labels])  # (ways, classes + 1, classes)
        images[index] = np.stack(marginals(each), axis=1)
        confusions += each[:, :-1]
        if plain:
            tally.add(views["logits"][0], labels[ways.index(plain)], truth.mask, truth.sizes)
    for index in ranks.share(large(whole.files)):
        bands = [tally.bands(whole.files.sizes[index][::-1]) for _ in ways]
        model, device = run.learner.model, run.learner.device
        for views, rows in in_bands(model, whole, index, device, run.trial, asked(ways)):
            for way, decode, own in zip(ways, decoders, bands, strict=True):
                own.add(as_labels(decode(views)[0], classes), rows, views["logits"][0], only_confusion=way != plain)
        each = np.stack([own.confusion for own in bands])
        images[index] = np.stack(marginals(each), axis=1)
        confusions += each[:, :-1]
        if plain:
            tally.add_bands(bands[ways.index(plain)], by_size=whole.by_size)
    counted: Sums = {"images": images, "confusions": confusions, **tally.sums}
    sums = added(ranks.everyone(counted))  # an image's counts are 0 in all processes but one
    images, confusions = sums.pop("images"), sums.pop("confusions")
    return Along(whole.files.ids, tuple(ways), images, confusions, whole.files.groups, sums)


def choose(scores: Mapping[float, Mapping[str, float]]) -> dict[str, float]:
    """The best strength by mIoU, and by tail where that is scored; between equals the one nearest 0.

    Args:
        scores: strength -> scores on the validation images, those over the classes that these show.

    >>> rows = {0.0: {"mIoU_present": 0.5}, 0.5: {"mIoU_present": 0.5, "tail_present": 0.1}}
    >>> choose(rows)
    {'mIoU': 0.0, 'tail': 0.5}
    """
    found = {}
    for name, score in CHOOSERS.items():
        scored = {at: row[score] for at, row in scores.items() if not math.isnan(row.get(score, math.nan))}
        if scored:
            found[name] = max(scored, key=lambda at: (scored[at], -abs(at), at))
    return found


def _scores(run: Run, along: Along) -> dict[Way, Row]:
    found = {}
    for way in along.ways:
        row = table_scores(summary(along.at(way), run.dataset.class_names, run.fold.groups))
        shown = [row[f"IoU/{name}"] for name in run.fold.groups["tail"] if not math.isnan(row[f"recall/{name}"])]
        found[way] = row | {"tail_present": float(mean(np.array(shown)))}
    return found


def _result(scores: Scores, chosen: Chosen) -> Row:
    result: Row = {}
    for before, subset in (("", "val"), ("test/", "test")):
        for way, names in _reported(scores["test"], chosen):
            result |= {f"{before}{prefix(way[0])}{name}": _score(scores[subset][way], subset, name) for name in names}
    for one, by in chosen.items():
        word = grid(one)[0]
        result |= {prefix(one) + (word if name == "mIoU" else f"{name}_{word}"): at for name, at in by.items()}
    return {name: value for name, value in result.items() if not math.isnan(value)}


def _reported(ways: Iterable[Way], chosen: Chosen) -> list[tuple[Way, tuple[str, ...]]]:
    """The ways whose scores a result holds: of a grid the chosen ones, each with the score it was chosen by."""
    of_grids = [((name, at), (score,)) for name, by in chosen.items() for score, at in by.items()]
    return of_grids + [(way, tuple(CHOOSERS)) for way in ways if way[0] not in chosen and way[0] != "none"]


def _score(row: Row, subset: str, name: str) -> float:
    """As the tuner gets it: mIoU of validation by what chooses epochs, mIoU of the test images as such."""
    return row.get(SELECTED if (subset, name) == ("val", "mIoU") else name, math.nan)


def _rows(scores: Scores, chosen: Chosen) -> list[dict[str, float | str]]:
    rows: list[dict[str, float | str]] = []
    for subset, at in scores.items():
        for (method, strength), row in at.items():
            by = " ".join(name for name in CHOOSERS if chosen.get(method, {}).get(name) == strength)
            told = strength if method in chosen else ""
            kept = {name: value for name, value in row.items() if name != "tail_present"}
            rows.append({"subset": subset, "method": method, "beta": told, "chosen_by": by, **kept})
    return rows


def _lines(scores: Scores, chosen: Chosen) -> list[str]:
    """What a person reads: the gain of each choice, and whether the grid was too short for it."""
    lines = []
    for way, names in _reported(scores["test"], chosen):
        (name, at), (word, strengths) = way, grid(way[0])
        by = f", {word} {at:g} (best validation {names[0]})" if strengths else ""
        cost = f" ({1 + passes(name):g} x the time of a prediction)" if passes(name) else ""
        lines.append(f"{name}{by}{cost}: {_gains(scores, way)}")
        if strengths and at in (min(strengths), max(strengths)):
            ends = f"{min(strengths):g}..{max(strengths):g}"
            lines.append(f"{name}: {word} {at:g} is the end of the grid {ends}; a better one may lie beyond")
    return lines


def _gains(scores: Scores, way: Way) -> str:
    plain, words = plain_of(list(scores["test"])), []
    for subset, name in itertools.product(scores, CHOOSERS) if plain else ():
        before, after = (_score(scores[subset][one], subset, name) for one in (plain, way) if one)
        words += [f"{name} {subset} {before:.3f} -> {after:.3f}"] if not math.isnan(before) else []
    return ", ".join(words)
