"""A gain taken apart: what the geometry gives alone, what the remedy gives alone, and what only both together give."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from imbseg.canvas import FAINT, SERIES, SOFT, Canvas, drawing, limits, shorten, wrapped
from imbseg.page.columns import columns
from imbseg.page.content import Chart, Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records, with_score
from imbseg.report.say import moved, name, plain, seed_name, span
from imbseg.runs.collect import PRIOR, SCORES
from imbseg.runs.four_cells import Cells, four_cells, missing_cells
from imbseg.statistics.parts import CELLS, PARTS, parts_of_gain
from imbseg.statistics.power import detectable

FILE, MISSING, TITLE = "parts_of_gain.csv", "cells_to_train.csv", "Geometry and remedy apart"
PANELS, HIGH = ("tail", "head"), 2.5  # scores in the figure; inches a row
MOST, TOLD = 4, 3  # remedies in the figure; gains and cells in words
NOTE = (
    "Geometry: settings that change the network, its grid or its steps (architecture, input, batch size); every other "
    "setting is a remedy. Interaction: what both give together beyond the sum of what each gives alone. All parts are "
    "of the seeds that the four cells share, so they sum to the total; intervals by Student's t over these seeds."
)
UNPAIRED = "Unpaired: the four cells share fewer than two seeds, so each is the mean of its own runs (Welch's t)."


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a geometry with a remedy and a score: the four cells' levels, the parts of the gain, the power.

    The same after logit adjustment (`adjusted`) is NaN where a seed lacks it.
    """
    names = [*SCORES, *(f"IoU/{one}" for one in evidence.group.classes)]
    rows = [_row(cells, score) for cells in four_cells(evidence.group) for score in names]
    return pd.DataFrame([row for row in rows if row])


def _row(cells: Cells, score: str) -> dict[str, Any]:
    """Empty where a cell has no such score."""
    sides, adjusted = ([one.values("test", prefix + score) for one in cells.held] for prefix in ("", PRIOR))
    if not all(sides):
        return {}
    found, parts = parts_of_gain(sides), dict[str, float]()
    then = parts_of_gain(adjusted) if [*map(set, adjusted)] == [*map(set, sides)] else None
    for part, value in found.parts.items():
        parts |= {part: value.mean, f"{part}_low": value.low, f"{part}_high": value.high}
    row: dict[str, Any] = {"strategy": cells.held[-1].label, "geometry": cells.geometry, "remedy": cells.remedy}
    row |= {"score": score, "paired": found.paired, "seeds": found.seeds}
    row |= {f"{cell}_level": value for cell, value in found.levels.items()} | parts
    row["detectable"] = detectable(found.parts["interaction"].deviation, found.seeds)
    row |= {f"{cell}_adjusted": then.levels[cell] if then else math.nan for cell in CELLS}
    for end in ("mean", "low", "high"):
        key = "interaction_adjusted" + (f"_{end}" if end != "mean" else "")
        row[key] = getattr(then.parts["interaction"], end) if then else math.nan
    return row


def missing(evidence: Evidence) -> pd.DataFrame:
    """A row a cell without which a gain can't be taken apart: what to train beside the baseline's settings."""
    seeds = " ".join(seed_name(run.seed) for run in evidence.group.baseline.runs)
    rows = [
        {"geometry": one.geometry, "remedy": one.remedy, "flags": one.flags, "seeds": seeds}
        | {"lets_apart": "; ".join(one.completes)}
        for one in missing_cells(evidence.group)
    ]
    return pd.DataFrame(rows)


def section(evidence: Evidence, frames: Frames) -> Section:
    """The parts of every gain, the figure, and the cells that lack."""
    found = frames[FILE]
    of_class = pd.Series([str(one).startswith("IoU/") for one in found.get("score", ())], found.index, bool)
    headline, classes = found[~of_class], found[of_class]
    made = columns("geometry", "remedy", "score", "both_level", *PARTS, "detectable", "seeds")
    cells = columns("geometry", "remedy", "score", "plain_adjusted", "geometry_adjusted", "remedy_adjusted")
    cells += columns("both_adjusted.cells", "interaction_adjusted")
    flags = columns("geometry", "remedy", "flags", "seeds.listed", "lets_apart")
    adjusted = headline[headline["plain_adjusted"].notna()] if len(headline) else headline
    tables = (
        Table("The gain and its parts, test images", FILE, headline, made, folded=False),
        Table("Each cell as trained, and with logit adjustment alone", FILE, adjusted, cells),
        Table("The parts of every class's gain", FILE, classes, made, folded=True),
        Table("Cells to train, beside the baseline's settings", MISSING, frames[MISSING], flags, by=""),
    )
    canvas = figure(evidence, frames)
    charts = () if canvas is None else (Chart(canvas.svg(), TITLE, FILE),)
    notes = [NOTE, *[UNPAIRED] * bool(len(found) and not found["paired"].all())]
    said = sentences(found, frames[MISSING])
    return Section("parts", TITLE, said, charts, tables, notes=notes, drawings=evidence.draw("parts", TITLE, canvas))


