"""One figure a group: the gain of each strategy over the baseline, class by class, a small dot a seed."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.files import whole_file
from imbseg.metrics.counts import load_counts
from imbseg.report.tables import spread
from imbseg.runs.collect import SCORES
from imbseg.runs.strategies import Group, Strategy, differences

# Okabe and Ito: told apart by colour-blind eyes too, and the side of the zero line says the same
GAIN, LOSS, SEED = "#0072B2", "#D55E00", "#7f7f7f"
STYLE = {
    "font.size": 9,
    "svg.hashsalt": "imbseg",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}
COLUMNS, MOST = 4, 12  # panels in a row, and in all
ROOMY = 40  # classes up to which a row takes full height
WIDE = 34  # letters of a panel's title in a line
LONGEST = 30  # letters of a name


def draw(group: Group, path: Path) -> bool:
    """Write the figure as PNG, and beside it as SVG for a paper.

    Args:
        group: baseline and strategies.
        path: the file.

    Returns:
        Whether there was anything to draw: not with the baseline alone, or without a shared seed.
    """
    shown = _shown(group)
    return bool(shown) and save(lambda: gain_figure(group, shown), path)


def save(make: Callable[[], Figure | None], path: Path) -> bool:
    """Draw a figure in the report's style and write it as PNG and SVG; whether there was one."""
    # "building the font cache": once on a new machine, some seconds, nothing to act on
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # a class name in a script that matplotlib's own font lacks shows as boxes
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        figure = make()
        if figure is None:
            return False
        with whole_file(path) as temporary:
            figure.savefig(temporary, dpi=120)
        with whole_file(path.with_suffix(".svg")) as vectors:
            figure.savefig(vectors, metadata={"Date": None})
    return True


