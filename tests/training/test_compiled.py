"""compile: torch.compile calls the network of a training step; all else stays what it is."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch
from small_trial import make_data, train
from training.test_stages import counts_of

from imbseg.errors import InputError
from imbseg.models.arithmetic import compiled

FLAGS = {"post_hoc": "none", "batch_size": "3", "ema": "0.9", "retrain_head_epochs": "1"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("data"))


def interrupted(flags: dict[str, str], out: Path) -> dict[str, str]:
    """Stopped after each epoch, and gone on with."""

    def stop(_: dict[str, float]) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train(flags, out, intermediate=stop)
    train(flags, out)
    return counts_of(out)


@pytest.mark.slow
def test_traced_steps_give_equal_bytes(data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a backend that runs what was traced as it is: neither weights' names, averages nor a resume know of it."""
    traced = []

    def compile_nothing(network: torch.nn.Module) -> object:
        traced.append(network)
        return whole(network)

    whole = functools.partial(torch.compile, backend="eager")
    monkeypatch.setattr(torch, "compile", compile_nothing)
    train({**data, **FLAGS}, tmp_path / "plain")
    assert not traced
    assert interrupted({**data, **FLAGS, "compile": "true"}, tmp_path / "traced") == counts_of(tmp_path / "plain")
    assert traced


def test_a_machine_without_a_compiler_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch._inductor import cpp_builder
    from torch._inductor.exc import InvalidCxxCompiler

    def none() -> str:
        raise InvalidCxxCompiler

    monkeypatch.setattr(cpp_builder, "get_cpp_compiler", none)
    words = r"compile: torch finds no C\+\+ compiler .*; install one, or write compile: false"
    with pytest.raises(InputError, match=words):
        compiled(torch.nn.Identity(), torch.device("cpu"))


@pytest.mark.long
def test_compiled_steps_resume_to_the_same_bytes(data: dict[str, str], tmp_path: Path) -> None:
    flags = {**data, **FLAGS, "compile": "true"}
    train(flags, tmp_path / "whole")
    assert interrupted(flags, tmp_path / "parts") == counts_of(tmp_path / "whole")
