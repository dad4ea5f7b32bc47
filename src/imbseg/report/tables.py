"""Results -> tables of text: every trial, every strategy, every class; the same digits in CSV and in Markdown."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from imbseg.files import write_text
from imbseg.report.say import seed_name
from imbseg.runs.collect import CORRECTED, SCORES, Run, score_names
from imbseg.runs.strategies import Group, Results, Strategy

SUBSETS = ("test", "val")
TEXTS = ("trial", "strategy", "seeds", "status", "reason", "class")
FOLDED = 22  # letters of a text in a narrow terminal
# what a narrow terminal does without, first to last
DISPENSABLE = ("validation prior/mIoU", "validation prior/tail", "validation head", "validation medium", "val head",
               "val medium", "seconds", "test medium", "best epoch", "validation mIoU", "val mIoU", "validation tail",
               "val tail")  # fmt: skip
WORDS = {"test": "test", "val": "validation"}


def number(value: float, digits: int = 5) -> str:
    """A number as all files have it; nothing for NaN.

    >>> number(0.123456), number(float("nan"))
    ('0.12346', '')
    """
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def spread(values: Iterable[float]) -> tuple[float, float, int]:
    """Mean, standard deviation (of a sample: n - 1) and number of values; NaN where there are too few.

    >>> spread([0.2, 0.4])[2], round(spread([0.2, 0.4])[1], 5)
    (2, 0.14142)
    """
    found = np.array(list(values), np.float64)
    mean = float(found.mean()) if len(found) else math.nan
    return mean, float(found.std(ddof=1)) if len(found) > 1 else math.nan, len(found)


def all_classes(groups: Sequence[Group]) -> tuple[str, ...]:
    """Class names of all groups, each once."""
    return tuple(dict.fromkeys(name for group in groups for name in group.classes))


def trials_table(results: Results) -> pd.DataFrame:
    """A row a run, those that stand in no group last, with their reason instead of scores."""
    names = score_names(all_classes(results.groups))
    rows = [
        _about(run, group.name, strategy.key) | _scores(run, names)
        for group in results.groups
        for strategy in group.strategies
        for run in strategy.runs
    ]
    rows += [_about(run, "", "") | _scores(run, names) for run in results.left_out]
    return pd.DataFrame(rows)


def strategies_table(results: Results) -> pd.DataFrame:
    """A row a strategy: of every score the mean and the standard deviation over seeds, and how many had it."""
    names = score_names(all_classes(results.groups))
    rows = []
    for group in results.groups:
        for strategy in group.strategies:
            row = {"group": group.name, "strategy": strategy.key, "label": strategy.label}
            row |= {"baseline": "yes" if strategy is group.baseline else "no", "seeds": seeds(strategy)}
            for subset in SUBSETS:
                for name in names:
                    row |= _three(f"{subset}/{name}", strategy.values(subset, name).values())
            rows.append(row)
    return pd.DataFrame(rows)


def seeds(strategy: Strategy) -> str:
    """The seeds of a strategy as a text."""
    return " ".join(seed_name(run.seed) for run in strategy.runs)


def overview(group: Group, digits: int = 5) -> pd.DataFrame:
    """A row a strategy with the headline scores as `mean ± standard deviation`; groups nobody has are left out."""
    rows = []
    for strategy in group.strategies:
        row = {"strategy": strategy.label, "seeds": seeds(strategy)}
        for subset in SUBSETS:
            row |= {f"{WORDS[subset]} {name}": cell(strategy, subset, name, digits) for name in (*SCORES, *CORRECTED)}
        rows.append(row)
    return _without_empty(pd.DataFrame(rows))


def class_table(group: Group, subset: str) -> pd.DataFrame:
    """A row a class, a column a strategy: IoU as `mean ± standard deviation`."""
    rows = [[name, *(cell(one, subset, f"IoU/{name}") for one in group.strategies)] for name in group.classes]
    return pd.DataFrame(rows, columns=["class", *(one.label for one in group.strategies)])


def short_trials(results: Results) -> pd.DataFrame:
    """The trials as a screen has room for them: headline scores in three digits, or the reason."""
    rows = []
    for group in results.groups:
        for strategy in group.strategies:
            for run in strategy.runs:
                row = {"trial": run.name, "strategy": strategy.label, "seed": str(run.seed[0])}
                row["epochs"] = f"{run.best_epoch} of {run.epochs}" if run.epochs else ""
                row |= {f"{subset} {name}": number(run.score(subset, name), 3) for subset in ("val", "test")
                        for name in SCORES}  # fmt: skip
                rows.append(row | {"seconds": number(run.seconds, 0)})
    return _without_empty(pd.DataFrame(rows)).rename(columns={"epochs": "best epoch"})


def cell(strategy: Strategy, subset: str, score: str, digits: int = 5) -> str:
    """`mean ± standard deviation`, and in how many seeds, where not all have the score."""
    mean, deviation, count = spread(strategy.values(subset, score).values())
    text = number(mean, digits) + (f" ± {number(deviation, digits)}" if count > 1 else "")
    return text + (f" (n = {count})" if 0 < count < len(strategy.runs) else "")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Write a table whole or not at all."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def markdown(table: pd.DataFrame) -> str:
    """A table for a pull request; names can't break out of their cell."""
    columns = [escape(str(name)) for name in table.columns]
    lines = [columns, ["---"] * len(columns), *([escape(str(value)) for value in row] for row in table.to_numpy())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is.

    >>> escape("a|b <script>")
    'a\\|b &lt;script&gt;'
    """
    for character, instead in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "\\|")):
        text = text.replace(character, instead)
    for character in "*`[]":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def aligned(table: pd.DataFrame) -> str:
    """A table as plain lines, for a pipe: numbers to the right, texts to the left.

    >>> print(aligned(pd.DataFrame({"class": ["sky", "pole"], "IoU": ["0.9", "0.05"]})))
    class   IoU
    sky     0.9
    pole   0.05
    """
    rows = [[" ".join(str(value).split()) for value in row] for row in [list(table.columns), *table.to_numpy()]]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    right = [_is_numeric(table, str(name)) for name in table.columns]
    padded = (
        "  ".join(text.rjust(width) if to_right else text.ljust(width) for text, width, to_right in
                  zip(row, widths, right, strict=True)).rstrip()
        for row in rows
    )  # fmt: skip
    return "\n".join(padded)


def show(table: pd.DataFrame, title: str) -> None:
    """Print a table: drawn on a terminal, as wide as that is; plain and whole in a pipe."""
    if not sys.stdout.isatty():
        print(f"{title}\n{aligned(table)}\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    kept = narrowed(table, console.width)
    less = "" if len(kept.columns) == len(table.columns) else " (more columns in report.md)"
    drawn = Table(title=Text(title + less), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in kept.columns:
        side: Literal["left", "right"] = "right" if _is_numeric(kept, str(name)) else "left"
        drawn.add_column(
            Text("\n".join(str(name).split())), justify=side, overflow="fold", min_width=_least(kept, str(name))
        )
    for row in kept.to_numpy():
        drawn.add_row(*(Text(str(value)) for value in row))
    console.print(drawn)


def narrowed(table: pd.DataFrame, width: int) -> pd.DataFrame:
    """Leave out what matters least until the rest fits a terminal of so many letters."""
    for name in DISPENSABLE:
        if sum(_least(table, str(column)) + 3 for column in table.columns) <= width:  # 3: the gap between columns
            break
        table = table.drop(columns=[name], errors="ignore")
    return table


def _least(table: pd.DataFrame, column: str) -> int:
    """Letters that a column needs: numbers whole, texts folded; the header breaks between its words."""
    longest = max(len(str(value)) for value in table[column])
    return max(longest if _is_numeric(table, column) else min(longest, FOLDED), *map(len, column.split()))


def _is_numeric(table: pd.DataFrame, column: str) -> bool:
    return column not in TEXTS and all(str(value)[:1] in "0123456789-+" for value in table[column])


def _about(run: Run, group: str, key: str) -> dict[str, str]:
    named = {name: str(run.parameters.get(name, "")) for name in ("loss", "class_weights", "seed", "fold")}
    strategy = {"key": key, "strategy": str(run.parameters.get("strategy", ""))}
    ended = {"best_epoch": str(run.best_epoch or ""), "epochs": str(run.epochs), "seconds": number(run.seconds, 1)}
    return {"trial": run.name, "group": group, "status": run.status, "reason": run.reason, **strategy, **named, **ended}


def _scores(run: Run, names: Sequence[str]) -> dict[str, str]:
    """No scores of a run that counts nowhere, so that nobody averages the column with them in it."""
    counts = not run.reason
    return {f"{subset}/{name}": number(run.score(subset, name)) if counts else "" for subset in SUBSETS
            for name in names}  # fmt: skip


def _three(column: str, values: Iterable[float]) -> Mapping[str, str]:
    mean, deviation, count = spread(values)
    return {f"{column} mean": number(mean), f"{column} std": number(deviation), f"{column} n": str(count)}


def _without_empty(table: pd.DataFrame) -> pd.DataFrame:
    return table[[name for name in table.columns if table[name].astype(str).ne("").any()]]