def gain_figure(group: Group, shown: list[Strategy]) -> Figure:
    """A panel a strategy: rows are the headline scores and below them the classes, the rarest at the bottom."""
    order, shares = class_order(group)
    rows = [name for name in SCORES if any(one.values("test", name) for one in group.strategies)]
    names = [*rows, *(f"IoU/{group.classes[index]}" for index in order)]
    texts = [*rows, *(_row_text(group.classes[index], shares, index) for index in order)]
    lines = -(-len(shown) // COLUMNS)
    columns = -(-len(shown) // lines)
    size = (2.4 + 2.9 * columns, lines * (_height(len(names)) + 0.5) + 0.9)
    figure = Figure(size, layout="constrained")
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for strategy, axis in zip(shown, axes.flat, strict=False):
        _panel(axis, strategy, group.baseline, names)
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    _label(axes, texts, len(rows))
    figure.suptitle(_title(group, shown, shares), x=0.01, ha="left", fontsize=9, parse_math=False)
    return figure


class ClassOrder(NamedTuple):
    """Classes as figures list them.

    Attributes:
        places: their indices.
        shares: (classes,) of the test pixels, by index; None where no counts tell.
    """

    places: list[int]
    shares: NDArray[np.float64] | None

    @property
    def words(self) -> str:
        """What they are ordered by."""
        if self.shares is not None:
            return "by their test pixels, the most first"
        kept = self.places == sorted(self.places)
        return "in the data set's order" if kept else "the rarer in training, the lower"


def class_order(group: Group) -> ClassOrder:
    """Class indices from the most pixels to the fewest, with each class's share of the test pixels.

    The counts of a run tell the test images' true pixels; where they can't be read, class weights tell the order of
    the train fold (the heavier, the rarer), and where all weigh the same the classes keep their order.
    """
    runs = [run for strategy in group.strategies for run in strategy.runs]
    for run in runs:
        try:
            counts = load_counts(run.folder / "counts_test.npz")
        except InputError:
            continue
        pixels = (counts.tp + counts.fn).sum(axis=0)  # (classes,)
        if len(pixels) == len(group.classes) and pixels.sum():
            return ClassOrder(np.argsort(-pixels, kind="stable").tolist(), pixels / pixels.sum())
    weights = [list(run.about["weights_of_classes"].values()) for run in runs]
    telling = next((one for one in weights if len(set(one)) > 1), [0.0] * len(group.classes))
    return ClassOrder(np.argsort(np.array(telling, np.float64), kind="stable").tolist(), None)


def _shown(group: Group) -> list[Strategy]:
    """The strategies that share a seed with the baseline; of many, those with the highest test mIoU."""
    paired = [one for one in group.others if differences(one, group.baseline, "test", "mIoU")]
    best = sorted(paired, key=lambda one: -spread(one.values("test", "mIoU").values())[0])[:MOST]
    return [one for one in paired if one in best]


def _panel(axis: Any, strategy: Strategy, baseline: Strategy, names: list[str]) -> None:
    axis.axvline(0, color="black", linewidth=0.8)
    for place, name in enumerate(names):
        found = list(differences(strategy, baseline, "test", name).values())
        if not found:
            continue
        mean = spread(found)[0]
        color = GAIN if mean >= 0 else LOSS
        axis.hlines(place, min(0, mean), max(0, mean), color=color, linewidth=1, alpha=0.5)
        if len(found) > 1:
            axis.plot(found, [place + 0.3] * len(found), "o", color=SEED, markersize=2.5, alpha=0.8)
        axis.plot(mean, place, "o", color=color, markersize=6 if len(names) <= ROOMY else 4)
    seeds = len(differences(strategy, baseline, "test", "mIoU"))
    title = f"{wrapped(strategy.label)}\n{seeds} seed{'s' if seeds > 1 else ', so no spread'}"
    axis.set_title(title, loc="left", fontsize=8, parse_math=False)
    axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="x", alpha=0.3)


def _label(axes: Any, texts: list[str], headline: int) -> None:
    small = len(texts) > ROOMY
    for axis in axes.flat:
        axis.axhline(headline - 0.5, color="black", linewidth=0.5)
        axis.hlines(range(len(texts)), 0, 1, transform=axis.get_yaxis_transform(), color="#eeeeee", linewidth=0.6,
                    zorder=0)  # fmt: skip
        axis.xaxis.set_tick_params(labelbottom=True)
    axes[0][0].set_yticks(range(len(texts)), texts, fontsize=6 if small else 9, parse_math=False)
    axes[0][0].set_ylim(len(texts) - 0.4, -0.6)  # the first on top
    for axis in axes[-1]:
        axis.set_xlabel("gain in IoU", loc="left")


def _title(group: Group, shown: list[Strategy], shares: Any) -> str:
    several = any(len(one.runs) > 1 for one in shown)
    lines = [group.name, f"test IoU minus that of {group.baseline.label}" + ("; small: each seed, large: mean"
             if several else "")]  # fmt: skip
    if shares is not None:
        lines.append("classes by their share of the test pixels")
    if len(shown) < len(group.others):
        lines.append(f"{len(shown)} of {len(group.others)} strategies: shared seeds, highest mIoU")
    return "\n".join(lines)


def _row_text(name: str, shares: Any, index: int) -> str:
    short = " ".join(name.split())
    short = short if len(short) <= LONGEST else short[: LONGEST - 1] + "…"
    return short if shares is None else f"{short}  {100 * shares[index]:.2g} %"


def wrapped(label: str) -> str:
    """A label in lines that a panel has room for, broken after commas and slashes, and anywhere in a very long word."""
    lines = [""]
    for word in re.findall(r".{1,34}?(?:/|, |$)|.{34}", label):
        fits = len(lines[-1]) + len(word.rstrip()) <= WIDE
        lines = [*lines[:-1], lines[-1] + word] if fits else [*lines, word]
    return "\n".join(line.rstrip() for line in lines[:4] if line)


def _height(count: int) -> float:
    """Inches for so many rows: as much room for 3 as for 6, and less each beyond ROOMY."""
    return 0.9 + 0.24 * min(max(count, 6), ROOMY) + 0.14 * max(count - ROOMY, 0)
