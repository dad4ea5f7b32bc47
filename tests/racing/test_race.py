"""A race through rounds of NNI whose trials are written instead of trained: looks, hours, resuming, refusals."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from manager.experiments import command, write_config, write_meta
from racing.stand_in import SCORES, Trainer, trials_of

from imbseg.errors import InputError, TrialFailed
from imbseg.manager import config, launch, orphans, watch
from imbseg.racing import command as racing
from imbseg.racing import rounds
from imbseg.racing.entries import read_entries, setups, with_setup
from imbseg.racing.race import STATE
from imbseg.trial import name, resolve

EPOCHS, OFFER = 8, "go on with: "
SPACE = {
    "seed": {"_type": "choice", "_value": [1, 2, 3]},
    "loss": {"_type": "choice", "_value": ["weighted_cross_entropy", "cross_entropy", "dice", "softmax_focal"]},
}


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Trainer:
    """In NNI's place."""
    found = Trainer(EPOCHS)
    monkeypatch.setattr("imbseg.racing.race.time", SimpleNamespace(monotonic=lambda: found.clock))
    monkeypatch.setattr(rounds, "train", lambda path, *_: found(path))
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path / "runs"))
    write_meta(tmp_path, ("full/mskf/seed1", "full/mskf/seed2", "full/mskf/seed3"))
    return found


def written(folder: Path, more: str = "", **changes: Any) -> Path:
    flags = f"--epochs {EPOCHS} --batch_size 4 --threads 1 {more}"
    return write_config(folder, **{"searchSpace": SPACE, "trialCommand": command(folder, more=flags), **changes})


def given(path: Path, port: int, hours: str | None = "9", **more: Any) -> argparse.Namespace:
    settings = {"resume": None, "score": "mIoU", "keep_baseline": True, "report": False, "retries": 1, **more}
    return argparse.Namespace(config=path, port=port, hours=hours, **settings)


