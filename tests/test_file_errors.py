"""Files are written whole or not at all, and errors name the file that the user knows."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from imbseg.files import REPOSITORY, runs_folder, whole_file


@pytest.mark.parametrize("named", [None, "temporary", "elsewhere"])
def test_an_error_names_the_target_unless_it_names_another_file(tmp_path: Path, named: str | None) -> None:
    target = tmp_path / "table.csv"
    target.write_text("before")

    def write() -> None:
        with whole_file(target) as temporary:
            temporary.write_text("half")
            name = {None: None, "temporary": str(temporary), "elsewhere": "/elsewhere"}[named]
            raise OSError(errno.ENOSPC, "No space left on device", name)

    with pytest.raises(OSError, match="No space") as raised:
        write()
    assert raised.value.filename == ("/elsewhere" if named == "elsewhere" else str(target))
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert target.read_text() == "before"


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, "data/runs"), ("", "data/runs"), ("data/mine", "data/mine"), ("/elsewhere", "/elsewhere")],
)
def test_where_runs_go(monkeypatch: pytest.MonkeyPatch, given: str | None, expected: str) -> None:
    monkeypatch.delenv("IMBSEG_RUNS", raising=False)
    if given is not None:
        monkeypatch.setenv("IMBSEG_RUNS", given)
    assert runs_folder() == REPOSITORY / expected
    assert (REPOSITORY / "pyproject.toml").is_file()
