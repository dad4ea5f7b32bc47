"""The arithmetic of a network on its device: 32 or 16 bits, TF32 or not, batch norm, whether cudnn repeats itself."""

import torch
from torch.nn import functional

from imbseg import ranks
from imbseg.errors import InputError

HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse what a device lacks.

    Args:
        precision: float32, tf32, bfloat16 or float16.

    Raises:
        InputError: float16 or tf32 without CUDA, or a GPU that is too old for it.
    """
    other = "write precision: float32"
    if device.type != "cuda":
        if precision in ("tf32", "float16"):
            raise InputError(f"precision: {precision} needs CUDA, the device is the {device.type.upper()}; {other}")
    elif precision in ("tf32", "bfloat16"):
        with torch.cuda.device(device):
            old = torch.cuda.get_device_capability() < (8, 0)
            lacks = old if precision == "tf32" else not torch.cuda.is_bf16_supported()
            if lacks:
                raise InputError(f"precision: {torch.cuda.get_device_name()} has no {precision}; {other}, or float16")


def nearest(precision: str, device: torch.device) -> str:
    """A precision that the device has: the same, else float32."""
    try:
        check_precision(precision, device)
    except InputError:
        return "float32"
    return precision


def computing(precision: str, device: torch.device) -> torch.autocast:
    """The context of a forward pass; from it on, CUDA rounds float32 products to TF32 or doesn't, backward too.

    torch lets cudnn's convolutions take TF32 by default: `float32` forbids it.
    """
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    return torch.autocast(device.type, dtype=HALF.get(precision, torch.bfloat16), enabled=precision in HALF)


def compiled(network: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """A network whose steps torch compiles when the first one comes; its parameters are the same tensors.

    Raises:
        InputError: what compiles isn't there: a C++ compiler for a CPU, Triton for a GPU.
    """
    if lacking := _lacks_compiler(device):
        raise InputError(f"compile: torch finds no {lacking}; install one, or write compile: false")
    made: torch.nn.Module = torch.compile(network)  # type: ignore[assignment]  # a module of a module
    return made


def _lacks_compiler(device: torch.device) -> str:
    if device.type == "cuda":
        from torch.utils._triton import has_triton

        return "" if has_triton() else "Triton for this GPU"
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return "C++ compiler (g++, clang++ or $CXX)"
    return ""


def shown(model: torch.nn.Module, images: torch.Tensor, *, mirror: bool) -> torch.Tensor:
    """(images, classes, height, width) logits of images, or of their mirror images turned back."""
    found: torch.Tensor = model(images.flip(-1)).flip(-1) if mirror else model(images)
    return found


def native_logits(logits: torch.Tensor, size: tuple[int, int], native: tuple[int, int]) -> torch.Tensor:
    """Cut the padding off one image's logits (classes, height, width), and bring them to the mask's size.

    Args:
        size: (width, height) without padding.
        native: (width, height) of the mask.
    """
    cut = logits[None, :, : size[1], : size[0]]
    if size != native:
        cut = functional.interpolate(cut, size=(native[1], native[0]), mode="bilinear", align_corners=False)
    return cut[0]


def with_batch_norm_of_all(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
    """On GPUs batch norm takes its statistics from the batches of all processes; gloo has no such layer.

    timm's converter, since torch's own drops the activations that timm's layers hold.
    """
    if ranks.size() == 1 or device.type != "cuda":
        return model
    from timm.layers import convert_sync_batchnorm

    converted: torch.nn.Module = convert_sync_batchnorm(model)
    return converted


def gradient_scaler(precision: str, device: torch.device) -> torch.amp.GradScaler:
    """What keeps float16's small gradients above 0; of the others it does nothing."""
    return torch.amp.GradScaler(device.type, enabled=precision == "float16")


def set_cudnn(how: str = "deterministic") -> None:
    """Ask for repeatable convolutions, or for the fastest of those that cudnn tries at each input's size.

    Args:
        how: deterministic or benchmark. With the first, too, a trial on CUDA differs in its last bits when repeated.
    """
    torch.backends.cudnn.benchmark = how == "benchmark"
    torch.backends.cudnn.deterministic = how != "benchmark"
