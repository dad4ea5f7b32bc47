"""The answer, first of all: what improves the tail, from which level to which, at what price, and what is noise.

Every number is a cell of comparisons.csv, image_intervals.csv, one_change.csv or logit_adjustment.csv.
"""

import dataclasses
import math
from collections.abc import Sequence

from imbseg.errors import listed
from imbseg.page.content import Tile
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records, with_score
from imbseg.report.questions.prior import in_words
from imbseg.report.questions.run import hours
from imbseg.report.questions.strategies import tail_classes
from imbseg.report.say import levels, moved, seeds, span
from imbseg.runs.changes import parts_of
from imbseg.runs.strategies import Group
from imbseg.statistics.difference import SIGNIFICANT

LISTED = 3  # remedies on top of another that are told
CLASSES = 6  # classes told one by one


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is said first: sentences, the score they are about (tail, else mIoU), and the best strategy's label."""

    lines: Sequence[str]
    score: str
    best: str = ""


def answer(evidence: Evidence, frames: Frames) -> Answer:
    """Say it of the group's rows of every table."""
    group, compared = evidence.group, frames["comparisons.csv"]
    score = next((name for name in ("tail", "mIoU") if with_score(compared, name)), "mIoU")
    rows = with_score(compared, score)
    if not rows:
        return Answer((_alone(group),), score)
    ceiling = [row for row in rows if row["strategy"] in _more_data(group)]
    rows = sorted([row for row in rows if row not in ceiling] or rows, key=lambda row: -row["mean"])
    tested = [row for row in rows if not math.isnan(row["low"])]
    lifting = [row for row in tested if row["low"] > 0]
    best = (lifting or tested or rows)[0]
    label = str(best["strategy"])
    lines = [
        *_lead(best, score, group.baseline.label),
        *_head(evidence, frames, label, score),
        *_classes(group, frames, label),
    ]
    lines += _on_images(frames, best, score) + _others(tested, best, score)
    alone = [row for row in rows if math.isnan(row["low"]) and row is not best]
    lines += [f"On one seed, so untested, {score}: {_listed(alone)}."] * bool(alone)
    lines += _on_top(group, frames, score, [str(row["strategy"]) for row in lifting])
    lines += [f"For scale, all images in place of the imbalanced ones, {score}: {_listed(ceiling)}."] * bool(ceiling)
    adjusted = [row for row in with_score(frames["logit_adjustment.csv"], score) if row["strategy"] == label]
    lines += [in_words(row) for row in adjusted if row["seeds"] and (lifting or not tested)]
    return Answer(lines, score, label)


def tiles(evidence: Evidence, frames: Frames) -> list[Tile]:
    """The answer's numbers, large."""
    told, group = answer(evidence, frames), evidence.group
    found = []
    for score in dict.fromkeys((told.score, "head", "mIoU") if told.best else ()):
        for row in _of(frames, score, told.best):
            sure = row["low"] > 0 or row["high"] < 0
            tone = ("up" if row["mean"] > 0 else "down") if sure else ""
            found.append(Tile(levels(row), f"{score}, {told.best}: {span(row)}", tone))
    trials, several = (of(len(one.runs) for one in group.strategies) for of in (sum, max))
    found.append(Tile(str(trials), f"trials of {len(group.strategies)} strategies, up to {seeds(several)} each"))
    spent, telling = hours(group)
    which = "all trials" if telling == trials else f"{telling} of {trials} trials"
    return [*found, *[Tile(f"{spent:.1f} h", f"of training and validation, {which} together")] * bool(telling)]


def _of(frames: Frames, score: str, label: str) -> list[Record]:
    return [row for row in with_score(frames["comparisons.csv"], score) if row["strategy"] == label]


def _alone(group: Group) -> str:
    if not group.others:
        return f"{group.baseline.label} is the only strategy: there is nothing to compare it with."
    return f"No strategy has a score to compare with that of {group.baseline.label}."


def _lead(best: Record, score: str, baseline: str) -> list[str]:
    what = f"{moved(best, score)}: {best['strategy']} against {baseline}"
    if math.isnan(best["low"]):
        gains = "" if best["mean"] > 0 else ", and no strategy gains"
        return [f"{what}{gains}.", "One seed gives no interval and no test: run two more seeds before believing it."]
    if best["low"] > 0:
        chance = f"Probability that it isn't above 0: {100 * best['probability_not_above']:.2g} % (flat prior)."
        return [f"{what}{_holm([best])}. {chance}"]
    if best["high"] < 0:
        return [f"No strategy improves {score}. The least is lost with {what}."]
    return [f"No strategy improves {score} beyond noise. The best is {what}; {_power([best])}."]


def _holm(rows: Sequence[Record], family: str = "strategies") -> str:
    """Which of some differences aren't significant after Holm's adjustment for how many were tested."""
    doubtful = [str(row["strategy"]) for row in rows if row["p_t_holm"] >= SIGNIFICANT]
    which = f": {listed(doubtful)}" if len(rows) > 1 else ""
    return f"; not significant after Holm correction over {rows[0]['tests']} {family}{which}" if doubtful else ""


