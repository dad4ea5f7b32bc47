"""An encoder of red, green, blue takes other channels by segmentation_models.pytorch's own routine."""

from __future__ import annotations

import pytest
import torch

from imbseg.errors import InputError
from imbseg.models.decoders import build_network
from imbseg.models.weights import widen


def first(model: torch.nn.Module) -> torch.Tensor:
    return model.encoder.conv1.weight.detach().clone()  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("channels", [1, 2, 6, 7])
def test_kernels_are_kept(channels: int) -> None:
    model = build_network("unet", "resnet18", classes=2)
    before = first(model)
    widen(model.encoder, channels, pretrained=True)  # type: ignore[arg-type]
    after = first(model)
    assert after.shape == (64, channels, 7, 7)
    if channels == 1:
        torch.testing.assert_close(after[:, 0], before.sum(dim=1))
    else:
        for index in range(channels):
            torch.testing.assert_close(after[:, index], before[:, index % 3] * 3 / channels)
    if channels in (1, 6):  # as many of each colour: equal channels give what they gave
        torch.testing.assert_close(after.sum(dim=1), before.sum(dim=1))


def test_three_channels_stay_as_they_are() -> None:
    model = build_network("unet", "resnet18", classes=2)
    before, state = first(model), torch.get_rng_state()
    widen(model.encoder, 3, pretrained=False)  # type: ignore[arg-type]
    assert torch.equal(first(model), before)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("architecture", "encoder"), [
    ("deeplabv3plus", "resnet18"), ("unet", "timm-tf_efficientnet_lite0"), ("unetplusplus", "mobilenet_v2"),
    ("fpn", "efficientnet-b0"), ("upernet", "tu-test_resnet"), ("segformer", "mit_b0"), ("pan", "resnet18"),
    ("linknet", "mobileone_s0"), ("unet", "densenet121"),
])  # fmt: skip
@torch.inference_mode()
def test_networks_of_five_channels_run(architecture: str, encoder: str) -> None:
    model = build_network(architecture, encoder, classes=4, size=(128, 128))
    widen(model.encoder, 5, pretrained=False)  # type: ignore[arg-type]
    assert model.eval()(torch.zeros(1, 5, 128, 128)).shape == (1, 4, 128, 128)


def test_an_encoder_that_can_not_says_so() -> None:
    """Without a convolution there is none to widen."""
    with pytest.raises(InputError, match=r"encoder: can't take 5 channels \(.*\); take another, such as resnet101"):
        widen(torch.nn.Identity(), 5, pretrained=True)
