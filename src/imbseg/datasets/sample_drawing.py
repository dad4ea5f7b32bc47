"""One image of the sample: backdrop, objects with their shadows, exposure and grain, all in integers."""

from collections.abc import Sequence

import numpy as np

from imbseg.datasets.sample_shapes import KINDS, Kind, turned

SIZE = 128  # pixels
SEED = 2012
_DISGUISED = 6  # one object in so many wears the colours of another class: then only shape and texture tell
_PLAIN = 3  # one image in so many shows a shape without texture, which is background


def draw(index: int, shown: Sequence[bool] | np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw one image, at twice its size and then averaged, so that edges are smooth.

    Args:
        index: number of the image; all its randomness comes from it.
        shown: (classes without background,) which classes it shows.

    Returns:
        image (SIZE, SIZE, 3) uint8 RGB, mask (SIZE, SIZE) uint8 class index, objects (SIZE, SIZE) uint8, 0 = none.
    """
    rng = generator(index, 1)
    canvas = _backdrop(rng)  # (2 SIZE, 2 SIZE, 3)
    owner = np.zeros(canvas.shape[:2], dtype=np.int64)
    if rng.integers(_PLAIN) == 0:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        _paint(canvas, owner, kind, _between(rng, kind.radius), 0, rng, plain=True)
    wanted = [
        number for number, kind in enumerate(KINDS) if shown[number] for _ in range(_between(rng, (1, kind.most)))
    ]
    sized = sorted(((_between(rng, KINDS[number].radius), number) for number in wanted), reverse=True)
    for place, (radius, number) in enumerate(sized, start=1):  # the small ones on top: none is hidden altogether
        _paint(canvas, owner, KINDS[number], radius, place, rng)
    classes = np.array([0, *(number + 1 for _, number in sized)])
    visible, objects = np.unique(owner[::2, ::2], return_inverse=True)  # numbered anew without the hidden
    objects = objects.reshape(SIZE, SIZE) + (visible[0] > 0)
    return _develop(canvas, rng), classes[owner[::2, ::2]].astype(np.uint8), objects.astype(np.uint8)


def _paint(
    canvas: np.ndarray,
    owner: np.ndarray,
    kind: Kind,
    radius: int,
    place: int,
    rng: np.random.Generator,
    plain: bool = False,
) -> None:
    """Draw one object and its shadow into canvas, and its number into owner."""
    side = len(canvas)
    x, y = rng.integers(radius // 2, side - radius // 2, size=2).tolist()  # up to a quarter lies outside
    step, period = int(rng.integers(32)), _between(rng, kind.period)
    colors = _colors(kind, rng)
    top, left = max(0, y - radius), max(0, x - radius)
    area = np.s_[top : y + radius + 7, left : x + radius + 5]
    rows, columns = np.ogrid[top : min(side, y + radius + 7), left : min(side, x + radius + 5)]
    dx, dy = columns - x, rows - y
    shadow = kind.shape(*turned(dx - 4, dy - 6, step), radius)
    canvas[area][shadow] = canvas[area][shadow] * 3 // 4
    u, v = turned(dx, dy, step)
    inside = kind.shape(u, v, radius)
    texture = np.zeros_like(inside) if plain else kind.texture(u, v, period)
    light = 256 - (dx + dy) * 40 // radius  # from the upper left
    shaded = np.where(texture[..., None], colors[0], colors[1]) * light[..., None] >> 8
    canvas[area][inside] = shaded[inside]
    owner[area][inside] = place


def _colors(kind: Kind, rng: np.random.Generator) -> np.ndarray:
    """(2, 3) the two colours of an object: its class's or, disguised, another's; each a little off."""
    other = KINDS[int(rng.integers(len(KINDS)))]
    base = other.colors if rng.integers(_DISGUISED) == 0 else kind.colors
    colors: np.ndarray = np.array(base) + rng.integers(-16, 17, size=(2, 3))
    return colors


def _backdrop(rng: np.random.Generator) -> np.ndarray:
    """(2 SIZE, 2 SIZE, 3) int64: two muted colours that blend along soft hills."""
    hills = sum(_hills(rng, cells) * weight for cells, weight in ((2, 4), (5, 2), (16, 1)))
    ends = rng.integers((52, 60, 62), (136, 140, 134), size=(2, 3))
    blend = np.asarray(hills)[..., None] // 7
    canvas: np.ndarray = (ends[0] * (256 - blend) + ends[1] * blend) >> 8
    return canvas


def _hills(rng: np.random.Generator, cells: int) -> np.ndarray:
    """(2 SIZE, 2 SIZE) int64 of 0..256: random heights on a grid, and straight lines between."""
    heights = rng.integers(0, 257, size=(cells + 1, cells + 1))
    steps = np.arange(2 * SIZE) * cells * 256 // (2 * SIZE)
    cell, part = steps >> 8, steps & 255
    across = heights[:, cell] * (256 - part) + heights[:, cell + 1] * part  # (cells + 1, 2 SIZE)
    part = part[:, None]
    blended: np.ndarray = (across[cell] * (256 - part) + across[cell + 1] * part) >> 16
    return blended


def _develop(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: four pixels averaged to one, exposed darker or brighter, with some grain."""
    small = canvas.reshape(SIZE, 2, SIZE, 2, 3).sum(axis=(1, 3)) >> 2
    exposure = int(rng.integers(200, 310))
    grain = rng.integers(-6, 7, size=(SIZE, SIZE, 1))
    image: np.ndarray = np.clip((small * exposure >> 8) + grain, 0, 255).astype(np.uint8)
    return image


def _between(rng: np.random.Generator, ends: tuple[int, int]) -> int:
    return int(rng.integers(ends[0], ends[1] + 1))


def generator(*numbers: int) -> np.random.Generator:
    """The sample's own randomness for one purpose, which the numbers name."""
    return np.random.Generator(np.random.PCG64([SEED, *numbers]))
