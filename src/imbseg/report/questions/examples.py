"""The images that the best strategy changed most, as rows of small pictures: for the report's page, and as one PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imbseg.errors import InputError
from imbseg.files import whole_file
from imbseg.metrics.counts import load_counts
from imbseg.metrics.predicted import Bytes
from imbseg.page.content import Drawing, Picture, Row, Section
from imbseg.pictures import BLACK, GREY, PALE, PALETTE, WHITE, Key, distinct_colors, sheet
from imbseg.pictures import Row as Line
from imbseg.predict.close_ups import Window, address, panels
from imbseg.predict.kept import Predict, predictions
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.questions import answer
from imbseg.runs.best_pair import Pair, best_pair, classes_in_question
from imbseg.runs.strategies import Group
from imbseg.statistics.images import Changed, Choice, choose

STRIPED, UNSEEN = Key("striped: false positive", PALE, BLACK), Key("white: false negative", WHITE)
REST = (STRIPED, UNSEEN, Key("grey: every other class", GREY))
KEY, TITLE = "examples", "Images that gained and lost most"
HEADS = ("image; the frame is enlarged", "truth")
NAMED = 12  # classes that a title lists


def section(evidence: Evidence, frames: Frames) -> Section:
    """Rows of pictures, or why there are none; nothing where nobody asked for pictures."""
    predict, folder = evidence.given.predict, evidence.folder
    if predict is None or folder is None or not evidence.group.others:
        return Section(KEY, TITLE)
    best = answer.answer(evidence, frames).best
    return examples(evidence.group, predict, folder, name=f"examples{evidence.ending}", strategy=best)


def examples(
    group: Group,
    predict: Predict,
    out: Path,
    *,
    most: int = 3,
    wanted: Sequence[str] | None = None,
    name: str = "examples",
    strategy: str = "",
) -> Section:
    """Draw the images that the best strategy changed most, of its runs the one nearest its mean gain.

    Args:
        out: the report's folder: NAME.png and examples/NAME-*.npz (the predictions) are written there, and an
            earlier NAME.png is gone where nothing is shown.
        most: how many that gained, and how many that lost.
        wanted: classes that count and are coloured; None: the tail, without one all classes but the background.
        strategy: label of the one to show; empty: the one with the largest gain.

    Returns:
        The largest gain first, then the largest loss; or why there are none: nothing in a run folder raises.

    Raises:
        OSError: `out` can't be written.
    """
    (out / f"{name}.png").unlink(missing_ok=True)
    try:
        pair = best_pair(group, strategy)
        classes = classes_in_question(pair) if wanted is None else tuple(wanted)
        before, after = (load_counts(run.folder / "counts_test.npz") for run in (pair.before, pair.after))
        choice = choose(before, after, group.classes, classes, most=most)
        if not choice.gained + choice.lost:
            raise InputError("no test image changed")
        return _drawn(group, pair, classes, choice, predict, out, name)
    except InputError as error:
        return Section(KEY, TITLE, (f"No pictures of the images that changed most: {' '.join(str(error).split())}.",))


def _drawn(
    group: Group, pair: Pair, wanted: Sequence[str], choice: Choice, predict: Predict, out: Path, name: str
) -> Section:
    changed = (*choice.gained, *choice.lost)
    ids = [one.image_id for one in changed]
    kept = {word: out / "examples" / f"{name}-{word}.npz" for word in ("baseline", "strategy")}
    before = predictions(predict, pair.before.folder, ids, kept["baseline"])
    after = predictions(predict, pair.after.folder, ids, kept["strategy"])
    masks = [mask for one in (*before.images, *after.images) for mask in (one.truth, one.prediction)]
    there = np.unique(np.concatenate([np.unique(mask) for mask in masks])).tolist()
    shown = [place for place, one in enumerate(group.classes) if one in wanted and place in there]
    if len(shown) > len(PALETTE):  # too many to tell apart at a glance: those that a caption names
        shown = sorted({group.classes.index(kind.name) for one in changed for kind in one.classes})
    colors = dict(zip(shown, distinct_colors(len(shown)), strict=True))
    drawn = [panels(old, new, colors) for old, new in zip(before.images, after.images, strict=True)]
    title, file = _title(pair, wanted, choice), f"{name}.png"
    heads = (*HEADS, f"baseline: {pair.baseline}", f"strategy: {pair.strategy}")
    legend = (*(Key(group.classes[index], color) for index, color in colors.items()), *REST)
    lines = [
        Line(pictures, heads if one is changed[0] else (), f"{one.image_id}: {text_of(one)}")
        for one, (pictures, _) in zip(changed, drawn, strict=True)
    ]
    with whole_file(out / file) as temporary:
        sheet(title, lines, legend).save(temporary, format="PNG", optimize=True)
    rows = [_row(one, heads, *found) for one, found in zip(changed, drawn, strict=True)]
    doubts = tuple(dict.fromkeys(filter(None, (before.doubt, after.doubt))))
    css = [(key.text, key.css) for key in legend]
    return Section(KEY, TITLE, (title, *doubts), rows=rows, legend=css, drawings=(Drawing(file, TITLE),))


def _title(pair: Pair, wanted: Sequence[str], choice: Choice) -> str:
    """Which images these are, and how many went which way: extremes are no proof.

    Of one seed there is nothing to choose; of several it is the one nearest the mean difference.
    """
    seed = f"seed {pair.after.seed[0]}"
    seed += f" (of {pair.seeds}, the one nearest their mean difference)" if pair.seeds > 1 else ""
    what = f"mean IoU of {', '.join(wanted)}" if len(wanted) <= NAMED else f"mean IoU of {len(wanted)} classes"
    return (
        f"The test images that changed most from {pair.baseline} to {pair.strategy}, {seed}, by the {what} in each "
        f"image. Extremes, not typical images: in all {choice.up} gained, {choice.down} lost, {choice.same} stayed the "
        f"same."
    )


def _row(one: Changed, heads: Sequence[str], pictures: Sequence[Bytes], window: Window) -> Row:
    sides = [[(kind.name, getattr(kind, when)) for kind in one.classes] for when in ("before", "after")]
    ious = [", ".join(f"{name} IoU {iou:.2f}" for name, iou in side) for side in sides]
    left, top, wide, high = window
    alts = (
        f"{one.image_id}: the photograph, with a frame of {wide} x {high} pixels at {left}, {top}",
        f"{one.image_id}, truth: {', '.join(kind.name for kind in one.classes)}",
        *(f"{one.image_id}, {head}: {values}" for head, values in zip(heads[2:], ious, strict=True)),
    )
    shown = zip(map(address, pictures), heads, alts, strict=True)
    return Row(f"{one.image_id}: {text_of(one)}", tuple(Picture(*each) for each in shown))


def text_of(one: Changed) -> str:
    """What changed in an image, in words.

    >>> from imbseg.statistics.images import ClassChange
    >>> text_of(Changed("a", 0.25, 0.5, (ClassChange("pole", 0.25, 0.5),)))
    'IoU 0.25 -> 0.50 (+0.25): pole 0.25 -> 0.50'
    """
    told = ", ".join(f"{kind.name} {kind.before:.2f} -> {kind.after:.2f}" for kind in one.classes)
    return f"IoU {one.before:.2f} -> {one.after:.2f} ({one.change:+.2f}): {told}".replace("(-", "(−")