def sentences(found: pd.DataFrame, lacking: pd.DataFrame) -> list[str]:
    """The largest gains and their parts, what logit adjustment alone makes of them, and which cells lack."""
    score = next((one for one in ("tail", "mIoU") if with_score(found, one)), "mIoU")
    rows = sorted(with_score(found, score), key=lambda row: -row["total"])[:TOLD]
    lines = [line for row in rows for line in _parts(row)]
    for row in with_score(found, "head") if score == "tail" else ():
        lines += _parts(row) if row["strategy"] == rows[0]["strategy"] else []
    for row in [row for _, row in records(lacking)][:TOLD]:
        cell = " in ".join(filter(None, (name(row["remedy"]) or "the baseline's remedy", name(row["geometry"]))))
        lines.append(f"Lacking: {cell}. Train the baseline's settings with {row['flags']}, seeds {row['seeds']}.")
    return lines + [f"{len(lacking) - TOLD} more cells lack: {MISSING}."] * (len(lacking) > TOLD)


def _parts(row: Record) -> list[str]:
    total = _part(row, "total") | {"before": row["plain_level"], "after": row["both_level"], "paired": row["paired"]}
    alone, remedy, both = (span(_part(row, part)) for part in ("geometry_alone", "remedy_alone", "interaction"))
    lines = [f"{moved(total, str(row['score']))}: {name(row['remedy'])} in {name(row['geometry'])}."]
    lines.append(
        f"{alone} is the geometry alone, {remedy} the remedy alone, {both} their interaction: {_verdict(row)}."
    )
    if not math.isnan(row["plain_adjusted"]):
        now = [f"{cell} {plain(row[f'{cell}_level'])} -> {plain(row[f'{cell}_adjusted'])}" for cell in CELLS]
        lines.append(f"With logit adjustment alone: {', '.join(now)}.")
    return lines


def _part(row: Record, part: str) -> dict[str, Any]:
    ends = {end: row[f"{part}_{end}"] for end in ("low", "high")}
    return {"mean": row[part], "seeds": row["seeds"], "paired": True} | ends


def _verdict(row: Record) -> str:
    if math.isnan(row["interaction_low"]):
        return "one seed, no interval"
    if row["interaction_low"] <= 0 <= row["interaction_high"]:
        return f"includes 0; minimum detectable effect {row['detectable']:.3f}"
    return f"excludes 0, the remedy gains {'more' if row['interaction'] > 0 else 'less'} there"


def _cells(evidence: Evidence) -> dict[str, Cells]:
    return {one.held[-1].label: one for one in four_cells(evidence.group)}


@drawing()
def figure(evidence: Evidence, frames: Frames) -> Canvas | None:
    """Two lines, plain and remedy, over the geometries: a row a remedy, a panel a score; None without four cells."""
    found = frames[FILE]
    scores = [score for score in PANELS if with_score(found, score)] or ["mIoU"]
    rows = sorted(with_score(found, scores[0]), key=lambda row: -row["total"])
    remedies = list(dict.fromkeys(str(row["remedy"]) for row in rows))[:MOST]
    if not remedies:
        return None
    wide = 1.5 + 0.9 * max(sum(row["remedy"] == one for row in rows) for one in remedies)
    canvas = Canvas(len(scores) * (wide + 0.6), 0.1 + HIGH * len(remedies), f"{TITLE}: {', '.join(scores)}")
    for line, remedy in enumerate(remedies):
        for column, score in enumerate(scores):
            own = found[(found["score"] == score) & (found["remedy"] == remedy)]
            axis = canvas.place(0.5 + column * (wide + 0.6), 0.45 + HIGH * line, wide, HIGH - 1.15)
            axis.set_title(wrapped(f"test {score}: plain (grey), {remedy} (blue)", int(wide * 14)), fontsize=8)
            _panel(canvas, axis, records(own), evidence.once(_cells))
    return canvas


def _panel(canvas: Canvas, axis: Axes, rows: list[tuple[int, Record]], cells: Mapping[str, Cells]) -> None:
    """The baseline's geometry at 0, then that of each row; small dots are seeds."""
    seen: list[float] = []
    for color, here, there in ((SERIES[0], *CELLS[:2]), (SERIES[1], *CELLS[2:])):
        places = [(0, rows[0], here), *((x, row, there) for x, row in enumerate(rows, 1))]
        axis.plot(
            [x for x, *_ in places], [row[1][f"{cell}_level"] for _, row, cell in places], color=color, linewidth=1.7
        )
        for x, (row, record), cell in places:
            own = cells[str(record["strategy"])].held[CELLS.index(cell)]
            values = [*own.values("test", str(record["score"])).values()]
            axis.plot([x] * len(values), values, ".", color=color, alpha=0.5, markersize=4)
            level = record[f"{cell}_level"]
            words = {"class_": "mean", "title": f"{own.label}: {record['score']} {level:.3f}"}
            mark = axis.plot([x], [level], "o", color=color, markersize=7)[0]
            canvas.tell(mark, words | {"data_file": FILE, "data_row": row, "data_column": f"{cell}_level"})
            seen += [*values, level]
    parts = [str(record["geometry"]).split(", ")[:4] for _, record in rows]
    names = ["baseline", *("\n".join(shorten(part, 20) for part in some) for some in parts)]
    axis.set_xticks(range(len(names)), names, fontsize=7)
    axis.set(xlim=(-0.4, len(names) - 0.6), ylim=limits(seen))
    axis.tick_params(length=0, labelsize=7, labelcolor=SOFT)
    axis.grid(axis="y", color=FAINT)


TABLES = {MISSING: missing}
