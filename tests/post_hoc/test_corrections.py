"""Corrections: what every entry of the menu keeps, and the prior's numbers worked by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imbseg import declared
from imbseg.checks import CheckFailed, check_post_hoc
from imbseg.errors import InputError
from imbseg.post_hoc import POST_HOC, PRODUCTS, factors, grid, is_view, passes, steps
from imbseg.post_hoc.logits import flip, larger, log_priors, prior, tau_norm
from imbseg.post_hoc.rank import best_ratios, rank

PRIORS = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)


NORMS, BIAS = torch.tensor([4.0, 1.0, 1.0]), torch.tensor([1.0, 0.0, 0.0])


def random_logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", [name for name in POST_HOC if not is_view(name)])
def test_every_correction(name: str) -> None:
    check_post_hoc(name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda logits: logits.argmax(dim=1)[:, :2], "gives one label a pixel: expected labels of shape"),
        (lambda logits: logits.argmax(dim=1).int(), "expected int64 labels"),
        (lambda logits: logits.argmax(dim=1) + 1, r"expected classes 0\.\.2"),
        (lambda logits: (logits - logits.mean(dim=0)).argmax(dim=1), "whatever stands beside it"),
        (lambda logits: logits.mul_(-1).argmax(dim=1), "untouched logits"),
        (lambda logits, power: (logits * (power - 1)).argmax(dim=1), "decodes as trained at 0: expected"),
    ],
)
def test_the_checks_refuse_a_wrong_correction(wrong: Any, message: str) -> None:
    with pytest.raises(CheckFailed, match=message):
        check_post_hoc(wrong)


def test_a_setting_is_checked_at_its_least_value_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, source_of = tmp_path / "cutting.py", declared.source_of
    file.write_text(
        "from typing import Annotated\nfrom pydantic import Field\n"
        "def cut(logits, window: Annotated[int, Field(3, ge=1, description='window')]):\n"
        "    return logits.argmax(dim=1) + 9 * (window == 1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(declared, "source_of", lambda name: file if name == "cutting" else source_of(name))
    monkeypatch.setitem(POST_HOC, "cut", "cutting:cut")
    with pytest.raises(CheckFailed, match=r"expected classes 0\.\.2"):
        check_post_hoc("cut")
    check_post_hoc("cut", window=2)


@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        # logits 2, 1, 0; log priors ln .7 = -.357, ln .2 = -1.609, ln .1 = -2.303
        (0.0, 0),
        (0.75, 0),  # 2.268, 2.207, 1.727
        (0.85, 1),  # 2.303, 2.368, 1.957
        (1.4, 1),  # 2.499, 3.253, 3.224
        (1.5, 2),  # 2.535, 3.414, 3.454
        (-1.0, 0),  # 1.643, -0.609, -2.303
    ],
)
def test_the_prior_by_hand(beta: float, expected: int) -> None:
    logits = torch.tensor([2.0, 1.0, 0.0]).view(1, 3, 1, 1)
    assert prior(logits, class_priors=PRIORS, beta=beta).item() == expected


def test_beta_1_decodes_as_if_all_classes_were_equally_frequent() -> None:
    # Bayes: p(class | x) is likelihood x prior. Likelihoods .2, .3, .1 with priors .7, .2, .1 give .14, .06, .01.
    likelihood = torch.tensor([0.2, 0.3, 0.1], dtype=torch.float64)
    logits = (likelihood * PRIORS).log().view(1, 3, 1, 1)
    assert prior(logits, class_priors=PRIORS, beta=0.0).item() == 0
    assert prior(logits, class_priors=PRIORS, beta=1.0).item() == 1


def test_a_class_absent_from_the_train_fold_moves_with_the_rarest_seen() -> None:
    shifts = log_priors(torch.tensor([0.9, 0.0, 0.1]))
    assert shifts.tolist() == pytest.approx([math.log(0.9), math.log(0.1), math.log(0.1)])
    assert log_priors(torch.zeros(2)).tolist() == [0.0, 0.0]


def test_ratios_are_the_best_of_every_number_of_pixels() -> None:
    p = random_logits(5, 400).mul(3).sigmoid().double()
    p[3] /= 50  # a class that is nowhere likely
    p[4] = 0
    kept = p.sort(dim=1, descending=True).values.cumsum(dim=1)
    tried = kept / (torch.arange(1, 401) + p.sum(dim=1, keepdim=True) - kept)
    torch.testing.assert_close(best_ratios(p), tried.max(dim=1).values)


@pytest.mark.parametrize(
    ("rare", "wins"),
    [
        # 20 of 1000 pixels at p, the others at .001: M = 20 p + .98; the best ratio is 20 p / (20 + .98): .429, .095,
        # or, where p doesn't stand out, 1 / 1000 of it all. Both classes ask for what lies above ratio / (1 + ratio),
        # .3 and .087. Sure of none of it, the rare one gains p / (M + 1 - p) a pixel, the common one 1 / hundreds.
        (0.45, True),
        (0.1, True),
        (0.001, False),
    ],
)
def test_a_rare_class_nowhere_likelier_than_not_is_found_by_rank(rare: float, wins: bool) -> None:
    p = torch.full((1, 2, 20, 50), 0.001)
    p[0, 1, :, :1] = rare  # a column of 20
    p[0, 0] = 1 - p[0, 1]
    labels = rank(p.log())[0]
    assert not prior(p.log(), class_priors=PRIORS[:2], beta=0.0).any()
    assert not labels[:, 1:].any()
    assert bool(labels[:, 0].all()) is wins


def by_definition(p: np.ndarray) -> np.ndarray:
    """`rank` of probabilities (classes, height, width), pixel after pixel."""
    seen = p[:, ::2, ::2].reshape(len(p), -1)
    total, kept = seen.sum(axis=1), (-np.sort(-seen, axis=1)).cumsum(axis=1)
    tried = kept / (np.arange(1, seen.shape[1] + 1) + total[:, None] - kept)
    threshold = tried.max(axis=1) / (1 + tried.max(axis=1))
    asked = seen > threshold[:, None]
    sole = asked & (asked.sum(axis=0) == 1)
    scale = p[0].size / seen.shape[1]
    inside = scale * (seen * sole).sum(axis=1)
    union = scale * (sole.sum(axis=1) + total) - inside
    labels = np.zeros(p.shape[1:], int)
    for y, x in np.ndindex(*labels.shape):
        one = p[:, y, x]
        asking = one > threshold if (one > threshold).any() else np.full(len(p), True)
        gain = (inside + one) / (union + 1 - one) - inside / union
        labels[y, x] = np.where(asking, gain, -np.inf).argmax()
    return labels


@pytest.mark.parametrize("shape", [(3, 7, 10), (5, 12, 9), (2, 1, 6)])
@pytest.mark.parametrize("sharpness", [0.5, 2.0])
def test_rank_pixel_after_pixel(shape: tuple[int, int, int], sharpness: float) -> None:
    for seed in range(5):
        logits = sharpness * random_logits(1, *shape, seed=seed)
        logits[:, 0] += 1  # a common class
        labels = rank(logits)[0].numpy()
        np.testing.assert_array_equal(labels, by_definition(logits.double().softmax(dim=1)[0].numpy()))
        assert len(np.unique(labels)) > 1


def test_rank_leaves_sure_pixels_alone_and_takes_the_smallest_images() -> None:
    logits = 20 * torch.nn.functional.one_hot(torch.tensor([[[0, 1], [2, 1]]]), 3).permute(0, 3, 1, 2).float()
    np.testing.assert_array_equal(rank(logits), [[[0, 1], [2, 1]]])
    assert rank(torch.tensor([0.0, 1.0, -1.0]).view(1, 3, 1, 1)).tolist() == [[[1]]]


def test_what_a_setting_asks_for() -> None:
    for text, twice in (("prior+rank+prior", "prior"), ("none+rank+none", "none")):
        with pytest.raises(InputError, match=rf"^post_hoc: '{twice}' stands twice in .*; name it once$"):
            steps(text)
    with pytest.raises(InputError, match=r"unknown correction 'pror' \(did you mean 'prior'\?\)"):
        steps("pror")
    assert steps("none+rank") == ("prior", "rank")


def test_the_grid_holds_0_and_goes_both_ways() -> None:
    betas = grid("prior")[1]
    assert 0.0 in betas
    assert min(betas) < 0 < max(betas)
    assert len(set(betas)) == len(betas)


def test_tau_norm_by_hand() -> None:
    # weights of lengths 4, 1, 1 (mean 2), biases 1, 0, 0: logits 5, 3, -2 are 4 + 1, 3, -2
    logits = torch.tensor([5.0, 3.0, -2.0]).view(1, 3, 1, 1)
    found = [
        tau_norm(logits, class_norms=NORMS, class_bias=BIAS, tau=tau).item() for tau in (0.0, 0.25, 1.0)
    ]  # tau 1/4: 4 / 2^.25 + 1 = 4.36 against 3 * 2^.25 = 3.57; tau 1: 4 / 2 + 1 = 3 against 3 * 2 = 6
    assert found == [0, 0, 1]
    assert tau_norm(logits, class_norms=NORMS, class_bias=BIAS, tau=0.5).item() == 1  # 3.83 against 4.24


def test_views_give_logits() -> None:
    logits = torch.tensor([0.9, 0.1]).log().view(1, 2, 1, 1)
    mirrored = torch.tensor([0.2, 0.8]).log().view(1, 2, 1, 1)
    assert flip(logits, mirrored=mirrored).exp().flatten().tolist() == pytest.approx([0.55, 0.45])
    assert torch.equal(larger(logits, enlarged=mirrored), mirrored)


def test_products_join_a_view_and_a_correction() -> None:
    assert steps("prior+flip+prior*flip") == ("prior", "flip", "prior*flip")
    assert (factors("tau_norm*larger"), grid("tau_norm*larger")[0]) == (("larger", "tau_norm"), "tau")
    assert [passes(name) for name in ("prior", "flip", "prior*flip", "larger")] == [0, 1, 1, 2.25]
    assert {"prior*flip", "rank*larger", "tau_norm*flip"} < set(PRODUCTS)
    for text in ("prior*rank", "flip*larger", "none*flip", "prior*flip*larger"):
        with pytest.raises(InputError, match="a product joins a correction and one of flip, larger, as prior"):
            steps(text)
    with pytest.raises(InputError, match="unknown correction 'flop'"):
        steps("prior*flop")
