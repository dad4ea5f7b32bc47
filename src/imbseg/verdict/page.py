"""The tables of a verdict -> verdict.md and three CSVs."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imbseg.errors import InputError, listed
from imbseg.files import writable_folder, write_text
from imbseg.report.frames import write_csv
from imbseg.report.say import amount, seeds, signed, span
from imbseg.statistics.difference import SIGNIFICANT, least_permutation_p
from imbseg.verdict.data_sets import DataSet
from imbseg.verdict.tables import SHARED, TESTED, advice_table, counted, effects_table, troubles_table

PAGE, EFFECTS, TROUBLES, ADVICE = "verdict.md", "verdict.csv", "verdict_troubles.csv", "verdict_advice.csv"


def verdict(data: Sequence[DataSet], out: Path, command: str) -> Path:
    """Write the page and its tables.

    Args:
        data: the data sets, in the order of the columns.
        out: folder, made where it is missing.
        command: that made the page, for its readers.

    Raises:
        InputError: a data set stands there twice, or the folder can't be written.
    """
    names = [own.name for own in data]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--verdict: {twice[0]} stands there twice; put its runs below one folder")
    folder = writable_folder(out)
    frames = {EFFECTS: effects_table(data), TROUBLES: troubles_table(data), ADVICE: advice_table(data)}
    for name, table in frames.items():
        write_csv(folder / name, table)
    write_text(folder / PAGE, "\n\n".join(_page(data, frames, command)) + "\n")
    return folder / PAGE


def _page(data: Sequence[DataSet], frames: Mapping[str, pd.DataFrame], command: str) -> Iterator[str]:
    effects, names = frames[EFFECTS], [own.name for own in data]
    yield "# One verdict over data sets"
    lines = textwrap.wrap(command, 120, break_long_words=False, break_on_hyphens=False)
    yield "Written by\n\n    " + " \\\n        ".join(lines)
    yield "## Effect of each remedy on the tail"
    yield (
        f"Test IoU of the tail with the remedy minus without: mean over the seeds, 95 % interval by Student's t over\n"
        f"the seeds, rank among the remedies of this table. Remedies that at least {SHARED} data sets ran. A remedy's\n"
        f"effect is the mean, seed by seed, of all pairs of strategies that differ in nothing else ({EFFECTS})."
    )
    common = effects[effects["shared"] >= SHARED]
    yield _effects(common, names) if len(common) else f"No remedy was run on {SHARED} data sets yet."
    yield _power(len(names))
    yield from _fewer(effects)
    yield from _geometries(effects)
    yield "## Trouble, and the remedy that paid"
    yield (
        "Classes by what troubles them (the diagnosis's kinds of rarity, and ceilings below 0.9); remedies whose gain\n"
        "on the mean test IoU of these classes excludes 0, the largest first. A cell with one seed only is open."
    )
    yield _troubles(frames[TROUBLES], names)
    yield "## The diagnosis's advice"
    yield (
        "True: the advised gain's interval lies above 0. False: it doesn't, and the minimum detectable effect was\n"
        "below 0.02, or it lies below 0. Open: all else, also a sentence that advises no measured remedy."
    )
    yield from _advice(frames[ADVICE], data)


def _effects(common: pd.DataFrame, names: Sequence[str]) -> str:
    tested = bool(common["p"].notna().any())
    header = ["remedy", *names, "mean rank", *["p"] * tested]
    rows = []
    for remedy, own in common.groupby("remedy", sort=False):
        cells = {row["dataset"]: f"{gain(row)} (rank {row['rank']:g})" for row in own.to_dict("records")}
        p = [f"{own['p'].iloc[0]:.3f}"] * tested
        rows.append([str(remedy), *(cells.get(name, "") for name in names), f"{own['mean_rank'].iloc[0]:.1f}", *p])
    return table(header, rows)


def gain(row: Mapping[Any, Any]) -> str:
    """A signed effect, its interval and its seeds."""
    return f"{span({**row, 'paired': True})}, {seeds(int(row['seeds']))}"


def _power(count: int) -> str:
    least, data = least_permutation_p(count), amount(count, "data set")
    if least < SIGNIFICANT:
        return f"p: paired permutation test over {data}; {least:g} at least."
    told = f"{data} can't reach significance: a paired permutation test gets no p below {least:g}"
    return f"No p value: {told}; below {TESTED} none is given." if count < TESTED else f"{told}."


def _fewer(effects: pd.DataFrame) -> Iterator[str]:
    few = effects[effects["shared"] < SHARED]
    if len(few):
        told = [f"- {row['remedy']} ({row['dataset']} {gain(row)})" for row in few.to_dict("records")]
        lines = [textwrap.fill(one, 120, subsequent_indent="  ", break_on_hyphens=False) for one in told]
        yield f"On fewer than {SHARED} data sets:\n\n" + "\n".join(lines)


def _geometries(effects: pd.DataFrame) -> Iterator[str]:
    rows = [row for row in effects.to_dict("records") if row["remedy"] == "geometry"]
    if rows:
        yield "`geometry` was\n\n" + "\n".join(f"- {row['dataset']}: {row['geometry']}" for row in rows)


def _troubles(troubles: pd.DataFrame, names: Sequence[str]) -> str:
    kinds, rows = list(dict.fromkeys(troubles["trouble"])), []
    for kind in kinds:
        cells = []
        for name in names:
            own = troubles[(troubles["trouble"] == kind) & (troubles["dataset"] == name)]
            cells.append(_paid(own) if len(own) else "")
        rows.append([kind, *cells])
    return table(["trouble", *names], rows) if rows else "No data set tells what troubles its classes."


def _paid(own: pd.DataFrame) -> str:
    best = own[own["paid"]].sort_values("mean", ascending=False).to_dict("records")
    told = "; ".join(f"{row['remedy']} {signed(row['mean'])}" for row in best)
    several = bool((own["seeds"] > 1).any())
    classes = listed(str(own["classes"].iloc[0]).split(", "))
    return f"{told or ('none' if several else 'open')} ({classes})"


def _advice(advice: pd.DataFrame, data: Sequence[DataSet]) -> Iterator[str]:
    counts = [[own.name, *map(str, counted(advice, own.name).values())] for own in data if own.diagnosis]
    if not counts:
        yield "No diagnosis lies beside the runs."
        return
    yield table(["data set", "true", "false", "open"], counts)
    for own in data:
        if own.diagnosis:
            yield f"### {own.name}"
            yield advice_of(advice, own.name)


def advice_of(advice: pd.DataFrame, dataset: str) -> str:
    """The table of one data set's sentences."""
    rows = []
    for row in advice[advice["dataset"] == dataset].to_dict("records"):
        measured = isinstance(row["remedy"], str)
        rows.append([str(row["sentence"]), row["verdict"], f"{row['remedy']}: {gain(row)}" if measured else ""])
    return table(["sentence", "verdict", "measured, test IoU of its classes"], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, cells as they are."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', ' ') for cell in line)} |" for line in lines)
