"""The diagnosis's section on geometry, its advice, and the figure: what each class keeps on which grid."""

import numpy as np
import pandas as pd

from imbseg.canvas import Canvas, drawing, height_of, name_rows
from imbseg.meta.atrous import ATROUS_RATES, Pyramid, atrous_rates, live_taps
from imbseg.meta.ceiling import Size
from imbseg.meta.diagnosis import markdown_table
from imbseg.meta.figures import CLASSES, NUMBERED, heat, of_many

CAPPED = 0.9  # a ceiling below which a class is said to be capped
WORTH = 0.05  # least gain of a ceiling that a sentence speaks of
MOST_SAID = 4  # classes


def ceiling_section(table: pd.DataFrame, masks: int, pyramid: Pyramid | None, size: Size) -> str:
    """Table, definition, sentences; Markdown.

    Args:
        masks: how many it comes from.
        pyramid: of the data set's own network; None: it has none.
        size: (width, height) of a training sample with padding.
    """
    told = (
        f"IoU that true labels keep on the decoder's grid ({masks} train masks, averaged onto it, brought up "
        f"bilinearly, argmax).\nAn oracle for soft outputs, no strict bound: a network can sharpen.\nCost: time of a "
        f"training step over that of the first setting, the data set's own.\nStride 2 is `decoder_stride` 2 of "
        f"deeplabv3plus, stride 1 the `architecture` unet (at `decoder_width` 96)."
    )
    lines = [*ceiling_advice(table), *([taps_sentence(pyramid, size)] if pyramid else [])]
    return "\n\n".join(["## What the grid caps", _table(table), told, "\n".join(f"- {one}" for one in lines)])


def ceiling_advice(table: pd.DataFrame) -> list[str]:
    """A sentence for each class that its own setting caps and another frees, the lowest ceiling first."""
    wide = _wide(table)
    own, gain = wide.iloc[:, 0], wide.max(axis=1) - wide.iloc[:, 0]
    capped = [str(name) for name in own.sort_values(kind="stable").index if own[name] < CAPPED and gain[name] >= WORTH]
    sentences = [_sentence(name, table[table["class"] == name]) for name in capped[:MOST_SAID]]
    if len(capped) > MOST_SAID:
        more = len(capped) - MOST_SAID
        sentences.append(
            f"{more} more classes have a ceiling below {CAPPED} that another setting lifts by {WORTH} or "
            f"more; see ceiling.csv."
        )
    return sentences or [f"No class is capped: each keeps {CAPPED} or more on its own grid, or no other lifts it."]


def _sentence(name: str, rows: pd.DataFrame) -> str:
    """The own ceiling, the cheapest setting that goes half of the way to the best one, and the best one."""
    own, best = rows.iloc[0], rows.iloc[int(np.nanargmax(rows["ceiling"]))]
    halfway = rows[rows["ceiling"].ge(float(own["ceiling"] + best["ceiling"]) / 2)]
    cheapest = halfway.sort_values(["cost", "ceiling"], ascending=[True, False], kind="stable").iloc[0]
    others = [cheapest] if cheapest["setting"] == best["setting"] else [cheapest, best]
    told = "; ".join(f"{one['ceiling']:.2f} at {one['setting']} ({one['cost']:.1f} x the time)" for one in others)
    return f"{own['ceiling']:.2f} is what {name} can reach at {own['setting']}; {told}."


def taps_sentence(pyramid: Pyramid, size: Size) -> str:
    """How many taps of the dilated convolutions lie on the map, with the own rates and the others."""
    cells = (-(-size[0] // pyramid.output_stride), -(-size[1] // pyramid.output_stride))
    told = {}
    for name in ATROUS_RATES:
        rates = atrous_rates(name, pyramid.output_stride, cells)
        taps = ", ".join(f"{live_taps(rate, cells):.2g}" for rate in rates)
        told[name] = f"`{name}` ({', '.join(map(str, rates))}) {taps}"
    own = told.pop(pyramid.rates)
    return (
        f"Taps of 8 that lie on the map of {cells[0]} x {cells[1]} cells, for each dilated convolution of DeepLabV3+: "
        f"{own} with the own `atrous_rates`; {', '.join(told.values())}. Without any it is a 1 x 1 convolution."
    )


@drawing()
def ceiling_figure(table: pd.DataFrame, dataset: str) -> Canvas:
    """Classes x settings; the own setting first. Of more than CLASSES those with the lowest own ceilings."""
    whole = _wide(table)
    lowest = np.argsort(whole.iloc[:, 0].to_numpy(float), kind="stable")[:CLASSES]
    wide = whole.iloc[np.sort(lowest)]
    words = f"{dataset}: what each class keeps of its IoU, by input and decoder stride (cost of a step below)"
    words += of_many(len(whole), "lowest")
    canvas = Canvas(3 + 1.1 * len(wide.columns), 1.8 + height_of(len(wide)), words, "constrained")
    axis = canvas.subplots()
    values = wide.to_numpy(float)
    texts = [["" if np.isnan(one) or len(wide) > NUMBERED else f"{one:.2f}" for one in row] for row in values]
    picture = heat(axis, 100 * values, np.array(texts), "cividis")
    costs = table.groupby("setting", sort=False)["cost"].first()
    labels = [f"{name.replace(', ', chr(10))}\n{costs[name]:.1f} x" for name in wide.columns]
    axis.set_xticks(range(len(labels)), labels, fontsize=7)
    name_rows(axis, list(wide.index), down=True)
    axis.set_ylim(len(wide) - 0.5, -0.5)
    canvas.colorbar(picture, ax=axis, shrink=0.5, label="per cent")
    axis.set_title(words)
    return canvas


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    """(classes x settings) ceilings, both in the table's order."""
    wide = table.pivot_table(index="class", columns="setting", values="ceiling", sort=False, dropna=False)
    return wide.reindex(index=table["class"].unique(), columns=table["setting"].unique())


def _table(table: pd.DataFrame) -> str:
    wide = _wide(table)
    costs = table.groupby("setting", sort=False)["cost"].first()
    pairs = zip(wide.index, wide.to_numpy(float), strict=True)
    rows = [[str(name), *("-" if pd.isna(one) else f"{one:.2f}" for one in row)] for name, row in pairs]
    return markdown_table(["class", *wide.columns], [*rows, ["cost", *(f"{costs[name]:.1f}" for name in wide.columns)]])
