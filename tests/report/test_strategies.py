"""Which runs belong together, which never do, and what they are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_folders import WEIGHTED, make_run

from imbseg.errors import InputError
from imbseg.runs.collect import collect
from imbseg.runs.strategies import Results, arrange, differences

FOCAL = {"loss": "focal"}
PLAINEST = "the plainest with cross_entropy"


def results_of(root: Path, baseline: str | None = None) -> Results:
    return arrange(collect(root), root, baseline)


def test_runs_that_differ_by_the_seed_alone_are_one_strategy(tmp_path: Path):
    for seed in (2, 1):
        make_run(tmp_path / f"plain{seed}", seed=seed, workers=seed, threads=seed, device=f"cuda:{seed}")
        make_run(tmp_path / f"weighted{seed}", seed=seed, **WEIGHTED)
    (group,) = results_of(tmp_path).groups
    assert [one.label for one in group.strategies] == ["cross_entropy", "weighted_cross_entropy"]
    assert [run.seed[0] for run in group.baseline.runs] == [1, 2]
    assert group.baseline.key == "full/mskf/none/none, cross_entropy"
    assert group.name == "tiny, fold 0, up to 2 epochs"


def test_labels_have_the_digits_that_tell_drawn_numbers_apart(tmp_path: Path):
    for place, lr in enumerate((0.0012345678901, 0.0012349, 0.045678901, 0.2)):
        make_run(tmp_path / str(place), lr=lr, scale_min=0.56789 + place / 10)
    (group,) = results_of(tmp_path).groups
    assert [one.label for one in group.strategies] == [
        "lr=0.0012346, scale_min=0.568", "lr=0.0012349, scale_min=0.668", "lr=0.045679, scale_min=0.768",
        "lr=0.2, scale_min=0.868"]  # fmt: skip
    assert "lr=0.0012345678901, scale_min=0.56789" in group.strategies[0].key


def test_every_setting_that_varies_tells_strategies_apart(tmp_path: Path):
    make_run(tmp_path / "a", lr=0.01)
    make_run(tmp_path / "b", lr=0.010001)
    make_run(tmp_path / "c", lr=0.01, class_weights="inverse", loss="weighted_cross_entropy")
    (group,) = results_of(tmp_path).groups
    assert {one.label for one in group.strategies} == {
        "cross_entropy, lr=0.01",
        "cross_entropy, lr=0.010001",
        "weighted_cross_entropy, class_weights=inverse, lr=0.01",
    }


def test_a_parameter_of_another_loss_is_no_difference(tmp_path: Path):
    make_run(tmp_path / "a", seed=1, gamma=2.0)
    make_run(tmp_path / "b", seed=2, gamma=3.0)
    make_run(tmp_path / "c", loss="focal", gamma=3.0)
    (group,) = results_of(tmp_path).groups
    assert [(one.label, len(one.runs)) for one in group.strategies] == [("cross_entropy", 2), ("focal, gamma=3.0", 1)]


def test_a_run_of_an_earlier_version_had_the_defaults_of_settings_that_came_since(tmp_path: Path):
    make_run(tmp_path / "old", seed=1)
    for name, seed, ema in (("again", 1, 0.0), ("new", 2, 0.0), ("averaged", 2, 0.9)):
        make_run(tmp_path / name, seed=seed, ema=ema)
    results = results_of(tmp_path)
    found = {one.label: [run.name for run in one.runs] for one in results.groups[0].strategies}
    assert found == {"ema=0.0": ["again", "new"], "ema=0.9": ["averaged"]}
    assert [(run.name, run.status) for run in results.left_out] == [("old", "duplicate")]


@pytest.mark.parametrize(
    ("parameter", "strategy", "remedy"),
    [
        ("repeat_threshold", "repeat_factor/none", {"sampling": "repeat_factor"}),
        ("adaptive_smoothing", "adaptive/none", {"sampling": "adaptive"}),
        ("rare_objects", "x2/rare", {"sampling": "x2", "copy_paste": "rare"}),
    ],
)
def test_a_parameter_of_another_remedy_is_no_difference(
    tmp_path: Path, parameter: str, strategy: str, remedy: dict[str, str]
):
    make_run(tmp_path / "a", sampling="x2", **{parameter: 0.1})
    make_run(tmp_path / "b", **remedy, **{parameter: 0.5})
    (group,) = results_of(tmp_path, "full/mskf/x2/none, cross_entropy").groups
    assert group.baseline.label == "x2/none"
    assert [one.label for one in group.others] == [f"{strategy}, {parameter}=0.5"]


def test_a_trial_run_twice_counts_once(tmp_path: Path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", workers=0)
    results = results_of(tmp_path)
    assert len(results.groups[0].baseline.runs) == 1
    assert [(run.name, run.status, run.reason) for run in results.left_out] == [
        ("b", "duplicate", "same settings and seed as a, which counts once")
    ]


def test_seeds_of_the_split_pair_with_their_like(tmp_path: Path):
    for split in (1, 2):
        make_run(tmp_path / f"plain{split}", test=(0.5, 0.5, 0.1 * split), split_seed=split)
        make_run(tmp_path / f"weighted{split}", test=(0.5, 0.5, 0.3 * split), split_seed=split, **WEIGHTED)
    (group,) = results_of(tmp_path).groups
    found = differences(group.others[0], group.baseline, "test", "tail")
    assert {seed: round(value, 9) for seed, value in found.items()} == {(1, 1): 0.2, (1, 2): 0.4}


@pytest.mark.parametrize(
    ("settings", "chosen", "how"),
    [
        ([WEIGHTED, {}], "cross_entropy", PLAINEST),
        ([{"sampling": "label"}, {"sampling": "x2"}], "x2/none", PLAINEST),
        ([{"sampling": "none"}, {"sampling": "x2"}, {"sampling": "label"}], "x2/none", PLAINEST),
        ([FOCAL | {"sampling": "label"}, FOCAL | {"sampling": "x2"}], "x2/none", "nothing resampled or pasted"),
        ([FOCAL, FOCAL | {"imbalance": "imbalanced"}], "imbalanced/mskf/none/none", "nothing resampled or pasted"),
        ([FOCAL | {"sampling": "label"}, FOCAL | {"sampling": "cluster"}], "label/none", "the first"),
    ],
)
def test_the_default_baseline(tmp_path: Path, settings: list[dict[str, str]], chosen: str, how: str):
    for place, one in enumerate(settings):
        make_run(tmp_path / str(place), **one)
    (group,) = results_of(tmp_path).groups
    assert (group.baseline.label, group.chosen) == (chosen, f"taken by default: {how}")
    assert group.strategies[0] is group.baseline


@pytest.mark.parametrize("wanted", ["weighted_cross_entropy", "full/mskf/none/none, weighted_cross_entropy"])
def test_a_baseline_can_be_named(tmp_path: Path, wanted: str):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", **WEIGHTED)
    (group,) = results_of(tmp_path, wanted).groups
    assert (group.baseline.label, group.chosen) == ("weighted_cross_entropy", "named with --baseline")


def test_an_unknown_baseline_lists_what_is_there(tmp_path: Path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", **WEIGHTED)
    with pytest.raises(InputError, match="'focal' is no strategy here; choose from: 'cross_entropy'; 'weighted_"):
        results_of(tmp_path, "focal")
    with pytest.raises(InputError, match="fits several strategies"):
        results_of(tmp_path, "full/mskf/none/none")


def test_only_unfinished_runs_are_bad_input(tmp_path: Path):
    for name in "abcd":
        make_run(tmp_path / name, status="failed", message="loss is nan")
    with pytest.raises(InputError, match=r"none of 4 run\(s\) has finished \(a: failed, loss is nan .*and 1 more\)"):
        results_of(tmp_path)


def test_one_file_by_its_name_and_by_its_path_is_one_data_set(tmp_path: Path) -> None:
    make_run(tmp_path / "a", dataset="tiny")
    make_run(tmp_path / "b", dataset="somewhere/tiny.yml", loss="focal")
    assert len(arrange(collect(tmp_path), tmp_path).groups) == 1


def test_no_two_groups_share_a_name(tmp_path: Path) -> None:
    for number, sky in enumerate(("sky", "heaven", "air")):  # the same digests, other classes
        make_run(tmp_path / f"{number}", classes=(sky, "road", "pole"), about={"dataset_sha256": "d" * 64})
    names = [group.name for group in arrange(collect(tmp_path), tmp_path).groups]
    assert len(set(names)) == 3
    assert names[2].endswith(" (3)")


@pytest.mark.parametrize(
    ("second", "words"),
    [([{}], "isn't here"), ([FOCAL | {"gamma": 1.0}, FOCAL | {"gamma": 5.0}], "fits several strategies here")],
)
def test_a_group_without_the_named_baseline_or_with_two_of_it_says_so(
    tmp_path: Path, second: list[dict[str, Any]], words: str
) -> None:
    for place, settings in enumerate([{}, FOCAL, *second, {"loss": "dice"}]):
        make_run(tmp_path / str(place), fold=int(place > 1), **settings)
    other = results_of(tmp_path, "focal").groups[1]
    assert other.chosen.startswith(f"'focal' {words}; taken by default")
