"""What a trial has in hand before its first step: network, loss, lines, loader; without training anything."""

from __future__ import annotations

import errno
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small_trial import SMALL

from imbseg import loaders
from imbseg.errors import InputError
from imbseg.models.weights import IMAGENET
from imbseg.training import prepare
from imbseg.training.fold import Fold, read_fold
from imbseg.training.folder import Folder
from imbseg.trial import Resolved, resolve


def opened(data: dict[str, str], **flags: str) -> tuple[Resolved, Fold]:
    resolved = resolve({**SMALL, **data, **flags}, {})
    return resolved, read_fold(resolved.trial, resolved.dataset)


def test_what_a_trial_has_in_hand_before_its_first_step(data: dict[str, str], tmp_path: Path) -> None:
    flags = {"class_weights": "inverse", "ema": "0.9", "strategy": "full/mskf/none/rare", "channels_last": "true",
             "fast_cpu": "true"}  # fmt: skip
    resolved, fold = opened(data, **flags, seed="2", lr="0.5", encoder_lr="0.25")
    lines: list[str] = []
    cpu, folder = torch.device("cpu"), Folder(tmp_path)
    made = prepare.prepare(resolved, resolved.trial, fold, folder, cpu, lines.append)
    prepare.seed_epoch(2, 0)
    network = prepare.make_network(resolved.trial, 2)
    for _ in range(2):
        made.learner.average.update_parameters(made.learner.model)  # of equal weights, whatever the decay
    both = made.learner.model.parameters(), made.learner.evaluated.parameters()
    for mine, averaged, theirs in zip(*both, network.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        torch.testing.assert_close(averaged, theirs)
    assert made.learner.model.segmentation_head[0].out_channels == 2
    first = next(one for one in made.learner.model.parameters() if one.ndim == 4)
    assert first.is_contiguous(memory_format=torch.channels_last)
    kinds = [{type(one).__name__ for one in model.modules()} for model in (made.learner.model, network)]
    assert kinds[0] - kinds[1] == {"Depthwise", "PointwiseLast", "Bilinear"}
    groups = made.learner.optimizer.param_groups
    assert [group["lr"] for group in groups] == [0.25, 0.5]
    assert {id(one) for group in groups for one in group["params"]} == {*map(id, made.learner.model.parameters())}
    assert (made.learner.device, made.learner.parallel, made.learner.scaler.is_enabled()) == (cpu, None, False)
    assert made.learner.evaluated is made.learner.average.module
    assert (made.folder, made.trial, made.dataset, made.fold) == (folder, resolved.trial, resolved.dataset, fold)
    assert (made.normalisation, made.history, made.seconds) == (IMAGENET, [], [])
    logits, target = torch.tensor([[[[0.0, 0.0]], [[0.0, 2.0]]]]), torch.tensor([[[0, 1]]])
    assert torch.equal(made.loss_of(logits, target, {}), prepare.make_loss(made.trial, fold, cpu)(logits, target, {}))
    sizes = [len(one.ids) for one in (fold.train, fold.val, fold.test)]
    weights = fold.class_weights
    assert lines == [
        "full/mskf/none/rare  cross_entropy  seed 2: {} train, {} validation, {} test images, on cpu with 1 threads"
        .format(*sizes),
        f"class weights (inverse): background {weights[0]:.3g}, crack {weights[1]:.3g}",
        f"copy-paste (rare): objects of crack {fold.donors.counts[1]}",
        *prepare.absences(fold.absent),
        "atrous_rates smp: 12, 24, 36 see only their centre on the map of 4 x 4 cells; fit takes 1, 2, 3",
    ]  # fmt: skip
    assert (tmp_path / "log.txt").read_text().splitlines() == lines
    bare, its_fold = opened(data, decoder_width="64", atrous_rates="fit")
    lines.clear()
    plain = prepare.prepare(bare, bare.trial, its_fold, folder, cpu, lines.append).learner
    assert plain.average is None
    convolutions = [one for one in plain.model.decoder.modules() if isinstance(one, torch.nn.Conv2d)]
    assert {one.dilation[0] for one in convolutions} == {1, 2, 3}
    assert plain.model.segmentation_head[0].in_channels == 64
    assert lines[0].startswith("full/mskf/none/none  cross_entropy  seed 1: ")
    assert not any(line.startswith(("class weights", "copy-paste")) for line in lines)


def test_a_full_disk_stops_no_line(tmp_path: Path) -> None:
    def say(line: str) -> None:
        raise OSError(errno.ENOSPC if line == "full" else errno.EIO, line)

    both = prepare._also_log(say, Folder(tmp_path))
    both("full")
    assert (tmp_path / "log.txt").read_text() == "full\n"
    with pytest.raises(OSError, match="broken"):
        both("broken")


def test_a_train_fold_of_one_image_is_refused(data: dict[str, str]) -> None:
    resolved, fold = opened(data)
    one = SimpleNamespace(**{**vars(fold), "draw_weights": np.ones(1), "train": SimpleNamespace(ids=["a"])})
    with pytest.raises(InputError, match="batch_size 4: the train fold has 1 image, a step takes two"):
        prepare.make_batches(SimpleNamespace(trial=resolved.trial, fold=one))


def test_the_loader_takes_the_trials_settings(data: dict[str, str]) -> None:
    resolved, fold = opened(data, workers="1", crop_on_object="0.5")
    hand = {"trial": resolved.trial, "dataset": resolved.dataset, "fold": fold, "normalisation": IMAGENET}
    made = prepare.make_batches(SimpleNamespace(**hand, learner=SimpleNamespace(device=torch.device("cpu"))))
    assert (made.num_workers, made.pin_memory, made.persistent_workers) == (1, False, False)
    assert made.worker_init_fn is loaders.start_worker
    assert (made.batch_sampler.batch_size, made.batch_sampler.seed) == (4, 1)
    assert (made.dataset.files, made.dataset.boxes, made.dataset.paster) == (fold.train, fold.boxes, None)
    assert (made.dataset.normalisation, made.dataset.dataset) == (IMAGENET, resolved.dataset)
    assert made.collate_fn is loaders.as_it_is


def test_a_loss_gets_class_weights_only_where_a_scheme_is_named(data: dict[str, str]) -> None:
    logits, target = torch.tensor([[[[0.0, 0.0]], [[0.0, 2.0]]]]), torch.tensor([[[0, 1]]])
    values = []
    for scheme in ("none", "inverse"):
        resolved, fold = opened(data, class_weights=scheme)
        loss = prepare.make_loss(resolved.trial, fold, torch.device("cpu"))(logits, target, {})
        assert loss.dtype == torch.float32
        values.append(loss.item())
    zero, one = math.log(2), math.log(1 + math.exp(-2))
    weights = fold.class_weights
    assert values == pytest.approx([(zero + one) / 2, (weights[0] * zero + weights[1] * one) / weights.sum()])


def test_what_a_subset_lacks_is_said() -> None:
    said = prepare.absences({"train": ["a", "b"], "val": [], "test": ["c"]})
    assert said == ["no train image shows a, b: the network can't learn it",
                    "no test image shows c: its IoU is 0 with any false positive, else undefined"]  # fmt: skip


def test_objects_to_paste_come_from_the_train_fold(data: dict[str, str]) -> None:
    resolved, fold = opened(data, strategy="full/mskf/none/rare")
    hand = {"trial": resolved.trial, "dataset": resolved.dataset, "fold": fold, "normalisation": IMAGENET}
    samples = prepare.make_batches(SimpleNamespace(**hand, learner=SimpleNamespace(device=torch.device("cpu")))).dataset
    paster = samples.paster
    assert (paster.trial, paster.dataset, paster.donors) == (resolved.trial, resolved.dataset, fold.donors)
    assert paster.sizes == fold.train.sizes
    image, mask = fold.train.read(resolved.dataset, int(fold.donors.image[0]))
    patch = paster.patches[0]
    assert (int(patch.shape.sum()), patch.label) == (int((mask == 1).sum()), 1)
    assert {*patch.image.reshape(-1, 3)[:, 0].tolist()} <= {*image[..., 0].ravel().tolist()}
