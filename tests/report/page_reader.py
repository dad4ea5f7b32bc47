"""A report's page read back: its tables and marks, with the places in the CSV files that they name."""

from __future__ import annotations

import csv
import dataclasses
import math
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "input", "br", "wbr"}


@dataclasses.dataclass
class Shown:
    """An element that says which cell it shows: file, row, and its own attributes and text."""

    file: str
    row: int
    attributes: dict[str, str]
    text: str = ""


class Reader(HTMLParser):
    """Collects cells of tables, marks of charts, texts, and everything that could reach the network."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, dict[str, str]]] = []
        self.cells: list[Shown] = []
        self.marks: list[Shown] = []
        self.addresses: list[str] = []
        self.alts: list[str] = []
        self.tags: list[str] = []
        self.paragraphs: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes.items() if name in ("src", "href", "action", "data")]
        if tag == "img":
            self.alts.append(attributes.get("alt", ""))
        if tag == "td":
            self.cells.append(Shown(self._above("data-file"), int(attributes["data-row"]), attributes))
        elif "data-row" in attributes and tag != "tr":
            self.marks.append(Shown(attributes.get("data-file") or self._above("data-file"),
                                    int(attributes["data-row"]), attributes))  # fmt: skip
        elif tag in ("p", "h2", "figcaption", "label"):
            (self.headings if tag == "h2" else self.paragraphs).append("")
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1][0] == tag, f"</{tag}> closes <{self.open[-1][0]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        data = data.replace("→", "->")  # as the CSVs and the terminal have it
        inside = [tag for tag, _ in self.open]
        if "td" in inside:
            self.cells[-1].text += data
        elif "h2" in inside:
            self.headings[-1] += data
        elif {"p", "figcaption", "label"} & set(inside) and self.paragraphs:
            self.paragraphs[-1] += data

    def _above(self, name: str) -> str:
        return next(attributes[name] for _, attributes in reversed(self.open) if name in attributes)


def read(path: Path) -> Reader:
    """Parse a page; elements must be closed in their order."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert not reader.open, f"never closed: {reader.open}"
    return reader


def csv_rows(folder: Path, name: str) -> list[dict[str, str]]:
    """The rows of a CSV file beside the page."""
    with (folder / name).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def number(text: str) -> float:
    """A number as the page shows it."""
    plain = text.replace("−", "-").removesuffix(" %").replace("∞", "inf")
    return float(plain) if plain else math.nan
