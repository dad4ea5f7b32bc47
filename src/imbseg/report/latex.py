"""Strategies x headline scores as a LaTeX table for a paper: mean and deviation over seeds, the best in bold."""

from __future__ import annotations

import math

from imbseg.report.tables import number, spread
from imbseg.runs.collect import CORRECTED, SCORES
from imbseg.runs.strategies import Group

# A cell that starts with [ or * would be taken for an argument of the \\ before it
SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
           ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}", "[": "{[}", "]": "{]}", "*": "{*}",
           "-": "{-}", "±": r"$\pm$"} | {one: f"\\{one}" for one in "&%$#_{}"}  # fmt: skip


def latex(group: Group, subset: str = "test", digits: int = 3) -> str:
    r"""A table for LaTeX; it needs \usepackage{booktabs}, and with names that are no ASCII a Unicode engine.

    Args:
        group: strategies that may be compared.
        subset: test or val.
        digits: of each number.

    Returns:
        A tabular: a row a strategy, a column a score that any has (mIoU, head, medium, tail, those after a
        correction), as mean $\pm$ standard deviation over seeds; of several strategies the best mean is bold, ties all.
    """
    means = {(one.label, score): spread(one.values(subset, score).values())
             for one in group.strategies for score in (*SCORES, *CORRECTED)}  # fmt: skip
    scores = [score for score in (*SCORES, *CORRECTED)
              if any(means[one.label, score][2] for one in group.strategies)]  # fmt: skip
    best = {score: max(means[one.label, score][0] for one in group.strategies if means[one.label, score][2])
            for score in scores}  # fmt: skip
    several = len(group.strategies) > 1
    lines = [f"% {' '.join(group.name.split())}, {subset} images", rf"\begin{{tabular}}{{l{'r' * len(scores)}}}",
             r"\toprule", _row(["strategy", *scores]), r"\midrule"]  # fmt: skip
    for one in group.strategies:
        found = [means[one.label, score] for score in scores]
        bold = [several and mean == best[score] for score, (mean, _, _) in zip(scores, found, strict=True)]
        cells = [_cell(*values, digits=digits, bold=strong) for values, strong in zip(found, bold, strict=True)]
        lines.append(" & ".join([escape(one.label), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def escape(text: str) -> str:
    r"""Text that LaTeX sets as it is, on one line.

    >>> print(escape("focal_loss 50%"))
    focal\_loss 50\%
    """
    plain = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return "".join(SPECIAL.get(one, one) for one in plain)


def _row(names: list[str]) -> str:
    return " & ".join(map(escape, names)) + r" \\"


def _cell(mean: float, deviation: float, count: int, *, digits: int, bold: bool) -> str:
    if not count:
        return ""
    text = number(mean, digits)
    text = rf"\textbf{{{text}}}" if bold else text
    return text if math.isnan(deviation) else rf"{text} $\pm$ {number(deviation, digits)}"