def test_looks_and_hours_by_hand(
    tmp_path: Path, trainer: Trainer, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert racing.race(given(written(tmp_path), free_port)) == 0
    # The baseline is timed alone. At a quarter of the epochs two lie below the bar, and one of them is the baseline.
    assert trainer.rounds == [
        ["cross_entropy 1"],
        ["weighted_cross_entropy 1", "dice 1", "softmax_focal 1"],
        ["cross_entropy 1", "weighted_cross_entropy 1", "dice 1"],
        ["cross_entropy 1", "weighted_cross_entropy 1", "dice 1"],
        ["cross_entropy 2", "weighted_cross_entropy 2", "dice 2"],
        ["cross_entropy 3", "weighted_cross_entropy 3", "dice 3"],
    ]
    said = capsys.readouterr().out
    assert "beaten: softmax_focal -0.009" in said.replace("full/mskf/none/none, ", "")
    assert "leader: weighted_cross_entropy, mIoU 0.702 in validation, 3 seeds, baseline 0.302" in said
    assert "not told apart from it: dice\n" in said
    # 4 candidates x 3 seeds x (8 epochs x 36 s + 12 s), two at once
    assert "the whole grid (4 candidates, 3 seeds) would have taken 0.50" in said
    table = (tmp_path / "runs/race_config_1/race.csv").read_text().splitlines()
    assert table[0] == "candidate,baseline,score,epochs,seeds,look,state"
    assert table[-1].startswith("softmax_focal,0,")
    assert table[-1].endswith(",2,1,1,beaten at look 1")


def test_a_race_goes_on_where_it_was_interrupted(
    tmp_path: Path, trainer: Trainer, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    trainer.interrupt_at = (3, 1)
    assert racing.race(given(path, free_port)) == 130
    last = capsys.readouterr().out.splitlines()[-1]
    assert "--race" in last
    assert last.endswith("--resume race_config_1")
    (offer,) = orphans.offers(path)
    assert offer.partition(OFFER)[2] == last.partition(OFFER)[2]
    assert racing.race(given(path, free_port, None, resume="race_config_1")) == 0
    assert trainer.rounds[2:5] == [
        ["cross_entropy 1"],
        ["weighted_cross_entropy 1", "dice 1"],  # what the interruption left, and nothing twice
        ["cross_entropy 1", "weighted_cross_entropy 1", "dice 1"],
    ]
    assert not list(orphans.offers(path))
    interrupted = (tmp_path / "runs/race_config_1/race.csv").read_text()
    trainer.rounds.clear()
    assert racing.race(given(path, free_port)) == 0
    assert (tmp_path / "runs/race_config_2/race.csv").read_text() == interrupted
    assert racing.race(given(path, free_port, None, resume="race_config_2")) == 0
    assert len(trainer.rounds) == 6  # a race that is over trains nothing again


def test_hours_end_a_race_and_more_hours_go_on(
    tmp_path: Path, trainer: Trainer, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    # Two trained whole: 2 x ((2 x 36 + 12) + (2 x 36 + 12) + (4 x 36 + 12)) s, two at once: 324 s, .09 hours.
    assert racing.race(given(path, free_port, "0.0901")) == 0
    assert trainer.clock == 324
    losses = [one.split()[0] for one in trainer.rounds[-1]]
    assert losses == ["cross_entropy", "weighted_cross_entropy"]
    assert "no hours for it at look" in capsys.readouterr().out
    before = len(trainer.rounds)
    assert racing.race(given(path, free_port, "9", resume="race_config_1")) == 0
    assert trainer.rounds[before:] == [[f"{loss} {seed}" for loss in losses] for seed in (2, 3)]


def test_too_few_hours_are_refused_with_how_many_would_do(tmp_path: Path, trainer: Trainer, free_port: int) -> None:
    with pytest.raises(InputError, match=r"--hours 0\.05: the baseline and one other, .* give --hours 0\.09 or more"):
        racing.race(given(written(tmp_path), free_port, "0.05"))
    assert trainer.rounds == [["cross_entropy 1"]]  # which goes on once more hours are given


def test_the_baseline_is_tested_before(
    tmp_path: Path, trainer: Trainer, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert racing.race(given(written(tmp_path), free_port, keep_baseline=False)) == 0
    # Half the batch size is worth .05 here: two samples a step.
    state = json.loads((tmp_path / "runs/race_config_1" / STATE).read_text())
    assert state["baseline"]["chosen"] == {"batch_size": 2}
    assert state["baseline"]["tested"][0]["setup"] == {}
    assert "twice the steps for the same samples holds for all candidates" in capsys.readouterr().out
    for _, _, settings in trials_of(tmp_path / "runs/race_config_1/round_4.yml"):
        assert resolve({}, settings).trial.batch_size == 2
    resumed = given(tmp_path / "config.yml", free_port, None, resume="race_config_1", keep_baseline=False)
    before = len(trainer.rounds)
    assert racing.race(resumed) == 0
    assert len(trainer.rounds) == before


def test_a_failed_candidate_leaves_and_a_failed_baseline_ends_it(
    tmp_path: Path, trainer: Trainer, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer.failing = {"dice"}
    assert racing.race(given(written(tmp_path), free_port)) == 0
    assert "dice: failed at look 1" in capsys.readouterr().out
    trainer.failing = {"cross_entropy"}
    with pytest.raises(TrialFailed, match="the baseline failed in its first epochs"):
        racing.race(given(tmp_path / "config.yml", free_port))


def test_hours_are_counted_by_the_clock_where_rounds_take_longer(
    tmp_path: Path, trainer: Trainer, free_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer.slow = 3.0
    assert racing.race(given(written(tmp_path), free_port)) == 0
    # The pilot took 3 x 42 s, and 84 s were expected of it alone; the other rounds three times what was expected.
    said = capsys.readouterr().out
    grid = float(said.split("would have taken ")[1].split()[0])
    assert 1.4 < grid <= 1.5
    spent = json.loads((tmp_path / "runs/race_config_1" / STATE).read_text())["spent"]
    assert spent == trainer.clock


def test_an_interrupted_round_counts_as_work(tmp_path: Path, trainer: Trainer, free_port: int) -> None:
    trainer.interrupt_at = (3, 2)
    assert racing.race(given(written(tmp_path), free_port)) == 130
    state = json.loads((tmp_path / "runs/race_config_1" / STATE).read_text())
    # 84 s of the pilot alone, 3 x 84 s two at once, then two of three trials
    assert (state["worked"], state["spent"]) == (84 + 126 + 84 + 6, 42 + 126 + 84)


def test_no_race_is_refused(tmp_path: Path, trainer: Trainer, free_port: int, refused: Callable[..., str]) -> None:
    del trainer
    path = written(tmp_path)
    for words, expected in (
        (["--race"], "--hours: a race needs a number above 0, found None"),
        (["--race", "--hours", "-1"], "found '-1'"),
        (["--hours", "3"], "belong to --race"),
        (["--race", "--hours", "1", "--score", "beauty"], "--score: expected mIoU or tail, found 'beauty'"),
        (["--race", "--resume", "race_7"], "race.json isn't there"),
    ):
        assert expected in refused("run_experiment.py", path, "--port", free_port, *words)


@pytest.mark.parametrize(
    ("space", "more", "expected"),
    [
        ({**SPACE, "lr": {"_type": "uniform", "_value": [0.1, 0.2]}}, "", "takes a grid of choices, found a uniform"),
        ({**SPACE, "epochs": {"_type": "choice", "_value": [1, 2]}}, "", "varies epochs"),
        ({"loss": {"_type": "choice", "_value": ["dice"]}}, "", "holds one candidate"),
        ({"loss": SPACE["loss"]}, "--seed 4", "trialCommand gives --seed"),
    ],
)
def test_a_search_space_that_no_race_takes(tmp_path: Path, space: Any, more: str, expected: str) -> None:
    write_meta(tmp_path)
    path = write_config(tmp_path, searchSpace=space, trialCommand=command(tmp_path, more=more))
    with pytest.raises(InputError, match=expected):
        read_entries(config.read(path))


def test_entries_by_hand(tmp_path: Path) -> None:
    entries = read_entries(config.read(written(tmp_path)))
    assert entries.labels == ("cross_entropy", "weighted_cross_entropy", "dice", "softmax_focal")  # the baseline first
    assert (entries.seeds, entries.epochs) == ((1, 2, 3), EPOCHS)
    assert {entries.resolved(one, 2).trial.loss for one in range(4)} == {*SCORES}
    without = {"loss": SPACE["loss"]}
    assert read_entries(config.read(written(tmp_path, searchSpace=without))).seeds == (1, 2, 3, 4, 5)


def test_a_setup_holds_for_all_candidates_and_takes_what_an_architecture_had(tmp_path: Path) -> None:
    entries = read_entries(config.read(written(tmp_path, "--output_stride 16 --decoder_stride 4")))
    assert {"batch_size": 2} in [setup for setup, _ in setups(entries)]
    unet = next(setup for setup, _ in setups(entries) if "architecture" in setup)
    other = with_setup(entries, unet)
    assert "decoder_stride" not in other.flags
    assert {other.resolved(one, 1).trial.architecture for one in range(4)} == {"unet"}


def test_a_name_is_that_of_the_settings_alone(tmp_path: Path) -> None:
    entries = read_entries(config.read(written(tmp_path)))
    first = entries.resolved(0, 1).trial
    assert name.whole(first) == name.whole(first.model_copy(update={"workers": 9}))
    assert name.whole(first) != name.whole(first.model_copy(update={"lr": 0.5}))
    assert name.whole(first).startswith("sample-full-mskf-none-none-cross_entropy-fold0-seed1-")


def test_a_round_keeps_what_the_user_asked_of_nni(tmp_path: Path) -> None:
    path = written(tmp_path, maxTrialNumber=3, debug=True)
    entries = read_entries(config.read(path))
    trials = [entries.trial(who, 1) for who in (0, 2)]
    found = yaml.safe_load(rounds.config_text(path, entries, tmp_path / "race_1", trials, 4))
    assert found["debug"]
    assert found["trialConcurrency"] == 2
    assert "maxTrialNumber" not in found
    assert found["trialCodeDirectory"] == str(tmp_path)
    assert found["trialCommand"].endswith(f"--below {tmp_path}/race_1 --until 4")
    nested = found["searchSpace"]["strategy"]["_value"]
    assert [one["loss"]["_value"] for one in nested] == [["cross_entropy"], ["dice"]]
    assert "--until" not in rounds.config_text(path, entries, tmp_path / "race_1", trials, EPOCHS)


class Broken:
    """NNI, whose tuner connects at the last of some starts only."""

    def __init__(self, starts: int, trials: int = 0) -> None:
        self.starts, self.trials = starts, trials

    @contextmanager
    def running(self, _config: Path, _port: int, *, retries: int) -> Iterator[launch.Experiment]:
        self.starts -= 1
        yield launch.Experiment(f"abcdefg{retries}", 8080, Path())

    def watch(self, _experiment: launch.Experiment) -> watch.Outcome:
        died = "tuner_command_channel: Tuner did not connect in 10 seconds" if self.starts else None
        return watch.Outcome(self.trials, {}, died)


@pytest.mark.parametrize(("starts", "trials", "ends"), [(1, 0, 0), (2, 0, 0), (3, 0, 1), (2, 4, 1)])
def test_nni_is_started_once_more_where_it_broke_down_before_any_trial(
    monkeypatch: pytest.MonkeyPatch, starts: int, trials: int, ends: int
) -> None:
    broken = Broken(starts, trials)
    monkeypatch.setattr(launch, "running", broken.running)
    monkeypatch.setattr(watch, "watch", broken.watch)
    with pytest.raises(TrialFailed, match="did not connect") if ends else nullcontext():
        rounds.train(Path("round_1.yml"), 8080, 1)
    assert broken.starts == ends
