from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as any_of
from hypothesis import settings
from hypothesis import strategies as st
from published_tables import PIXEL_COUNTS
from sklearn.model_selection import StratifiedKFold

from imbseg.errors import InputError
from imbseg.menu import arguments, choose
from imbseg.splits import SPLITS
from imbseg.splits.simple import given, random
from imbseg.splits.stratified import mskf, skf_cluster, skf_major

KNOWN = {"n_images", "major_class", "cluster", "group", "presence", "pixel_counts", "subset", "folds", "seed"}
SEEDED = [name for name in SPLITS if name != "given"]


def inputs(n: int = 53) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "n_images": n,
        "major_class": rng.choice(["cat", "dog", "car", ""], n, p=[0.6, 0.3, 0.08, 0.02]),
        "cluster": rng.integers(0, 6, n),
        "presence": rng.random((n, 4)) < (0.9, 0.4, 0.1, 0.0),
        "group": np.array([f"g{number % 23}" for number in range(n)]),
        "pixel_counts": rng.integers(0, 100, (n, 4)) * (rng.random((n, 4)) < (0.9, 0.4, 0.1, 0.0)),
        "subset": np.where(np.arange(n) % 4 == 0, "val", "train"),
        "folds": 5,
        "seed": 1,
    }


def run(name: str, **changes: Any) -> np.ndarray:
    there = inputs() | changes
    return choose(SPLITS, name, "split")(**{key: there[key] for key in arguments(SPLITS, name)})


@pytest.mark.parametrize("name", SPLITS)
def test_menu_entry_asks_for_known_arguments_and_numbers_every_image(name: str) -> None:
    assert set(arguments(SPLITS, name)) <= KNOWN
    fold = run(name)
    assert fold.shape == (53,)
    assert fold.dtype == np.int64
    assert set(fold) == set(range(2 if name == "given" else 5))


@pytest.mark.parametrize("name", SEEDED)
def test_seed_decides(name: str) -> None:
    assert np.array_equal(run(name), run(name))
    assert not np.array_equal(run(name), run(name, seed=2))


@pytest.mark.parametrize("name", SEEDED)
def test_arguments_stay_untouched(name: str) -> None:
    there = inputs()
    run(name, **there)
    for key, value in inputs().items():
        assert np.array_equal(there[key], value)


@pytest.mark.parametrize("name", SEEDED)
def test_fewer_images_than_folds_is_bad_input(name: str) -> None:
    there = {key: value[:4] if isinstance(value, np.ndarray) else value for key, value in inputs().items()}
    with pytest.raises(InputError, match="5 folds need at least 5 train images, found 4"):
        run(name, **{**there, "n_images": 4})


@pytest.mark.parametrize("name", SEEDED)
def test_as_many_images_as_folds_is_enough(name: str) -> None:
    there = {key: value[:5] if isinstance(value, np.ndarray) else value for key, value in inputs().items()}
    fold = run(name, **{**there, "n_images": 5})
    assert len(fold) == 5
    assert fold.min() >= 0
    assert fold.max() < 5


def test_one_fold_is_bad_input() -> None:
    with pytest.raises(InputError, match="folds: expected at least 2, found 1"):
        random(n_images=9, folds=1, seed=1)


def test_random_cuts_evenly() -> None:
    assert sorted(np.bincount(random(n_images=13, folds=5, seed=3))) == [2, 2, 3, 3, 3]


def test_skf_major_gives_each_fold_its_share() -> None:
    major = np.array(["cat"] * 10 + ["dog"] * 5)
    fold = skf_major(major_class=major, folds=5, seed=1)
    assert [(fold[:10] == k).sum() for k in range(5)] == [2, 2, 2, 2, 2]
    assert sorted(fold[10:]) == [0, 1, 2, 3, 4]


def test_a_class_with_fewer_members_than_folds_warns_nobody() -> None:
    major = np.array(["cat"] * 10 + ["dog"] * 3 + ["car"])  # warnings are errors in these tests
    fold = skf_major(major_class=major, folds=5, seed=1)
    assert len(set(fold[10:13])) == 3


