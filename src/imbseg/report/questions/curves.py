"""How training went: validation scores epoch by epoch, and which classes a run had learned and then lost again."""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from imbseg.canvas import DASHES, FAINT, SERIES, SOFT, Canvas, drawing, limits, wrapped
from imbseg.page.columns import columns
from imbseg.page.content import Chart, Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.say import amount, name, seed_name
from imbseg.runs.collect import SCORES, Run
from imbseg.runs.csv_table import columns_of
from imbseg.runs.strategies import Strategy

FILE, TITLE, FORGOTTEN = "learning_curves.csv", "Learning curves", "forgotten_classes.csv"
COLUMNS = ("strategy", "trial", "seed", "epoch", "loss", *SCORES)
LOST = ["strategy", "seed", "class", "learned", "forgotten", "back", "peak_before"]
PANELS = ("mIoU", "tail", "head")
LEARNED = 0.01  # IoU from which a class counts as learned: less is a few pixels by chance
TOLD = 16  # names that a legend has room for


def _epochs(evidence: Evidence) -> Iterator[tuple[Strategy, Run, pd.DataFrame]]:
    """The epochs of every run whose epochs.csv can be read."""
    for strategy in evidence.group.strategies:
        for run in strategy.runs:
            if (epochs := columns_of(run.folder / "epochs.csv")) is not None:
                yield strategy, run, epochs


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a run and epoch, NaN where a run has no such score; a run whose epochs.csv can't be read has none."""
    rows = []
    for strategy, run, epochs in _epochs(evidence):
        told = {"strategy": strategy.label, "trial": run.name, "seed": run.seed[0]}
        for row in epochs.to_dict("records") if run.epochs else ():
            rows.append(told | {name: row.get(name, math.nan) for name in COLUMNS[3:]})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def forgotten(evidence: Evidence) -> pd.DataFrame:
    """A row a run and class whose IoU on the validation images reached .01 and fell back to 0; see `course`."""
    rows = []
    for strategy, run, epochs in _epochs(evidence):
        for one in evidence.group.classes if "epoch" in epochs else ():
            if f"IoU/{one}" in epochs and (found := course(epochs["epoch"], epochs[f"IoU/{one}"])):
                rows.append([strategy.label, seed_name(run.seed), one, *found])
    return pd.DataFrame(rows, columns=LOST).astype(dict.fromkeys(LOST[3:6], "Int64"))


def course(epochs: Iterable[float], scores: Iterable[float]) -> tuple[int, int, int | None, float] | None:
    """How a class was learned and lost; None where it never was. Epochs without an IoU (NaN) tell nothing.

    Returns:
        First epoch with an IoU of .01, first after it with 0, first after that above 0 (None: it never came back), and
        the highest IoU before it was lost.

    >>> course([1, 2, 3, 4, 5], [0.0, 0.2, 0.1, 0.0, 0.3])
    (2, 4, 5, 0.2)
    """
    pairs = zip(epochs, scores, strict=True)
    known = [(int(epoch), score) for epoch, score in pairs if epoch == epoch and score == score]
    learned = next((place for place, (_, score) in enumerate(known) if score >= LEARNED), len(known))
    lost = next((place for place, (_, score) in enumerate(known) if place > learned and score == 0), None)
    if lost is None:
        return None
    back = next((epoch for epoch, score in known[lost:] if score > 0), None)
    return known[learned][0], known[lost][0], back, max(float(score) for _, score in known[learned:lost])


def section(evidence: Evidence, frames: Frames) -> Section:
    """A chart a score."""
    drawn = {score: figure(evidence, frames, score) for score in PANELS}
    charts = [Chart(canvas.svg(), f"Validation {score}", FILE) for score, canvas in drawn.items() if canvas is not None]
    said = ["Validation scores epoch by epoch: bold the mean of the seeds, thin each trial."] if charts else []
    said += rising(frames[FILE], evidence.group.baseline.label) if charts else []
    return Section("curves", TITLE, said, charts, drawings=evidence.draw("curves", TITLE, figure(evidence, frames)))


def rising(curves: pd.DataFrame, baseline: str) -> list[str]:
    """A warning where runs of the baseline have their highest validation mIoU in their last epoch."""
    rows = curves[curves["strategy"].eq(baseline) & curves["mIoU"].notna()]
    scores = [list(run.sort_values("epoch")["mIoU"]) for _, run in rows.groupby("trial", sort=False)]
    last = sum(len(run) > 1 and run[-1] > max(run[:-1]) for run in scores)
    if not last:
        return []
    return [
        f"{last} of {len(scores)} runs of the baseline ({name(baseline)}) had their highest validation mIoU in the "
        f"last epoch: it still rose. With more epochs a gain over it may be smaller."
    ]


