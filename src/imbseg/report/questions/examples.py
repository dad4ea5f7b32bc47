"""How it looks: the test images that gained and lost most by the best strategy."""

from __future__ import annotations

from imbseg.report.evidence import Evidence
from imbseg.report.examples import KEY, TITLE, examples
from imbseg.report.frames import Frames
from imbseg.report.page.content import Section
from imbseg.report.questions import answer


def section(evidence: Evidence, frames: Frames) -> Section:
    """Rows of pictures, or why there are none; nothing where nobody asked for pictures."""
    predict, folder = evidence.given.predict, evidence.folder
    if predict is None or folder is None or not evidence.group.others:
        return Section(KEY, TITLE)
    best = answer.answer(evidence, frames).best
    return examples(evidence.group, predict, folder, name=f"examples{evidence.ending}", strategy=best)