def test_where_every_class_is_small_they_are_dealt_out() -> None:
    fold = skf_cluster(cluster=np.array([0, 0, 1, 1, 1, 7, 7]), folds=5, seed=1)
    assert sorted(np.bincount(fold, minlength=5)) == [1, 1, 1, 2, 2]
    assert fold[0] != fold[1]
    assert len(set(fold[2:5])) == 3


def test_small_classes_are_dealt_out_by_the_seed_wherever_they_stand() -> None:
    cluster = np.array([1, 0, 1, 0, 7, 1, 7])
    folds = [skf_cluster(cluster=cluster, folds=5, seed=seed) for seed in (1, 1, 2, 3, 4)]
    for fold in folds:
        assert all(len(set(fold[cluster == one])) == (cluster == one).sum() for one in (0, 1, 7))
    assert folds[0].tolist() == folds[1].tolist()
    assert len({tuple(fold) for fold in folds}) > 1


@pytest.mark.parametrize("folds", [3, 5])
def test_stratified_folds_are_those_of_scikit_learn(folds: int) -> None:
    label = np.array([0, 1] * folds + [0] * 7)  # one class of as many images as folds
    expected = np.zeros(len(label), int)
    cuts = StratifiedKFold(folds, shuffle=True, random_state=4).split(label, label)
    for number, (_, validation) in enumerate(cuts):
        expected[validation] = number
    assert skf_cluster(cluster=label, folds=folds, seed=4).tolist() == expected.tolist()
    only = np.zeros(folds, int)
    assert sorted(skf_cluster(cluster=only, folds=folds, seed=1)) == list(range(folds))


def test_mskf_spreads_the_rarest_class_of_images_with_several() -> None:
    presence = np.zeros((50, 3), bool)
    presence[:, 0] = True
    presence[:20, 1] = True
    presence[15:20, 2] = True  # only together with class 1
    fold = mskf(presence=presence, folds=5, seed=1)
    assert [(fold[:20] == k).sum() for k in range(5)] == [4, 4, 4, 4, 4]
    assert sorted(fold[15:20]) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("classes", [1, 2])
def test_mskf_of_classes_that_none_or_all_show(share: float, classes: int) -> None:
    fold = mskf(presence=np.full((10, classes), share == 1.0), folds=5, seed=1)
    assert list(np.bincount(fold)) == [2, 2, 2, 2, 2]


@settings(max_examples=25, deadline=None)
@any_of(st.integers(5, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_mskf_takes_any_presence(n: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    fold = mskf(presence=rng.random((n, classes)) < rng.random(classes), folds=5, seed=1)
    assert fold.shape == (n,)
    assert set(fold) <= set(range(5))


def test_given_wants_both_sides() -> None:
    assert list(given(subset=np.array(["val", "train"]))) == [0, 1]
    with pytest.raises(InputError, match="needs train and val images"):
        given(subset=np.array(["train", "train"]))


def test_mskf_beats_random_on_every_class_of_voc() -> None:
    table = pd.read_csv(PIXEL_COUNTS)
    train = table[table["subset"] == "train"]
    presence = train.loc[:, "background":"tvmonitor"].to_numpy() > 0  # (1464, 21)
    assert presence.shape == (1464, 21)

    def off(folds: list[np.ndarray]) -> np.ndarray:
        whole = presence.mean(axis=0)
        return np.mean([abs(presence[fold == k].mean(axis=0) / whole - 1) for fold in folds for k in range(5)], axis=0)

    seeds = range(1, 6)
    ours = off([mskf(presence=presence, folds=5, seed=seed) for seed in seeds])
    chance = off([random(n_images=len(presence), folds=5, seed=seed) for seed in seeds])
    assert (ours < chance).all()
    assert ours.mean() < 0.03 < 0.14 < chance.mean()
