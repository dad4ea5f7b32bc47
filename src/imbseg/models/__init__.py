"""Networks (a menu of architectures), encoder weights, checkpoints.

An architecture is a function of the encoder's name and, by keyword, of `classes` and what it needs of these: `size`
((width, height) of a training sample with its padding), `output_stride`, and settings of its own. It gives a module
with an `encoder` and a `segmentation_head`, from (images, 3, height, width) float to logits.
"""

import dataclasses

from imbseg.menu import Menu


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What is known of an architecture without building it.

    Attributes:
        place: where its function lives.
        stride: pixels of the input a cell of the decoder's map; None: what the setting `decoder_stride` says.
        multiple: the input's sides are padded to multiples of it.
        dilates: needs an encoder that can be dilated.
        cost: seconds of a training step over those of deeplabv3plus, both with their defaults (EfficientNet-Lite0,
            256 x 192, one CPU thread; `make benchmark PART=architectures`).
        smallest: side of the input that it takes at least; smaller images are padded in evaluation.
        refuses: prefixes of encoders that it can't take.
    """

    place: str
    stride: int | None
    multiple: int
    dilates: bool = False
    cost: float = 1.0
    smallest: int = 0
    refuses: tuple[str, ...] = ()


ARCHITECTURES = Menu(
    "architecture",
    {
        "deeplabv3plus": Architecture("imbseg.models.deeplabv3plus:deeplabv3plus", None, 16, dilates=True),
        "unet": Architecture("imbseg.models.decoders:unet", 1, 32, cost=1.1),
        "unetplusplus": Architecture("imbseg.models.decoders:unetplusplus", 1, 32, cost=1.8, refuses=("mit_b",)),
        "fpn": Architecture("imbseg.models.decoders:fpn", 4, 32, cost=1.0),
        "upernet": Architecture("imbseg.models.decoders:upernet", 4, 32, cost=2.9),
        "segformer": Architecture("imbseg.models.decoders:segformer", 4, 32, cost=1.4),
        "pan": Architecture("imbseg.models.decoders:pan", 4, 16, cost=0.8, dilates=True, smallest=128),
        "linknet": Architecture("imbseg.models.decoders:linknet", 1, 32, cost=0.6, refuses=("mit_b",)),
    },
    inputs={"encoder": "", "classes": "", "size": "", "output_stride": "output_stride"},
    takes_own=False,
)
