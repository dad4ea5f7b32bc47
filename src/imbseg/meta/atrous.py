"""How far DeepLabV3+ dilates its convolutions, and how many of their taps lie on the map at all."""

import dataclasses

from imbseg.errors import unknown_name

Size = tuple[int, int]  # (width, height)
Rates = tuple[int, int, int]
ATROUS_RATES = ("smp", "paper", "fit")


@dataclasses.dataclass(frozen=True)
class Pyramid:
    """A network's dilated convolutions: the name of their rates, and the output stride of the map they see."""

    rates: str = "smp"
    output_stride: int = 16


def atrous_rates(name: str, output_stride: int, size: Size) -> Rates:
    """The dilation of the three 3 x 3 convolutions of DeepLabV3+'s pyramid.

    `smp`: what segmentation_models.pytorch takes at any output stride; `paper`: the published ones; `fit`: in the
    ratio 1:2:3, the largest at most the paper's and at most half of the map's shorter side.

    Args:
        output_stride: of the encoder, 8 or 16.
        size: (width, height) of the encoder's last map, in cells.

    Source: Chen et al., arXiv:1706.05587, section 4.1 (6, 12, 18 at output stride 16, twice that at 8).

    >>> [atrous_rates(name, 16, (16, 12)) for name in ATROUS_RATES]
    [(12, 24, 36), (6, 12, 18), (2, 4, 6)]
    """
    if name not in ATROUS_RATES:
        raise unknown_name("atrous rates", name, ATROUS_RATES)
    if name == "smp":
        return 12, 24, 36
    first = 6 * 16 // output_stride
    if name == "fit":
        first = max(1, min(first, min(size) // 2 // 3))
    return first, 2 * first, 3 * first


def live_taps(rate: int, size: Size) -> float:
    """Of the 8 taps round the centre of a 3 x 3 convolution, how many lie on its map, on average over the map.

    Args:
        rate: dilation, in cells.
        size: (width, height) of the map, in cells.

    >>> live_taps(12, (16, 12)), live_taps(24, (16, 12)), live_taps(24, (32, 32))
    (0.5, 0.0, 1.25)
    """
    across, down = (max(0.0, 1 - rate / side) for side in size)
    return 2 * across + 2 * down + 4 * across * down
