"""Trial: a frozen dataclass of all settings, strictly parsed from flags, from what NNI sampled, and from YAML."""

from imbseg.trial.fields import Trial
from imbseg.trial.sources import Resolved, parse_flags, resolve

__all__ = ["Resolved", "Trial", "parse_flags", "resolve"]
