"""Which sampled settings the scores depend on, and where they were best: importance, slices, parallel coordinates."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from imbseg.canvas import FAINT, GROUND, LINE, SERIES, SOFT, UP, Canvas, drawing, limits, shorten
from imbseg.page.columns import columns
from imbseg.page.content import Chart, Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records
from imbseg.report.say import amount, number
from imbseg.tuning.importance import ALPHA, COLUMNS, TOP, importances, is_log, is_number, sampled

FILE, TRIALS, TITLE = "importance.csv", "sampled.csv", "Sampled settings"
SCORES = ("tail", "mIoU")  # of the validation images; the first that the runs have is drawn
AXES, LETTERS, APART = 8, 17, 1.3  # settings beside each other, letters of a choice, inches between two
FAINTEST = 0.3  # opacity of the worst trial's line: fainter than the best's on a light ground and on a dark one


def trials(evidence: Evidence) -> pd.DataFrame:
    """A row a finished trial: its strategy, the settings that NNI sampled, its validation scores; none of a grid."""
    runs = [(one.label, run) for one in evidence.group.strategies for run in one.runs]
    settings = sampled([run for _, run in runs])
    if not len(settings.columns):
        return pd.DataFrame()
    names = [name for name in SCORES if any(math.isfinite(run.score("val", name)) for _, run in runs)]
    rows = [
        {"strategy": label, "trial": run.name} | {name: run.score("val", name) for name in names} for label, run in runs
    ]
    return pd.concat([pd.DataFrame(rows), settings.add_prefix("setting/")], axis=1)


def table(evidence: Evidence) -> pd.DataFrame:
    """The importance of every setting for every score."""
    frame = evidence.once(trials)
    if frame.empty:
        return pd.DataFrame()
    return importances(_settings(frame), {name: frame[name].tolist() for name in SCORES if name in frame})


TABLES = {TRIALS: trials}


def section(evidence: Evidence, frames: Frames) -> Section:
    """Importance and two figures; nothing of a grid."""
    frame = frames[TRIALS]
    if frame.empty:
        return Section("settings", TITLE)
    drawn = {f"Validation {score_of(frame)} of every trial by its settings": parallel(evidence, frames)}
    drawn |= {f"Validation {score_of(frame)} against each sampled number": slices(evidence, frames)}
    charts = [Chart(canvas.svg(), title, TRIALS) for title, canvas in drawn.items()]
    shown = columns("score", *COLUMNS[1:])
    tables = (Table(f"Importance for being among the best {TOP:.0%} of the trials", FILE, frames[FILE], shown, ""),)
    files = zip(("settings", "slices"), drawn.items(), strict=True)
    drawings = [one for file, (title, canvas) in files for one in evidence.draw(file, title, canvas)]
    return Section("settings", TITLE, sentences(frame, frames[FILE]), charts, tables, drawings=drawings)


def sentences(frame: pd.DataFrame, found: pd.DataFrame) -> list[str]:
    """What can be told apart from chance, score by score, or that the trials are too few for it; the best trial."""
    said = []
    for score, rows in found.groupby("score", sort=False):
        known = amount(int(frame[str(score)].notna().sum()), "trial")
        told = [_told(row) for _, row in records(rows) if row["p_chance"] <= ALPHA]
        low, high = (f"{end:.0%}" for end in (rows["detectable"].min(), rows["detectable"].max()))
        least = low if low == high else f"{low} to {high}"
        needed = f"a setting is told apart from chance where it explains {least} or more of the ranks' variance"
        if told:
            rest = f" {amount(len(rows) - len(told), 'other setting')}: no more than by chance." * (
                len(rows) > len(told)
            )
            said.append(f"Validation {score} of {known} depends on {', '.join(told)}.{rest}")
        else:
            said.append(f"{known} can't tell what validation {score} depends on: {needed}.")
    score = score_of(frame)
    best = int(frame[score].astype(float).to_numpy().argmax())
    given = _settings(frame).iloc[best].dropna()
    values = ", ".join(f"{name} {_value(one)}" for name, one in given.items())
    level = f"{frame[score].iloc[best]:.3f}, on the images that it was chosen on"
    return [*said, f"The best trial by validation {score} ({level}): {values}."]


def _told(row: Record) -> str:
    return f"{row['setting']} (explains {row['explained']:.0%} of the ranks' variance, p {number(row['p_chance'], 4)})"


def score_of(frame: pd.DataFrame) -> str:
    """The score that the figures show."""
    return next(name for name in SCORES if name in frame)


@drawing()
def parallel(evidence: Evidence, frames: Frames) -> Canvas:
    """A line a trial through an axis a setting, the surest one last, to its score; the best is in front."""
    frame, score = frames[TRIALS].reset_index(), score_of(frames[TRIALS])
    frame = frame[frame[score].notna()].sort_values(score)
    settings = _settings(frame)
    order = frames[FILE][frames[FILE]["score"] == score]["setting"].tolist()[:AXES][::-1]
    canvas = Canvas(APART * len(order) + 1.1, 3.4, f"One line a trial: its settings, and its validation {score}")
    axis = canvas.place(0.55, 0.45, APART * len(order), 2.8)
    heights = [_height(axis, place, settings[name], name) for place, name in enumerate(order)]
    scores = frame[score].astype(float)
    heights.append(_height(axis, len(order), scores.astype(object), f"validation {score}"))
    low, high = scores.min(), scores.max()
    for row, (_, one) in enumerate(records(frame)):
        up = [column[row] for column in heights]
        share = (one[score] - low) / ((high - low) or 1.0)
        best = row == len(frame) - 1
        how = {"color": SERIES[2], "linewidth": 2.2} if best else {"color": UP, "linewidth": 0.8 + share}
        (line,) = axis.plot(range(len(up)), up, alpha=FAINTEST + (1 - FAINTEST) * share, zorder=2 + share, **how)
        number_of = [each.label for each in evidence.group.strategies].index(one["strategy"])
        words = f"{one['trial']}: validation {score} {one[score]:.3f}"
        canvas.tell(line, title=words, data_s=number_of, data_file=TRIALS, data_row=one["index"])
    axis.set(xlim=(-0.1, len(order) + 0.1), ylim=(-0.04, 1.04))
    axis.axis("off")
    return canvas


@drawing()
def slices(evidence: Evidence, frames: Frames) -> Canvas:
    """The score against every sampled number, a colour a loss where the loss was sampled."""
    frame, score = frames[TRIALS].reset_index(), score_of(frames[TRIALS])
    settings = _settings(frame)
    names = [name for name in map(str, settings.columns) if is_number(settings[name])][:AXES]
    kinds = settings["loss"].map(_value) if "loss" in settings else pd.Series("", index=frame.index)
    across, deep = min(len(names), 4), -(-len(names) // 4)
    canvas = Canvas(2.7 * across + 2.2, 2.45 * deep, f"Validation {score} against {', '.join(names)}")
    labels = [each.label for each in evidence.group.strategies]
    for place, name in enumerate(names):
        axis = canvas.place(0.5 + 2.7 * (place % 4), 0.12 + 2.45 * (place // 4), 2.15, 1.8)
        for shade, kind in enumerate(dict.fromkeys(kinds)):
            own = frame[(kinds == kind) & settings[name].notna() & frame[score].notna()]
            if len(own):
                how: dict[str, Any] = {
                    "color": SERIES[shade % len(SERIES)],
                    "markersize": 4.5,
                    "markeredgewidth": 0,
                    "label": kind,
                }
                values = settings[name][own.index].astype(float)
                (mark,) = axis.plot(values, own[score].astype(float), "o", **how)
                canvas.tell(mark, *_marks(own, name, score, labels))
        if is_log(settings[name]):
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter("")
        axis.set_ylim(*limits(frame[score].dropna().astype(float).tolist()))
        axis.set_xlabel(name, loc="right")
        axis.tick_params(length=0, labelsize=8, labelcolor=SOFT, which="both")
        axis.grid(color=FAINT)
    if "loss" in settings:
        found = [pair for one in canvas.axes for pair in zip(*one.get_legend_handles_labels(), strict=True)]
        marks, texts = zip(*{text: (mark, text) for mark, text in reversed(found)}.values(), strict=True)
        beside = ((2.7 * across + 0.1) / (2.7 * across + 2.2), 0.97)
        canvas.legend(marks, texts, loc="upper left", fontsize=8, bbox_to_anchor=beside)
    return canvas


def _marks(own: pd.DataFrame, name: str, score: str, labels: Sequence[str]) -> list[dict[str, Any]]:
    """What the mark of each trial says: its setting and score, and its row of the file."""
    return [
        {
            "title": f"{one['trial']}: {name} {_value(one[f'setting/{name}'])}, {score} {one[score]:.3f}",
            "data_s": labels.index(one["strategy"]),
            "data_file": TRIALS,
            "data_row": one["index"],
        }
        for _, one in records(own)
    ]


def _settings(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that are settings, by their own names."""
    own = [name for name in map(str, frame.columns) if name.startswith("setting/")]
    return frame[own].rename(columns=lambda name: str(name).removeprefix("setting/")).astype(object)


