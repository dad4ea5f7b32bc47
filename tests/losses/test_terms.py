from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imbseg.errors import InputError
from imbseg.losses import LOSSES, terms
from imbseg.losses.cross_entropy import cross_entropy
from imbseg.losses.overlap import dice, tversky

SOURCE = Path(__file__).resolve().parents[2] / "src"


def test_terms_are_read() -> None:
    assert terms.parse_terms("focal") == (("focal", 1.0),)
    assert terms.parse_terms(".25*dice+2*focal+1e-3*lovasz") == (("dice", 0.25), ("focal", 2.0), ("lovasz", 0.001))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dice+nosuch", f"unknown loss 'nosuch'; choose from: {', '.join(LOSSES)}"),
        ("dise", r"did you mean 'dice'\?"),
        ("", "unknown loss ''; choose from"),
        ("dice+", "unknown loss ''; choose from"),
        ("dice + focal", "unknown loss 'dice '"),
        ("dice*0.5", r"unknown loss '0.5'"),
        ("dice-focal", "unknown loss 'dice-focal'"),
        ("dice+2*dice", "'dice' stands twice"),
        ("0*dice", r"expected a weight > 0 before '\*dice', such as 0.5\*dice, found '0'"),
        ("-1*dice", "found '-1'"),
        ("nan*dice", "found 'nan'"),
        ("inf*dice", "found 'inf'"),
        ("1e999*dice", "found '1e999'"),
        ("1_0*dice", "found '1_0'"),
        ("*dice", "found ''"),
        ("2*3*dice", r"found '2\*3'"),
    ],
)
def test_bad_terms_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        terms.parse_terms(text)


def test_arguments_and_weights_of_a_sum() -> None:
    assert terms.arguments("lovasz") == set()
    assert terms.arguments("lovasz+0.5*focal") == {"class_weights", "gamma", "alpha"}
    assert terms.arguments("weighted_cross_entropy") == {"class_weights"}
    assert terms.settings("cross_entropy+0.5*weighted_cross_entropy") == {"class_weights": "inverse_sqrt"}
    assert terms.settings("cross_entropy+dice") == {"class_weights": None}


def test_a_sum_weighs_its_terms_and_gives_each_what_it_takes() -> None:
    logits = torch.tensor([[[[0.0, 1.0]], [[2.0, 0.5]]]])
    target, weights = torch.tensor([[[0, 1]]]), torch.tensor([1.0, 3.0])
    given = {"class_weights": weights, "beta": 0.7}
    found = terms.build("cross_entropy+0.5*dice+2*tversky", given)(logits, target, {})
    by_hand = (
        cross_entropy(logits, target, class_weights=weights)
        + 0.5 * dice(logits, target, class_weights=weights)
        + 2 * tversky(logits, target, class_weights=weights, beta=0.7)
    )
    torch.testing.assert_close(found, by_hand)


def test_reading_terms_needs_no_torch() -> None:
    code = ("import sys; from imbseg.losses import terms; terms.arguments('dice+0.5*unified_focal'); "
            "sys.exit('torch' in sys.modules)")  # fmt: skip
    subprocess.run([sys.executable, "-c", code], check=True, cwd=SOURCE)
