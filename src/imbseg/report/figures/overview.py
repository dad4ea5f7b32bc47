"""Figures of all strategies together: the head-tail plane and the learning curves, each strategy in its colour."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from imbseg.canvas import DASHES, FAINT, GROUND, MARKS, SERIES, SOFT, Canvas, drawing, limits, shorten, wrapped
from imbseg.report.frames import records
from imbseg.report.say import seeds

X, Y = "test/head", "test/tail"
SCORES = ("mIoU", "tail", "head")
TOLD, LONGEST = 16, 34  # names that have room, and letters of a name
LETTER, LINE = 5.0, 11.0  # points that a name takes
NEAREST = sorted(range(-200, 201, 2), key=abs)  # points by which a name is moved off its mean
EDGE, PLANE = 0.55, 4.9  # inches: left of the plane, and its width
Mean = tuple[int, str, int, float, float]  # number and label of a strategy, row in its file, head, tail


@drawing()
def plane(trials: pd.DataFrame, strategies: pd.DataFrame, labels: Sequence[str]) -> Canvas | None:
    """Test IoU of the head across, of the tail upward: large marks are means, small ones seeds.

    Args:
        trials: a group's rows of results.csv, with a column `label`.
        strategies: the group's rows of strategies.csv.
        labels: of the strategies, in the order of their colours.

    Returns:
        None where no trial has both scores.
    """
    if X not in trials or Y not in trials:
        return None
    known = trials.assign(x=pd.to_numeric(trials[X]), y=pd.to_numeric(trials[Y])).dropna(subset=["x", "y"])
    if known.empty:
        return None
    means = {
        str(row["label"]): (place, float(row[f"{X} mean"]), float(row[f"{Y} mean"]))
        for place, row in records(strategies)
        if row["label"] in set(known["label"])
    }
    ends = limits(known["x"].tolist()), limits(known["y"].tolist())
    wide = [
        EDGE + PLANE * (x - ends[0][0]) / (ends[0][1] - ends[0][0]) + (12 + LETTER * min(len(label), LONGEST)) / 72
        for label, (_, x, _) in means.items()
    ]
    words = "Test IoU of the head across, of the tail upward; large marks are means, small ones seeds"
    canvas = Canvas(max(EDGE + PLANE + 0.1, *wide), 4.4, words)
    axis = canvas.place(EDGE, 0.12, PLANE, 3.8)
    axis.set(xlim=ends[0], ylim=ends[1])
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
    said = [
        {
            "class_": "seed",
            "data_file": "results.csv",
            "data_row": at,
            "data_head": repr(one["x"]),
            "data_tail": repr(one["y"]),
        }
        for at, one in records(cloud)
    ]
    canvas.tell(small[0], *said, data_s=number)
    large = axis.plot([x], [y], mark, color=color, markersize=9, markeredgecolor=GROUND, zorder=3)
    words = f"{label}: head {x:.3f}, tail {y:.3f}, {seeds(len(cloud))}"
    canvas.tell(
        large[0],
        {
            "class_": "mean",
            "title": words,
            "tabindex": 0,
            "data_file": "strategies.csv",
            "data_row": place,
            "data_head": repr(x),
            "data_tail": repr(y),
        },
        data_s=number,
    )


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
            arrowprops={
                "arrowstyle": "-",
                "color": SERIES[number % len(SERIES)],
                "alpha": 0.5,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )
        canvas.tell(name, data_s=number, title=label if text != label else "")


@drawing()
def curves(
    epochs: pd.DataFrame, labels: Sequence[str], *, scores: Sequence[str] = SCORES, titled: bool = True
) -> Canvas | None:
    """Validation scores epoch by epoch: bold the mean of the seeds, thin each trial.

    Args:
        epochs: a group's rows of learning_curves.csv.
        labels: of the strategies, in the order of their colours.
        scores: a panel each.
        titled: whether the panels have titles and a legend beside them.

    Returns:
        None where there are no epochs with these scores.
    """
    shown = [score for score in scores if len(epochs) and epochs[score].notna().any()]
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
        kept = [name for name in names if name in lines]
        canvas.legend(
            [lines[name] for name in kept],
            list(map(wrapped, kept)),
            loc="upper left",
            fontsize=8,
            bbox_to_anchor=(width / (width + legend), 0.95),
        )
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
        for rows in trials:
            line = axis.plot(
                rows["epoch"],
                rows[score],
                dashes,
                color=color,
                label=label,
                linewidth=0.75 if several else 1.7,
                alpha=0.4 if several else 1,
            )
            canvas.tell(
                line[0],
                class_="thin" if several else "line",
                title=f"{label}, {rows['trial'].iloc[0]}",
                data_s=number,
                data_rows=" ".join(map(str, rows.index)),
                data_column=score,
            )
        if several:
            mean = own.groupby("epoch")[score].mean()
            line = axis.plot(mean.index, mean, dashes, color=color, label=label, linewidth=1.7)
            canvas.tell(line[0], class_="line", title=f"{label}, mean of the seeds", data_s=number)
