"""A value of each loss, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from imbseg.losses import LOSSES
from imbseg.losses.components import cc_dice, component_dice, nearest_component
from imbseg.losses.compound import FOCAL_SHARE, dice_focal, unified_focal
from imbseg.losses.cross_entropy import cross_entropy, logit_adjusted, logit_variation, ohem, size_balanced
from imbseg.losses.focal import focal, softmax_focal
from imbseg.losses.overlap import dice, jaccard_metric, lovasz, tversky

# Three labelled pixels of two classes; class 1 has the probabilities 3/4, 1/2, 3/4 and is true of the first.
LOGITS = torch.tensor([[[[0.0, 0.0], [0.0, 0.0]], [[math.log(3), 0.0], [math.log(3), 9.0]]]])
TARGET = torch.tensor([[[1, 0], [0, 255]]])
# Class 1: TP 3/4, FN 1/4, FP 1/2 + 3/4 = 5/4. Class 0: TP 1/2 + 1/4 = 3/4, FN 5/4, FP 1/4.
WEIGHTS = torch.tensor([1.0, 3.0])
RARE_ONE = torch.tensor([0.75, 0.25])


def test_cross_entropy_by_hand() -> None:
    # Two classes, 2 x 2 pixels: logits (0, log 3) give class 1 the probability 3/4, equal logits 1/2.
    logits = torch.tensor([[[[0.0, 0.0], [0.0, 0.0]], [[math.log(3), 0.0], [math.log(3), 9.0]]]])
    target = torch.tensor([[[1, 0], [0, 255]]])
    plain = (-math.log(3 / 4) - math.log(1 / 2) - math.log(1 / 4)) / 3
    assert cross_entropy(logits, target, class_weights=None).item() == pytest.approx(plain, rel=1e-6)
    weighted = (3 * -math.log(3 / 4) - math.log(1 / 2) - math.log(1 / 4)) / (3 + 1 + 1)
    found = cross_entropy(logits, target, class_weights=torch.tensor([1.0, 3.0])).item()
    assert found == pytest.approx(weighted, rel=1e-6)


def test_focal_by_hand() -> None:
    # One labelled pixel of class 1, both logits 0: p = 1/2 for each class, (1/2)^2 * log 2 for each, summed.
    logits, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])
    assert focal(logits, target, class_weights=None, gamma=2.0, alpha=None).item() == pytest.approx(0.5 * math.log(2))
    # alpha weighs the positive class .25 and the negative .75: the sum of both halves is half the sum above.
    found = focal(logits, target, class_weights=None, gamma=2.0, alpha=0.25).item()
    assert found == pytest.approx(0.25 * math.log(2))
    weighted = focal(logits, target, class_weights=WEIGHTS, gamma=2.0, alpha=None).item()
    assert weighted == pytest.approx((1 + 3) / 4 * math.log(2))
    # gamma 0 is the binary cross-entropy of every class.
    assert focal(logits, target, class_weights=None, gamma=0.0, alpha=None).item() == pytest.approx(2 * math.log(2))


def test_softmax_focal_by_hand() -> None:
    # softmax 1/2 each: |y - softmax|^2 = 1/4 for both classes, binary cross-entropy of logit 0 is log 2.
    logits, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])
    found = softmax_focal(logits, target, class_weights=None, gamma=2.0).item()
    assert found == pytest.approx(0.5 * math.log(2))
    linear = softmax_focal(logits, target, class_weights=None, gamma=1.0).item()
    assert linear == pytest.approx(math.log(2))  # 1/2 of each
    weighted = softmax_focal(logits, target, class_weights=torch.tensor([1.0, 3.0]), gamma=2.0).item()
    assert weighted == pytest.approx(math.log(2))


def test_dice_by_hand() -> None:
    score = 3 / 4 / (3 / 4 + (1 / 4 + 5 / 4) / 2)  # of both classes
    assert dice(LOGITS, TARGET, class_weights=None).item() == pytest.approx(1 - score)
    # With class 1 true of the second pixel, too: TP 5/4, FN 3/4, FP 3/4 of it, and 1/4, 3/4, 3/4 of class 0.
    found = dice(LOGITS, torch.tensor([[[1, 1], [0, 255]]]), class_weights=WEIGHTS).item()
    assert found == pytest.approx(1 - (1 / 4 + 3 * 5 / 8) / 4)
    # One class there, predicted with 3/4: Dice (3/4) / (3/4 + 1/8) = 6/7, and class 0 isn't in the mean.
    only = torch.tensor([[[1, 255], [255, 255]]])
    assert dice(LOGITS, only, class_weights=None).item() == pytest.approx(1 / 7)


def test_tversky_by_hand() -> None:
    common = 3 / 4 / (3 / 4 + 0.3 * 1 / 4 + 0.7 * 5 / 4)
    rare = 3 / 4 / (3 / 4 + 0.3 * 5 / 4 + 0.7 * 1 / 4)
    found = tversky(LOGITS, TARGET, class_weights=None, beta=0.7).item()
    assert found == pytest.approx(1 - (common + rare) / 2)
    found = tversky(LOGITS, TARGET, class_weights=WEIGHTS, beta=0.7).item()
    assert found == pytest.approx(1 - (common + 3 * rare) / 4)
    half = tversky(LOGITS, TARGET, class_weights=None, beta=0.5)
    torch.testing.assert_close(half, dice(LOGITS, TARGET, class_weights=None))


def test_jaccard_metric_by_hand() -> None:
    # |x| + |y| and |x - y| of class 1: 2 + 1 and 3/2; of class 0: 1 + 2 and 3/2.
    assert jaccard_metric(LOGITS, TARGET, class_weights=None).item() == pytest.approx(1 - (3 - 1.5) / (3 + 1.5))
    # With class 1 true of the second pixel, too: TP 5/4, FN 3/4, FP 3/4 of it, and 1/4, 3/4, 3/4 of class 0.
    found = jaccard_metric(LOGITS, torch.tensor([[[1, 1], [0, 255]]]), class_weights=WEIGHTS).item()
    assert found == pytest.approx(1 - (1 / 7 + 3 * 5 / 11) / 4)


def test_lovasz_by_hand() -> None:
    # Errors of class 1, sorted: 3/4 (no), 1/2 (no), 1/4 (yes); 1 - IoU after each: 1/2, 2/3, 1.
    one = 3 / 4 * 1 / 2 + 1 / 2 * (2 / 3 - 1 / 2) + 1 / 4 * (1 - 2 / 3)
    # Of class 0: 3/4 (yes), 1/2 (yes), 1/4 (no); 1/2, 1, 1.
    zero = 3 / 4 * 1 / 2 + 1 / 2 * 1 / 2
    assert lovasz(LOGITS, TARGET).item() == pytest.approx((one + zero) / 2)


def test_dice_focal_is_the_sum_of_both() -> None:
    # Equal logits at one pixel of class 1: Dice (1/2) / (1/2 + 1/4) = 2/3; focal as above.
    logits, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])
    found = dice_focal(logits, target, class_weights=None, gamma=2.0, alpha=None).item()
    assert found == pytest.approx(1 / 3 + 0.5 * math.log(2))
    target = torch.tensor([[[1, 1], [0, 255]]])
    found = dice_focal(LOGITS, target, class_weights=WEIGHTS, gamma=1.0, alpha=0.25)
    parts = (
        dice(LOGITS, target, class_weights=WEIGHTS),
        focal(LOGITS, target, class_weights=WEIGHTS, gamma=1, alpha=0.25),
    )
    torch.testing.assert_close(found, sum(parts))


def test_unified_focal_by_hand() -> None:
    # delta .6, g .5. Pixels: the rare one .6 * -log 3/4; the common ones .4 (1 - p)^.5 * -log p with p = 1/2, 1/4.
    pixels = 0.6 * math.log(4 / 3) + 0.4 * (0.5**0.5 * math.log(2) + 0.75**0.5 * math.log(4))
    rare = 1 - 3 / 4 / (3 / 4 + 0.6 * 1 / 4 + 0.4 * 5 / 4)
    common = 1 - 3 / 4 / (3 / 4 + 0.6 * 5 / 4 + 0.4 * 1 / 4)
    by_hand = FOCAL_SHARE * pixels / 3 + (1 - FOCAL_SHARE) * (rare**0.5 + common) / 2
    found = unified_focal(LOGITS, TARGET, class_priors=RARE_ONE, delta=0.6, unified_gamma=0.5).item()
    assert found == pytest.approx(by_hand, rel=1e-6)


def test_one_labelled_pixel_and_equal_shares() -> None:
    # Both classes common: .4 (1/2)^.5 log 2; of class 1 TP 1/2 and FN 1/2, so 1 - m = .3 / (.5 + .3).
    logits, target, alike = torch.zeros(1, 2, 1, 1), torch.tensor([[[1]]]), torch.tensor([0.5, 0.5])
    found = unified_focal(logits, target, class_priors=alike, delta=0.6, unified_gamma=0.5).item()
    assert found == pytest.approx(FOCAL_SHARE * 0.4 * 0.5**0.5 * math.log(2) + (1 - FOCAL_SHARE) * 0.375)
    whole = size_balanced(logits, target, object_area=torch.ones(1, 1, 1), size_bound=5.0)
    assert whole.item() == pytest.approx(math.log(2))
    assert dice(logits, torch.tensor([[[255]]]), class_weights=None).item() == 0


def test_logit_adjusted_by_hand() -> None:
    # log 3 is taken off class 1 against class 0: its odds 3, 1, 3 become 1, 1/3, 1.
    found = logit_adjusted(LOGITS, TARGET, class_priors=RARE_ONE, tau=1.0).item()
    assert found == pytest.approx((math.log(2) + math.log(4 / 3) + math.log(2)) / 3, rel=1e-6)
    plain = logit_adjusted(LOGITS, TARGET, class_priors=RARE_ONE, tau=0.0)
    torch.testing.assert_close(plain, cross_entropy(LOGITS, TARGET, class_weights=None))


def test_logit_adjusted_pushes_down_a_class_that_the_fold_lacks() -> None:
    logits = torch.zeros(1, 3, 1, 1, requires_grad=True)
    priors = torch.tensor([0.75, 0.25, 0.0])
    logit_adjusted(logits, torch.zeros(1, 1, 1, dtype=torch.int64), class_priors=priors, tau=1.0).backward()
    assert logits.grad[0, :, 0, 0].tolist() == pytest.approx([0.75 / 2 - 1, 0.25 / 2, 1 / 2])


def test_ohem_by_hand() -> None:
    # Cross-entropies log 4/3, log 2, log 4.
    kept = {1 / 3: math.log(4), 2 / 3: (math.log(4) + math.log(2)) / 2}
    for share, value in kept.items():
        found = ohem(LOGITS, TARGET, class_weights=None, ohem_share=share, ohem_min=1).item()
        assert found == pytest.approx(value, rel=1e-6)
    for least in (3, 100):  # at least three, or all there are
        found = ohem(LOGITS, TARGET, class_weights=WEIGHTS, ohem_share=0.1, ohem_min=least)
        torch.testing.assert_close(found, cross_entropy(LOGITS, TARGET, class_weights=WEIGHTS))
    tied = ohem(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]]), class_weights=WEIGHTS, ohem_share=0.5, ohem_min=1)
    assert tied.item() == pytest.approx(math.log(2))


def test_size_balanced_by_hand() -> None:
    # Areas 1/4, 1 and 1/100: the weights 2, 1 and 10, bounded at 5; cross-entropies log 4/3, log 2, log 4.
    area = torch.tensor([[[0.25, 1.0], [0.01, 1e-9]]])
    found = size_balanced(LOGITS, TARGET, object_area=area, size_bound=5.0).item()
    assert found == pytest.approx((2 * math.log(4 / 3) + math.log(2) + 5 * math.log(4)) / (2 + 1 + 5), rel=1e-6)
    plain = size_balanced(LOGITS, TARGET, object_area=area, size_bound=1.0)
    torch.testing.assert_close(plain, cross_entropy(LOGITS, TARGET, class_weights=None))


def test_logit_variation_by_hand() -> None:
    # A huge deviation is clipped to 1: log 2 / log 4 = 1/2 joins the logits of the common class, 1 those of the rare.
    priors = torch.tensor([0.5, 0.25])
    moved = LOGITS + torch.tensor([0.5, 1.0]).view(1, 2, 1, 1)
    found = logit_variation(LOGITS, TARGET, class_priors=priors, variation_sigma=1e9)
    torch.testing.assert_close(found, cross_entropy(moved, TARGET, class_weights=None))
    plain = logit_variation(LOGITS, TARGET, class_priors=priors, variation_sigma=0.0)
    torch.testing.assert_close(plain, cross_entropy(LOGITS, TARGET, class_weights=None))
    # Both rare by less than e: still the rarer gets 1, the other log 2 / log 2.5.
    near = logit_variation(LOGITS, TARGET, class_priors=torch.tensor([0.5, 0.4]), variation_sigma=1e9)
    moved = LOGITS + torch.tensor([math.log(2) / math.log(2.5), 1.0]).view(1, 2, 1, 1)
    torch.testing.assert_close(near, cross_entropy(moved, TARGET, class_weights=None))
    logits, target = LOGITS[:, :, :1], TARGET[:, :1]  # class after class, one draw a labelled pixel
    torch.manual_seed(3)
    noise = (0.5 * torch.randn(4)).clamp(-1, 1).abs().view(1, 2, 1, 2) * torch.tensor([0.5, 1.0]).view(1, 2, 1, 1)
    torch.manual_seed(3)
    drawn = logit_variation(logits, target, class_priors=priors, variation_sigma=0.5)
    torch.testing.assert_close(drawn, cross_entropy(logits + noise, target, class_weights=None))
    # A class that the fold lacks varies as the rarest; a fold of one class varies nothing.
    lacking = logit_variation(LOGITS, TARGET, class_priors=torch.tensor([0.5, 0.0]), variation_sigma=1e9)
    torch.testing.assert_close(lacking, cross_entropy(LOGITS, TARGET, class_weights=None))
    alone = logit_variation(LOGITS, TARGET, class_priors=torch.tensor([1.0, 0.0]), variation_sigma=1e9)
    torch.testing.assert_close(alone, cross_entropy(LOGITS, TARGET, class_weights=None))


def test_logit_variation_draws_from_torchs_generator() -> None:
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws += [logit_variation(LOGITS, TARGET, class_priors=RARE_ONE, variation_sigma=0.5).item() for _ in range(2)]
    assert draws[:2] == draws[2:4]
    assert len(set(draws)) == 4


def test_focal_with_ignored_pixels_and_a_broken_gamma() -> None:
    logits = torch.randn(1, 2, 1, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    for loss in (focal, softmax_focal):
        more = {"alpha": None} if loss is focal else {}
        loss(logits, torch.tensor([[[1, 255]]]), class_weights=None, gamma=1.5, **more).backward()
    assert torch.isfinite(logits.grad).all()


def test_every_loss_has_its_value_by_hand() -> None:
    named = {name.removeprefix("test_").partition("_by_hand")[0] for name in globals() if "_by_hand" in name}
    assert set(LOSSES) - {"weighted_cross_entropy", "dice_focal"} <= named


def test_cc_dice_by_hand() -> None:
    # A row of 8 pixels, class 1 at both ends: what lies nearer to the left end is its region, pixels 0 to 3.
    p = torch.tensor([0.5, 0.25, 1e-9, 1e-9, 1e-9, 1e-9, 1e-9, 1 - 1e-9], dtype=torch.float64)
    logits = torch.stack([1 - p, p]).log().view(1, 2, 1, 8)
    target = torch.tensor([[[1, 0, 0, 0, 0, 0, 0, 1]]])
    # Class 1: 2 * 1/2 / (3/4 + 1) on the left, 1 on the right; class 0, one component: 2 * 5.75 / (6.25 + 6).
    of_one, of_zero = ((1 - 1 / 1.75) + 0) / 2, 1 - 11.5 / 12.25
    assert component_dice(logits, target).item() == pytest.approx((of_one + of_zero) / 2)
    plain = cross_entropy(logits, target, class_weights=None)
    assert cc_dice(logits, target, class_weights=None).item() == pytest.approx((plain + (of_one + of_zero) / 2).item())
    # The pixel that was missed in half is ignored: the component is gone, the right one has the whole row.
    target[0, 0, 0] = 255
    assert component_dice(logits, target).item() == pytest.approx(((1 - 2 / 2.25) + (1 - 11.5 / 11.75)) / 2)


def test_each_component_of_a_class_counts_alike_whatever_its_size() -> None:
    found = torch.zeros(1, 2, 6, 12, dtype=torch.float64)
    target = torch.zeros(1, 6, 12, dtype=torch.int64)
    target[0, :, :5], target[0, 2, 10] = 1, 1  # 30 pixels, and one
    found[0, 1][target[0] == 1] = 40
    found[0, 0][target[0] == 0] = 40
    assert component_dice(found, target).item() == pytest.approx(0, abs=1e-9)
    found[0, :, 2, 10] = torch.tensor(
        [40.0, 0.0]
    )  # the small one missed: half of its class, and 1/42 too much of the other
    assert component_dice(found, target).item() == pytest.approx((1 / 2 + 1 - 2 * 41 / 83) / 2)


def test_pixels_go_to_the_nearest_component_diagonal_neighbours_joined() -> None:
    mask = np.zeros((3, 9), bool)
    mask[0, 0] = mask[1, 1] = mask[1, 8] = True
    assert nearest_component(mask)[1].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
