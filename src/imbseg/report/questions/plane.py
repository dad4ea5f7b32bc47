"""Whether the tail's gain costs the head: both scores of every strategy and seed in one plane."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from imbseg.canvas import FAINT, GROUND, MARKS, SERIES, SOFT, Canvas, drawing, limits, shorten
from imbseg.page.content import Chart, Section
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, records, trials_of
from imbseg.report.say import seeds

TITLE = "Head against tail"
SAID = ("Up is good for the rare classes, right is good for the others. Large: mean of a strategy; small: its seeds.",)
X, Y = "test/head", "test/tail"
TOLD, LONGEST = 16, 34  # names that have room, and letters of a name
LETTER, LINE = 5.0, 11.0  # points that a name takes
NEAREST = sorted(range(-200, 201, 2), key=abs)  # points by which a name is moved off its mean
EDGE, PLANE = 0.55, 4.9  # inches: left of the plane, and its width
Mean = tuple[int, str, int, float, float]  # number and label of a strategy, row in its file, head, tail


def section(evidence: Evidence, frames: Frames) -> Section:
    """The plane, or nothing."""
    if (canvas := figure(evidence, frames)) is None:
        return Section("plane", TITLE)
    charts = (Chart(canvas.svg(), TITLE, "results.csv"),)
    return Section("plane", TITLE, SAID, charts, drawings=evidence.draw("plane", TITLE, canvas))


@drawing()
def figure(evidence: Evidence, frames: Frames) -> Canvas | None:
    """Test IoU of the head across, of the tail upward; None where no run has both scores."""
    trials, labels = trials_of(frames, evidence.group), [one.label for one in evidence.group.strategies]
    if X not in trials or Y not in trials:
        return None
    known = trials.assign(x=pd.to_numeric(trials[X]), y=pd.to_numeric(trials[Y])).dropna(subset=["x", "y"])
    if known.empty:
        return None
    means = {
        str(row["label"]): (place, float(row[f"{X} mean"]), float(row[f"{Y} mean"]))
        for place, row in records(frames["strategies.csv"])
        if row["label"] in set(known["label"])
    }
    across, up = limits(known["x"].tolist()), limits(known["y"].tolist())
    wide = [
        EDGE + PLANE * (x - across[0]) / (across[1] - across[0]) + (12 + LETTER * min(len(label), LONGEST)) / 72
        for label, (_, x, _) in means.items()
    ]
    words = "Test IoU of the head across, of the tail upward; large marks are means, small ones seeds"
    canvas = Canvas(max(EDGE + PLANE + 0.1, *wide), 4.4, words)
    axis = canvas.place(EDGE, 0.12, PLANE, 3.8)
    axis.set(xlim=across, ylim=up)
    axis.set_xlabel("head, mean test IoU", loc="right")
    axis.set_ylabel("tail, mean test IoU", loc="top")
    axis.tick_params(length=0, labelsize=8, labelcolor=SOFT)
    axis.grid(color=FAINT)
    numbered = [(number, label, *means[label]) for number, label in enumerate(labels) if label in means]
    for mean in numbered:
        _cloud(canvas, axis, known[known["label"] == mean[1]], mean)
    _names(canvas, axis, numbered)
    return canvas


def _cloud(canvas: Canvas, axis: Axes, cloud: pd.DataFrame, mean: Mean) -> None:
    number, label, place, x, y = mean
    color, mark = SERIES[number % len(SERIES)], MARKS[(number + number // len(SERIES)) % 4]  # no two of 32 look alike
    spokes = [point for seed in zip(cloud["x"], cloud["y"], strict=True) for point in ((x, y), seed)]
    canvas.tell(axis.plot(*zip(*spokes, strict=True), color=color, linewidth=0.7, alpha=0.35)[0], data_s=number)
    small = axis.plot(cloud["x"], cloud["y"], mark, color=color, markersize=4, alpha=0.6, markeredgewidth=0)
    seen = [{"class_": "seed"} | _cell("results.csv", at, one["x"], one["y"]) for at, one in records(cloud)]
    canvas.tell(small[0], *seen, data_s=number)
    large = axis.plot([x], [y], mark, color=color, markersize=9, markeredgecolor=GROUND, zorder=3)
    words = {"class_": "mean", "title": f"{label}: head {x:.3f}, tail {y:.3f}, {seeds(len(cloud))}", "tabindex": 0}
    canvas.tell(large[0], words | _cell("strategies.csv", place, x, y), data_s=number)


def _cell(file: str, row: int, head: float, tail: float) -> dict[str, object]:
    return {"data_file": file, "data_row": row, "data_head": repr(head), "data_tail": repr(tail)}


def _names(canvas: Canvas, axis: Axes, means: Sequence[Mean]) -> None:
    """Names beside the means, moved apart where they would cover each other, with a thread to their point."""
    points = {mean: axis.transData.transform(mean[3:]) * 72 / canvas.dpi for mean in means}
    placed = [(across - 6, across + 6, up) for across, up in points.values()]  # left, right, middle of what is there
    for mean in sorted(means, key=lambda one: -one[4])[:TOLD]:
        number, label, *_ = mean
        text, (across, up) = shorten(label, LONGEST), points[mean]
        left, right = across + 9, across + 9 + LETTER * len(text)
        taken = [other[2] for other in placed if left < other[1] and other[0] < right]
        middle = next((up + far for far in NEAREST if all(abs(up + far - other) >= LINE for other in taken)), up)
        placed.append((left, right, middle))
        thread = {"color": SERIES[number % len(SERIES)], "alpha": 0.5, "shrinkA": 0, "shrinkB": 0}
        name = axis.annotate(
            text,
            mean[3:],
            (9, middle - up),
            textcoords="offset points",
            va="center_baseline",
            fontsize=8,
            annotation_clip=False,
            bbox={"facecolor": GROUND, "alpha": 0.75, "pad": 0.4, "linewidth": 0},
            zorder=4,
            arrowprops={"arrowstyle": "-", "relpos": (0, 0.5)} | thread,
        )
        canvas.tell(name, data_s=number, title=label if text != label else "")
