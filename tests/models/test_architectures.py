from __future__ import annotations

import pytest
import torch

from imbseg.errors import InputError
from imbseg.meta.ceiling import Grid
from imbseg.models import ARCHITECTURES
from imbseg.models.decoders import build_network
from imbseg.models.deeplabv3plus import FineDecoder

LITE, TINY = "timm-tf_efficientnet_lite0", "tu-test_resnet"


def conv_channels(model: torch.nn.Module) -> int:
    return int(model.segmentation_head[0].in_channels)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_takes_a_step_at_its_smallest_input(name: str) -> None:
    entry = ARCHITECTURES[name]
    side = max(entry.smallest, entry.multiple)
    model = build_network(name, TINY, classes=3, size=(side, side)).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [one.clone() for one in model.parameters()]
    logits = model(torch.randn(2, 3, side, side))
    assert logits.shape == (2, 3, side, side)
    torch.nn.functional.cross_entropy(logits, torch.zeros(2, side, side, dtype=torch.int64)).backward()
    optimizer.step()
    assert sum(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)) > len(before) // 2


@pytest.mark.parametrize(
    ("name", "stride"), [("deeplabv3plus", 4), *((n, e.stride) for n, e in ARCHITECTURES.items() if e.stride)]
)
def test_the_decoder_predicts_at_the_stride_that_the_menu_says(name: str, stride: int) -> None:
    model = build_network(name, TINY, classes=2).eval()
    side = max(64, ARCHITECTURES[name].smallest)
    with torch.inference_mode():
        cells = model.segmentation_head[0](model.decoder(model.encoder(torch.zeros(1, 3, side, side)))).shape[-1]
    # LinkNet's and U-Net's head don't resample at all
    assert cells == Grid(None, stride).cells((side, side))[0]


def test_deeplabv3plus_with_a_skip_connection_more_predicts_at_stride_2() -> None:
    plain, fine = (build_network("deeplabv3plus", LITE, classes=2, decoder_stride=stride).eval() for stride in (4, 2))
    images = torch.zeros(1, 3, 64, 96)
    with torch.inference_mode():
        assert plain.decoder(plain.encoder(images)).shape[-2:] == (16, 24)
        assert fine.decoder(fine.encoder(images)).shape == (1, 64, 32, 48)
        assert fine(images).shape == (1, 2, 64, 96)
    assert isinstance(fine.decoder, FineDecoder)
    # all that both have starts with the same chance
    torch.manual_seed(1)
    one = build_network("deeplabv3plus", LITE, classes=2)
    torch.manual_seed(1)
    other = build_network("deeplabv3plus", LITE, classes=2, decoder_stride=2)
    assert torch.equal(one.decoder.block2[0][1].weight, other.decoder.coarse.block2[0][1].weight)


def test_a_stride_that_the_encoder_does_not_give_is_refused() -> None:
    with pytest.raises(InputError, match="'tu-convnext_atto' gives no map at stride 2; take decoder_stride 4"):
        build_network("deeplabv3plus", "tu-convnext_atto", classes=2, decoder_stride=2)
    with pytest.raises(InputError, match="'densenet121': can't be dilated, which pan needs"):
        build_network("pan", "densenet121", classes=2)
    assert build_network("unet", "vgg11", classes=2)


@pytest.mark.parametrize(
    ("name", "width", "channels"),
    [("unet", None, 16), ("unet", 96, 16), ("unet", 192, 32), ("fpn", 64, 32), ("upernet", 64, 64),
     ("segformer", 64, 64), ("pan", 64, 64), ("deeplabv3plus", 64, 64), ("deeplabv3plus", None, 256)],
)  # fmt: skip
def test_the_width_of_the_decoder(name: str, width: int | None, channels: int) -> None:
    assert conv_channels(build_network(name, TINY, classes=2, decoder_width=width)) == channels


def test_a_unet_of_width_96() -> None:
    blocks = build_network("unet", TINY, classes=2, decoder_width=96).decoder.blocks
    assert [block.conv2[0].out_channels for block in blocks] == [96, 64, 48, 32, 16]


def test_rates_and_dropout_reach_the_pyramid() -> None:
    size = (256, 192)
    model = build_network("deeplabv3plus", LITE, classes=2, size=size, atrous_rates="fit", aspp_dropout=0.1)
    pyramid = model.decoder.aspp[0]
    assert [branch[0][0].dilation for branch in pyramid.convs[1:4]] == [(2, 2), (4, 4), (6, 6)]
    assert pyramid.project[-1].p == 0.1
