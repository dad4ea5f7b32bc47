"""Why: confusion, misses and false alarms, object size, exposure, classes lost; the part of the page that explains."""

from __future__ import annotations

from imbseg.results.frames import Frames
from imbseg.results.page.content import Section
from imbseg.results.strategies import Group


def why(group: Group, frames: Frames, best: str) -> list[Section]:
    """The sections that explain a group's gains."""
    return []
