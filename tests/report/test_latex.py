"""The LaTeX table: numbers by hand, and names that would break it."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from asked import evidence, frames_of
from run_folders import make_run

from imbseg.page.latex import escape, tabular
from imbseg.report.questions import strategies


def table(root: Path, folder: int = 0) -> str:
    """The strategies' table of test scores; 2: that of the scores after a correction."""
    asked = evidence(root)
    return tabular(strategies.section(asked, frames_of(asked)).tables[folder], best=True)


def test_means_deviations_and_the_best_by_hand(tmp_path: Path) -> None:
    for seed, pole in ((1, 0.1), (2, 0.2)):
        make_run(tmp_path / f"a{seed}", test=(0.8, 0.6, pole), seed=seed, prior={"test/prior/tail": 0.3})
        make_run(tmp_path / f"b{seed}", test=(0.8, 0.6, pole + 0.2), seed=seed, loss="focal")
    # tail .15 against .35, deviation .1 / sqrt 2; mIoU (1.4 + .15) / 3 = .517 and .583, deviation a third of it; the
    # heads are equal, so both are bold; only the first strategy has a moved prior.
    assert table(tmp_path).splitlines() == [
        r"\begin{tabular}{llrrr}",
        r"\toprule",
        r"strategy & seeds & test mIoU & test head & test tail \\",
        r"\midrule",
        r"cross\_entropy & 1 2 & 0.517 $\pm$ 0.024 & \textbf{0.700} $\pm$ 0.000 & 0.150 $\pm$ 0.071 \\",
        r"focal & 1 2 & \textbf{0.583} $\pm$ 0.024 & \textbf{0.700} $\pm$ 0.000 & \textbf{0.350} $\pm$ 0.071 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert r"cross\_entropy & 1 2 & \textbf{0.300} $\pm$ 0.000 \\" in table(tmp_path, 2).splitlines()


def test_one_strategy_with_one_seed_is_neither_best_nor_spread(tmp_path: Path) -> None:
    make_run(tmp_path / "a", test=(0.8, 0.6, math.nan))
    assert r"full/mskf/none/none, cross\_entropy & 1 & 0.700 & 0.700 \\" in table(tmp_path).splitlines()


HOSTILE = [
    "50% & more_of #1", r"\input{/etc/passwd}", "a\\", "{", "}}", "$x^2$", "~a~", "[2cm] x", "*x", "two\nlines",
    "tab\tand\x00nul", '"quoted"', "<b>|</b>", "--dash", "% comment",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_in_their_cell(tmp_path: Path, name: str) -> None:
    for number, loss in enumerate(("plain", name)):
        make_run(tmp_path / f"a{number}", loss=loss)
    lines = table(tmp_path).splitlines()
    assert len(lines) == 8
    for line in lines[2:3] + lines[4:6]:
        assert len(re.findall(r"(?<!\\)&", line)) == 4
        assert line.endswith(r" \\")
        assert not line.startswith(("[", "*"))
        assert balanced(line)
        assert set(re.findall(r"\\([a-z]+)", line)) <= {"pm", "textbf", "textbackslash", "textasciitilde",
            "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl"}  # fmt: skip
        assert not re.search(r"(?<!\\)[%#_]", line)
        assert len(re.findall(r"(?<!\\)\$", line)) % 2 == 0


def balanced(line: str) -> bool:
    """Whether braces close, those that are escaped aside."""
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", line.replace(r"\\", "")):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def test_every_special_letter_by_hand() -> None:
    assert escape(r"\&%$#_{}~^") == r"\textbackslash{}\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}"
    assert escape("  a \r\n b ") == "a b"
