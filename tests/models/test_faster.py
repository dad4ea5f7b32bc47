"""fast_cpu: other operations, the library's numbers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from imbseg.models.faster import Bilinear, Clamp, Depthwise, Pointwise, PointwiseLast, faster

FORMS = (torch.contiguous_format, torch.channels_last)


def with_gradients(layer: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """What a layer makes of images, and the gradients of the images and of its parameters."""
    images = images.clone(memory_format=torch.preserve_format).requires_grad_()
    made = layer(images)
    torch.manual_seed(2)
    (made * torch.randn(made.shape, dtype=made.dtype)).sum().backward()
    return [made.detach(), *(one.grad for one in (images, *layer.parameters()))]  # type: ignore[misc]


def agree(layer: nn.Module, size: tuple[int, int], kind: type[nn.Module], form: torch.memory_format) -> None:
    """A layer and the faster one, in float32 as it trains and in float64, where nothing is left to rounding."""
    for dtype, near in ((torch.float32, 1e-4), (torch.float64, 1e-12)):
        plain = copy.deepcopy(layer).to(dtype=dtype)
        other = faster(copy.deepcopy(nn.Sequential(plain)))[0]
        assert type(other) is kind
        torch.manual_seed(1)
        images = torch.randn(3, getattr(layer, "in_channels", 5), *size, dtype=dtype).contiguous(memory_format=form)
        for mine, theirs in zip(with_gradients(other, images), with_gradients(plain, images), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=near, atol=near * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "size"),
    [(3, 1, 1, 1, (6, 7)), (5, 1, 2, 1, (6, 7)), (5, 1, 4, 2, (6, 7)), (7, 1, 3, 1, (9, 8)), (5, 2, 2, 1, (9, 8)),
     (3, 2, 1, 1, (8, 8)), (3, 1, 12, 12, (12, 16)), (3, 1, 24, 24, (12, 16)), (3, 1, 5, 5, (4, 16)),
     (5, 1, 2, 1, (2, 2)), (3, 1, 0, 1, (6, 7)), (3, 1, 0, 2, (6, 7)), (3, 1, 4, 1, (3, 3)), (3, 2, 2, 2, (9, 9)),
     (4, 1, 2, 1, (6, 7)), ((3, 5), 1, (1, 2), 1, (6, 7)), ((1, 7), 1, (0, 3), 1, (1, 5)), (1, 1, 0, 1, (4, 4)),
     (1, 1, 1, 1, (4, 4)), ((5, 3), 1, (4, 3), (2, 3), (5, 7)), (6, (1, 2), (5, 0), (2, 1), (6, 9)),
     ((1, 7), (1, 2), (0, 3), 1, (2, 1)), ((1, 5), (1, 20), (0, 10), 1, (2, 4)), ((1, 5), (1, 20), (0, 5), 1, (2, 4)),
     ((1, 8), 1, (0, 3), 1, (2, 2)), (5, 1, 4, 2, (5, 6))],
)  # fmt: skip
def test_a_depthwise_convolution(
    kernel: Any, stride: Any, padding: Any, dilation: Any, size: tuple[int, int], bias: bool, form: torch.memory_format
) -> None:
    layer = nn.Conv2d(4, 4, kernel, stride, padding, dilation, groups=4, bias=bias)
    agree(layer, size, Depthwise, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bias", [False, True])
def test_a_convolution_of_one_pixel(bias: bool, form: torch.memory_format) -> None:
    agree(nn.Conv2d(6, 4, 1, bias=bias), (5, 7), Pointwise, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("aligned", [None, False, True])
@pytest.mark.parametrize("to", [{"scale_factor": 4}, {"scale_factor": (2.0, 1.5)}, {"size": (9, 20)}, {"size": 11}])
def test_bilinear_upsampling(to: dict[str, Any], aligned: bool | None, form: torch.memory_format) -> None:
    agree(nn.Upsample(mode="bilinear", align_corners=aligned, **to), (3, 5), Bilinear, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("turned", [False, True])  # what a convolution gave, or a look at it
@pytest.mark.parametrize("layer", [nn.ReLU6(inplace=True), nn.Hardtanh(-1, 2, inplace=True)])
def test_relu6_in_place_keeps_its_output_alone(layer: nn.Module, turned: bool, form: torch.memory_format) -> None:
    other, found = faster(nn.Sequential(copy.deepcopy(layer)))[0], []
    assert type(other) is Clamp
    for one in (layer, other):
        images = torch.linspace(-3, 9, 2 * 3 * 4 * 5).view(2, 3, 4, 5).contiguous(memory_format=form).requires_grad_()
        made = (images * 1).transpose(2, 3) if turned else images * 1
        place, (kept, copied) = made.data_ptr(), copies(one, made)
        (kept * torch.linspace(-1, 1, kept.numel()).view_as(kept)).sum().backward()
        assert kept.data_ptr() == place
        found.append((kept.detach(), images.grad, copied))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert [one[2] for one in found] == [1, 0]


def test_a_network_with_it_is_compiled_whole() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(4, 4, 5, padding=2, groups=4), nn.BatchNorm2d(4), nn.ReLU6(inplace=True),
                          nn.Conv2d(4, 2, 1), nn.Upsample(None, 2, "bilinear"))  # fmt: skip
    other = faster(copy.deepcopy(plain))
    compiled = torch.compile(other, backend="aot_eager", fullgraph=True)
    images = torch.randn(2, 4, 6, 6)
    for mine, theirs in zip(with_gradients(compiled, images), with_gradients(plain, images), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def copies(layer: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, int]:
    """What a layer makes, and how often it copied a map for it."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        made = layer(images)
    return made, sum(one.name == "aten::clone" for one in seen.events())


