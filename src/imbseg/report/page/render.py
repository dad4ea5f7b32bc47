"""A page's content -> one HTML file that needs nothing else: style, script and pictures stand in it."""

from __future__ import annotations

import math
from pathlib import Path

import jinja2

from imbseg.files import write_text
from imbseg.report.page.content import Chapter, Page, Table, rows, shown_of

FOLDER = Path(__file__).parent


def write(page: Page, path: Path) -> None:
    """Write the page whole or not at all.

    Args:
        page: its content; every text in it is escaped.
        path: the HTML file.
    """
    write_text(path, html(page))


def html(page: Page) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {
        "rows": rows,
        "shown_of": shown_of,
        "number_of": number_of,
        "right": right,
        "spelled": spelled,
    }
    return environment.get_template("page.html").render(
        page=page, style=_inside("page.css"), script=_inside("page.js"), contents=contents(page)
    )


def number_of(chapter: Chapter, label: str) -> int | None:
    """The place of a strategy in its chapter's order; None where it has none."""
    return chapter.strategies.index(label) if label in chapter.strategies else None


def right(table: Table) -> list[bool]:
    """Which columns hold numbers and stand to the right."""
    whole = [[cell.numeric or not cell.text for cell in cells] for _, _, cells in rows(table)]
    return [all(column) for column in zip(*whole, strict=True)] if whole else []


def spelled(value: float) -> str:
    """A number at full precision, as JavaScript reads it too."""
    return "Infinity" if value == math.inf else "-Infinity" if value == -math.inf else repr(value)


def contents(page: Page) -> list[tuple[str, str]]:
    """Address and title of every part, in order."""
    several = len(page.chapters) > 1
    found = []
    for number, chapter in enumerate(page.chapters, 1):
        if several:
            found.append((f"g{number}", chapter.name))
        else:
            found += [(f"g{number}-{part.key}", part.title) for part in chapter.sections if not part.empty]
    return found + [(part.key, part.title) for part in page.sections if not part.empty]


def _inside(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
