"""What precision a device has, and what torch is told of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import torch

from imbseg.errors import InputError
from imbseg.models.arithmetic import check_precision, computing, gradient_scaler, nearest, set_cudnn

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32, torch.get_float32_matmul_precision(), cudnn.benchmark, cudnn.deterministic
    yield
    cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = before[0], *before[2:]
    torch.set_float32_matmul_precision(before[1])


def card(monkeypatch: pytest.MonkeyPatch, major: int) -> None:
    monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (major, 0))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: major >= 8)


@pytest.mark.parametrize("precision", ["tf32", "float16"])
def test_a_cpu_has_neither_tf32_nor_float16(precision: str) -> None:
    expected = f"precision: {precision} needs CUDA, the device is the CPU; write precision: float32"
    with pytest.raises(InputError, match=f"^{expected}$"):
        check_precision(precision, CPU)
    assert nearest(precision, CPU) == "float32"


def test_what_each_device_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [nearest(one, CPU) for one in ("float32", "bfloat16")] == ["float32", "bfloat16"]
    card(monkeypatch, 9)
    for precision in ("float32", "tf32", "bfloat16", "float16"):
        check_precision(precision, GPU)
    card(monkeypatch, 7)
    assert [nearest(one, GPU) for one in ("float32", "float16")] == ["float32", "float16"]
    for precision in ("tf32", "bfloat16"):
        with pytest.raises(InputError, match=f"^precision: Card has no {precision}; write precision: float32, or floa"):
            check_precision(precision, GPU)


@pytest.mark.parametrize(
    ("precision", "tf32", "matmul", "half"),
    [("float32", False, "highest", None), ("tf32", True, "high", None), ("bfloat16", False, "highest", torch.bfloat16),
     ("float16", False, "highest", torch.float16)],
)  # fmt: skip
def test_float32_is_float32_whatever_torch_would_do(precision: str, tf32: bool, matmul: str, half: object) -> None:
    torch.backends.cudnn.allow_tf32 = not tf32
    torch.set_float32_matmul_precision("highest" if tf32 else "high")
    with computing(precision, CPU):
        assert torch.is_autocast_enabled("cpu") is (half is not None)
        assert half in (None, torch.get_autocast_dtype("cpu"))
    assert torch.backends.cudnn.allow_tf32 is tf32
    assert torch.get_float32_matmul_precision() == matmul
    assert not torch.is_autocast_enabled("cpu")


def test_only_float16_is_scaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    scaled = [one for one in ("float32", "tf32", "bfloat16", "float16") if gradient_scaler(one, GPU).is_enabled()]
    assert scaled == ["float16"]


@pytest.mark.parametrize(("how", "expected"), [("deterministic", (False, True)), ("benchmark", (True, False))])
def test_cudnn(how: str, expected: tuple[bool, bool]) -> None:
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = (not one for one in expected)
    set_cudnn(how)
    assert (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic) == expected
