"""The answer, first of all: what lifts the tail, by how much, at what price, and what is within noise.

Every number is a cell of comparisons.csv, image_intervals.csv, one_change.csv or moved_prior.csv.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pandas as pd

from imbseg.errors import listed
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records, with_score
from imbseg.report.page.content import Tile
from imbseg.report.questions.prior import share_of
from imbseg.report.questions.run import hours
from imbseg.report.questions.strategies import tail_classes
from imbseg.report.say import signed, span, spans
from imbseg.runs.changes import parts_of
from imbseg.runs.strategies import Group
from imbseg.statistics.difference import SIGNIFICANT

LISTED = 3  # remedies on top of another that are told
CLASSES = 6  # classes told one by one


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is said first.

    Attributes:
        lines: sentences; the first is the answer.
        score: what it is about: tail, or mIoU where no tail is declared.
        best: label of the strategy that lifts it most, beyond noise where any does; empty without a comparison.
    """

    lines: tuple[str, ...]
    score: str
    best: str


def answer(evidence: Evidence, frames: Frames) -> Answer:
    """Say it of the group's rows of every table."""
    group, compared = evidence.group, frames["comparisons.csv"]
    score = next((name for name in ("tail", "mIoU") if with_score(compared, name)), "mIoU")
    rows = with_score(compared, score)
    if not rows:
        return Answer((_alone(group),), score, "")
    rows = [row for row in rows if row["strategy"] not in _more_data(group)] or rows
    rows.sort(key=lambda row: -row["mean"])
    tested = [row for row in rows if not math.isnan(row["low"])]
    lifting = [row for row in tested if row["low"] > 0]
    best = (lifting or tested or rows)[0]
    head = _head(compared, str(best["strategy"])) if score == "tail" else ""
    lines = [_lead(best, score, head, group.baseline.label)]
    lines += _classes(group, compared, str(best["strategy"]))
    lines += _on_images(frames, best, score)
    lines += _also(lifting[1:], score) + _within(tested, best, score) + _lower(tested, best, score)
    lines += _untested(rows if tested else rows[1:], score, "only, so untested" if tested else "too")
    lines += _on_top(group, frames, score, [str(row["strategy"]) for row in lifting])
    lines += _ceiling(compared, score, _more_data(group))
    lines += _prior(frames, str(best["strategy"]), score) if lifting or not tested else []
    return Answer(tuple(lines), score, str(best["strategy"]))


def tiles(evidence: Evidence, frames: Frames) -> tuple[Tile, ...]:
    """The answer's numbers, large."""
    told, compared, group = answer(evidence, frames), frames["comparisons.csv"], evidence.group
    found = []
    for score in dict.fromkeys((told.score, "head", "mIoU") if told.best else ()):
        for row in [row for row in with_score(compared, score) if row["strategy"] == told.best][:1]:
            sure = row["low"] > 0 or row["high"] < 0
            tone = ("up" if row["mean"] > 0 else "down") if sure else ""
            extent = span(row).partition(" ")[2]
            found.append(Tile(signed(row["mean"]), f"{score}, {told.best} {extent}".strip(), tone))
    trials, several = (of(len(one.runs) for one in group.strategies) for of in (sum, max))
    found.append(Tile(str(trials), f"trials of {len(group.strategies)} strategies, up to {several} "
                                   f"seed{'s' if several > 1 else ''} each"))  # fmt: skip
    spent, telling = hours(group)
    if telling:
        which = "all trials" if telling == trials else f"{telling} of {trials} trials"
        found.append(Tile(f"{spent:.1f} h", f"of training and validation, {which} together"))
    return tuple(found)


def named(score: str) -> str:
    """A score in a sentence."""
    return score if score == "mIoU" else f"the {score}"


def _alone(group: Group) -> str:
    if not group.others:
        return f"{group.baseline.label} is the only strategy: there is nothing to hold against it."
    return f"No strategy has a score to hold against {group.baseline.label}."


