"""The import graph follows the way the data flows; see "Layout" in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
ORDER = ["errors", "files", "memory", "interrupt", "ranks", "loaders", "declared", "own", "menu", "console", "canvas",
         "datasets", "windows", "pictures", "splits", "imports", "meta", "sampling", "copy_paste", "augment", "models",
         "losses", "post_hoc", "checks", "metrics", "trial", "training", "timing", "runs", "statistics", "tuning",
         "predict", "page", "export", "report", "verdict"]  # fmt: skip
MAY_IMPORT = {
    **{layer: set(ORDER[: number + 1]) for number, layer in enumerate(ORDER)},
    "runs": set(ORDER[: ORDER.index("runs") + 1]) - {"training", "timing"},
    "statistics": {"errors", "metrics", "statistics"},
    "tuning": {"errors", "files", "trial", "runs", "tuning"},
    "report": {*ORDER} - {"training", "timing", "verdict"},
    "verdict": {*ORDER} - {"training", "timing"},
    "manager": {"errors", "files", "interrupt", "declared", "own", "menu", "console", "datasets", "splits", "meta",
                "sampling", "copy_paste", "models", "losses", "post_hoc", "trial", "runs", "tuning", "manager"},
    "racing": {"errors", "files", "console", "datasets", "meta", "trial", "runs", "statistics", "manager", "racing"},
    "cluster": {"errors", "files", "datasets", "trial", "tuning", "manager", "cluster"},
}  # fmt: skip
JUNK = {"utils", "common", "helpers", "misc"}


PLACE = re.compile(r"(imbseg(?:\.\w+)+):(\w+)")  # where a menu's function lives
REMEDIES = ("splits", "sampling", "copy_paste", "losses", "post_hoc")


def imports(text: str, package: str = "imbseg") -> set[str]:
    """Every module that a source names in an import, at its top or inside a function, relative ones resolved.

    Args:
        text: the source.
        package: the package that it lies in, such as imbseg.losses.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def places(text: str) -> set[str]:
    """Every module that a text constant of a source names as the place of a function; docstrings may name any."""
    tree = ast.parse(text)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    matches = [PLACE.fullmatch(node.value) for node in constants if id(node) not in told]
    return {match[1] for match in matches if match}


def layers(text: str, package: str = "imbseg") -> set[str]:
    """The layers of this package that a source imports, or has imported by the name of a function's place.

    >>> sorted(layers("from ..runs import collect\\nX = 'imbseg.training.loop:f'\\nfrom . import a", "imbseg.losses"))
    ['losses', 'runs', 'training']
    """
    parts = [name.split(".") for name in imports(text, package) | places(text)]
    known = {*MAY_IMPORT}
    return {part[1] for part in parts if part[0] == "imbseg" and len(part) > 1 and part[1] in known}


def foreign_places(text: str, package: str) -> set[str]:
    """Modules outside a menu's own folder where its functions are said to live."""
    return {module for module in places(text) if not module.startswith(f"{package}.")}


def trial_arguments(text: str) -> list[str]:
    """Functions that take a Trial, by the annotation or the name of an argument."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            given += [one for one in (node.args.vararg, node.args.kwarg) if one]
            words = [(one.arg, ast.unparse(one.annotation) if one.annotation else "") for one in given]
            if any(name in ("trial", "settings") or re.search(r"\bTrial\b", kind) for name, kind in words):
                found.append(getattr(node, "name", "lambda"))
    return found


def package_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).parent.parts)


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
    assert layers(path.read_text(encoding="utf-8"), package_of(path)) <= MAY_IMPORT[layer]


def test_only_the_trial_script_and_the_tuner_import_nni() -> None:
    scripts = [
        path for path in SOURCE.rglob("*.py") if "nni" in {name.split(".")[0] for name in imports(path.read_text())}
    ]
    assert sorted(scripts) == [SOURCE / "imbseg" / "tuning" / "nni_tuner.py", SOURCE / "train_nni.py"]


@pytest.mark.parametrize("folder", REMEDIES)
def test_no_remedy_takes_a_trial(folder: str) -> None:
    paths = sorted((SOURCE / "imbseg" / folder).rglob("*.py"))
    assert len(paths) > 1
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert layers(text, package_of(path)).isdisjoint({"trial", "training"}), path
        assert trial_arguments(text) == [], path


@pytest.mark.parametrize("folder", REMEDIES)
def test_a_menus_functions_live_in_its_own_folder(folder: str) -> None:
    text = (SOURCE / "imbseg" / folder / "__init__.py").read_text(encoding="utf-8")
    assert places(text)
    assert foreign_places(text, f"imbseg.{folder}") == set()


def test_no_junk_drawer() -> None:
    assert not [path for path in SOURCE.rglob("*.py") if path.stem in JUNK]


def test_files_and_folders_stay_of_a_size_that_one_reads() -> None:
    files = list(SOURCE.rglob("*.py"))
    lines = {path: path.read_bytes().count(b"\n") for path in files}
    assert {path.name: count for path, count in lines.items() if count > 250} == {}
    for folder in {path.parent for path in files} - {SOURCE, SOURCE / "imbseg"}:
        assert sum(path.parent == folder for path in files) <= 20, folder
        assert sum(count for path, count in lines.items() if folder in path.parents) <= 3_000, folder


def test_no_two_files_of_tests_share_a_name() -> None:
    """pytest imports them by their name alone."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
