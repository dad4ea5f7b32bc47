"""The report's page -> the screen: every section of it, the answer last, where a terminal shows it."""

import dataclasses
import sys
from typing import Literal

from imbseg.errors import amount
from imbseg.page.cells import Cell, Heading, grid
from imbseg.page.content import Page, Section, Table

FOLDED = 22  # letters of a text in a narrow terminal
GAP = 3  # letters between columns


def show_page(page: Page) -> None:
    """Print the page; tables that the page folds up are named with their file."""
    for chapter in page.chapters:
        print(f"{chapter.name}\n{'=' * len(chapter.name)}\n")
        for section in chapter.sections:
            _section(section)
    for section in page.sections:
        _section(section)
    for chapter in page.chapters:
        print("\n".join([chapter.name, *chapter.answer]), end="\n\n")
    for line in page.warnings:
        print(f"{line}\n")


def show(table: Table) -> None:
    """Print a table: drawn on a terminal, as wide as that is; plain and whole in a pipe."""
    if not sys.stdout.isatty():
        print(f"{table.caption}\n{aligned(table)}\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    console = Console()
    kept = narrowed(table, console.width)
    less = "" if kept is table else " (more columns in report.md)"
    title = Text(table.caption + less)
    drawn = Drawn(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    headings, rows = grid(kept)
    for head, least in zip(headings, _least(headings, rows), strict=True):
        side: Literal["left", "right"] = "right" if head.right else "left"
        drawn.add_column(Text("\n".join(head.text.split())), justify=side, overflow="fold", min_width=least)
    for row in rows:
        drawn.add_row(*(Text(cell.text) for cell in row))
    console.print(drawn)


def aligned(table: Table) -> str:
    """A table as plain lines, for a pipe: numbers to the right, texts to the left."""
    headings, rows = grid(table)
    texts = [[head.text for head in headings], *([cell.text for cell in row] for row in rows)]
    lines = [[" ".join(text.split()) for text in line] for line in texts]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = [str.rjust if head.right else str.ljust for head in headings]
    return "\n".join("  ".join(map(lambda side, *one: side(*one), sides, line, widths)).rstrip() for line in lines)


def narrowed(table: Table, width: int) -> Table:
    """Leave out what matters least, the last first, until the rest fits a terminal of so many letters."""
    while sum(least + GAP for least in _least(*grid(table))) > width:
        minor = [column for column in table.columns if column.minor]
        if table.turned or not minor:
            return table
        table = dataclasses.replace(table, columns=tuple(one for one in table.columns if one is not minor[-1]))
    return table


def _least(headings: list[Heading], rows: list[list[Cell]]) -> list[int]:
    """Letters that each column needs: numbers whole, texts folded; the header breaks between its words."""
    found = []
    for head, column in zip(headings, zip(*rows, strict=True), strict=True):
        longest = max(len(cell.text) for cell in column)
        found.append(max(longest if head.right else min(longest, FOLDED), *map(len, head.text.split() or [""])))
    return found


def _section(section: Section) -> None:
    if section.empty:
        return
    print(f"{section.title}\n{'-' * len(section.title)}")
    for line in section.said:
        print(line)
    for name, line in section.terms:
        print(f"  {name}: {line}")
    for row in section.rows:
        print(f"  {row.title}")
    for one in section.drawings:
        print(f"  {one.alt}: {one.file}")
    print()
    for table in section.shown:
        if table.closed:
            print(f"  {table.caption}: {amount(len(table.frame), 'row')} of {table.file}\n")
        else:
            show(table)
    for note in section.notes:
        print(f"{note}\n")
