"""A run folder whose files are broken is refused with a sentence that names the file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_trial import train

from imbseg.errors import InputError
from imbseg.models import checkpoint
from imbseg.training.folder import Folder, keep_or_refuse, recorded_threads, stored_status

ABOUT = {"parameters": {"threads": 2, "seed": 1}, "dataset_sha256": "d", "meta_sha256": "m"}


def folder(path: Path, trial: Any, status: Any = None) -> Folder:
    """A folder in which something was trained."""
    (path / "trial.json").write_text(json.dumps(trial))
    (path / "epochs.csv").touch()
    if status is not None:
        (path / "status.json").write_text(json.dumps(status))
    return Folder(path)


def test_a_sound_folder_is_gone_on_with(tmp_path: Path) -> None:
    keep_or_refuse(folder(tmp_path, ABOUT, {"status": "running"}), ABOUT)
    assert recorded_threads(tmp_path) == 2
    assert stored_status(tmp_path) == {"status": "running"}


def test_a_run_of_an_earlier_version_lacks_settings_that_came_since(tmp_path: Path) -> None:
    """They had their defaults when it trained; set to anything else they are another trial."""
    now = {"seed": 1, "threads": 2, "ema": 0.0, "tau": 2.0, "lr": 0.5}
    about = {**ABOUT, "parameters": now, "sources": {"seed": "flag", "tau": "default", "lr": "default"}}
    keep_or_refuse(folder(tmp_path, ABOUT), {**about, "parameters": {**now, "tau": 1.5}})
    for name, value, source in (("ema", 0.9, "flag"), ("tau", 2.0, "dataset"), ("lr", 0.2, "sampled")):
        changed = {"parameters": {**now, name: value}, "sources": {**about["sources"], name: source}}
        with pytest.raises(InputError, match=f"other settings .{name} was None, is {value}.;"):
            keep_or_refuse(folder(tmp_path, ABOUT), about | changed)
    with pytest.raises(InputError, match=r"other settings .lr was 0.01, is 0.5.;"):
        keep_or_refuse(folder(tmp_path, {**ABOUT, "parameters": {**ABOUT["parameters"], "lr": 0.01}}), about)


def test_an_empty_folder_has_nothing_to_say(tmp_path: Path) -> None:
    assert recorded_threads(tmp_path) is None
    assert stored_status(tmp_path) == {}


@pytest.mark.parametrize(
    ("trial", "status", "message"),
    [
        ([], None, "trial.json: expected a JSON object, found list"),
        ({"dataset_sha256": "d"}, None, "trial.json: lacks 'parameters'"),
        ({**ABOUT, "parameters": [1]}, None, "trial.json: lacks 'parameters'"),
        ({"parameters": ABOUT["parameters"]}, None, "holds a trial with other settings .the data set file changed"),
        ({**ABOUT, "parameters": {}}, None, "threads was None, is 2"),
        (ABOUT, ["finished"], "status.json: expected a JSON object, found list"),
    ],
)
def test_a_broken_one_is_refused(tmp_path: Path, trial: Any, status: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        keep_or_refuse(folder(tmp_path, trial, status), ABOUT)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("threads", [None, "two", 1.5, True])
def test_a_thread_count_that_is_none_is_refused(tmp_path: Path, threads: Any) -> None:
    folder(tmp_path, {"parameters": {"threads": threads}})
    with pytest.raises(InputError, match=r"trial.json: threads: expected a whole number, found"):
        recorded_threads(tmp_path)


def test_an_empty_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "last.pt").touch()
    with pytest.raises(InputError, match=r"last.pt: can't be read \("):
        checkpoint.load(tmp_path / "last.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("draws"), "lacks 'draws', so another version of imbseg wrote it"),
        (lambda state: state["model"].popitem(), "is of another network or optimizer than this trial's"),
        (lambda state: state["optimizer"].update(param_groups=[]), "is of another network or optimizer"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    change: Callable[[dict[str, Any]], Any], message: str, data: dict[str, str], tmp_path: Path
) -> None:
    train({**data, "epochs": "1", "keep_last": "true"}, tmp_path / "trial")
    state = checkpoint.load(tmp_path / "trial" / "last.pt")
    change(state)
    checkpoint.save(tmp_path / "trial" / "last.pt", state)
    (tmp_path / "trial" / "status.json").unlink()
    with pytest.raises(InputError, match=re.escape(message)):
        train({**data, "epochs": "1"}, tmp_path / "trial")
    assert (tmp_path / "trial" / "epochs.csv").is_file()
