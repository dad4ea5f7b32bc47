"""A trial's own steps, timed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from small_trial import SMALL

from imbseg import timing
from imbseg.errors import InputError
from imbseg.timing import FirstBatches, Pace
from imbseg.training.samples import Files
from imbseg.trial import Resolved, resolve

pytestmark = pytest.mark.slow  # trains many small networks; `make test` runs them


def trial(data: dict[str, str], **changes: str) -> Resolved:
    return resolve({**SMALL, **data, **changes}, {})


def test_it_ends_after_enough_steps_and_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(timing, "LEAST_STEPS", 3)
    monkeypatch.setattr(timing, "SECONDS", 5.0)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(clock)))
    first = FirstBatches(list(range(20)))  # type: ignore[arg-type]
    assert list(first) == [0, 1, 2, 3, 4]  # the third step ends at 3 s, the fifth at 5 s
    assert first.ends == [1, 2, 3, 4, 5]
    assert len(first) == 20


def test_a_short_epoch_is_timed_whole() -> None:
    assert list(FirstBatches(["a"])) == ["a"]  # type: ignore[arg-type]


def test_steps_of_a_trial_and_of_one_that_resamples(data: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    strategies = ("full/mskf/x2/none", "full/mskf/none/none", "full/mskf/positive/none")
    trials = [trial(data, strategy=one) for one in strategies]
    first = timing.measure(trials[0])
    said: list[str] = []
    found = timing.paces(trials, first, said.append)
    # 15 train images, 12 in the fold: 3 steps of 4, and 6
    assert [pace.steps for pace in found if isinstance(pace, Pace)] == [6, 3, 6]
    assert not said  # they differ in what they draw, which costs nothing
    assert [pace.step_s for pace in found if isinstance(pace, Pace)] == [first.step_s] * 3
    assert first.step_s > 0
    assert first.val_s > 0


def test_another_loss_is_timed_and_one_that_cannot_run_says_why(
    data: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    first = Pace(1, 1.0, 0.0, 0.0, 0.0, 0.0)

    def measure(resolved: Resolved, like: Pace | None) -> Pace:
        measured.append(resolved.trial.loss)
        if resolved.trial.loss == "dice":
            raise InputError("not on these")
        assert like == first
        return Pace(1, 2.0, 0.0, 0.0, 0.0, 0.0)

    monkeypatch.setattr(timing, "measure", measure)
    losses = ("cross_entropy", "dice", "focal", "focal")
    found = timing.paces([trial(data, loss=loss) for loss in losses], first, lambda _: None)
    assert measured == ["dice", "focal"]
    assert str(found[1]) == "not on these"
    assert [pace.step_s for pace in found if isinstance(pace, Pace)] == [1.0, 2.0, 2.0]


def test_another_network_is_timed_once_and_its_remedies_are_scaled(
    data: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    unet = {"architecture": "unet", "decoder_width": "32"}
    changed: list[dict[str, str]] = [{}, {"loss": "focal"}, unet, {**unet, "loss": "focal"}, {"batch_size": "2"}]
    changed += [{"crop": "32"}, {"decoder_stride": "2"}, {"lr": "0.1"}, {**unet, "loss": "dice"}, {"sampling": "x2"}]

    def measure(resolved: Resolved, like: Pace | None) -> Pace:
        measured.append(f"{resolved.trial.loss} {resolved.trial.architecture} {like is None}")
        return Pace(9, {"focal": 3.0, "cross_entropy": 3.0, "dice": 4.0}[resolved.trial.loss], 0.0, 5.0, 0.0, 0.0)

    monkeypatch.setattr(timing, "measure", measure)
    said: list[str] = []
    error = InputError("can't be")
    trials = [*(trial(data, **{"strategy": "full/mskf/none/none", **one}) for one in changed[:-1]), error]
    found = timing.paces(trials, Pace(9, 2.0, 0.0, 7.0, 0.0, 0.0), said.append)
    assert measured == [
        "focal deeplabv3plus False",  # on the same network, so its validation isn't timed again
        "cross_entropy unet True",
        "cross_entropy deeplabv3plus True",
        "cross_entropy deeplabv3plus True",
        "cross_entropy deeplabv3plus True",
        "dice unet False",  # no other network says what dice takes
    ]
    assert found.pop() is error
    paces = [one for one in found if isinstance(one, Pace)]
    # focal takes 1.5 x plain cross-entropy, so 4.5 s on the U-Net, which takes 3 s
    assert [one.step_s for one in paces] == [2.0, 3.0, 3.0, 4.5, 3.0, 3.0, 3.0, 2.0, 4.0]
    assert [one.val_s for one in paces][:4] == [7.0, 5.0, 5.0, 5.0]
    assert [one.steps for one in paces][:5] == [3, 3, 3, 3, 6]  # batches of 2 are twice as many
    assert said[1] == "full/mskf/none/none, cross_entropy, decoder_width 32, architecture unet: 3 s a step"


def test_what_memory_does_not_hold_is_named(data: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")

    monkeypatch.setattr(timing, "train_epoch", full)
    with pytest.raises(InputError, match="4 samples of 64x64 pixels in deeplabv3plus are more than the memory of cpu"):
        timing.measure(trial(data))


def test_the_share_of_the_processor_and_the_size_of_a_run(
    data: dict[str, str], finished: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    wall, processor = iter(range(0, 1000, 4)), iter(range(1000))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(wall)))
    monkeypatch.setattr(timing.time, "process_time", lambda: float(next(processor)))
    found = timing.measure(trial(data))
    assert found.share == pytest.approx(1 / 12)  # a second of one thread in twelve: a step asks the clock three times
    files = [finished[0] / name for name in ("best.pt", "counts_val.npz", "counts_test.npz")]
    assert found.bytes == pytest.approx(sum(file.stat().st_size for file in files), rel=0.1)
    assert found.beside == pytest.approx(3 * 2 * files[0].stat().st_size, rel=0.1)  # weights, and the momentum of each
    kept = timing.measure(trial(data, keep_last="true"))
    assert (kept.bytes - found.bytes, kept.beside) == (2 * kept.beside, pytest.approx(found.beside / 3, rel=0.01))


def test_a_trial_that_cannot_run_says_what_it_would_say_by_itself(data: dict[str, str]) -> None:
    with pytest.raises(InputError, match="the splits in meta have seeds 1 to 5"):
        timing.measure(trial(data, seed="9"))


def test_the_validation_is_scaled_from_a_batch_and_four(data: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    # One second to start, half a second an image: 2 images 2 s, 8 images 5 s; all 30 take 16 s.
    monkeypatch.setattr(timing, "_seconds_of", lambda _, files, ways: 1.0 + 0.5 * len(files.ids) * (1 + len(ways)))
    run: Any = type("Run", (), {"trial": trial(data, batch_size="2").trial})
    assert timing._evaluate(run, files_of(30)) == (16.0, 0.5)
    # decoded in two more ways: 1.5 s an image
    assert timing._evaluate(run, files_of(30), [("prior", 0.5), ("prior", 1.0)]) == (46.0, 1.5)
    assert timing._evaluate(run, files_of(1)) == (1.5, 1.5)


def files_of(count: int) -> Files:
    ids = [str(number) for number in range(count)]
    paths = [Path(one) for one in ids]
    kept = {paths[0]: Path("kept")}
    return Files(ids=ids, images=paths, masks=paths, sizes=[(64, 64)] * count, objects=[], entries=kept)


def test_some_images_evenly_spread() -> None:
    found = timing._spread(files_of(31), 4)
    assert found.ids == ["0", "10", "20", "30"]
    assert found.images == [Path("0"), Path("10"), Path("20"), Path("30")]
    assert found.objects == []
    assert found.entries == {Path("0"): Path("kept")}


def test_the_end_of_a_trial(data: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    # 0.5 s an image without a correction, 0.1 s more for each way; at most three strengths on the 8 test images
    monkeypatch.setattr(timing, "_evaluate", lambda run, files, ways: (40.0, 0.5 + 0.1 * len(ways)))
    run: Any = SimpleNamespace(trial=trial(data, post_hoc="none").trial)
    run.fold = SimpleNamespace(
        **{
            name: SimpleNamespace(ids=["a"] * images, is_large=lambda _: False)
            for name, images in (("val", 3), ("test", 8))
        }
    )
    assert timing._end(run, 0.5) == pytest.approx(5.5)  # 3 validation and 8 test images
    run.trial = trial(data, post_hoc="prior").trial
    assert timing._end(run, 0.5) == pytest.approx(40.0 + 8 * 0.8)
    run.trial = trial(data, post_hoc="rank").trial  # one more
    assert timing._end(run, 0.5) == pytest.approx(40.0 + 8 * 0.9)


def test_nothing_is_left_behind(data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.0)
    monkeypatch.setattr(timing.tempfile, "tempdir", str(tmp_path))
    timing.measure(trial(data))
    assert not list(tmp_path.iterdir())