def _height(axis: Axes, place: int, values: pd.Series, name: str) -> list[float]:
    """Draw one axis, and say where each trial crosses it: 0 to 1, and NaN where it has no such setting."""
    axis.plot([place, place], [0, 1], color=LINE, linewidth=1, zorder=1)
    axis.text(place, 1.07, shorten(name, LETTERS + 3), ha="center", va="bottom", fontsize=8)
    known = values.dropna()
    if is_number(values) or known.map(lambda one: isinstance(one, float)).all():
        bend = np.log10 if is_log(values) else np.asarray
        raw = bend(values.astype(float).to_numpy())
        low, high = np.nanmin(raw), np.nanmax(raw)
        ends = {0.0: known.astype(float).min(), 1.0: known.astype(float).max()} if low < high else {0.5: known.iloc[0]}
        for at, end in ends.items():
            _label(axis, place, at, _value(float(end)))
        return [float(one) for one in ((raw - low) / (high - low) if low < high else raw * 0 + 0.5)]
    numbers = known.map(lambda one: isinstance(one, int | float)).all()
    choices = [*dict.fromkeys(map(_value, sorted(known, key=None if numbers else _value)))]
    middle = {one: (at + 0.5) / len(choices) for at, one in enumerate(choices)}
    for one, at in middle.items():
        _label(axis, place, at, shorten(one, LETTERS))
    return _spread(values, middle)


def _spread(values: pd.Series, middle: dict[str, float]) -> list[float]:
    """The trials of one choice side by side, in the order of their scores, so that no line hides another."""
    found = []
    counts, seen = values.dropna().map(_value).value_counts(), dict.fromkeys(middle, 0)
    for one in values:
        if pd.isna(one):
            found.append(math.nan)
            continue
        seen[_value(one)] += 1
        share = seen[_value(one)] / (counts[_value(one)] + 1) - 0.5
        found.append(middle[_value(one)] + 0.6 * share / len(middle))
    return found


def _label(axis: Axes, place: int, height: float, text: str) -> None:
    box = {"facecolor": GROUND, "alpha": 0.8, "pad": 0.6, "linewidth": 0}
    axis.text(place + 0.04, height, text, fontsize=7.5, va="center", color=SOFT, bbox=box, zorder=5)


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