def _power(rows: Sequence[Record]) -> str:
    """What the seeds of some comparisons would detect."""
    least, most = (pick(row["detectable"] for row in rows) for pick in (min, max))
    return f"minimum detectable effect {least:.3f}" + (f" to {most:.3f}" if most - least >= 0.0005 else "")


def _verdict(row: Record, family: str = "strategies") -> str:
    if math.isnan(row["low"]):
        return "."
    if row["low"] <= 0 <= row["high"]:
        return f": includes 0; {_power([row])}."
    return f": excludes 0{_holm([row], family)}."


def _head(evidence: Evidence, frames: Frames, label: str, score: str) -> list[str]:
    """What it costs the head, and whether that is more than the margin."""
    rows = _of(frames, "head", label) if score == "tail" else []
    claim = f"Head not worse by more than {evidence.given.margin:g}"
    return [f"{moved(row, 'head')}{_verdict(row)} {claim}: {row['not_worse']}." for row in rows]


def _on_images(frames: Frames, best: Record, score: str) -> list[str]:
    """The same difference with the chance of the test images in it."""
    rows = [row for row in with_score(frames["image_intervals.csv"], score) if row["strategy"] == best["strategy"]]
    lines = []
    for row in [row for row in rows if not math.isnan(row["low"])]:
        first = f"For other seeds and other test images ({int(row['units'])} {row['unit']} drawn)"
        same = all(abs(row[end] - best[end]) < 0.0005 for end in ("low", "high"))
        words = "excludes 0" if row["low"] > 0 or row["high"] < 0 else "includes 0"
        told = "the interval is the same: seed variance dominates" if same else f"{span(row)}, {words}"
        lines.append(f"{first} {told}.")
    return lines


def _listed(rows: Sequence[Record]) -> str:
    return listed([moved(row, str(row["strategy"]), with_seeds=False) for row in rows], between="; ")


def _others(tested: Sequence[Record], best: Record, score: str) -> list[str]:
    """What else improves it, what changed nothing that these seeds could tell from chance, and what lowers it."""
    rest = [row for row in tested if row is not best]
    better, lower = [row for row in rest if row["low"] > 0], [row for row in reversed(rest) if row["high"] < 0]
    within = [row for row in rest if row["low"] <= 0 <= row["high"]]
    lines = [f"Also improved, {score}: {_listed(better)}{_holm(better)}."] if better else []
    lines += [f"Includes 0, {score}: {_listed(within)}; {_power(within)}."] if within else []
    return lines + ([f"Lower than the baseline, {score}: {_listed(lower)}{_holm(lower)}."] if lower else [])


def _on_top(group: Group, frames: Frames, score: str, lifting: Sequence[str]) -> list[str]:
    """What one more remedy adds to a strategy that lifts: a change on an axis where that one is still plain."""
    plain, told = parts_of(group.baseline), []
    for row in with_score(frames["one_change.csv"], score):
        fresh = plain.get(str(row["axis"])) == row["from"]
        told += [row] * (row["instead_of"] in lifting and fresh and not math.isnan(row["low"]))
    return [
        f"On top of {row['instead_of']}, {row['axis']} {row['to']} in place of {row['from']}: "
        f"{moved(row, score)}{_verdict(row, 'such pairs')}"
        for row in sorted(told, key=lambda row: -abs(row["mean"]))[:LISTED]
    ]


def _more_data(group: Group) -> list[str]:
    """Strategies that see all images where the baseline's were cut: no remedies, but what remedies can hope for."""
    asked = group.baseline.runs[0].parameters.get("imbalance")
    full = [one.label for one in group.others if one.runs[0].parameters.get("imbalance") == "full"]
    return full if asked == "imbalanced" else []


def _classes(group: Group, frames: Frames, label: str) -> list[str]:
    """What the best strategy did to each class of the tail, and what of it is significant."""
    compared = frames["comparisons.csv"]
    own = compared[(compared["strategy"] == label) & compared["score"].str.startswith("IoU/")]
    rows = {str(row["score"]).removeprefix("IoU/"): row for _, row in records(own)}
    if not rows:
        return []
    tail = [name for name in tail_classes(group) if name in rows]
    shown = tail or sorted(rows, key=lambda name: -rows[name]["mean"])
    told = listed([moved(rows[name], name, with_seeds=False) for name in shown], CLASSES, "; ")
    what = "Classes of the tail" if tail else "Classes, the largest gains first"
    significant = [name for name, row in rows.items() if row["p_t_holm"] < SIGNIFICANT]
    which = f"{listed(significant, CLASSES)} {'are' if len(significant) > 1 else 'is'}" if significant else "none is"
    tested = any(not math.isnan(row["low"]) for row in rows.values())
    verdict = f" Of {len(rows)} classes {which} significant after Holm correction." if tested else ""
    return [f"{what}: {told}.{verdict}"]
