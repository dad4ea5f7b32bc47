"""The one kind of figure: matplotlib draws it once, for files, for notebooks, and as SVG inside a page."""

import contextlib
import hashlib
import io
import logging
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from imbseg.files import whole_file

# Okabe and Ito, darkened where white lies behind: told apart by colour-blind eyes too
SERIES = ("#4d4d4d", "#0072b2", "#d55e00", "#009e73", "#b0579a", "#b58900", "#3f8fc4", "#7a3e9d")
MARKS, DASHES = ("o", "s", "^", "D", "v", "P", "X", "*"), ("-", "--", ":")
UP, DOWN = SERIES[1], SERIES[2]
GROUND, INK, SOFT, LINE, FAINT = "#ffffff", "#1b1f24", "#59616b", "#d9dde2", "#eceef1"
# What a page calls these colours: it has others for the dark and for paper
VARIABLES = {GROUND: "ground", INK: "ink", SOFT: "soft", LINE: "line", FAINT: "faint"} | {
    color: f"c{number}" for number, color in enumerate(SERIES)
}
FONT = 9  # points
ROOMY, LONGEST = 40, 40  # rows that take full height; letters of a name beside a row
STYLE = {
    "font.size": FONT,
    "axes.titlesize": FONT,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "text.color": INK,
    "grid.color": FAINT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "imbseg",
    "savefig.dpi": 120,
}
Said = Mapping[str, object]


@contextlib.contextmanager
def drawing() -> Iterator[None]:
    """The style of all figures; also a decorator of the functions that make them."""
    # "building the font cache": once on a new machine, some seconds, nothing to act on
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # a class name in a script that matplotlib's own font lacks shows as boxes
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        yield


