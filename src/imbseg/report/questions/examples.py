"""How it looks: the test images that gained and lost most by the best strategy, their bytes inside the page."""

from __future__ import annotations

import base64

from imbseg.report.evidence import Evidence
from imbseg.report.examples import Examples, Panel, examples
from imbseg.report.frames import Frames
from imbseg.report.page.content import Drawing, Picture, Row, Section
from imbseg.report.questions import answer

KEY, TITLE = "examples", "Images that gained and lost most"


def section(evidence: Evidence, frames: Frames) -> Section:
    """Rows of pictures, or why there are none; nothing where nobody asked for pictures."""
    if evidence.given.predict is None or evidence.folder is None or not evidence.group.others:
        return Section(KEY, TITLE)
    best = answer.answer(evidence, frames).best
    shown = examples(evidence.group, evidence.given.predict, evidence.folder,
                     name=f"examples{evidence.ending}", strategy=best)  # fmt: skip
    return of_examples(shown)


def of_examples(shown: Examples) -> Section:
    """What was drawn, as a part of the page."""
    if not shown.rows:
        return Section(KEY, TITLE, said=(shown.said,))
    rows = tuple(Row(f"{row.image_id}: {row.text}", tuple(map(_picture, row.panels))) for row in shown.rows)
    legend = tuple((key.text, key.css) for key in shown.legend)
    file = (Drawing(shown.file, TITLE),)
    return Section(KEY, TITLE, said=(shown.title, *shown.doubts), rows=rows, legend=legend, drawings=file)


def _picture(panel: Panel) -> Picture:
    address = f"data:{panel.mime};base64,{base64.b64encode(panel.data).decode('ascii')}"
    return Picture(address, panel.title, panel.alt)
