"""An ONNX file gives what its network gives, at any size, with every correction that it can hold."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from imbseg.augment.geometry import resize_image
from imbseg.datasets.readers.layout import Layout
from imbseg.datasets.readers.values import Range
from imbseg.errors import InputError
from imbseg.export import onnx_file
from imbseg.export.bins import Bins
from imbseg.export.module import Exported, input_kinds
from imbseg.export.onnx_file import Session, as_input, compare
from imbseg.export.resize import EITHER, GROWS, SAME, SHRINKS, resize, scaled
from imbseg.export.write import SIZES, _drawn
from imbseg.models import ARCHITECTURES
from imbseg.models.decoders import build_network
from imbseg.models.weights import IMAGENET, widen
from imbseg.post_hoc import POST_HOC
from imbseg.predict.again import Stored
from imbseg.predict.member import Member
from imbseg.predict.predictor import Predictor
from imbseg.training.limits import normalised
from imbseg.training.views import last_layer
from imbseg.trial import Trial

SMALL = "tu-test_resnet"
PRIORS = {"a": 0.9, "b": 0.09, "c": 0.01}


def member(architecture: str, factor: tuple[float, float] = (1.0, 1.0), seed: int = 1, **settings: Any) -> Member:
    """A network with random weights, of three classes of which none is far likelier than another."""
    encoder = settings.pop("encoder", SMALL)
    torch.manual_seed(seed)
    model = build_network(architecture, encoder, classes=3, size=(64, 64), **settings).eval()
    with torch.no_grad():
        model.segmentation_head[0].weight *= 5
    trial = Trial(architecture=architecture, encoder=encoder, crop=(64, 64), **settings)
    about = {"weights_of_classes": dict.fromkeys(PRIORS, 1.0), "class_priors": PRIORS}
    return Member(Stored(Path("run"), about, trial, model, IMAGENET, torch.device("cpu")), factor)


def predictor(*members: Member, post_hoc: str = "none", monkeypatch: pytest.MonkeyPatch | None = None) -> Predictor:
    if monkeypatch is not None:
        monkeypatch.setattr(Member, "strength", lambda *_: 0.5)
    return Predictor(members, post_hoc)


def images(*sizes: tuple[int, int]) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def held(found: Predictor, file: Path, sizes: tuple[tuple[int, int], ...], kind: str = "uint8") -> Session:
    """The file of a predictor, within 1e-4 of the module, with the predictor's labels but where one rounds otherwise.

    These networks know nothing, so a level more or less decides many a pixel; a trained one stands in test_write.py.
    """
    module = Exported(found, kind)
    onnx_file.write(module, file)
    session = Session.of(file, 1)
    assert compare(module, session, images(*sizes)).largest < 1e-4
    smooth = [
        np.kron(one[: -(-one.shape[0] // 8), : -(-one.shape[1] // 8)], np.ones((8, 8, 1), np.uint8))
        for one in images(*sizes)
    ]
    agreement = onnx_file.photographs(found, session, smooth, module)
    resized = found.members[0].factor != (1.0, 1.0) or "larger" in found.way[0]
    assert agreement.differing <= (0.01 if resized else 0.001)
    return session


@pytest.mark.parametrize("factor", [(1.0, 1.0), (0.75, 0.6), (1.5, 0.7)])
def test_ten_sizes_with_resizing_inside(factor: tuple[float, float], tmp_path: Path) -> None:
    session = held(predictor(member("unet", factor)), tmp_path / "model.onnx", SIZES)
    labels, probabilities = session.run(np.stack(images((40, 50), (40, 50), (40, 50))))
    assert (labels.shape, labels.dtype) == ((3, 40, 50), np.uint8)
    assert (probabilities.shape, probabilities.dtype) == ((3, 3, 40, 50), np.float32)
    assert len(np.unique(labels)) > 1
    alone = session.run(images((40, 50), (40, 50))[1][None])
    np.testing.assert_allclose(probabilities[1:2], alone[1], atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture(architecture: str, tmp_path: Path) -> None:
    held(predictor(member(architecture, encoder="resnet18")), tmp_path / "model.onnx", ((1, 1), (65, 127)))


def test_a_decoder_of_stride_2(tmp_path: Path) -> None:
    found = predictor(member("deeplabv3plus", encoder="resnet18", decoder_stride=2))
    held(found, tmp_path / "model.onnx", ((31, 33), (96, 64)))


@pytest.mark.parametrize("name", [name for name in POST_HOC if name != "rank"] + ["prior*flip", "larger*prior"])
def test_corrections_inside(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = member("unet")
    found = predictor(network, post_hoc=name, monkeypatch=monkeypatch)
    session = held(found, tmp_path / "model.onnx", ((31, 33), (70, 90)))
    image = images((70, 90))[0]
    plain = Predictor([network])(image).labels
    changed = (session.run(image[None])[0][0] != plain).mean()
    assert changed > 0.001 if name != "none" else changed < 0.001
    assert float(last_layer(network.stored.model)["class_norms"].std()) > 0  # else tau_norm changes nothing


def test_a_correction_that_no_file_holds_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="post_hoc rank: searches each image"):
        Exported(predictor(member("unet"), post_hoc="rank"), "uint8")
    with pytest.raises(InputError, match="expected one of uint8, float32, found 'int32'"):
        Exported(predictor(member("unet")), "int32")


def test_networks_together_with_float32_input(tmp_path: Path) -> None:
    networks = member("unet", (0.75, 0.75)), member("deeplabv3plus", (0.75, 0.75), 2)
    session = held(predictor(*networks), tmp_path / "model.onnx", ((31, 33), (80, 64)), "float32")
    image = images((80, 64))[0]
    alone = [Predictor([one])(image).probabilities for one in networks]
    given = as_input(image, 255.0)
    assert given.dtype == np.float32
    assert given.max() <= 1
    np.testing.assert_allclose(session.run(given)[1][0], (alone[0] + alone[1]) / 2, atol=0.02)
    assert np.abs(alone[0] - alone[1]).max() > 0.05


LAYOUTS = {
    "six bands": Layout(("a", "b", "c", "d", "e", "f"), Range("uint16", 0, 65535)),
    "grey": Layout(("grey",), Range("uint16", 0, 65535)),
    "floats": Layout(("a", "b"), Range("float32", -1.5, 40.0)),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("factor", [(1.0, 1.0), (0.75, 0.6)])
def test_other_channels_and_values(name: str, factor: tuple[float, float], tmp_path: Path) -> None:
    layout, one = LAYOUTS[name], member("unet", factor)
    limits = layout.limits
    widen(one.stored.model.encoder, len(layout.channels), pretrained=False)
    how = normalised(IMAGENET, layout, limits)
    found = predictor(Member(dataclasses.replace(one.stored, layout=layout, normalisation=how), factor))
    kind = layout.values.kind
    assert input_kinds(layout) == ((kind,) if name == "floats" else (kind, "float32"))
    module = Exported(found, kind)
    onnx_file.write(module, tmp_path / "model.onnx")
    session, drawn = Session.of(tmp_path / "model.onnx", 1), _drawn(found)[:6]
    assert {str(image.dtype) for image in drawn} == {kind}
    assert compare(module, session, drawn).largest < 1e-4
    if layout.values.clips:
        assert drawn[-1].max() > limits[1][0]
    for image in drawn[3:]:
        labels, probabilities = session.run(image[None])
        wanted = found(image)
        np.testing.assert_allclose(probabilities[0], wanted.probabilities, atol=1e-4 if factor == (1, 1) else 0.02)
        assert (labels[0] != wanted.labels).mean() < 0.02
    if name == "grey":
        unit = Exported(found, "float32")
        given = torch.from_numpy(as_input(drawn[2], unit.top))
        with torch.inference_mode():
            np.testing.assert_allclose(unit(given)[1], module(torch.from_numpy(drawn[2][None]))[1], atol=2e-3)


def test_operating_points_inside(tmp_path: Path) -> None:
    found = Predictor([member("unet")], thresholds={2: 0.25})
    session = held(found, tmp_path / "model.onnx", ((64, 64),))
    labels, probabilities = session.run(images((64, 64))[0][None])
    np.testing.assert_array_equal(labels == 2, probabilities[:, 2] >= 0.25)
    assert (probabilities.argmax(axis=1) != labels).any()


def test_a_side_is_scaled_as_python_rounds() -> None:
    for factor in (Fraction(1, 2), Fraction(3, 2), Fraction(8, 15), Fraction(1, 100)):
        assert [scaled(side, factor) for side in range(1, 200)] == [
            max(1, round(side * factor)) for side in range(1, 200)
        ]


@pytest.mark.parametrize(("size", "how"), [((20, 30), (SHRINKS, SHRINKS)), ((90, 80), (GROWS, GROWS)),
                                           ((20, 80), (SHRINKS, GROWS)), ((41, 30), (SAME, SHRINKS)),
                                           ((20, 80), (EITHER, EITHER))])  # fmt: skip
def test_resizing_is_opencvs_up_to_a_level(size: tuple[int, int], how: tuple[str, str]) -> None:
    image = images((41, 57))[0]
    levels = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    found = resize(levels, size, how, whole=True)[0].permute(1, 2, 0).numpy()
    expected = resize_image(image, (size[1], size[0]))
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.2
    exact = resize(levels, size, how, whole=False)[0].permute(1, 2, 0).numpy()
    assert 0 < np.abs(found - exact).max() <= 1.1


@pytest.mark.parametrize("count", [2, 3, 6])
def test_bins_are_adaptive_pooling(count: int) -> None:
    maps = torch.rand(2, 3, 7, 13)
    torch.testing.assert_close(Bins(count)(maps), nn.AdaptiveAvgPool2d(count)(maps))


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"nowhere_to_be isn't installed .*; run `make setup`"):
        onnx_file.need("nowhere_to_be")
