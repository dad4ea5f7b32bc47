"""A trial that pauses after an epoch goes on to the bytes of one that never stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_trial import SMALL, make_data

from imbseg.files import read_object
from imbseg.runs.collect import collect
from imbseg.training.run import run_trial
from imbseg.trial import resolve


def train(flags: dict[str, str], out: Path, until: int | None) -> list[dict[str, float]]:
    final: list[dict[str, float]] = []
    resolved = resolve({**SMALL, "epochs": "3", "patience": "0", **flags}, {})
    run_trial(resolved, out, intermediate=lambda _: None, final=final.append, say=lambda _: None, until=until)
    return final


@pytest.mark.parametrize("more", [{}, {"epochs": "1", "retrain_head_epochs": "2"}])
def test_a_pause_changes_no_byte(tmp_path: Path, more: dict[str, str]) -> None:
    flags = make_data(tmp_path, n=10) | more
    whole = train(flags, tmp_path / "whole", None)
    first = train(flags, tmp_path / "paused", 1)
    assert first[0].keys() < whole[0].keys()  # no test scores before the end
    assert not any(name.startswith("test/") for name in first[0])
    status = read_object(tmp_path / "paused/status.json")
    assert (status["status"], status["message"]) == ("interrupted", "paused after epoch 1; start it again to go on")
    assert "paused after epoch 1" in collect(tmp_path / "paused")[0].reason
    assert train(flags, tmp_path / "paused", 1) == first  # asked again, it trains nothing
    (second,) = train(flags, tmp_path / "paused", 2)
    assert more or second["default"] >= first[0]["default"]  # with the last layer learned anew only its epochs count
    assert train(flags, tmp_path / "paused", 3) == whole  # all epochs: it ends like any other
    assert train(flags, tmp_path / "paused", None) == whole
    for name in ("epochs.csv", "counts_val.npz", "counts_test.npz", "best.pt"):
        assert (tmp_path / "paused" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_pause_before_the_first_epoch_is_refused(refused) -> None:
    for value in ("0", "-1"):
        assert "--until: expected an epoch, 1 or more" in refused(
            "train_nni.py", "--dataset", "sample", "--until", value
        )