def forgotten_section(_: Evidence, frames: Frames) -> Section:
    """Every class that a run lost."""
    found = frames[FORGOTTEN]
    table = Table("Validation IoU of .01 or more, and later 0", FORGOTTEN, found, columns(*LOST))
    return Section("forgotten", "Forgotten classes", sentences(found), tables=(table,))


def sentences(found: pd.DataFrame) -> list[str]:
    """Which class was forgotten most often, for good, and at the highest price."""
    if found.empty:
        return []
    often, forever = found["class"].value_counts(), int(found["back"].isna().sum())
    runs = len(found[["strategy", "seed"]].drop_duplicates())
    most = f"{name(often.index[0])} ({often.iloc[0]})"
    worst = found.iloc[int(found["peak_before"].to_numpy(np.float64).argmax())]
    run = f"{name(worst['strategy'])}, seed {worst['seed']}"
    return [
        f"{amount(len(found), 'time')} in {amount(runs, 'run')} a class was forgotten (validation IoU back to 0), "
        f"{forever} of them for good; most often {most}.",
        f"{name(worst['class'])} lost most: IoU {worst['peak_before']:.2g} before epoch {worst['forgotten']} in {run}.",
    ]


@drawing()
def figure(evidence: Evidence, frames: Frames, *scores: str) -> Canvas | None:
    """The curves of every score with a title and a legend, or of some without; None where there are no epochs.

    Bold is the mean of a strategy's seeds, thin each trial.
    """
    epochs, labels, titled = frames[FILE], [one.label for one in evidence.group.strategies], not scores
    shown = [score for score in scores or PANELS if len(epochs) and epochs[score].notna().any()]
    if not shown:
        return None
    width, names = 3.6 * len(shown), labels[:TOLD] if titled else []
    legend = 0.4 + 0.062 * max((len(line) for name in names for line in wrapped(name).split("\n")), default=-6)
    canvas = Canvas(width + legend, 2.85 if titled else 2.6, f"Validation {', '.join(shown)} epoch by epoch")
    for place, score in enumerate(shown):
        axis = canvas.place(0.4 + 3.6 * place, 0.35 if titled else 0.1, 3.1, 2.08)
        _score(canvas, axis, epochs[epochs[score].notna()], score, labels)
        axis.set_title(f"validation {score}" if titled else "")
    if titled:
        lines = {line.get_label(): line for line in canvas.axes[0].lines}
        kept, beside = [name for name in names if name in lines], (width / (width + legend), 0.95)
        marks, texts = [lines[name] for name in kept], [*map(wrapped, kept)]
        canvas.legend(marks, texts, loc="upper left", fontsize=8, bbox_to_anchor=beside)
    return canvas


def _score(canvas: Canvas, axis: Axes, known: pd.DataFrame, score: str, labels: Sequence[str]) -> None:
    axis.set_xlim(1, max(known["epoch"].max(), 2))
    axis.set_ylim(*limits(known[score].tolist()))
    axis.locator_params(axis="x", integer=True, nbins=6)
    axis.set_xlabel("epoch", loc="right")
    axis.tick_params(length=0, labelsize=8, labelcolor=SOFT)
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.grid(axis="y", color=FAINT)
    for number, label in enumerate(labels):
        own = known[known["strategy"] == label]
        color, dashes = SERIES[number % len(SERIES)], DASHES[number // len(SERIES) % len(DASHES)]
        trials = [rows.sort_values("epoch") for _, rows in own.groupby("trial", sort=False)]
        several = len(trials) > 1
        width, alpha = (0.75, 0.4) if several else (1.7, 1)
        for rows in trials:
            line = axis.plot(rows["epoch"], rows[score], dashes, color=color, label=label, linewidth=width, alpha=alpha)
            kind, title = "thin" if several else "line", f"{label}, {rows['trial'].iloc[0]}"
            places = " ".join(map(str, rows.index))
            canvas.tell(line[0], class_=kind, title=title, data_s=number, data_rows=places, data_column=score)
        if several:
            mean = own.groupby("epoch")[score].mean()
            line = axis.plot(mean.index, mean, dashes, color=color, label=label, linewidth=1.7)
            canvas.tell(line[0], class_="line", title=f"{label}, mean of the seeds", data_s=number)


TABLES = {FORGOTTEN: forgotten}
