"""Why: confusion, misses and false alarms, object size, exposure, classes lost; the part of the page that explains."""

from __future__ import annotations

import pandas as pd

from imbseg.report.class_order import ClassOrder
from imbseg.report.errors import why as errors
from imbseg.report.figures.confusion import confusion
from imbseg.report.frames import WHY, Frames, of_group
from imbseg.report.page.content import Chart, Column, Section, Table
from imbseg.runs.strategies import Group

FILE = "confusion_change.csv"
MOST = 20  # confusions of a strategy that are listed at once
LONGEST = 300  # rows of a folded table; the file has all
STRATEGY, CLASS = Column("strategy", "strategy"), Column("class", "class")
SEEDS, GAIN = Column("seeds", "seeds", 0), Column("gain", "gain in IoU", 3, signed=True)


def why(group: Group, frames: Frames, best: str, order: ClassOrder) -> list[Section]:
    """The sections that explain a group's gains.

    Args:
        group: its strategies.
        frames: of `all_frames`.
        best: label of the strategy that the answer is about.
        order: of the classes.
    """
    found = {name: of_group(frames, f"{name}.csv", group) for name in WHY}
    confused = found["confusion_change"]
    told = {**found, "confusion_change": confused[confused["strategy"] == best] if len(confused) else confused}
    said = {key: tuple(lines) for key, lines in errors.sentences(told).items()}
    return [
        _confusion([group.classes[place] for place in order.places], found, said["confusion_change"], best),
        _pixels(found, said),
        _sizes(found["recall_by_size"], said["recall_by_size"]),
        _exposure(found, said["exposure"]),
        _lost(found["lost_classes"], said["lost_classes"]),
    ]


def _confusion(classes: list[str], found: dict[str, pd.DataFrame], said: tuple[str, ...], best: str) -> Section:
    frame = found["confusion_change"]
    key, title = "confusion", "What is mistaken for what"
    if not len(frame):
        return Section(key, title)
    canvas = confusion(frame, best, classes)
    charts = [] if canvas is None else [Chart(canvas.svg(), best, FILE)]
    columns = (
        STRATEGY, Column("truth", "truth"), Column("prediction", "taken for"),
        Column("baseline_share", "of its pixels, baseline", 1, percent=True),
        Column("strategy_share", "now", 1, percent=True), Column("change", "change", 1, percent=True, signed=True),
        Column("strategy_came_from", "share of all that is called so", 1, percent=True),
        Column("shown_together", "images with both", 0, percent=True),
    )  # fmt: skip
    ordered = frame.loc[frame["change"].abs().sort_values(ascending=False, kind="stable").index]
    own = ordered[ordered["strategy"] == best]
    tables = [Table(f"{best}: the mistakes that changed most", FILE, own.head(MOST), columns[1:])]
    tables.append(Table("Every strategy's, the largest changes first", FILE, ordered.head(LONGEST), columns,
                        by="strategy", folded=True))  # fmt: skip
    read = ("Blue: fewer of a class's pixels (row) go to another (column) than in the baseline; orange: more.",)
    return Section(key, title, said + (read if charts else ()), tuple(charts), tuple(tables))


def _pixels(found: dict[str, pd.DataFrame], said: dict[str, tuple[str, ...]]) -> Section:
    effect, profile = found["pixel_effect"], found["class_profile"]
    tables = []
    if len(effect):
        columns = (STRATEGY, CLASS, GAIN, Column("misses", "by misses", 3, signed=True),
                   Column("false_alarms", "by false alarms", 3, signed=True), SEEDS)  # fmt: skip
        tables.append(Table("Where each gain comes from; the two parts sum to it", "pixel_effect.csv", effect, columns,
                            by="strategy", folded=len(effect) > MOST))  # fmt: skip
    if len(profile):
        shown = (STRATEGY, CLASS, Column("IoU", "IoU", 3), Column("precision", "precision", 3),
                   Column("recall", "recall", 3), Column("share", "of the pixels", 2, percent=True),
                   Column("images_showing", "images with it", 0), SEEDS)  # fmt: skip
        tables.append(Table("IoU, precision and recall of every class", "class_profile.csv", profile, shown,
                            by="strategy", folded=True))  # fmt: skip
    lines = said["pixel_effect"] + said["class_profile"] if tables else ()
    return Section("pixels", "Fewer misses, or fewer false alarms", lines, tables=tuple(tables))


def _sizes(frame: pd.DataFrame, said: tuple[str, ...]) -> Section:
    columns = (STRATEGY, CLASS, Column("size", "objects"), Column("recall", "recall", 3),
               Column("gain", "over the baseline", 3, signed=True), Column("objects", "how many", 0),
               Column("pixels", "pixels", 0), SEEDS)  # fmt: skip
    table = Table("Recall of small, medium and large objects", "recall_by_size.csv", frame, columns, by="strategy",
                  folded=len(frame) > MOST)  # fmt: skip
    note = "Small: below 32² pixels at the mask's own size; large: from 96². A false alarm belongs to no object."
    title = "Small and large objects"
    return Section("sizes", title, said, tables=(table,), notes=(note,)) if len(frame) else Section("sizes", title)


def _exposure(found: dict[str, pd.DataFrame], said: tuple[str, ...]) -> Section:
    frame, pays = found["exposure"], found["exposure_pays"]
    title = "Was it shown more, and did that pay"
    if not len(frame) or not pays["spearman"].notna().any():
        return Section("exposure", title)
    columns = (STRATEGY, CLASS, Column("ratio", "pixels shown, times the baseline's", 2), GAIN,
               Column("pasted", "objects pasted", 0), SEEDS)  # fmt: skip
    tables = [Table("What training showed of each class, and its gain", "exposure.csv", frame, columns, by="strategy",
                    folded=len(frame) > MOST)]  # fmt: skip
    if len(pays):
        tables.append(Table("Spearman's correlation of exposure with gain over the classes", "exposure_pays.csv", pays,
                            (STRATEGY, Column("spearman", "Spearman", 2, signed=True),
                             Column("classes", "classes", 0)), by="strategy"))  # fmt: skip
    return Section("exposure", title, said, tables=tuple(tables))


def _lost(frame: pd.DataFrame, said: tuple[str, ...]) -> Section:
    title = "Classes that were learned and lost"
    if not len(frame):
        return Section("lost", title)
    columns = (STRATEGY, Column("seed", "seed"), CLASS, Column("learned", "learned in epoch", 0),
               Column("lost", "lost in", 0), Column("back", "back in", 0),
               Column("best_before", "best IoU before", 3))  # fmt: skip
    table = Table("Validation IoU of .01 or more, and later 0", "lost_classes.csv", frame, columns, by="strategy",
                  folded=len(frame) > MOST)  # fmt: skip
    return Section("lost", title, said, tables=(table,))
