"""python tools/settings_page.py: every setting of a trial -> docs/settings.md, from where it is declared (1 second)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from imbseg.files import REPOSITORY, write_text
from imbseg.post_hoc import CORRECTIONS, grid, prefix, step_of
from imbseg.trial.fields import FIELDS, kind_of
from imbseg.trial.remedies import MENUS, known, takes
from imbseg.trial.values import show

PAGE = REPOSITORY / "docs" / "settings.md"
HEAD = """# Settings of a trial

Each is a flag of `src/train_nni.py`, a key of a search space, and a key of a data set's `trial:`. A setting of
remedies is refused beside others. `python tools/settings_page.py` writes this page from the declarations; a test holds
it against them.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_of_every_trial(), *_of_remedies(), *_corrections()])


def _of_every_trial() -> Iterator[str]:
    declared = {name for axis in MENUS for name in known(axis)}
    yield from ("## Of every trial", "", "| setting | what | accepts | default |", "|---|---|---|---|")
    yield from (_row(name, "") for name in FIELDS if name not in declared - {*MENUS})
    yield ""


def _of_remedies() -> Iterator[str]:
    yield from ("## Of remedies", "", "| setting | of | what | accepts | default |", "|---|---|---|---|---|")
    for axis, menu in MENUS.items():
        for name in known(axis):
            of = [entry for entry in menu if name in takes(axis, entry)]
            words = "all but `none`" if len(of) > 2 and of == list(menu)[1:] else ", ".join(f"`{one}`" for one in of)
            yield _row(name, f" {axis}: {words} |")
    yield ""


def _row(name: str, of: str) -> str:
    kind, field = kind_of(name), FIELDS[name]
    accepts = f"a name of the menu{kind.also}" if name in MENUS else kind.describe()
    default = "none" if field.default is None else show(field.default)
    return f"| `{name}` |{of} {field.description} | {accepts} | {default} |"


def _corrections() -> Iterator[str]:
    columns = "correction | its scores | chosen on validation | scored with it | passes of the network more"
    yield from ("## Corrections after training", "", f"| {columns} |", "|---|---|---|---|---|")
    for name in CORRECTIONS:
        (word, strengths), step = grid(name), step_of(name)
        ends = f"{min(strengths):g} to {max(strengths):g}" if strengths else ""
        chosen = f"`{word}`, {len(strengths)} from {ends}" if strengths else "nothing"
        beside = ", ".join(f"`{one}`" for one in step.beside) or "-"
        yield f"| `{name}` | `{prefix(name)}mIoU`, `{prefix(name)}tail` | {chosen} | {beside} | {step.passes} |"
    yield ""


if __name__ == "__main__":
    write_text(PAGE, page())
    print(f"written: {PAGE.relative_to(REPOSITORY)}")
