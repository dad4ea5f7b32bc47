"""One trial over several processes: the same images, losses, gradients and counts as in one; kills, signals, errors."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killing import INTERRUPTED, ending, everything
from several import counted, fails, first_epochs, loaded, struck, together, trial, trials
from small_trial import REPOSITORY, SMALL, make_data, train, words_of
from timm.layers import BatchNormAct2d

from imbseg import ranks
from imbseg.copy_paste import COPY_PASTE
from imbseg.errors import InputError, TrialFailed
from imbseg.losses import LOSSES
from imbseg.models.arithmetic import with_batch_norm_of_all
from imbseg.sampling import SAMPLING
from imbseg.sampling.order import EpochBatches

NUMBERS = (1, 2, 3)
LOSS = ["cross_entropy", "weighted_cross_entropy", "focal", "cross_entropy+0.5*lovasz"]  # the others below are slow
NOISY = "logit_variation"  # each process draws its own noise


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """14 images to train on: with batches of 6 the last has 2, too few for two processes."""
    return {**make_data(tmp_path_factory.mktemp("data"), n=24), "batch_size": "6"}


@pytest.mark.parametrize("samples", range(2, 30))
def test_processes_share_each_batch(samples: int) -> None:
    def order(rank: int, number: int) -> EpochBatches:
        weights = np.arange(1.0, samples + 1)
        return EpochBatches(weights, doubled=False, seed=1, batch_size=12, rank=rank, ranks=number)

    alone = list(order(0, 1))
    for number in (2, 3, 6):
        parts = [list(order(rank, number)) for rank in range(number)]
        assert {len(part) for part in parts} == {len(alone)}
        for step, batch in enumerate(alone):
            shown = [order(rank, number).shown(step) for rank in range(number)]
            assert {together for together, _ in shown} == {len(batch)}
            assert len({len(part[step]) for part in parts}) == 1
            assert len(parts[0][step]) >= 2
            assert [key for part, (_, own) in zip(parts, shown, strict=True) for key in part[step][:own]] == batch
            # Whatever is lent stands last when all parts are put together, where it is cut off
            assert [key for part in parts for key in part[step]][: len(batch)] == batch


@pytest.fixture(scope="module")
def epochs(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[dict[str, Any]]]:
    """Number of processes -> what each found in an epoch."""
    place = tmp_path_factory.mktemp("epochs")
    return {number: [one.value for one in together(number, first_epochs, data, LOSS, place)] for number in NUMBERS}


def check_epochs(epochs: dict[int, list[dict[str, Any]]], loss: str) -> None:
    alone = epochs[1][0][loss]
    assert len(alone["losses"]) == 3  # 6, 6 and 2 of 14 images
    for number in (2, 3):
        for one in epochs[number]:
            np.testing.assert_allclose(one[loss]["losses"], alone["losses"], rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(one[loss]["weights"], alone["weights"], rtol=1e-4, atol=1e-6)
            np.testing.assert_array_equal(one[loss]["weights"], epochs[number][0][loss]["weights"])
            whole = {name: value for name, value in alone["draws"].items() if not name.startswith("confidence")}
            assert {name: one[loss]["draws"][name] for name in whole} == whole
            sums = [one[loss]["draws"][f"confidence:{name}"] for name in ("background", "crack")]
            np.testing.assert_allclose(sums, [alone["draws"][f"confidence:{n}"] for n in ("background", "crack")], 1e-4)


@pytest.mark.parametrize("loss", LOSS)
def test_losses_weights_and_draws_are_those_of_one_process(epochs: dict[int, list[dict[str, Any]]], loss: str) -> None:
    check_epochs(epochs, loss)


@pytest.mark.long
def test_every_loss_is_that_of_the_whole_batch(data: dict[str, str], tmp_path: Path) -> None:
    losses, data = [name for name in LOSSES if name not in (*LOSS, NOISY)], {**data, "accumulate": "2"}
    found = {
        number: [one.value for one in together(number, first_epochs, data, losses, tmp_path)] for number in NUMBERS
    }
    for loss in losses:
        check_epochs(found, loss)


def test_loaders_beside_gloo_give_the_same_bytes(tmp_path: Path) -> None:
    """Copy-paste that follows the validation, larger samples in the second epoch, maps and weights of the images."""
    flags = {**everything(tmp_path), "batch_size": "4", "loss": "size_balanced"}
    alone, served = (together(2, loaded, {**flags, "workers": workers}, tmp_path, 2) for workers in ("0", "2"))
    assert {(one.status, one.complaints) for one in alone + served} == {(0, "")}
    assert [one.value for one in served] == [one.value for one in alone]
    assert len({*alone[0].value, *alone[1].value}) > 10  # samples that one lends the other are in both


@pytest.mark.parametrize("size", [13, 3])
def test_counts_are_those_of_one_process(data: dict[str, str], size: int, tmp_path: Path) -> None:
    alone = together(1, counted, data, tmp_path, size)[0].value
    for number in (2, 3):
        for _, found, _ in together(number, counted, data, tmp_path, size):
            for name, value in alone[0].items():
                if name == "calibration":
                    np.testing.assert_allclose(found[0][name], value, rtol=1e-12)  # sums of probabilities
                else:
                    np.testing.assert_array_equal(found[0][name], value, strict=True)
            for mine, theirs in zip(found[1], alone[1], strict=True):
                np.testing.assert_array_equal(mine, theirs, strict=True)


def test_which_batch_norm_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def kinds(model: torch.nn.Module) -> Counter[str]:
        return Counter(type(one).__name__ for one in model.modules() if "BatchNorm" in type(one).__name__)

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), BatchNormAct2d(4), torch.nn.BatchNorm2d(4)).eval()
    image = torch.rand(2, 3, 8, 8)
    before, built = model(image), kinds(model)
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert with_batch_norm_of_all(model, cuda) is model  # alone
    monkeypatch.setattr(ranks._state, "size", 2)
    assert with_batch_norm_of_all(model, cpu) is model
    converted = with_batch_norm_of_all(model, cuda)
    assert set(built) == {"BatchNorm2d", "BatchNormAct2d"}
    assert kinds(converted) == {"SyncBatchNorm": built["BatchNorm2d"], "SyncBatchNormAct": built["BatchNormAct2d"]}
    torch.testing.assert_close(converted.eval()(image), before, rtol=0, atol=0)
    assert list(converted.state_dict()) == list(model.state_dict())


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as handle:
        return list(csv.DictReader(handle))


def torchrun(number: int, flags: dict[str, str], out: Path) -> list[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(number)]
    return [*command, str(REPOSITORY / "src" / "train_nni.py"), *words_of({**SMALL, **flags}), "--out", str(out)]


ADAPTIVE = {"strategy": "full/mskf/adaptive/adaptive", "adaptive_from": "confidence", "post_hoc": "none"}


@pytest.fixture(scope="module")
def ran(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a trial that torchrun ran in two processes, and what it printed."""
    out = tmp_path_factory.mktemp("torchrun") / "trial"
    done = subprocess.run(torchrun(2, {**data, **ADAPTIVE, "keep_last": "true"}, out), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_torchrun_trains_one_trial(ran: tuple[Path, str], data: dict[str, str]) -> None:
    out, said = ran
    assert said.count("epoch 2/2") == said.count("run folder: ") == 1
    assert "2 processes" in said
    about = json.loads((out / "trial.json").read_text())
    assert about["processes"] == 2
    assert json.loads((out / "status.json").read_text())["status"] == "finished"
    alone = train({**data, **ADAPTIVE}, out.parent / "alone")
    assert "processes" not in json.loads((out.parent / "alone" / "trial.json").read_text())
    assert len(alone["intermediate"]) == 2
    both = [rows(folder / "draws.csv") for folder in (out, out.parent / "alone")]
    assert [len(one) for one in both] == [2, 2]
    # The second epoch is drawn by what the first one showed; batch norm tells the two apart, a little
    columns = [name for name in both[0][0] if not name.startswith("confidence")]
    assert [both[0][0][name] for name in columns] == [both[1][0][name] for name in columns]
    assert both[0][1]["samples"] == both[1][1]["samples"] == "28"
    last = torch.load(out / "last.pt", weights_only=True)["draws"]
    assert [row["confidence:crack"] for row in last] == [float(row["confidence:crack"]) for row in both[0]]


def test_another_number_of_processes_is_refused(ran: tuple[Path, str], data: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="processes: 2 trained this trial, found 1; start it with torchrun --n"):
        train({**data, **ADAPTIVE, "keep_last": "true"}, ran[0])
    one = {**data, "epochs": "1"}
    train(one, tmp_path / "alone")
    first, second = together(2, trial, one, tmp_path / "alone")
    assert (
        "processes: 1 trained this trial, found 2; start it with torchrun --nproc_per_node 1 again, or"
        in first.complaints
    )
    assert (first.status, second.status, second.complaints) == (2, 2, "")


@pytest.mark.parametrize("batch_size", ["3", "2"])
def test_a_batch_that_two_cannot_share_is_refused_once(data: dict[str, str], batch_size: str, tmp_path: Path) -> None:
    first, second = together(2, trial, {**data, "batch_size": batch_size}, tmp_path / "run")
    expected = "a multiple of the 2 processes, 4 or more"
    sentence = f"error: batch_size: is that of all processes together: expected {expected}, found {batch_size}\n"
    assert (first.status, first.complaints) == (2, sentence)
    assert (second.status, second.complaints) == (2, "")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("error", "status"), [(InputError, 2), (TrialFailed, 1), (OSError, 2)])