def test_a_map_that_lies_in_planes_is_laid_as_its_network() -> None:
    plain = nn.Sequential(nn.Conv2d(4, 6, 3), nn.Conv2d(6, 5, 1)).to(memory_format=torch.channels_last)
    layer = faster(copy.deepcopy(plain))[1]
    assert type(layer) is PointwiseLast
    images = torch.randn(2, 6, 4, 5)
    made = layer(images)
    assert made.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(made, plain[1](images))
    with torch.inference_mode():
        assert layer(images).equal(plain[1](images))
    assert type(faster(nn.Sequential(nn.Conv2d(4, 6, 3), nn.Conv2d(6, 5, 1)))[1]) is Pointwise


@pytest.mark.filterwarnings("ignore:`timm-` encoders are deprecated")
def test_logits_lie_in_planes_as_their_loss_asks() -> None:
    made = smp.DeepLabV3Plus("timm-tf_efficientnet_lite0", encoder_weights=None, classes=3)
    network = faster(made.to(memory_format=torch.channels_last))
    logits = network(torch.randn(2, 3, 64, 64).contiguous(memory_format=torch.channels_last))
    assert logits.is_contiguous()
    assert not network.segmentation_head[0](torch.randn(2, 256, 8, 8)).is_contiguous()  # what it is made from isn't


def test_other_layers_stay() -> None:
    same = nn.Sequential(
        nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 8, 3, groups=4), nn.Conv2d(4, 4, 1, stride=2),
        nn.Conv2d(4, 4, 3, groups=4, padding="same"), nn.Conv2d(4, 4, 3, 1, 1, groups=4, padding_mode="reflect"),
        nn.Upsample(scale_factor=2), nn.Conv2d(4, 4, 1, groups=2), nn.ReLU(), nn.SiLU(inplace=True), nn.ReLU6(),
    )  # fmt: skip
    kinds = [type(one) for one in same]
    assert [type(one) for one in faster(same)] == kinds


@pytest.mark.parametrize(("network", "encoder"), [
    (smp.DeepLabV3Plus, "timm-tf_efficientnet_lite0"), (smp.Unet, "mobilenet_v2"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:`timm-` encoders are deprecated")
def test_a_network_has_the_librarys_gradients(network: Any, encoder: str) -> None:
    plain = network(encoder, encoder_weights=None, classes=3).double()
    other = faster(copy.deepcopy(plain))
    assert sum(isinstance(one, Depthwise) for one in other.modules()) > 10
    assert other.state_dict().keys() == plain.state_dict().keys()
    images, found = torch.randn(2, 3, 64, 96, dtype=torch.float64), []
    for model in (plain, other):
        torch.manual_seed(3)  # dropout and stochastic depth
        model(images).square().mean().backward()
        found.append({name: one.grad for name, one in model.named_parameters() if one.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, theirs in found[0].items():
        torch.testing.assert_close(found[1][name], theirs, rtol=1e-6, atol=1e-9 * float(theirs.abs().max()) + 1e-12)


def test_without_gradients_and_in_bfloat16_it_is_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = nn.Sequential(nn.Conv2d(4, 4, 5, padding=2, groups=4), nn.Conv2d(4, 2, 1), nn.Upsample(None, 2, "bilinear"),
                          nn.ReLU6(inplace=True))  # fmt: skip
    other = faster(copy.deepcopy(plain))
    images = torch.randn(2, 4, 6, 6).contiguous(memory_format=torch.channels_last)
    for name in ("_Depthwise.apply", "_Bilinear.apply", "_Clamp.apply", "functional.linear"):
        monkeypatch.setattr(f"imbseg.models.faster.{name}", None)
    with torch.inference_mode():
        assert torch.equal(other(images), plain(images))
    with torch.autocast("cpu", torch.bfloat16):
        both = [with_gradients(one, images) for one in (other, plain)]
    assert all(map(torch.equal, *both))
