"""The import graph follows the way the data flows; see "Layout" in CONTRIBUTING.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
ORDER = ["errors", "files", "menu", "console", "datasets", "splits", "meta", "sampling", "copy_paste", "augment",
         "models", "losses", "post_hoc", "metrics", "trial", "training", "results"]  # fmt: skip
MAY_IMPORT = {
    **{layer: set(ORDER[: number + 1]) for number, layer in enumerate(ORDER)},
    "results": set(ORDER) - {"training"},  # they meet at the run folder on disk
    "manager": {"errors", "files", "menu", "console", "datasets", "splits", "meta", "sampling", "copy_paste", "losses",
                "trial", "manager"},
}  # fmt: skip
JUNK = {"utils", "common", "helpers", "misc"}


def imports(text: str) -> set[str]:
    """Every module that a source names in an import, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layers(text: str) -> set[str]:
    """The layers of this package that a source imports."""
    parts = [name.split(".") for name in imports(text)]
    known = {*MAY_IMPORT}
    return {part[1] for part in parts if part[0] == "imbseg" and len(part) > 1 and part[1] in known}


def layer_of(path: Path) -> str:
    first = path.relative_to(SOURCE / "imbseg").parts[0]
    return first.removesuffix(".py")


def files() -> list[Path]:
    return sorted(
        path for path in (SOURCE / "imbseg").rglob("*.py") if path.name != "__init__.py" or path.parent.name != "imbseg"
    )


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_layer_imports_only_what_stands_before_it(path: Path) -> None:
    layer = layer_of(path)
    assert layer in MAY_IMPORT, f"{path}: no layer; add it to the order, or move it"
    assert layers(path.read_text(encoding="utf-8")) <= MAY_IMPORT[layer]


def test_only_the_trial_script_imports_nni() -> None:
    scripts = [
        path for path in SOURCE.rglob("*.py") if "nni" in {name.split(".")[0] for name in imports(path.read_text())}
    ]
    assert scripts == [SOURCE / "train_nni.py"]


def test_no_remedy_takes_a_trial() -> None:
    for folder in ("splits", "sampling", "copy_paste", "losses", "post_hoc"):
        for path in (SOURCE / "imbseg" / folder).glob("*.py"):
            assert "trial" not in layers(path.read_text(encoding="utf-8")), path


def test_no_junk_drawer() -> None:
    assert not [path for path in SOURCE.rglob("*.py") if path.stem in JUNK]


def test_this_test_sees_a_wrong_import() -> None:
    assert layers("def f():\n    from imbseg.training import run") == {"training"}
    assert not layers("from imbseg.training.run import Run") <= MAY_IMPORT["losses"]
    assert not layers("import imbseg.training") <= MAY_IMPORT["results"]
