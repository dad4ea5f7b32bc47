r"""The report's page -> tables for a paper, with \usepackage{booktabs}; other alphabets need a Unicode engine."""

from collections.abc import Sequence

from imbseg.page.cells import Cell, as_number, grid
from imbseg.page.content import Page, Section, Table

# A cell that starts with [ or * would be read as an argument of the \\\\ before it
WORDS = {"\\": "textbackslash", "~": "textasciitilde", "^": "textasciicircum", "<": "textless", ">": "textgreater"}
WORDS |= {"|": "textbar", '"': "textquotedbl"}
MATHS = {"−": "-", "±": r"\pm", "∞": r"\infty", "²": "^2"}
SPECIAL = {one: f"\\{name}{{}}" for one, name in WORDS.items()} | {one: f"${text}$" for one, text in MATHS.items()}
SPECIAL |= {one: f"{{{one}}}" for one in "[]*-"} | {one: f"\\{one}" for one in "&%$#_{}"}


def latex(page: Page) -> str:
    r"""Every section of the page, to \input into a document: sentences, figures, tables that aren't folded up."""
    lines = [f"% {_plain(page.title)}"]
    for chapter in page.chapters:
        lines += [rf"\section*{{{escape(chapter.name)}}}", *_paragraphs(chapter.answer)]
        for section in chapter.sections:
            lines += _section(section)
    for section in page.sections:
        lines += _section(section)
    return "\n".join(lines) + "\n"


def tabular(table: Table, *, best: bool = False) -> str:
    r"""One table; with `best` the highest number of each column is bold, ties all, where there are several rows."""
    headings, rows = grid(table)
    columns = zip(*rows, strict=True) if best and len(rows) > 1 else ()
    bold = {id(cell) for column in columns for cell in _highest(column)}
    lines = [rf"\begin{{tabular}}{{{''.join('r' if head.right else 'l' for head in headings)}}}", r"\toprule"]
    lines += [_line([escape(head.text) for head in headings]), r"\midrule"]
    lines += [_line([_cell(cell, bold=id(cell) in bold) for cell in row]) for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def escape(text: str) -> str:
    r"""Text that LaTeX sets as it is, on one line.

    >>> print(escape("focal_loss 50%"))
    focal\_loss 50\%
    """
    return "".join(SPECIAL.get(one, one) for one in _plain(text))


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _plain(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _highest(column: tuple[Cell, ...]) -> list[Cell]:
    values = [(value, cell) for cell in column if (value := as_number(cell.values.get(cell.column.name))) is not None]
    most = max((value for value, _ in values), default=None)
    return [cell for value, cell in values if value == most]


def _cell(cell: Cell, *, bold: bool) -> str:
    first, space, rest = cell.text.partition(" ") if cell.values else (cell.text, "", "")
    return (rf"\textbf{{{escape(first)}}}" if bold else escape(first)) + space + escape(rest)


def _paragraphs(lines: Sequence[str]) -> list[str]:
    return [text for line in lines for text in (escape(line), "")]


def _section(section: Section) -> list[str]:
    if section.empty:
        return []
    lines = [rf"\subsection*{{{escape(section.title)}}}", *_paragraphs(section.said)]
    lines += [rf"\includegraphics[width=\linewidth]{{{one.file}}}" for one in section.drawings]
    lines += [rf"\textbf{{{escape(name)}}}: {escape(line)}\\" for name, line in section.terms]
    for table in section.shown:
        text = r"\emph{see " + escape(table.file) + "}" if table.closed else tabular(table)
        lines += [escape(table.caption) + r"\\", text, ""]
    return [*lines, *_paragraphs(section.notes)]
