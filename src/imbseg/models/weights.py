"""Pretrained encoder weights from the hub, a file or an installed package, with the normalisation they want."""

import importlib.util
import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from imbseg.augment.photometry import Normalisation
from imbseg.errors import InputError, first_line

IMAGENET = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PATIENCE = 3.0  # seconds to wait for the hub's host
State = dict[str, torch.Tensor]
HEADS = ("fc.", "classifier", "head", "last_linear", "_fc.", "logits")  # what a classifier has beyond its encoder


def load_encoder_weights(encoder: torch.nn.Module, name: str, source: str | None) -> Normalisation:
    """Fill an encoder with pretrained weights, in place.

    Args:
        source: None (stay random), imagenet (the library's hub), package:NAME, or a file.

    Returns:
        Mean and standard deviation of red, green, blue in 0..1 by which its input is normalised.

    Raises:
        InputError: the source can't be reached or read, or holds weights of another architecture.
    """
    if source is None:
        return IMAGENET
    if source == "imagenet":
        state, normalisation = _from_hub(name)
    else:
        state, normalisation = _read(_locate(source)), normalisation_of(name)
    encoder.load_state_dict(_match(state, encoder.state_dict(), name, source))
    return normalisation


def normalisation_of(name: str) -> Normalisation:
    """Mean and standard deviation from timm's configuration; ImageNet's usual ones where timm has no such model."""
    import timm

    timm_name = name.removeprefix("timm-").removeprefix("tu-")
    config = timm.get_pretrained_cfg(timm_name) if timm.is_model(timm_name.split(".")[0]) else None
    if config is None:
        return IMAGENET
    return Normalisation(_triple(config.mean), _triple(config.std))


def widen(encoder: torch.nn.Module, channels: int, *, pretrained: bool) -> None:
    """Let an encoder of red, green, blue take other channels, in place.

    The routine is segmentation_models.pytorch's: channel i takes the kernels of red, green, blue, red ... times 3 over
    the channels, so that equal channels give what they gave before; a single one takes the kernels' sum.

    Args:
        pretrained: whether its kernels are kept so; else they are drawn anew.

    Raises:
        InputError: the encoder takes red, green, blue alone.
    """
    if channels == 3:
        return
    from segmentation_models_pytorch.encoders._utils import patch_first_conv

    try:
        if callable(change := getattr(encoder, "set_in_channels", None)):
            change(channels, pretrained=pretrained)
        else:  # of timm's own (tu-NAME)
            patch_first_conv(model=encoder, new_in_channels=channels, pretrained=pretrained)
    except (ValueError, RuntimeError, AttributeError) as error:
        other = "take another, such as resnet101"
        raise InputError(f"encoder: can't take {channels} channels ({first_line(error)}); {other}") from error


def _triple(values: Any) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _locate(source: str) -> Path:
    if not source.startswith("package:"):
        path = Path(source)
        if not path.is_file():
            raise InputError(f"encoder_weights {source}: no such file; give a file, package:NAME, imagenet or none")
        return path
    package = source.removeprefix("package:")
    found = importlib.util.find_spec(package) if package.isidentifier() else None
    if found is None or not found.submodule_search_locations:
        raise InputError(f"encoder_weights {source}: no such package in this environment; install it with pip")
    files = sorted(file for folder in found.submodule_search_locations for file in Path(folder).rglob("*.pth"))
    if len(files) != 1:
        raise InputError(f"encoder_weights {source}: expected one .pth file in the package, found {len(files)}")
    return files[0]


def _read(path: Path) -> State:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # every reader has its own errors for a broken file
        why = f"(cut short, or another format): {first_line(error)}"
        raise InputError(f"encoder_weights {path}: can't be read as PyTorch weights {why}") from error
    for key in ("model", "state_dict"):
        content = content.get(key, content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise InputError(f"encoder_weights {path}: expected a dict of tensors, found {type(content).__name__}")
    return content


def _match(state: State, wanted: State, name: str, source: str) -> State:
    """Match by name (with or without `encoder.`), else by order and shape (timm's names differ from smp's)."""
    inner = {key.removeprefix("encoder."): value for key, value in state.items() if key.startswith("encoder.")} or state
    if wanted.keys() <= inner.keys():
        chosen = {key: inner[key] for key in wanted}
    else:
        chosen = dict(zip(wanted, inner.values(), strict=False))
    left = [key for key in inner if key not in wanted] if wanted.keys() <= inner.keys() else list(inner)[len(wanted) :]
    other = f"encoder_weights {source}: are of another architecture than {name}"
    for key, tensor in wanted.items():
        found = tuple(chosen[key].shape) if key in chosen else "nothing"
        if found != tensor.shape:
            raise InputError(f"{other}: tensor {key} should be {tuple(tensor.shape)}, found {found}")
    if strange := [key for key in left if not key.startswith(HEADS)]:
        raise InputError(f"{other}, which has no {strange[0]}")
    return chosen


def _from_hub(name: str) -> tuple[State, Normalisation]:
    from huggingface_hub import hf_hub_download
    from segmentation_models_pytorch.encoders import encoders

    if name.startswith("tu-"):
        raise InputError(f"encoder_weights imagenet: for {name}, give a file of timm's weights, or none")
    settings = encoders[name]["pretrained_settings"].get("imagenet")
    if settings is None:
        known = ", ".join(encoders[name]["pretrained_settings"]) or "none"
        lacks = f"the hub has none for {name} (it has: {known})"
        raise InputError(f"encoder_weights imagenet: {lacks}; give a file, or none")
    offline = not _hub_answers()
    where = {"repo_id": settings["repo_id"], "revision": settings["revision"], "local_files_only": offline}
    try:
        config = json.loads(Path(hf_hub_download(**where, filename="config.json")).read_text())
        state = _read(Path(hf_hub_download(**where, filename="model.safetensors")))
    except (OSError, ValueError) as error:
        reason = "the hub can't be reached" if offline else f"the download failed ({first_line(error)})"
        other = "connect, or give encoder_weights a file, package:NAME or none"
        raise InputError(f"encoder_weights imagenet: {reason} and {name} isn't in its cache; {other}") from error
    return state, Normalisation(_triple(config["mean"]), _triple(config["std"]))


def _hub_answers() -> bool:
    """Ask the hub's host (or the proxy) for a connection once, so that no network costs seconds, not minutes."""
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        return False
    from huggingface_hub.constants import ENDPOINT

    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy") or ""
    address = urlsplit(proxy if "//" in proxy else ENDPOINT)
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=PATIENCE):
            return True
    except OSError:
        return False
