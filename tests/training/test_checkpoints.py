"""Checkpoints that are damaged, a disk that is full, a status that isn't what was written, when the next is due."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from small_trial import train
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imbseg.errors import InputError
from imbseg.files import sha256
from imbseg.models import checkpoint
from imbseg.training.folder import open_folder
from imbseg.trial import resolve

SHORT = {"post_hoc": "none", "batch_size": "4", "epochs": "3", "patience": "0"}
ENDING = ("epochs.csv", "draws.csv", "best.pt", "counts_val.npz", "counts_test.npz")


def ending(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in ENDING}


@pytest.fixture(scope="module")
def whole(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The end of a trial that was never stopped."""
    out = tmp_path_factory.mktemp("whole") / "trial"
    train({**data, **SHORT}, out)
    assert not list(out.glob("last*.pt"))
    return ending(out)


@pytest.fixture(scope="module")
def stopped(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One stopped after two epochs."""
    out = tmp_path_factory.mktemp("stopped") / "trial"
    count = itertools.count(1)

    def stop(_: dict[str, float]) -> None:
        if next(count) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train({**data, **SHORT}, out, intermediate=stop)
    return out


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(("damage", "epoch"), [(flip, 1), (cut, 1), (Path.unlink, 1), (lambda _: None, 2)])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    data: dict[str, str],
    whole: dict[str, str],
    stopped: Path,
    tmp_path: Path,
    damage: Callable[[Path], None],
    epoch: int,
) -> None:
    out = tmp_path / "trial"
    shutil.copytree(stopped, out)
    damage(out / "last.pt")
    lines = train({**data, **SHORT}, out)["lines"]
    assert f"going on after epoch {epoch}" in lines
    told = [line for line in lines if "the one before it, previous.pt, is taken" in line]
    assert len(told) == (damage in (flip, cut))
    assert all(line.startswith(f"checkpoint {out / 'last.pt'}: can't be read (") for line in told)
    assert ending(out) == whole


def test_without_a_checkpoint_the_trial_begins_anew_and_says_so(
    data: dict[str, str], whole: dict[str, str], stopped: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trial"
    shutil.copytree(stopped, out)
    for name in ("last.pt", "previous.pt"):
        (out / name).unlink()
    lines = train({**data, **SHORT}, out)["lines"]
    assert "best.pt is there, and no checkpoint to go on from: the trial begins anew" in lines
    assert ending(out) == whole


def test_events_that_a_kill_kept_back_are_written_at_the_next_start(
    data: dict[str, str], stopped: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trial"
    shutil.copytree(stopped, out)
    shutil.rmtree(out / "events")  # as of a kill between the second checkpoint and its events
    train({**data, **SHORT}, out)
    events = EventAccumulator(str(out / "events")).Reload()
    assert [event.step for event in events.Scalars("mIoU")] == [2, 3]


def test_two_damaged_ones_are_refused_and_stay(data: dict[str, str], stopped: Path, tmp_path: Path) -> None:
    out = tmp_path / "trial"
    shutil.copytree(stopped, out)
    for name in ("last.pt", "previous.pt"):
        flip(out / name)
    before = {name: sha256(out / name) for name in ("last.pt", "previous.pt", "best.pt", "epochs.csv")}
    with pytest.raises(InputError, match=r"previous.pt: can't be read \(.*remove the run folder and start"):
        train({**data, **SHORT}, out)
    assert {name: sha256(out / name) for name in before} == before


def test_no_flipped_bit_changes_what_is_read(tmp_path: Path) -> None:
    file, content = tmp_path / "x.pt", {"epoch": 3, "x": torch.arange(50.0), "rows": [{"loss": 0.5}]}
    checkpoint.save(file, content)
    written = file.read_bytes()
    found = 0
    for place in range(0, len(written), 3):
        file.write_bytes(written[:place] + bytes([written[place] ^ (1 << place % 8)]) + written[place + 1 :])
        try:
            read = checkpoint.load(file)
        except InputError:
            found += 1
        else:  # the padding of the archive
            assert (read["epoch"], read["rows"]) == (3, [{"loss": 0.5}])
            assert torch.equal(read["x"], content["x"])
    assert found > len(written) // 6


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    for name in (".123.tmp.last.pt", "last.pt", "note.txt"):
        (tmp_path / name).touch()
    with open_folder(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {".lock", "last.pt", "note.txt"}


def test_checkpoints_are_minutes_apart_and_take_a_fiftieth_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(checkpoint, "clock", lambda: now[0])
    cadence = checkpoint.Cadence(2.0)

    def due_after(seconds: float) -> bool:
        now[0] += seconds
        return cadence.due()

    assert [due_after(119.9), due_after(0.2)] == [False, True]
    with cadence.writing():
        now[0] += 3  # 147 s of work for 3 s
    assert cadence.lost() == "0.0 minutes since the last checkpoint"
    assert [due_after(146.9), due_after(0.2)] == [False, True]
    with pytest.raises(OSError, match="full"), cadence.writing():  # noqa: PT012
        now[0] += 1
        raise OSError(errno.ENOSPC, "full")
    assert [due_after(119.9), due_after(0.2)] == [False, True]  # tried again as late, and still lost
    assert cadence.lost() == "4.5 minutes since the last checkpoint"
    assert (cadence.spent(), cadence.spent()) == (4.0, 0.0)


@pytest.mark.parametrize("minutes", ["0", "-1", "none"])
def test_an_interval_that_is_none_is_refused(data: dict[str, str], minutes: str) -> None:
    with pytest.raises(InputError, match="checkpoint_minutes: expected a number > 0"):
        resolve({**data, "checkpoint_minutes": minutes}, {})


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"default": 0.', '"default": 0.9'),
        lambda text: text.replace('"finished"', '"failed"'),
        lambda text: text[: len(text) // 2],
        lambda _: '{"status": "finished"}',
    ],
)
def test_a_damaged_status_is_told_and_not_trusted(
    data: dict[str, str], finished: tuple[Path, Any], tmp_path: Path, change: Callable[[str], str]
) -> None:
    out = tmp_path / "trial"
    shutil.copytree(finished[0], out)
    text = (out / "status.json").read_text()
    assert change(text) != text
    (out / "status.json").write_text(change(text))
    with pytest.raises(InputError, match=re.escape(f"{out / 'status.json'}: ")):
        train(data, out)
    assert sha256(out / "best.pt") == sha256(finished[0] / "best.pt")


def test_a_status_without_a_checksum_is_of_an_earlier_version(
    data: dict[str, str], finished: tuple[Path, Any], tmp_path: Path
) -> None:
    out = tmp_path / "trial"
    shutil.copytree(finished[0], out)
    status = json.loads((out / "status.json").read_text())
    (out / "status.json").write_text(json.dumps({name: value for name, value in status.items() if name != "sha256"}))
    assert train(data, out)["final"] == finished[1]["final"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Of 30 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    filler = (disk / "filler").open("wb", buffering=0)
    with filler, pytest.raises(OSError, match="No space left"):  # noqa: PT012
        while filler.write(bytes(4096)):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
@pytest.mark.parametrize("freed", [True, False])
def test_on_a_full_disk_training_goes_on(
    data: dict[str, str], whole: dict[str, str], small_disk: Path, freed: bool
) -> None:
    out, count = small_disk / "trial", itertools.count(1)

    def between(_: dict[str, float]) -> None:
        epoch = next(count)
        if epoch == 1:
            fill(small_disk)
        if epoch == 2:
            assert not list(out.glob(".*.tmp.*"))
            if freed:
                (small_disk / "filler").unlink()

    lines: list[str] = []
    if freed:
        lines = train({**data, **SHORT}, out, intermediate=between)["lines"]
    else:
        with pytest.raises(OSError, match="No space left"):
            train({**data, **SHORT}, out, intermediate=between, say=lines.append)
        assert next(count) == 4  # all epochs were trained
        (small_disk / "filler").unlink()
        assert "going on after epoch 1" in train({**data, **SHORT}, out)["lines"]
    told = [line for line in lines if "the disk is full, and" in line]
    assert len(told) == (1 if freed else 2)
    assert told[0].endswith("are kept nowhere; training goes on; free some space before it ends")
    assert ending(out) == whole