def test_the_main_process_says_what_ended_another(error: type[Exception], status: int) -> None:
    first, second, third = together(3, fails, 2, error)
    assert (first.status, first.complaints) == (status, "error: image x.png: is broken\n")
    assert second.complaints == third.complaints == ""
    assert third.status == status


def test_another_process_says_nothing_of_what_ended_the_main_one() -> None:
    first, second = together(2, fails, 0, InputError)
    assert (first.status, first.complaints) == (2, "error: image x.png: is broken\n")
    assert (second.status, second.complaints) == (INTERRUPTED, "")


EVERYTHING = {**ADAPTIVE, "accumulate": "2", "ema": "0.9", "aspp_dropout": "0.3", "workers": "2", "keep_last": "true",
              "batch_size": "4", "post_hoc": "prior", "loss": "cross_entropy"}  # fmt: skip
MOMENTS = {
    "another killed in a step": (1, ("step begins", 4), signal.SIGKILL),
    "the main one killed as it writes": (0, ("write begun", 2), signal.SIGKILL),
    "another asked to leave": (1, ("step ends", 3), signal.SIGTERM),
    "the main one asked to leave in validation": (0, ("evaluation", 1), signal.SIGINT),
}
LATER = {"finish_epochs": "1", "finish_size": "80x96", "retrain_head_epochs": "1"}