def _lead(best: Record, score: str, head: str, baseline: str) -> str:
    label, seeds = best["strategy"], int(best["seeds"])
    if math.isnan(best["low"]):
        moved = f"lifts {named(score)} most" if best["mean"] > 0 else f"loses least of {named(score)}, and none gains"
        return (f"On one seed, {label} {moved}: {span(best)} against {baseline}{head}. One seed tells nothing about "
                f"chance: there is no interval over seeds and no test; run two more seeds of what you mean to "
                f"believe.")  # fmt: skip
    if best["low"] > 0:
        return f"{label} lifts {named(score)} by {span(best)} over {baseline} ({seeds} seeds{_doubt([best])}){head}."
    if best["high"] < 0:
        return f"No strategy lifts {named(score)}; the least is lost by {label}: {span(best)} ({seeds} seeds)."
    return (f"No strategy lifts {named(score)} beyond noise: the most is {label} with {span(best)} "
            f"({_power([best])}).")  # fmt: skip


def _doubt(rows: Sequence[Record]) -> str:
    """Which of some differences don't stand once it is admitted how many strategies were tried."""
    doubtful = [str(row["strategy"]) for row in rows if row["p_t_holm"] >= SIGNIFICANT]
    if not doubtful:
        return ""
    which = f": {listed(doubtful)}" if len(rows) > 1 else ""
    return f", though not after correction for {rows[0]['tests']} strategies{which}"


def _power(rows: Sequence[Record]) -> str:
    """What the seeds of some comparisons could have shown."""
    least, most = (pick(row["detectable"] for row in rows) for pick in (min, max))
    seeds = " to ".join(dict.fromkeys(str(int(pick(row["seeds"] for row in rows))) for pick in (min, max)))
    return f"{seeds} seeds could have shown {least:.3f}" + (f" to {most:.3f}" if most - least >= 0.0005 else "")


def _head(compared: pd.DataFrame, label: str) -> str:
    """What it costs the head."""
    row = next((row for row in with_score(compared, "head") if row["strategy"] == label), None)
    if row is None:
        return ""
    if math.isnan(row["low"]):
        return f"; head {span(row)}"
    if row["low"] > 0:
        return f" and lifts the head too, by {span(row)}{_doubt([row])}"
    if row["high"] < 0:
        return f" and costs the head {span(row)}{_doubt([row])}"
    return f"; no cost to the head was shown ({span(row)}; {_power([row])})"


def _on_images(frames: Frames, best: Record, score: str) -> list[str]:
    """The same difference with the chance of the test images in it."""
    rows = [row for row in with_score(frames["image_intervals.csv"], score) if row["strategy"] == best["strategy"]]
    if not rows or math.isnan(rows[0]["low"]):
        return []
    (row,) = rows
    sure = row["low"] > 0 or row["high"] < 0
    if abs(row["low"] - best["low"]) < 0.0005 and abs(row["high"] - best["high"]) < 0.0005:
        return [f"With other test images as well as other seeds ({int(row['units'])} {row['unit']} drawn) the interval "
                f"stays the same: the seeds are the larger chance."]  # fmt: skip
    words = "still beyond noise" if sure else "which leaves 0 in"
    return [f"With other test images as well as other seeds ({int(row['units'])} {row['unit']} drawn): {span(row)}, "
            f"{words}."]  # fmt: skip


def _also(rows: Sequence[Record], score: str) -> list[str]:
    return [f"Beyond noise on {named(score)} too: {spans(rows)}{_doubt(rows)}."] if rows else []


def _within(rows: Sequence[Record], best: Record, score: str) -> list[str]:
    """What changed nothing that these seeds could tell from chance."""
    found = [row for row in rows if row is not best and row["low"] <= 0 <= row["high"]]
    return [f"Within noise on {named(score)}: {spans(found)} ({_power(found)})."] if found else []


