"""Bad input through the command line: exit status 2, one sentence, nothing started; and the report that it proposes."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from manager.experiments import SPACE, write_config, write_meta

from imbseg.manager import launch

SCRIPT = "run_experiment.py"


def test_bad_input_starts_nothing(tmp_path: Path, free_port: int, refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "start", None)
    write_meta(tmp_path)
    missing = refused(SCRIPT, tmp_path / "nowhere.yml")
    assert "nowhere.yml: can't be read (No such file or directory)" in missing
    config = write_config(tmp_path)
    assert "expected an experiment id" in refused(SCRIPT, config, "--port", free_port, "--resume", "all")
    space = {**SPACE, "loss": {"_type": "choice", "_value": ["focal", "focl"]}}
    assert "did you mean 'focal'" in refused(SCRIPT, write_config(tmp_path, searchSpace=space), "--port", free_port)


def test_a_report_is_proposed_where_a_trial_left_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path))
    say_where = runpy.run_path(str(Path(__file__).parents[2] / "src" / SCRIPT))["say_where"]
    experiment = launch.Experiment("abcde", 8080, tmp_path)
    say_where(experiment, False, reported=False)
    assert "compare the trials" not in capsys.readouterr().out
    (tmp_path / "abcde").mkdir()
    (tmp_path / "abcde" / ".unfinished").touch()
    say_where(experiment, False, reported=False)
    assert "compare the trials" not in capsys.readouterr().out
    (tmp_path / "abcde" / "trial").mkdir()
    say_where(experiment, False, reported=False)
    assert f"src/report.py --runs {tmp_path / 'abcde'}" in capsys.readouterr().out
