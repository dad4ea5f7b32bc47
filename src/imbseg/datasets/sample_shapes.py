"""The shapes and textures of the sample, in integer arithmetic: the same pixels on every machine.

Coordinates u (right) and v (down) are int arrays of half image pixels, from the middle of the shape and turned with
it. A shape says where it is, a texture which of its two colours is where.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_SINES = (0, 200, 392, 569, 724, 851, 946, 1004, 1024)  # 1024 sin(k / 32 of a turn), k = 0..8; libm may differ


def sine(step: int) -> int:
    """1024 times the sine of step / 32 of a turn.

    >>> [sine(step) for step in (0, 4, 8, 16, 24, 31, 40)]
    [0, 724, 1024, 0, -1024, -200, 1024]
    """
    half, step = divmod(step, 16)
    value = _SINES[min(step, 16 - step)]
    return -value if half % 2 else value


def turned(dx: np.ndarray, dy: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in the frame of a shape that is turned by step / 32 of a turn."""
    cosine, sinus = sine(step + 8), sine(step)
    return (cosine * dx + sinus * dy) >> 10, (cosine * dy - sinus * dx) >> 10


def _triangle(u: np.ndarray, v: np.ndarray, radius: int) -> np.ndarray:
    slanted = (887 * abs(u) - 512 * v) >> 10  # 887 = 1024 cos(30 degrees)
    return np.asarray(2 * np.maximum(v, slanted) <= radius)


def _dots(u: np.ndarray, v: np.ndarray, period: int) -> np.ndarray:
    across, down = 2 * (u % period) - period, 2 * (v % period) - period
    return np.asarray(9 * (across * across + down * down) <= 5 * period * period)


Drawn = Callable[[np.ndarray, np.ndarray, int], np.ndarray]  # (u, v, radius or period) -> where it is
SHAPES: dict[str, Drawn] = {
    "disc": lambda u, v, radius: u * u + v * v <= radius * radius,
    "square": lambda u, v, radius: 32 * np.maximum(abs(u), abs(v)) <= 27 * radius,  # sides of about 1.7 radii
    "diamond": lambda u, v, radius: 3 * abs(u) + 2 * abs(v) <= 2 * radius,  # taller than wide
    "triangle": _triangle,  # equilateral, its corners on the radius
    "star": lambda u, v, radius: _triangle(u, v, radius) | _triangle(u, -v, radius),  # six points
}
TEXTURES: dict[str, Drawn] = {
    # Fields, stripes, rings half a period wide; IEEE 754 rounds square roots exactly, so no machine differs
    "checkered": lambda u, v, period: ((2 * u // period + 2 * v // period) & 1) == 1,
    "striped": lambda u, v, period: (2 * u // period & 1) == 1,
    "ringed": lambda u, v, period: (2 * np.sqrt(u * u + v * v).astype(np.int64) // period & 1) == 1,
    "dotted": _dots,  # a dot in each field, one period wide
    "hatched": lambda u, v, period: (3 * (u % period) < period) | (3 * (v % period) < period),  # thin lines both ways
    "spotted": lambda u, v, period: _dots(u + (v // period & 1) * (period // 2), v, period),  # each other row moved
}


@dataclass(frozen=True)
class Kind:
    """A class of the sample, named by its texture and shape: how its objects look and how often they occur."""

    name: str
    label: tuple[int, int, int]  # RGB in the masks' palette, as in the data set's YAML
    colors: tuple[tuple[int, int, int], tuple[int, int, int]]  # RGB where the texture is and where it is not
    radius: tuple[int, int]  # smallest and largest, in half pixels
    period: tuple[int, int]  # of the texture, in half pixels
    images: int  # of 80; train has three times as many
    most: int  # objects in one image

    @property
    def texture(self) -> Drawn:
        """Which of the two colours is where."""
        return TEXTURES[self.name.partition("_")[0]]

    @property
    def shape(self) -> Drawn:
        """Where an object is."""
        return SHAPES[self.name.partition("_")[2]]


BACKGROUND = (38, 44, 56)  # RGB in the masks' palette

# In the order of their class index, from 1. Neighbours are easily confused: squares and diamonds share their
# blues, the two discs shape and warm colours, triangles and stars dots and greens. Diamonds are common but tiny, stars
# are in one image of twenty: two kinds of rarity.
KINDS = (
    Kind("checkered_square", (74, 134, 201), ((52, 98, 160), (196, 214, 232)), (26, 58), (12, 22), 48, 3),
    Kind("striped_disc", (240, 160, 75), ((222, 122, 48), (250, 226, 186)), (26, 54), (10, 18), 38, 2),
    Kind("ringed_disc", (214, 84, 84), ((206, 84, 62), (250, 220, 196)), (18, 40), (10, 16), 22, 2),
    Kind("dotted_triangle", (92, 173, 112), ((228, 240, 204), (70, 144, 92)), (24, 50), (10, 16), 20, 2),
    Kind("hatched_diamond", (160, 116, 206), ((92, 84, 176), (206, 206, 240)), (9, 17), (7, 9), 20, 3),
    Kind("spotted_star", (246, 222, 106), ((240, 244, 196), (128, 150, 58)), (14, 27), (9, 12), 4, 2),
)
