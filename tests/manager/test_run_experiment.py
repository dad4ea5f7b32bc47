"""Bad input through the command line: exit status 2, one sentence, nothing started."""

from __future__ import annotations

import runpy
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from manager.experiments import SPACE, write_config, write_meta

from imbseg.manager import launch

SCRIPT = Path(__file__).parents[2] / "src" / "run_experiment.py"


def refused(*arguments: str) -> str:
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_a_missing_config(tmp_path: Path) -> None:
    assert "nowhere.yml: can't be read (No such file or directory)" in refused(str(tmp_path / "nowhere.yml"))


@pytest.mark.parametrize("arguments", [[], ["c.yml", "--port", "x"], ["c.yml", "--prot", "1"]])
def test_a_broken_command_line(arguments: list[str]) -> None:
    assert refused(*arguments).startswith("error: ")


def test_a_taken_port(tmp_path: Path) -> None:
    write_meta(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"port {port} is taken" in refused(str(write_config(tmp_path)), "--port", str(port))


def test_a_choice_that_no_trial_takes(tmp_path: Path, free_port: int) -> None:
    write_meta(tmp_path)
    space = {**SPACE, "loss": {"_type": "choice", "_value": ["focal", "focl"]}}
    config = write_config(tmp_path, searchSpace=space)
    assert "did you mean 'focal'" in refused(str(config), "--port", str(free_port))


def test_a_report_is_proposed_where_a_trial_left_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path))
    say_where = runpy.run_path(str(SCRIPT))["say_where"]
    experiment = launch.Experiment("abcde", 8080, tmp_path)
    say_where(experiment, False, reported=False)
    assert "compare the trials" not in capsys.readouterr().out
    (tmp_path / "abcde").mkdir()
    say_where(experiment, False, reported=False)
    assert f"src/report.py --runs {tmp_path / 'abcde'}" in capsys.readouterr().out


def test_an_id_that_is_none(tmp_path: Path, free_port: int) -> None:
    write_meta(tmp_path)
    command = [sys.executable, str(SCRIPT), str(write_config(tmp_path)), "--port", str(free_port), "--resume", "all"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "expected an experiment id" in done.stderr
