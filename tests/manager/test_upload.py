"""What NNI uploads to another machine, by its own reading of .nniignore: the trial's code, and no data."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NNI_NODE = Path(sysconfig.get_paths()["purelib"]) / "nni_node"


@pytest.fixture(scope="module", params=["", "/"])
def kept(request: pytest.FixtureRequest) -> list[str]:
    """Of the paths that might lie in a repository, those that the patterns let through, the way NNI walks: top down.

    It has two such walks, one asks for folders with a slash at their end and one without.
    """
    places = [REPOSITORY / name for name in ("src", "configs", "data/datasets", "docs", "tests", "tools", ".github")]
    there = [path for place in places for path in place.rglob("*") if path.is_file()]
    there += [path for path in REPOSITORY.iterdir() if path.is_file()]
    made = ["data/raw/sample/images/1.png", "data/meta/sample/images.csv", "data/runs/abc/def/last.pt", "data/cache/1",
            ".venv/bin/python", ".venv", ".git", ".git/HEAD", "src/imbseg/__pycache__/x.pyc", "src/imbseg.egg-info/x",
            ".mypy_cache/x", ".ruff_cache/x", "data/VOCdevkit/VOC2012/x"]  # fmt: skip
    script = """
    const ignore = require(process.argv[1] + '/node_modules/ignore');
    const ig = ignore().add(require('fs').readFileSync('.nniignore', 'utf8'));
    const steps = (path) => path.split('/').map((_, i, all) =>
      all.slice(0, i + 1).join('/') + (i + 1 < all.length ? process.argv[2] : ''));
    const names = JSON.parse(require('fs').readFileSync(0, 'utf8'));
    console.log(JSON.stringify(names.filter((path) => !steps(path).some((step) => ig.ignores(step)))));
    """
    command = [str(NNI_NODE / "node"), "-e", script, str(NNI_NODE), request.param]
    names = json.dumps([*(str(path.relative_to(REPOSITORY)) for path in there), *made])
    done = subprocess.run(command, cwd=REPOSITORY, input=names, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def test_all_of_src_goes_along(kept: list[str]) -> None:
    sources = [str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "src").rglob("*.py")]
    assert {*sources, "src/imbseg/manager/programs/guard.js"} <= set(kept)


def test_nothing_else_does(kept: list[str]) -> None:
    places = {path.partition("/")[0] for path in kept if "/" in path}
    assert places == {"src", "data", "configs"}
    assert {path for path in kept if path.startswith("data/")} == {
        str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "data/datasets").iterdir()
    }
    assert not [path for path in kept if "cache" in path or "egg-info" in path or path in (".venv", ".git")]
    assert len(kept) < 2000
