"""A trial's settings -> the grid that its network predicts on, and its dilated convolutions."""

from imbseg.meta.atrous import Pyramid
from imbseg.meta.ceiling import Grid
from imbseg.meta.ceiling_table import Setting
from imbseg.models import ARCHITECTURES
from imbseg.trial.fields import Trial
from imbseg.trial.remedies import takes


def geometry_of(trial: Trial) -> Setting:
    """Whole images are evaluated on this grid; training samples are cut out of it."""
    entry = ARCHITECTURES[trial.architecture]
    return Setting(Grid(trial.resize, entry.stride or trial.decoder_stride, entry.multiple), trial.crop)


def pyramid_of(trial: Trial) -> Pyramid | None:
    """None for an architecture without one."""
    has = "atrous_rates" in takes("architecture", trial.architecture)
    return Pyramid(trial.atrous_rates, trial.output_stride) if has else None
