"""A page's content -> one HTML file that needs nothing else: style, script and pictures stand in it."""

import math
import re
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from imbseg.page.cells import grid
from imbseg.page.content import Chapter, Page

FOLDER = Path(__file__).parent


def html(page: Page) -> str:
    """The page as text; every text in it is escaped."""
    loader, strict = jinja2.FileSystemLoader(FOLDER), jinja2.StrictUndefined
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=strict)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals |= {"grid": grid, "number_of": number_of, "spelled": spelled, "breakable": breakable}
    text = environment.get_template("page.html").render(
        page=page, style=_inside("page.css"), script=_inside("page.js"), contents=contents(page)
    )
    return text.replace(" -&gt; ", " → ")  # a browser breaks a line within ->


def number_of(chapter: Chapter, label: str) -> int | None:
    """The place of a strategy in its chapter's order; None where it has none."""
    return chapter.strategies.index(label) if label in chapter.strategies else None


def spelled(value: float) -> str:
    """A number at full precision, as JavaScript reads it too."""
    return "Infinity" if value == math.inf else "-Infinity" if value == -math.inf else repr(value)


def breakable(text: str) -> Markup:
    """A text that may break after what joins the words of a name.

    >>> str(breakable("a_b/<c>"))
    'a_<wbr>b/<wbr>&lt;c&gt;'
    """
    safe = str(escape(text)).replace("_", "_<wbr>")
    return Markup(re.sub(r"/(?!\w*;)", "/<wbr>", safe))


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
