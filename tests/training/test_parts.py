from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from imbseg.errors import InputError
from imbseg.models.decoders import build_network
from imbseg.training import loop
from imbseg.training.begun import Begun
from imbseg.training.draws import Draws
from imbseg.training.fold import class_weights
from imbseg.training.optimizer import make_optimizer, poly_factor, set_learning_rates
from imbseg.training.prepare import choose_device, make_loss
from imbseg.training.record import epoch_line, for_tuner, timing_row, waiting_advice
from imbseg.trial import Trial


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_the_encoder_has_a_learning_rate_of_its_own(optimizer: str) -> None:
    model = build_network("deeplabv3plus", "resnet18", classes=2, output_stride=16)
    trial = Trial(optimizer=optimizer, lr=0.1, encoder_lr=0.001)
    made = make_optimizer(model, trial)
    encoder, rest = made.param_groups
    assert (encoder["lr"], rest["lr"]) == (0.001, 0.1)
    assert len(encoder["params"]) == len(list(model.encoder.parameters()))
    assert sum(len(group["params"]) for group in made.param_groups) == len(list(model.parameters()))
    set_learning_rates(made, trial, 0.5)
    assert [group["lr"] for group in made.param_groups] == [0.0005, 0.05]


def test_poly_decay_ends_above_zero() -> None:
    factors = [poly_factor(step, 100, 0.9) for step in range(100)]
    assert factors[0] == 1
    assert factors[-1] == pytest.approx(0.01**0.9)
    assert all(a > b for a, b in itertools.pairwise(factors))


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="float16 needs CUDA"):
        choose_device("cpu", "float16")
    for name in ("gpu", "cuda:x", "mps"):
        with pytest.raises(InputError, match="expected auto, cpu, cuda"):
            choose_device(name)
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="torch sees 0 CUDA devices"):
            choose_device("cuda")


def test_devices_where_there_is_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [choose_device(name, "float16") for name in ("auto", "cuda", "cuda:1")] == [
        torch.device("cuda"), torch.device("cuda"), torch.device("cuda", 1)]  # fmt: skip
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(InputError, match="device: cuda:2 is asked for, and torch sees 2 CUDA devices"):
        choose_device("cuda:2")


def test_the_line_names_a_class_that_was_lost() -> None:
    history = [{"IoU/pole": 0.2, "IoU/sky": 0.9}]
    row = {"epoch": 2, "loss": 0.5, "mIoU": 0.4, "tail": 0.1, "IoU/pole": 0.0, "IoU/sky": 0.8}
    timing = timing_row(2, (10.34, 9.0, 0.5), 51, 2.0, 0.1)
    line = "epoch 2/5  loss 0.5000  mIoU 0.400  tail 0.100  12.3 s  4.93 samples/s  lost: pole"
    assert epoch_line(row, 5, timing, history) == line
    history = [{"IoU/pole": 0.2, "IoU/sky": 0.9, "IoU/sea": 0.1}]
    row = {"epoch": 2, "loss": 0.5, "mIoU": 0.4, "IoU/pole": 0.0, "IoU/sky": 0.8, "IoU/sea": 0.0}
    assert epoch_line(row, 5, timing_row(2, (4.0, 9.0, 0.5), 2, 2.0, 0.1), history) == (
        "epoch 2/5  loss 0.5000  mIoU 0.400  6.0 s  0.5 samples/s  lost: pole, sea"
    )


def test_waiting_for_data_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """2 of 10 s are waited; an epoch that had said so before, and 9 %, say nothing."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(4)))
    slow, quick, least = (timing_row(1, (10.0, 9.0, waited), 100, 1.0, 0.5) for waited in (2.0, 0.9, 1.0))
    assert slow == {"epoch": 1, "train_s": 10.0, "train_cpu_s": 9.0, "val_s": 1.0, "checkpoint_s": 0.5, "waited_s": 2.0,
                    "samples_per_s": 10.0}  # fmt: skip
    assert math.isnan(timing_row(1, (0.0, 0.0, 0.0), 0, 1.0, 0.0)["samples_per_s"])
    told = "20% of the training time waits for data: take more `workers` than 2 (4 cores here), or keep decoded images"
    assert waiting_advice(slow, [quick], 2) == f"{told} (`cache_mb`)"
    assert waiting_advice(slow, [], 4) == "20% of the training time waits for data: keep decoded images (`cache_mb`)"
    assert waiting_advice(slow, [quick, slow], 2) == waiting_advice(quick, [], 2) == ""
    assert waiting_advice(least, [], 4) == "10% of the training time waits for data: keep decoded images (`cache_mb`)"
    assert waiting_advice(slow, [least], 4) == ""


def test_only_the_time_until_a_batch_is_there_is_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader takes 3 s and 1 s, the steps 10 s each."""
    clock, begun = [0.0], Begun(Draws([], confidence=False))
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def batches() -> Iterator[Any]:
        for seconds in (3.0, 1.0):
            clock[0] += seconds
            yield {}

    for _ in loop._waited(batches(), begun):  # type: ignore[arg-type]
        clock[0] += 10
    assert begun.waited == 4.0


def test_the_tuner_gets_no_nan() -> None:
    row = {
        "epoch": 1,
        "mIoU": 0.2,
        "mIoU_present": 0.4,
        "tail": math.nan,
        "IoU/a": 0.4,
        "IoU/b": math.nan,
        "recall/a": 0.5,
    }
    found = for_tuner(row, {"mIoU": 0.3, "IoU/a": 0.3, "IoU/b": math.nan, "Dice/a": 0.5})
    assert found == {"default": 0.4, "IoU/a": 0.4, "test/mIoU": 0.3, "test/IoU/a": 0.3}


def test_median_frequency_counts_the_images_that_show_a_class() -> None:
    # a: 249 of the 100 + 200 + 10 pixels of its images; b: 61 of the 100 + 10 of its two.
    pixels = np.array([[40, 60], [200, 0], [9, 1]])
    weights = class_weights(Trial(class_weights="median_frequency"), pixels)
    assert weights[1] / weights[0] == pytest.approx((249 / 310) / (61 / 110))
    weights = class_weights(Trial(class_weights="power", weight_exponent=2.0), pixels)  # with a setting of the trial
    assert weights[1] / weights[0] == pytest.approx((249 / 61) ** 2)


def test_each_term_of_a_loss_gets_what_it_takes() -> None:
    trial = Trial(loss="weighted_cross_entropy+0.5*logit_adjusted", class_weights="inverse", tau=2.0)
    fold = SimpleNamespace(class_weights=np.array([0.5, 1.5]), class_priors=np.array([0.75, 0.25]))
    found = make_loss(trial, fold, torch.device("cpu"))(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]]), {})
    # Equal logits cost log 2 however weighted; with 2 log 3 taken from class 1 the odds are 9 to 1.
    assert found.item() == pytest.approx(math.log(2) + 0.5 * (math.log(10 / 9) + math.log(10)) / 2, rel=1e-6)
