"""A trial in another precision: trained, gone on with, predicted again; and run folders that say `amp`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from small_trial import make_data, train

from imbseg.errors import InputError
from imbseg.models import checkpoint
from imbseg.predict.again import predict_again, stored_network
from imbseg.runs.collect import collect

FLAGS = {"precision": "bfloat16", "epochs": "1", "crop": "64"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("data"))


def test_a_trial_in_bfloat16(data: dict[str, str], tmp_path: Path) -> None:
    train({**data, **FLAGS}, tmp_path / "half")
    train({**data, **FLAGS, "precision": "float32"}, tmp_path / "whole")
    half, whole = (checkpoint.load(tmp_path / one / "best.pt")["model"] for one in ("half", "whole"))
    assert {tensor.dtype for tensor in half.values()} == {tensor.dtype for tensor in whole.values()}
    assert any(not torch.equal(half[name], whole[name]) for name in whole)
    run = collect(tmp_path / "half")[0]
    assert run.parameters["precision"] == "bfloat16"
    ids = [line.split(",")[0] for line in Path(data["meta"], "images.csv").read_text().splitlines() if ",test," in line]
    assert predict_again(tmp_path / "half", ids[:2]).doubt == ""  # the very counts of its test
    again = train({**data, **FLAGS}, tmp_path / "half")
    assert "has finished" in again["lines"][0]
    with pytest.raises(InputError, match="precision was 'bfloat16', is 'float32'"):
        train({**data, **FLAGS, "precision": "float32"}, tmp_path / "half")


@pytest.mark.parametrize("amp", [False, True])
def test_a_run_that_says_amp(data: dict[str, str], tmp_path: Path, amp: bool) -> None:
    train({**data, **FLAGS, "precision": "float32"}, tmp_path)
    about = json.loads((tmp_path / "trial.json").read_text())
    for part, value in (("parameters", amp), ("sources", "flag" if amp else "default")):
        about[part] = {name: one for name, one in about[part].items() if name not in ("precision", "cudnn")}
        about[part]["amp"] = value
    (tmp_path / "trial.json").write_text(json.dumps(about))
    assert collect(tmp_path)[0].parameters["precision"] == ("float16" if amp else "float32")
    assert stored_network(tmp_path, torch.device("cpu")).trial.precision == "float32"  # what a CPU has
    if amp:
        with pytest.raises(InputError, match="precision was 'float16', is 'float32'"):
            train({**data, **FLAGS, "precision": "float32"}, tmp_path)
    else:
        assert "has finished" in train({**data, **FLAGS, "precision": "float32"}, tmp_path)["lines"][0]
