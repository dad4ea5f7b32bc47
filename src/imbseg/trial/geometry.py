"""A trial's settings -> the grid that its network predicts on, and its dilated convolutions: which see their map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imbseg.errors import InputError
from imbseg.meta.atrous import Pyramid, Size, atrous_rates, live_taps
from imbseg.models import ARCHITECTURES
from imbseg.trial.fields import Trial
from imbseg.trial.remedies import takes

if TYPE_CHECKING:
    from imbseg.meta.ceiling_table import Setting


def geometry_of(trial: Trial) -> Setting:
    """Whole images are evaluated on this grid; training samples are cut out of it."""
    from imbseg.meta.ceiling import Grid  # with numpy, which a command's --help does without
    from imbseg.meta.ceiling_table import Setting

    entry = ARCHITECTURES[trial.architecture]
    return Setting(Grid(trial.resize, entry.stride or trial.decoder_stride, entry.multiple), trial.crop)


def pyramid_of(trial: Trial) -> Pyramid | None:
    """None for an architecture without one."""
    has = "atrous_rates" in takes("architecture", trial.architecture)
    return Pyramid(trial.atrous_rates, trial.output_stride) if has else None


def check_rates(trial: Trial) -> None:
    """Where not one tap of a dilated convolution lies on the map, the pyramid is three 1 x 1 convolutions.

    Raises:
        InputError: it is so; the message names what to take.
    """
    width, height = cells = _cells(trial)
    rates = atrous_rates(trial.atrous_rates, trial.output_stride, cells)
    if not any(live_taps(rate, cells) for rate in rates):
        why = f"dilates by {', '.join(map(str, rates))}, longer than the map of {width} x {height} cells"
        raise InputError(f"atrous_rates: {trial.atrous_rates} {why}; take fit, or a larger crop or resize")


def dead_branches(trial: Trial) -> list[str]:
    """A line where dilated convolutions see nothing of their map but their centre, and another choice would not.

    >>> dead_branches(Trial(crop=(256, 192)))
    ['atrous_rates smp: 24, 36 see only their centre on the map of 16 x 12 cells; fit takes 2, 4, 6']
    """
    if not (pyramid := pyramid_of(trial)):
        return []
    width, height = cells = _cells(trial)
    rates, fitting = (atrous_rates(one, trial.output_stride, cells) for one in (pyramid.rates, "fit"))
    dead = [str(rate) for rate in rates if not live_taps(rate, cells)]
    if not dead or rates == fitting:
        return []
    seen = f"see{'s' if len(dead) == 1 else ''} only {'its' if len(dead) == 1 else 'their'} centre"
    where = f"on the map of {width} x {height} cells; fit takes {', '.join(map(str, fitting))}"
    return [f"atrous_rates {pyramid.rates}: {', '.join(dead)} {seen} {where}"]


def _cells(trial: Trial) -> Size:
    """(width, height) of the map that they see."""
    width, height = (-(-side // trial.output_stride) for side in trial.padded_size)
    return width, height
