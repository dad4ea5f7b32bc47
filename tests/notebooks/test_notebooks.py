"""The notebooks: they run on the sample, say what is stored in them, import the package alone and define nothing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from plain_meta import build

from imbseg.datasets.sample import make_sample
from imbseg.datasets.spec import FOLDER, load

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("sample")
    make_sample(folder / "data")
    text = (FOLDER / "sample.yml").read_text(encoding="utf-8")
    assert "root: data/raw/sample" in text
    file = folder / "sample.yml"
    file.write_text(text.replace("root: data/raw/sample", f"root: {folder / 'data'}"), encoding="utf-8")
    build(load(str(file)), folder / "meta")
    return {"DATASET": str(file), "META": str(folder / "meta")}


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code(book: Any) -> list[Any]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def python(cell: Any) -> ast.Module:
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%")))


def said(book: Any) -> list[str]:
    """What its cells printed or showed as text; a picture counts by its kind and size."""
    texts = []
    for output in (output for cell in code(book) for output in cell.outputs):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text
        texts.append(output.text if output.output_type == "stream" else output.data["text/plain"])
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS[:-1], ids=lambda path: path.stem)
def test_it_runs_on_the_sample_and_says_what_is_stored(path: Path, sample: dict[str, str]) -> None:
    book = read(path)
    lines = code(book)[0].source.splitlines()
    for name, value in sample.items():
        (number,) = (number for number, line in enumerate(lines) if line.startswith(f"{name} = "))
        lines[number] = f"{name} = {value!r}"
    run_and_compare(book, path, "\n".join(lines))


@pytest.mark.slow
def test_the_last_runs_on_the_stored_runs_and_says_what_is_stored() -> None:
    book = read(NOTEBOOKS[-1])
    run_and_compare(book, NOTEBOOKS[-1], code(book)[0].source)


def run_and_compare(book: Any, path: Path, first: str) -> None:
    """Run a notebook with another first cell; it says what is stored in it, and shows at least two figures."""
    stored = said(book)
    code(book)[0].source = first
    NotebookClient(book, timeout=180, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert said(book) == stored
    assert len([1 for cell in code(book) for output in cell.outputs if "image/png" in output.get("data", {})]) >= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_defines_nothing_and_imports_the_package(path: Path) -> None:
    book = read(path)
    assert [cell.execution_count for cell in code(book)] == list(range(1, len(code(book)) + 1))  # run in order, once
    for cell in code(book):
        nodes = list(ast.walk(python(cell)))
        assert not [node for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda)]
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        assert names <= {"sys", "warnings"}
        assert all((node.module or "").startswith("imbseg.") for node in nodes if isinstance(node, ast.ImportFrom))