class Canvas(Figure):
    """A figure whose marks say what they show."""

    def __init__(self, width: float, height: float, words: str, layout: Literal["constrained"] | None = None) -> None:
        """Width and height are inches; the layout is matplotlib's, or places of one's own."""
        super().__init__((width, height), layout=layout)
        self.words = words
        self._told: dict[str, tuple[Said, Sequence[Said]]] = {}

    def place(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a distance from the upper left corner, in inches."""
        whole, high = self.get_size_inches()
        return self.add_axes((left / whole, 1 - (top + height) / high, width / whole, height / high))

    def tell(self, artist: Artist, *each: Said, **said: object) -> None:
        """What a page's element says: attributes (`data_row`: data-row), and as `title` what a pointer shows.

        Args:
            each: attributes of each of its marks, in their order.
            said: attributes of all of it; None leaves one out.
        """
        name = f"told{len(self._told)}"
        artist.set_gid(name)
        self._told[name] = (said, each)

    def write(self, path: Path) -> None:
        """Write a PNG, and beside it an SVG for a paper, whole or not at all."""
        with drawing(), whole_file(path) as pixels, whole_file(path.with_suffix(".svg")) as vectors:
            self.savefig(pixels, format="png")
            self.set_layout_engine("none")  # the SVG keeps the places of the PNG: each layout draws everything twice
            self.savefig(vectors, format="svg", metadata={"Date": None})

    def svg(self) -> Markup:
        """An element for a page: its colours are the page's, its marks carry what they say, text stays text."""
        salt = hashlib.sha256(repr((self.words, self._told)).encode()).hexdigest()  # ids are the page's, not a figure's
        drawn = io.StringIO()
        with drawing(), mpl.rc_context({"svg.hashsalt": salt}):
            self.patch.set_visible(False)
            self.savefig(drawn, format="svg")
            self.patch.set_visible(True)
        root = ElementTree.fromstring(drawn.getvalue())
        width, height = (round(96 * side) for side in self.get_size_inches())
        shown = {"viewBox": root.attrib["viewBox"], "width": f"{width}", "height": f"{height}", "role": "img"}
        svg = ElementTree.Element("svg", shown | {"aria-label": self.words})
        svg.extend(part for node in root for part in _slim(node, self._told))
        return Markup(ElementTree.tostring(svg, encoding="unicode"))


def limits(values: Sequence[float], room: float = 0.06) -> tuple[float, float]:
    """An axis that holds all values with a little room at both ends.

    >>> limits([0.0, 1.0]), limits([0.5])
    ((-0.06, 1.06), (0.45, 0.55))
    """
    low, high = min(values), max(values)
    more = room * (high - low) or 0.05
    return low - more, high + more


def height_of(rows: int) -> float:
    """Inches for rows one below another: as much room for 2 as for 5, and less each beyond ROOMY."""
    return 0.3 * min(max(rows, 5), ROOMY) + 0.16 * max(rows - ROOMY, 0)


def name_rows(axis: Axes, names: Sequence[str], *, down: bool = False) -> None:
    """Names beside rows 0, 1, ...: upward, or down from the top."""
    texts = [shorten(name, LONGEST) for name in names]
    axis.set_yticks(range(len(texts)), texts, fontsize=FONT if len(texts) <= ROOMY else 6)
    ends = (-0.7, len(texts) - 0.3)
    axis.set_ylim(*(ends[::-1] if down else ends))


def shorten(text: str, longest: int) -> str:
    """A text in one line that has room.

    >>> shorten("a very long name", 8)
    'a very …'
    """
    plain = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def wrapped(label: str, wide: int = 34) -> str:
    """A label in at most four lines, broken after spaces and slashes, and inside a very long word."""
    lines = textwrap.wrap(label.replace("/", "/ "), wide, break_on_hyphens=False)
    return "\n".join(line.replace("/ ", "/") for line in lines[:4])


DROPPED = {"font-family", "stroke-linejoin", "stroke-linecap", "stroke-miterlimit", "stroke-dashoffset"}
DEFAULTS = {("text-anchor", "start"), ("font-size", f"{FONT}px"), ("stroke-width", "1")}
MARKER = re.compile(r"m[0-9a-f]{10}")  # an id that matplotlib makes of a marker's shape


def _slim(node: ElementTree.Element, told: Mapping[str, tuple[Said, Sequence[Said]]]) -> list[ElementTree.Element]:
    """What matplotlib wrote, without what a page has no use for: nothing, the element, or what stood in it."""
    tag, name = node.tag.rpartition("}")[2], node.attrib.get("id", "")
    inside = [part for child in node for part in _slim(child, told)]
    if tag in ("metadata", "style", "clipPath") or (tag == "defs" and not inside):
        return []
    if tag == "g" and name not in told:
        return inside
    slim = ElementTree.Element(tag, _attributes(node))
    slim.text = node.text if tag == "text" else None
    slim.extend(inside)
    if tag == "g":
        return [_said(slim, *told[name])] if inside else []
    nothing = tag == "path" and slim.get("style") == "fill:none" and not MARKER.fullmatch(name)
    return [] if nothing else [slim]


def _said(group: ElementTree.Element, said: Said, each: Sequence[Said]) -> ElementTree.Element:
    """A group with what it says, and of its marks each with its own; one mark alone needs no group."""
    marks = [part for part in group if part.tag != "defs"]
    for mark, own in zip(marks, each, strict=True) if each else ():
        _say(mark, own)
    styles = [mark.attrib.pop("style", "").split(";") for mark in marks]
    shared = [rule for rule in styles[0] if all(rule in style for style in styles) and len(marks) > 1]
    for mark, style in zip([group, *marks], [shared, *styles], strict=True):
        if rules := [rule for rule in style if rule and (mark is group or rule not in shared)]:
            mark.set("style", ";".join(rules))
    outer = group if len(group) > 1 else marks[0]
    _say(outer, said)
    return outer


def _say(element: ElementTree.Element, said: Said) -> None:
    for key, value in said.items():
        if key == "title" and value:
            title = ElementTree.Element("title")
            title.text = str(value)
            element.insert(0, title)
        elif value is not None and value != "":
            element.set(key.rstrip("_").replace("_", "-"), str(value))


def _attributes(node: ElementTree.Element) -> dict[str, str]:
    found = {}
    for long, value in node.attrib.items():
        key = long.rpartition("}")[2]
        if key == "style":
            found[key] = _page_style(value, node.tag.endswith("text"))
        elif key == "d":
            found[key] = re.sub(r"\s*([A-Za-z])\s*", r"\1", _rounded(value)).strip()
        elif key in ("x", "y", "href", "transform") or (key == "id" and MARKER.fullmatch(value)):
            found[key] = value if key in ("id", "href") else _rounded(value)
    return {key: value for key, value in found.items() if value and not value.startswith("rotate(-0")}


def _page_style(style: str, text: bool) -> str:
    pairs = [tuple(part.strip() for part in pair.split(":", 1)) for pair in style.split(";") if ":" in pair]
    told = [pair for pair in pairs if pair[0] not in DROPPED and pair not in DEFAULTS]
    kept = [(key, _paint(_rounded(value, 2))) for key, value in told]
    return ";".join(f"{key}:{value}" for key, value in kept if not (text and value == "var(--ink)"))


def _paint(value: str) -> str:
    return f"var(--{VARIABLES[value]})" if value in VARIABLES else value


def _rounded(text: str, digits: int = 1) -> str:
    """Every number of a text; `+ 0` takes the sign from nothing."""
    return re.sub(r"-?\d+\.\d+(?:e-?\d+)?", lambda found: f"{round(float(found[0]), digits) + 0:g}", text)
