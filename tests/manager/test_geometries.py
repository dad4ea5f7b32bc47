"""Which geometry a plan proposes, by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from imbseg.errors import InputError
from imbseg.manager import geometries, plan_trials
from imbseg.manager.candidates import BASELINE
from imbseg.manager.geometries import proposals, read_ceilings
from imbseg.meta.ceiling import Grid
from imbseg.meta.ceiling_table import Setting
from imbseg.meta.read import Meta
from imbseg.trial import Trial

OWN = (256, 192)
LITTLE = {"encoder": "resnet18", "resize": OWN, "crop": None}
UNET = {"architecture": "unet", "decoder_width": 96}
SETTINGS = [
    (Setting(Grid(OWN, 4, 16)), (0.3, 0.8)),  # its own
    (Setting(Grid(OWN, 2, 16)), (0.6, 0.8)),
    (Setting(Grid(OWN, 1, 16)), (0.7, 0.9)),
    (Setting(Grid((512, 384), 4, 16)), (0.6, 0.8)),
    (Setting(Grid((512, 384), 2, 16)), (0.95, 0.95)),
    (Setting(Grid(None, 4, 16), OWN), (0.6, 0.8)),
]


def table(settings: list[tuple[Setting, tuple[float, float]]] = SETTINGS) -> pd.DataFrame:
    rows = [
        {"class": name, "setting": setting.name, "decoder_stride": setting.grid.stride, "ceiling": value,
         "resize": geometries._show(setting.grid.resize), "crop": geometries._show(setting.crop)}
        for setting, values in settings
        for name, value in zip(("pole", "sign", "road"), (*values, 0.99), strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def meta(groups: Mapping[str, str] | None = None) -> Meta:
    groups = groups or {"pole": "tail", "sign": "tail", "road": "head"}
    images = pd.DataFrame({"width": [512], "height": [384]})
    return Meta(Path("nowhere"), images, pd.DataFrame({"class": groups.keys(), "group": groups.values()}), {}, "")


def proposed(changes: Mapping[str, Any] | None = None, runs: Any = lambda _: True, **given: Any) -> list[Any]:
    trial = Trial(**{**LITTLE, **(changes or {})})
    return proposals(given.get("ceilings", table()), given.get("meta", meta()), trial, runs)


def test_an_own_grid_that_the_ceilings_lack_is_told() -> None:
    assert geometries.unknown_grid(table(), Trial(**LITTLE)) == ""
    other = geometries.unknown_grid(table(), Trial(**{**LITTLE, "resize": (320, 240)}))
    assert "ceiling.csv has no row of 320x240, stride 4" in other


def test_the_most_per_cost_of_a_step_then_the_most_that_is_worth_it() -> None:
    # gain (mean over pole and sign) / cost: .15 / 1.2, .25 / 1.0, .15 / 4, .4 / 4.8, .15 / 1.0
    (first, why), (second, _) = proposed()
    assert first == UNET
    assert why == "ceiling of pole 0.30 -> 0.70 at 1.0 x the time of a step"
    # 32 x 24 cells: 12 and 24 have taps on the map, 36 has none
    assert second == {"decoder_stride": 2, "resize": "512x384", "atrous_rates": "fit"}


def test_what_cannot_run_isnt_proposed() -> None:
    def no_unet(setup: Mapping[str, Any]) -> bool:
        return "architecture" not in setup

    (first, why), (second, _) = proposed(runs=no_unet)
    assert first == {"resize": "none", "crop": "256x192", "atrous_rates": "fit"}  # .15 at 1.0 x
    assert "0.30 -> 0.60 at 1.0 x" in why
    assert second["resize"] == "512x384"


def test_from_another_architecture_the_setup_names_all_that_changes() -> None:
    (first, _), *_ = proposed({"architecture": "fpn"}, runs=lambda setup: "decoder_stride" in setup)
    assert first == {"architecture": "deeplabv3plus", "decoder_stride": 2, "atrous_rates": "fit"}
    (better, _), *others = proposed({"architecture": "unet"})
    assert better == {"architecture": "deeplabv3plus", "decoder_stride": 2, "resize": "512x384", "atrous_rates": "fit"}
    assert not others


@pytest.mark.parametrize(
    "groups",
    [{"pole": "head", "sign": "head", "road": "tail"}, {"pole": "", "sign": "", "road": ""}],
    ids=["only the head is capped", "no groups"],
)
def test_nothing_capped_in_the_tail_leaves_what_dilation_asks_for(groups: dict[str, str]) -> None:
    found = proposed(meta=meta(groups))
    assert found == [({"atrous_rates": "fit"}, "atrous rates 24 and 36 see only their centre on the map")]
    assert proposed({"atrous_rates": "fit"}, meta=meta(groups)) == []
    assert proposed({"architecture": "unet"}, meta=meta(groups)) == []


def test_a_grid_that_the_table_lacks_has_no_proposal() -> None:
    assert proposed({"resize": (320, 224), "atrous_rates": "fit"}) == []


def test_a_gain_below_what_is_worth_a_sentence_isnt_proposed() -> None:
    settings = [SETTINGS[0], (SETTINGS[1][0], (0.36, 0.83)), (SETTINGS[2][0], (0.39, 0.81))]
    # means: +.045 (stride 2) isn't worth it; +.05 (stride 1) is
    assert proposed(ceilings=table(settings))[0][0] == UNET
    assert len(proposed(ceilings=table(settings))) == 1


def test_meta_of_an_older_version_says_how_to_make_it(tmp_path: Path) -> None:
    dataset: Any = SimpleNamespace(name="mine", path=Path("mine.yml"), root=Path("/x"))
    older = Meta(tmp_path, pd.DataFrame(), pd.DataFrame(), {}, "")
    with pytest.raises(InputError, match=r"ceiling.csv: is missing; make the meta anew: python src/make_meta.py"):
        read_ceilings(older, dataset)


def test_what_one_trial_has_otherwise_stands_in_all_trials_and_not_among_the_flags() -> None:
    flags = {"dataset": "sample", "crop": "64", "lr": "0.1", "atrous_rates": "fit", "architecture": "deeplabv3plus"}
    wanted = [BASELINE, *(plan_trials.Candidate(setup=setup) for setup in ({"crop": "96"}, UNET))]
    common, found = plan_trials.spread(flags, wanted)
    assert common == {"dataset": "sample", "lr": "0.1"}
    own = {"crop": "64", "atrous_rates": "fit", "architecture": "deeplabv3plus"}
    assert [one.inner for one in found] == [own, {**own, "crop": "96"}, {"crop": "64", **UNET}]
    assert [one.label for one in found] == [one.label for one in wanted]