def _lower(rows: Sequence[Record], best: Record, score: str) -> list[str]:
    found = [row for row in reversed(rows) if row["high"] < 0 and row is not best]
    if not found:
        return []
    return [f"Lower {named(score)} than the baseline, beyond noise: {spans(found)}{_doubt(found)}."]


def _untested(rows: Sequence[Record], score: str, how: str) -> list[str]:
    found = [row for row in rows if math.isnan(row["low"])]
    return [f"On one seed {how}, on {named(score)}: {spans(found)}."] if found else []


def _on_top(group: Group, frames: Frames, score: str, lifting: Sequence[str]) -> list[str]:
    """What one more remedy adds to a strategy that lifts: a change on an axis where that one is still plain."""
    plain = parts_of(group.baseline)
    rows = with_score(frames["one_change.csv"], score)
    told = [row for row in rows if row["instead_of"] in lifting and not math.isnan(row["low"])
            and plain.get(str(row["axis"])) == row["from"]]  # fmt: skip
    lines = []
    for row in sorted(told, key=lambda row: -abs(row["mean"]))[:LISTED]:
        sure = row["low"] > 0 or row["high"] < 0
        verb = ("adds" if row["mean"] > 0 else "takes") if sure else "adds nothing beyond noise"
        doubt = f" (not after correction for {row['tests']} such pairs)" if row["p_t_holm"] >= SIGNIFICANT else ""
        more = doubt if sure else f" ({_power([row])})"
        lines.append(f"On top of {row['instead_of']}, {row['axis']} {row['to']} instead of {row['from']} {verb}: "
                     f"{span(row)}{more}.")  # fmt: skip
    return lines


def _more_data(group: Group) -> list[str]:
    """Strategies that see all images where the baseline's were cut: no remedies, but what remedies can hope for."""
    asked = group.baseline.runs[0].parameters.get("imbalance")
    full = [one.label for one in group.others if one.runs[0].parameters.get("imbalance") == "full"]
    return full if asked == "imbalanced" else []


def _ceiling(compared: pd.DataFrame, score: str, labels: Sequence[str]) -> list[str]:
    found = [row for row in with_score(compared, score) if row["strategy"] in labels]
    return [f"For scale, with all the images that the imbalance took away: {spans(found)}."] if found else []


def _prior(frames: Frames, label: str, score: str) -> list[str]:
    """How much of the best gain logit adjustment alone gives."""
    rows = [row for row in with_score(frames["moved_prior.csv"], score) if row["strategy"] == label and row["seeds"]]
    return [f"Without any training, by logit adjustment of the baseline: {share_of(row)}." for row in rows]


def _classes(group: Group, compared: pd.DataFrame, label: str) -> list[str]:
    """What the best strategy did to each class of the tail, and what of it is significant."""
    own = compared[(compared["strategy"] == label) & compared["score"].str.startswith("IoU/")]
    rows = {str(row["score"]).removeprefix("IoU/"): row for _, row in records(own)}
    if not rows:
        return []
    tail = [name for name in tail_classes(group) if name in rows]
    shown = tail or sorted(rows, key=lambda name: -rows[name]["mean"])
    told = listed([f"{name} {span(rows[name])}" for name in shown], CLASSES, "; ")
    what = "Its tail class by class" if tail else "Class by class, the largest gains first"
    return [f"{what}: {told}. {_stand(rows)}"]


def _stand(rows: dict[str, Record]) -> str:
    """How many classes' differences stand once it is admitted how many were looked at."""
    if all(math.isnan(row["low"]) for row in rows.values()):
        return "One seed: nothing tells these from chance."
    stand = [name for name, row in rows.items() if row["p_t_holm"] < SIGNIFICANT]
    if not stand:
        return f"After correction over {len(rows)} classes none of them stands by itself."
    return f"After correction over {len(rows)} classes {listed(stand, CLASSES)} stand{'s' if len(stand) == 1 else ''}."
