"""Example images -> rows of pictures on the page, their bytes inside it."""

from __future__ import annotations

import base64

from imbseg.report.examples import Examples, Panel
from imbseg.report.page.content import Picture, Row, Section

KEY, TITLE = "examples", "Images that gained and lost most"


def section(shown: Examples | None) -> Section:
    """The part of the page that shows them, or says why there are none.

    Args:
        shown: of one group; None: nobody asked for pictures.
    """
    if shown is None:
        return Section(KEY, TITLE)
    if not shown.rows:
        return Section(KEY, TITLE, said=(shown.said,))
    rows = tuple(Row(f"{row.image_id}: {row.text}", tuple(map(_picture, row.panels))) for row in shown.rows)
    legend = tuple((key.text, key.css) for key in shown.legend)
    return Section(KEY, TITLE, said=(shown.title, *shown.doubts), rows=rows, legend=legend)


def _picture(panel: Panel) -> Picture:
    return Picture(_address(panel.data, panel.mime), panel.title, panel.alt)


def _address(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
