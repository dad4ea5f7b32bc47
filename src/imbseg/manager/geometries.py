"""ceiling.csv -> geometries worth trials of their own, where the baseline's own grid caps classes of the tail."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.meta.atrous import atrous_rates as rates_of
from imbseg.meta.atrous import live_taps
from imbseg.meta.ceiling import Grid, Size
from imbseg.meta.ceiling_table import Setting
from imbseg.meta.ceiling_words import CAPPED, WORTH
from imbseg.meta.read import Meta, make_command
from imbseg.trial import Trial
from imbseg.trial.fields import read
from imbseg.trial.geometry import geometry_of, pyramid_of

Settings = dict[str, Any]
FIT: Settings = {"atrous_rates": "fit"}
UNET: Settings = {"architecture": "unet", "decoder_width": 96}  # what STRIDE_COST of stride 1 was measured with


@dataclasses.dataclass(frozen=True)
class Geometry:
    """A geometry that a plan may hold.

    Attributes:
        setup: what a trial in it sets.
        gain: of the ceiling, mean over the capped classes of the tail.
        cost: time of a step over the baseline's.
        reason: the class that gains most, in words.
    """

    setup: Settings
    gain: float
    cost: float
    reason: str


def read_ceilings(meta: Meta, dataset: Dataset) -> pd.DataFrame:
    """ceiling.csv.

    Raises:
        InputError: an older version made this meta.
    """
    file = meta.folder / "ceiling.csv"
    if not file.is_file():
        raise InputError(f"{file}: is missing; make the meta anew: {make_command(dataset, meta.folder)}")
    return pd.read_csv(
        file, dtype={"class": str, "resize": str, "crop": str}, keep_default_na=False, na_values={"ceiling": [""]}
    )


def proposals(
    ceilings: pd.DataFrame, meta: Meta, trial: Trial, runs: Callable[[Settings], bool]
) -> list[tuple[Settings, str]]:
    """At most two geometries, the most valuable first, each with its reason.

    The first lifts the ceilings of the tail's capped classes most per cost of a step; the second does so among those
    that lift them by WORTH more than the first. Where no class is capped, but dilated convolutions see nothing of
    their map, `atrous_rates` fit.

    Args:
        ceilings: ceiling.csv.
        meta: which classes are the tail.
        trial: the baseline.
        runs: whether a trial with these settings can run.
    """
    native = int(meta.images["width"].median()), int(meta.images["height"].median())
    tail = list(meta.classes["class"][meta.classes["group"].eq("tail")])
    found = [one for one in geometries(ceilings, tail, trial, native) if runs(one.setup)]
    chosen = sorted(found, key=lambda one: (-one.gain / one.cost, one.cost))[:1]
    better = [one for one in found if chosen and one.gain >= chosen[0].gain + WORTH]
    chosen += sorted(better, key=lambda one: (-one.gain / one.cost, one.cost))[:1]
    dead = _dead(trial, geometry_of(trial), native) if pyramid_of(trial) else ""
    if not chosen and dead and runs(FIT):
        return [(FIT, f"atrous rates {dead} see only their centre on the map")]
    return [(one.setup, one.reason) for one in chosen]


def geometries(ceilings: pd.DataFrame, tail: Sequence[str], trial: Trial, native: Size) -> list[Geometry]:
    """The settings of ceiling.csv that lift the capped classes of the tail by WORTH or more, on average.

    Args:
        tail: names of classes.
        native: (width, height) of a typical image.

    Returns:
        Nothing where no class is capped, or where the table lacks the baseline's own grid.
    """
    own = geometry_of(trial)
    table = {one: rows.set_index("class")["ceiling"] for one, rows in _settings(ceilings, own)}
    before = next((values for one, values in table.items() if one.grid == own.grid), None)
    if before is None:
        return []
    capped, found = [name for name in tail if before[name] < CAPPED], []
    for setting, values in table.items() if capped else ():
        gains = values[capped] - before[capped]
        if gains.mean() < WORTH:
            continue
        cost, best = setting.step_pixels(native) / own.step_pixels(native), str(gains.idxmax())
        setup = _setup(setting, own, trial, native)
        words = f"ceiling of {best} {before[best]:.2f} -> {values[best]:.2f} at {cost:.1f} x the time of a step"
        found.append(Geometry(setup, float(gains.mean()), cost, words))
    return found


def unknown_grid(ceilings: pd.DataFrame, trial: Trial) -> str:
    """A sentence where ceiling.csv doesn't hold the baseline's own grid, so that no geometry can be proposed."""
    own = geometry_of(trial)
    if any(one.grid == own.grid for one, _ in _settings(ceilings, own)):
        return ""
    return (
        f"No geometry is proposed: ceiling.csv has no row of {own.name}. Say resize and crop below `trial:` in the "
        "data set file and make the meta anew."
    )


def _settings(ceilings: pd.DataFrame, own: Setting) -> Iterator[tuple[Setting, pd.DataFrame]]:
    """The settings of ceiling.csv with their rows; those at the own input with the own crop."""
    for _, rows in ceilings.groupby("setting", sort=False):
        resize, crop = (read({name: rows[name].iloc[0]})[name] for name in ("resize", "crop"))
        stride = int(rows["decoder_stride"].iloc[0])
        yield Setting(Grid(resize, stride, own.grid.multiple), own.crop if resize == own.grid.resize else crop), rows


def _setup(setting: Setting, own: Setting, trial: Trial, native: Size) -> Settings:
    """What a trial sets for a geometry, and nothing that the baseline has already."""
    found: Settings = {}
    if setting.grid.stride == 1 != own.grid.stride:
        found |= UNET
    elif setting.grid.stride != own.grid.stride:
        found |= {"architecture": "deeplabv3plus"} if trial.architecture != "deeplabv3plus" else {}
        found |= {"decoder_stride": setting.grid.stride}
    if setting.grid.resize != own.grid.resize:
        found["resize"] = _show(setting.grid.resize)
    if setting.crop != own.crop:
        found["crop"] = _show(setting.crop)
    dilates = found.get("architecture", trial.architecture) == "deeplabv3plus"
    return found | (FIT if dilates and _dead(trial, setting, native) else {})


def _dead(trial: Trial, setting: Setting, native: Size) -> str:
    """Of DeepLabV3+'s dilation rates those without a tap on the map."""
    cells = tuple(-(-side // trial.output_stride) for side in setting.sample(native))
    rates = rates_of(trial.atrous_rates, trial.output_stride, (cells[0], cells[1]))
    return " and ".join(str(rate) for rate in rates if not live_taps(rate, (cells[0], cells[1])))


def _show(size: Size | None) -> str:
    return f"{size[0]}x{size[1]}" if size else "none"