@pytest.fixture(scope="module")
def through(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The end of a trial that nothing stopped."""
    out = tmp_path_factory.mktemp("through") / "trial"
    assert {one.status for one in together(2, struck, {**data, **EVERYTHING, **LATER}, out, 9, 0, 0)} == {0}
    return ending(out)


@pytest.mark.long
@pytest.mark.parametrize("moment", MOMENTS)
def test_stopped_and_started_again_it_ends_the_same(
    moment: str, data: dict[str, str], through: dict[str, Any], tmp_path: Path
) -> None:
    rank, when, number = MOMENTS[moment]
    flags, out = {**data, **EVERYTHING, **LATER}, tmp_path / "run"
    ended = together(2, struck, flags, out, rank, when, number)
    assert ended[1 - rank].status == INTERRUPTED
    assert ended[rank].status == (-signal.SIGKILL if number == signal.SIGKILL else INTERRUPTED)
    state = json.loads((out / "status.json").read_text())["status"]
    assert state == ("running" if (rank, number) == (0, signal.SIGKILL) else "interrupted")
    if number != signal.SIGKILL:  # nothing is trained twice
        assert torch.load(out / "last.pt", weights_only=True)["begun"][0]["step"] == (
            3 if rank == 1 and "step" in when[0] else 7
        )
    again = together(2, struck, flags, out, 9, 0, 0)
    assert {one.status for one in again} == {0}, again
    found = ending(out)
    assert [name for name in {**through, **found} if through.get(name) != found.get(name)] == []


@pytest.mark.long
def test_every_sampler_and_paste_rule(data: dict[str, str], tmp_path: Path) -> None:
    strategies = {name: f"full/mskf/{name}/none" for name in SAMPLING}
    strategies |= {f"paste {name}": f"full/mskf/none/{name}" for name in COPY_PASTE if name not in ("none", "weak")}
    changed = {name: {"strategy": strategy, "epochs": "1"} for name, strategy in strategies.items()}
    assert {one.status for one in together(2, trials, data, changed, tmp_path / "two")} == {0}
    assert together(1, trials, data, changed, tmp_path / "one")[0].status == 0
    for name in changed:
        two, one = (rows(tmp_path / number / name / "draws.csv") for number in ("two", "one"))
        assert two == one, name


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_torchrun_that_is_stopped_ends_all_and_goes_on_at_once(
    number: int, data: dict[str, str], tmp_path: Path
) -> None:
    flags, out = {**data, "epochs": "40", "patience": "0", "post_hoc": "none", "workers": "1"}, tmp_path / "run"
    with subprocess.Popen(
        torchrun(2, flags, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 2/"):
                process.send_signal(number)
                break
        assert "forcefully exiting" not in process.communicate()[1]  # torchrun has waited for none of them in vain
    status = json.loads((out / "status.json").read_text())
    assert status["status"] == ("running" if number == signal.SIGKILL else "interrupted")
    assert "lost" not in status.get("message", "")  # the loaders went on until a checkpoint was written
    done = subprocess.run(torchrun(2, flags, out), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "going on after epoch " in done.stdout
    assert {one.status for one in together(2, trial, flags, tmp_path / "through")} == {0}
    assert (out / "epochs.csv").read_bytes() == (tmp_path / "through" / "epochs.csv").read_bytes()
