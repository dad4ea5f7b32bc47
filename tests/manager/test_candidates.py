"""Which trials a diagnosis asks for, in which order, out of which menus."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from imbseg.manager import candidates
from imbseg.manager.candidates import BASELINE, FEWEST, MOST, PLAIN, Candidate
from imbseg.meta.read import Meta


def case(
    rare_by: dict[str, str], *, empty: int = 0, background: bool = True, shares: tuple[float, ...] = ()
) -> tuple[Meta, Any]:
    """Meta of 10 train images and a data set: what each class is rare by, and how many images show nothing."""
    classes = [*(["ground"] if background else []), *rare_by]
    shown = dict.fromkeys(rare_by, 10 - empty)
    table = pd.DataFrame(
        {
            "class": classes,
            "images": 10,
            "objects": 10,
            "pixels": 100,
            "image_share": [*([1.0] if background else []), *(shares or [0.5] * len(rare_by))],
            "object_size": 0.001,
            "rare_by": [*([""] if background else []), *rare_by.values()],
        }
    )
    images = pd.DataFrame({"subset": ["train"] * 10})
    for name in classes:
        images[f"pixels:{name}"] = [int(row < shown.get(name, 10)) for row in range(10)]
    dataset = SimpleNamespace(background="ground" if background else None, class_names=tuple(classes))
    return Meta(Path("nowhere"), images, table, {}, ""), dataset


def labels(found: list[Candidate]) -> list[str]:
    return [one.label for one in found]


MENUS = {
    "SAMPLING": ("none", "x2", "label", "cluster", "repeat_factor", "positive"),
    "COPY_PASTE": ("none",),
    "LOSSES": ("cross_entropy", "weighted_cross_entropy", "lovasz", "logit_adjusted", "softmax_focal", "ohem", "dice",
               "tversky"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _menus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, choices in MENUS.items():
        monkeypatch.setattr(candidates, name, dict.fromkeys(choices, ""))


@pytest.mark.parametrize(
    ("rare_by", "empty", "expected"),
    [
        # nothing is rare: what often helps anyway
        ({"a": "", "b": ""}, 0, ["weighted_cross_entropy", "cross_entropy+lovasz", "softmax_focal", "label"]),
        # of images only: draw; one loss of the usual ones fills up
        ({"a": "images", "b": ""}, 0, ["repeat_factor", "cluster", "weighted_cross_entropy", "cross_entropy+lovasz"]),
        ({"a": "pixels", "b": ""}, 0, ["weighted_cross_entropy", "logit_adjusted", "cross_entropy+lovasz"]),
        ({"a": "size", "b": ""}, 0, ["cross_entropy+lovasz", "ohem"]),
        # half of the images empty
        ({"a": "", "b": ""}, 5, ["positive", "cross_entropy+dice", "positive+", "cross_entropy+tversky"]),
        # binary, cracks in few images: `positive` draws them already
        ({"a": "images pixels"}, 5, ["positive", "weighted_cross_entropy", "positive+", "cross_entropy+dice"]),
    ],
)
def test_each_trouble_brings_its_remedies(rare_by: dict[str, str], empty: int, expected: list[str]) -> None:
    found = candidates.candidates(*case(rare_by, empty=empty))
    assert found[:2] == [BASELINE, PLAIN]
    said = [
        one.loss if one.sampling == "x2" else one.sampling + ("+" if one.loss != "cross_entropy" else "")
        for one in found[2:]
    ]
    assert said[: len(expected)] == expected


def test_the_first_of_each_trouble_comes_before_the_second_of_any_and_then_both_together() -> None:
    found = candidates.candidates(*case({"a": "images", "b": "pixels", "c": "pixels", "d": "size"}))
    assert labels(found)[2:6] == [
        "x2, weighted_cross_entropy",  # more classes are rare by pixels than by images
        "repeat_factor, cross_entropy",
        "x2, cross_entropy+lovasz",
        "repeat_factor, weighted_cross_entropy",
    ]


@pytest.mark.parametrize("rare_by", [{"a": ""}, {"a": "images pixels size", "b": "images", "c": "size pixels"}])
@pytest.mark.parametrize("empty", [0, 6])
def test_six_to_ten_different_trials_each_with_its_reason(rare_by: dict[str, str], empty: int) -> None:
    found = candidates.candidates(*case(rare_by, empty=empty))
    assert FEWEST <= len(found) <= MOST
    assert len(set(labels(found))) == len(found)
    assert all(one.reason for one in found)
    assert [one.sampling for one in found].count("none") == 1  # all others take the same steps


def test_repeat_factor_acts_on_classes_below_the_median_share() -> None:
    found = candidates.candidates(*case({"a": "images", "b": "", "c": ""}, shares=(0.1, 0.62, 0.9)))
    (drawn,) = [one for one in found if one.label == "repeat_factor, cross_entropy"]
    assert drawn.parameters == {"repeat_threshold": 0.62}


def test_a_remedy_that_joins_a_menu_joins_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    given = case({"a": "images", "b": "size"})
    before = labels(candidates.candidates(*given))
    assert not {"x2, rare, cross_entropy", "rare_class, cross_entropy", "x2, size_balanced"} & set(before)
    for menu, name in (("SAMPLING", "rare_class"), ("COPY_PASTE", "rare"), ("LOSSES", "size_balanced")):
        monkeypatch.setattr(candidates, menu, {**getattr(candidates, menu), name: ""})
    after = labels(candidates.candidates(*given))
    assert after[2:4] == ["rare_class, cross_entropy", "x2, size_balanced"]
    assert "x2, rare, cross_entropy" in after


def test_what_is_sampled() -> None:
    one = Candidate("ohem", sampling="repeat_factor", parameters={"repeat_threshold": 0.2})
    assert one.sampled("mskf", 3) == {
        "seed": 3,
        "strategy": {"_name": "full/mskf/repeat_factor/none", "repeat_threshold": 0.2, "loss": "ohem"},
    }
