"""What `run_experiment.py --ray` refuses before Ray is imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imbseg.cluster import command, plan, run
from imbseg.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--ray", "auto"], "ray isn't installed here: run `make setup EXTRA=ray`, once"),
        (["--ray", "auto", "--race", "--hours", "1"], "--race is NNI's; leave --ray out, or it"),
        (["--ray", "auto", "--keep"], "--keep is NNI's"),
        (["--trial_gpus", "0.5"], "--trial_cpus and --trial_gpus belong to --ray"),
        (["--ray", "auto", "--trial_cpus", "half"], "--trial_cpus"),
    ],
)
def test_flags_that_do_not_fit(
    flags: list[str], said: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "OWN", tmp_path / "python")
    assert said in refused("run_experiment.py", REPOSITORY / "configs/sample.yml", *flags)


def test_nothing_to_resume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path))
    with pytest.raises(InputError, match=r"--resume: .*abcdefgh holds no experiment that ran on Ray"):
        run.experiment(run.Asked(REPOSITORY / "configs/sample.yml", "auto", resume="abcdefgh"), str)
    with pytest.raises(InputError, match=r"--resume: expected an experiment's id, found '\.\./other'"):
        run.experiment(run.Asked(REPOSITORY / "configs/sample.yml", "auto", resume="../other"), str)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ray://head:10001", "start this on a machine of the cluster"),
        ("head", "expected auto, local or HOST:PORT, found 'head'"),
        ("head:x", "expected auto, local or HOST:PORT"),
        ("127.0.0.1:{free}", "nothing answers there"),
    ],
)
def test_an_address_at_which_no_cluster_answers(
    address: str, said: str, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    with pytest.raises(InputError, match=said), run.connected(address.format(free=free_port)):
        pass


def test_the_command_that_goes_on() -> None:
    words = ["src/run_experiment.py", "a b.yml", "--ray", "auto"]
    assert command.resuming(words, "abc") == [*words, "--resume", "abc"]
    assert command.resuming([*words, "--resume", "abc"], "abc") == [*words, "--resume", "abc"]


@pytest.mark.parametrize(
    ("node", "cpus", "gpus", "fits"),
    [
        ({"CPU": 1.0}, 0.1, 0.0, 10),
        ({"CPU": 8.0, "GPU": 2.0}, 2.0, 0.25, 4),
        ({"CPU": 8.0, "GPU": 1.0}, 1.0, 0.5, 2),
        ({"CPU": 8.0}, 1.0, 0.5, 0),
        ({}, 1.0, 0.0, 0),
    ],
)
def test_how_many_trials_a_machine_has_room_for(node: dict[str, float], cpus: float, gpus: float, fits: int) -> None:
    assert run.fitting(node, plan.Plan("grid", [], 1, cpus=cpus, gpus=gpus)) == fits
