"""SVG elements as safe text, and the axes that charts share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from markupsafe import Markup, escape
from matplotlib.ticker import MaxNLocator

MARKERS = ("circle", "square", "triangle", "diamond")


def tag(name: str, *inside: Markup | str, **attributes: object) -> Markup:
    """An element; texts and values are escaped, underscores in names become dashes, None leaves an attribute out.

    >>> tag("text", "<a>", x=1, text_anchor="end")
    Markup('<text x="1" text-anchor="end">&lt;a&gt;</text>')
    """
    told = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), number(value))
        for key, value in attributes.items()
        if value is not None
    ]
    return Markup("<{0}{1}>{2}</{0}>").format(
        Markup(name), Markup("").join(told), Markup("").join(escape(one) for one in inside)
    )


def number(value: object) -> str:
    """A coordinate in a tenth of a pixel, anything else as it is.

    >>> number(1.26), number(3.0), number("a")
    ('1.3', '3', 'a')
    """
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def mark(shape: int, x: float, y: float, size: float, *inside: Markup | str, **attributes: object) -> Markup:
    """A point: circle, square, triangle or diamond, by the place in MARKERS."""
    kind = MARKERS[shape % len(MARKERS)]
    if kind == "circle":
        return tag("circle", *inside, cx=x, cy=y, r=size, **attributes)
    if kind == "square":
        return tag("rect", *inside, x=x - size, y=y - size, width=2 * size, height=2 * size, **attributes)
    corners = {
        "triangle": [(x, y - 1.2 * size), (x + 1.1 * size, y + size), (x - 1.1 * size, y + size)],
        "diamond": [(x, y - 1.4 * size), (x + 1.2 * size, y), (x, y + 1.4 * size), (x - 1.2 * size, y)],
    }[kind]
    return tag("polygon", *inside, points=points(corners), **attributes)


def points(corners: Sequence[tuple[float, float]]) -> str:
    """Coordinates of a line or an area."""
    return " ".join(f"{number(float(x))},{number(float(y))}" for x, y in corners)


@dataclasses.dataclass(frozen=True)
class Scale:
    """Numbers -> pixels along one axis."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a number stands."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers within."""
        found = MaxNLocator(nbins=most, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        return [float(one) for one in found if self.low - 1e-9 <= one <= self.high + 1e-9]


def scale(values: Sequence[float], start: float, end: float, *, zero: bool = False) -> Scale:
    """An axis that holds all values with a little room, and 0 where it is asked for."""
    held = [*values, 0.0] if zero else list(values)
    low, high = min(held), max(held)
    room = 0.06 * (high - low) or 0.05
    return Scale(low - room, high + room, start, end)


def tick_text(value: float) -> str:
    """A number on an axis.

    >>> tick_text(0.1), tick_text(-0.25), tick_text(0.0)
    ('.1', '−.25', '0')
    """
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text in ("0", "-0") else text.replace("0.", ".", 1).replace("-", "−")


def upright_grid(axis: Scale, top: float, bottom: float, below: float) -> list[Markup]:
    """Lines from top to bottom at an axis's round numbers, and the numbers so far below them."""
    ticks = axis.ticks()
    lines = [tag("line", x1=axis(tick), x2=axis(tick), y1=top, y2=bottom, class_="grid") for tick in ticks]
    return lines + [tag("text", tick_text(tick), x=axis(tick), y=bottom + below, text_anchor="middle", class_="tick")
                    for tick in ticks]  # fmt: skip


def level_grid(axis: Scale, left: float, right: float, beside: float) -> list[Markup]:
    """Lines from left to right at an axis's round numbers, and the numbers so far beside them."""
    ticks = axis.ticks()
    lines = [tag("line", x1=left, x2=right, y1=axis(tick), y2=axis(tick), class_="grid") for tick in ticks]
    return lines + [tag("text", tick_text(tick), x=left - beside, y=axis(tick) + 4, text_anchor="end", class_="tick")
                    for tick in ticks]  # fmt: skip


def drawing(width: float, height: float, label: str, *inside: Markup | str) -> Markup:
    """The outer element: it shrinks with the page, and says in words what it shows."""
    return tag(
        "svg", *inside, viewBox=f"0 0 {number(float(width))} {number(float(height))}", width=float(width),
        height=float(height), role="img", aria_label=label,
    )  # fmt: skip


def shorten(text: str, longest: int) -> str:
    """A text that has room; what is cut stands in the tooltip.

    >>> shorten("a very long name", 8)
    'a very …'
    """
    plain = " ".join(text.split())
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
