"""The end of a trial: the prior's strength chosen on validation, the test set decoded once with it."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import ndtri
from small_trial import train

from imbseg.metrics.counts import collect, image_confusion, load_counts
from imbseg.metrics.scores import iou
from imbseg.post_hoc import POST_HOC, grid
from imbseg.post_hoc.logits import prior
from imbseg.post_hoc.rank import rank
from imbseg.training import post_hoc, views
from imbseg.training.whole_images import Truth

pytestmark = pytest.mark.slow  # trains many small networks; `make test` runs them

BETAS = grid("prior")[1]
COUNTS = ("tp", "fp", "fn", "ignored", "confusion")
ALL_COUNTS = (*COUNTS, "object_tp", "object_fn", "objects", "groups")


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as handle:
        return list(csv.DictReader(handle))


def toy(monkeypatch: pytest.MonkeyPatch, folder: Path, images: dict[str, list[Any]], priors: list[float]) -> Any:
    """A run whose network gives these (logits, mask) of each subset."""
    subsets = {
        name: SimpleNamespace(ids=[str(place) for place in range(len(found))], groups=[], is_large=lambda _: False)
        for name, found in images.items()
    }

    def predict(model: Any, whole: Any, device: Any, trial: Any, what: str) -> Any:
        subset = what.split()[-1]
        yield from reversed([(place, logits, Truth(mask)) for place, (logits, mask) in enumerate(images[subset])])

    monkeypatch.setattr(views, "predict", predict)
    monkeypatch.setattr(post_hoc, "WholeImages", lambda files, *_: SimpleNamespace(files=files, by_size=False))
    names = ["common", "rare"]
    settings = {name: field.default for name, (_, field) in POST_HOC.declares().items()}
    return SimpleNamespace(
        fold=SimpleNamespace(**subsets, class_priors=np.array(priors), groups={"head": names[:1], "tail": names[1:]}),
        dataset=SimpleNamespace(classes=names, class_names=names, background_index=0),
        trial=SimpleNamespace(post_hoc="prior", **settings), normalisation=None,
        learner=SimpleNamespace(model=None, device=None),
        folder=SimpleNamespace(file=lambda name: folder / name), said=(said := []), say=said.append,
    )  # fmt: skip


def two_classes(moved: float, priors: list[float]) -> tuple[torch.Tensor, np.ndarray]:
    """As many pixels of each class, at the quantiles of N(-1, 1) and N(1, 1); logits that a prior has moved."""
    quantiles = ndtri((np.arange(2000) + 0.5) / 2000)
    x = torch.from_numpy(np.stack([quantiles - 1, quantiles + 1]))  # (2, 2000): a row of each class
    logits = torch.stack([-x, x]) + moved * torch.tensor(priors).log().view(2, 1, 1)
    return logits, np.repeat([[0], [1]], 2000, axis=1).astype(np.uint8)


@pytest.mark.parametrize("moved", [-0.5, 0.0, 0.75, 1.0])
def test_a_prior_moved_by_a_known_strength_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: float
) -> None:
    priors = [0.9, 0.1]
    images = [two_classes(moved, priors)]
    run = toy(monkeypatch, tmp_path, {"val": images, "test": images}, priors)
    _, result = post_hoc.correct(run)
    assert result["prior/beta"] == moved
    # With equal classes the best threshold is 0: .8413 of each are found, IoU .8413 / 1.1587 = .7261.
    assert result["test/prior/mIoU"] == pytest.approx(0.7261, abs=5e-4)
    assert 0.7256 < result["prior/tail"] < 0.74  # the rare class alone is best a step beside that, by little


def test_ignored_pixels_count_in_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, mask = two_classes(1.0, [0.9, 0.1])
    masked = mask.copy()
    masked[:, ::2] = 255
    nothing = np.full_like(mask, 255)
    run = toy(monkeypatch, tmp_path, {"val": [(logits, masked), (logits, nothing)]}, [0.9, 0.1])
    ways = [*(("prior", beta) for beta in BETAS), ("rank", 0.0)]
    found = post_hoc.count_along(run, "val", ways)
    for way in ways:
        labels = prior(logits[None], class_priors=torch.tensor([0.9, 0.1]), beta=way[1])[0]
        labels = rank(logits[None])[0] if way[0] == "rank" else labels
        expected = collect(["0", "1"], [image_confusion(labels.numpy(), one, 2) for one in (masked, nothing)])
        for name in COUNTS:
            np.testing.assert_array_equal(getattr(found.at(way), name), getattr(expected, name))
        assert found.at(way).confusion.sum() == 2000
        assert (found.at(way).ignored.sum(axis=1) == [2000, 4000]).all()


@pytest.mark.parametrize(
    ("scores", "chosen"),
    [
        ({0.0: (0.5, 0.1), 0.5: (0.6, 0.2), 1.0: (0.4, 0.3)}, {"mIoU": 0.5, "tail": 1.0}),
        ({-0.5: (0.5, 0.1), 0.0: (0.5, 0.1), 0.5: (0.5, 0.1)}, {"mIoU": 0.0, "tail": 0.0}),
        ({-0.5: (0.6, 0.2), 0.0: (0.5, 0.1), 0.5: (0.6, 0.2)}, {"mIoU": 0.5, "tail": 0.5}),
        ({0.0: (0.5, math.nan), 0.5: (0.6, math.nan)}, {"mIoU": 0.5}),
        ({0.0: (0.5, math.nan), 0.5: (0.4, 0.0)}, {"mIoU": 0.0, "tail": 0.5}),
    ],
)
def test_the_choice(scores: dict[float, tuple[float, float]], chosen: dict[str, float]) -> None:
    assert post_hoc.choose({beta: {"mIoU_present": a, "tail_present": b} for beta, (a, b) in scores.items()}) == chosen


def test_a_beta_at_the_end_of_the_grid_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [two_classes(3.0, [0.9, 0.1])]
    run = toy(monkeypatch, tmp_path, {"val": images, "test": images}, [0.9, 0.1])
    post_hoc.correct(run)
    assert run.said[0].startswith("prior, beta 2 (best validation mIoU): mIoU val 0.")
    assert run.said[1] == "prior: beta 2 is the end of the grid -1..2; a better one may lie beyond"
    images = [two_classes(1.0, [0.9, 0.1])]
    run = toy(monkeypatch, tmp_path, {"val": images, "test": images}, [0.9, 0.1])
    post_hoc.correct(run)
    assert not [line for line in run.said if "end of the grid" in line]


def test_post_hoc_csv_holds_the_grid_and_the_test_set_once(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, heard = finished
    rows = table(folder / "post_hoc.csv")
    val = {float(row["beta"]): row for row in rows if row["subset"] == "val"}
    test = {float(row["beta"]): row for row in rows if row["subset"] == "test"}
    assert tuple(val) == BETAS
    chosen = {name: beta for beta, row in val.items() for name in row["chosen_by"].split()}
    assert set(test) == {0.0, *chosen.values()}
    (final,) = heard["final"]
    best = chosen["mIoU"]
    assert final["prior/beta"] == best
    assert (
        final["prior/mIoU"]
        == float(val[best]["mIoU_present"])
        == max(float(row["mIoU_present"]) for row in val.values())
    )
    assert final["test/prior/mIoU"] == float(test[best]["mIoU"])
    assert final["prior/tail_beta"] == chosen["tail"]
    assert final["prior/tail"] == float(val[chosen["tail"]]["tail"])
    assert final["test/prior/tail"] == float(test[chosen["tail"]]["tail"])
    assert {row["method"] for row in rows} == {"prior"}


def test_beta_0_is_the_trial_as_trained(
    data: dict[str, str], finished: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, heard = finished
    plain = train({**data, "post_hoc": "none"}, tmp_path / "plain")
    assert not [file.name for file in (tmp_path / "plain").iterdir() if "prior" in file.name or "hoc" in file.name]
    assert plain["final"][0] == {name: value for name, value in heard["final"][0].items() if "prior/" not in name}
    for name in ALL_COUNTS:
        np.testing.assert_array_equal(
            getattr(load_counts(folder / "counts_test.npz"), name),
            getattr(load_counts(tmp_path / "plain" / "counts_test.npz"), name),
        )
    epochs = table(folder / "epochs.csv")
    best = epochs[json.loads((folder / "status.json").read_text())["best_epoch"] - 1]
    (row,) = [row for row in table(folder / "post_hoc.csv") if row["subset"] == "val" and float(row["beta"]) == 0]
    assert {name: row[name] for name in best if name not in ("epoch", "loss")} == {
        name: value for name, value in best.items() if name not in ("epoch", "loss")
    }


def test_stored_counts_give_the_corrected_scores(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, heard = finished
    for prefix, subset in (("", "val"), ("test/", "test")):
        counts = load_counts(folder / f"counts_{subset}_prior.npz")
        assert np.nanmean(iou(counts)) == pytest.approx(heard["final"][0][f"{prefix}prior/mIoU"])
        by_tail = load_counts(folder / f"counts_{subset}_prior_tail.npz")
        assert iou(by_tail)[1] == pytest.approx(heard["final"][0][f"{prefix}prior/tail"])
        assert list(counts.ids) == list(load_counts(folder / f"counts_{subset}.npz").ids)


@pytest.mark.parametrize("stop", ["val", "test"])
def test_stopped_while_correcting_it_corrects_again(
    data: dict[str, str], finished: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop
) -> None:
    original = post_hoc.count_along

    def killed(run: Any, subset: str, betas: Any) -> Any:
        if subset == stop:
            raise KeyboardInterrupt
        return original(run, subset, betas)

    monkeypatch.setattr(post_hoc, "count_along", killed)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "trial")
    assert json.loads((tmp_path / "trial" / "status.json").read_text())["status"] == "interrupted"
    assert not (tmp_path / "trial" / "post_hoc.csv").exists()
    monkeypatch.setattr(post_hoc, "count_along", original)
    heard = train({**data, "workers": "1"}, tmp_path / "trial")
    assert heard["intermediate"] == []
    assert heard["final"] == finished[1]["final"]
    for name in ("post_hoc.csv", "epochs.csv"):
        assert (tmp_path / "trial" / name).read_bytes() == (finished[0] / name).read_bytes()


def test_a_class_that_validation_lacks_chooses_no_beta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Over all classes .45 and .6, since the absent one drops out where it isn't predicted; over those shown .9 and .6.
    scores = {0.0: {"mIoU": 0.45, "mIoU_present": 0.9}, -0.5: {"mIoU": 0.6, "mIoU_present": 0.6}}
    assert post_hoc.choose(scores) == {"mIoU": 0.0}
    # The rare class is in no image and predicted at one pixel of four; equal priors, so no beta changes anything.
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0]], [[-9.0, -9.0, -9.0, 0.5]]])
    images = [(logits, np.zeros((1, 4), np.uint8))]
    _, result = post_hoc.correct(toy(monkeypatch, tmp_path, {"val": images, "test": images}, [0.5, 0.5]))
    assert (result["prior/beta"], result["prior/mIoU"], result["test/prior/mIoU"]) == (0.0, 0.75, 0.375)


def test_a_tail_class_that_validation_lacks_chooses_no_beta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [two_classes(1.0, [0.9, 0.1])]
    only_common = [(images[0][0], np.zeros_like(images[0][1]))]
    run = toy(monkeypatch, tmp_path, {"val": only_common, "test": images}, [0.9, 0.1])
    _, result = post_hoc.correct(run)
    assert not [name for name in result if "tail" in name]
    assert not (tmp_path / "counts_test_prior_tail.npz").exists()


def test_rank_comes_beside_prior(data: dict[str, str], finished: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    heard = train({**data, "post_hoc": "rank"}, tmp_path / "trial")
    rows = table(tmp_path / "trial" / "post_hoc.csv")
    ranked = {row["subset"]: row for row in rows if row["method"] == "rank"}
    assert [row for row in rows if row["method"] == "prior"] == table(finished[0] / "post_hoc.csv")
    (final,) = heard["final"]
    assert final["rank/mIoU"] == float(ranked["val"]["mIoU_present"])
    assert final["test/rank/tail"] == float(ranked["test"]["tail"])
    assert ranked["val"]["beta"] == ranked["val"]["chosen_by"] == ""
    assert {name: value for name, value in final.items() if "rank/" not in name} == finished[1]["final"][0]
