"""CONTRIBUTING's recipe, followed in a copy of the sources: a function and a line, and it trains by its name."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from small_trial import REPOSITORY, SMALL, make_data, words_of

pytestmark = pytest.mark.slow

SAMPLER = (
    "sampling",
    '"uniform_twice": "imbseg.sampling.mine:last_often",',
    '''"""The last image of the fold again and again."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field


def last_often(
    pixel_counts: NDArray[np.int64],
    *,
    last_weight: Annotated[float, Field(1.0, ge=0, description="weight of the last image, the others' is 0")],
) -> NDArray[np.float64]:
    """Draw the last image alone."""
    return np.where(np.arange(len(pixel_counts)) == len(pixel_counts) - 1, last_weight, 0.0)
''',
)
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^ *```python\n(.*?)^ *```$", TEXT, re.DOTALL | re.MULTILINE)
RECIPE = [textwrap.dedent(block) for block in BLOCKS]
LOSS = ("losses", '"scaled": "imbseg.losses.scaled:scaled",', RECIPE[0])
POST_HOC = (
    "post_hoc",
    '"lifted": "imbseg.post_hoc.mine:lifted",',
    '''"""The last class lifted."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from imbseg.post_hoc import Strengths

Which = Annotated[int, Field(1, ge=1, le=9, description="lifted: the class, from the last one")]


def lifted(logits: Tensor, *, height: Annotated[float, Strengths(0.0, 1000.0)], from_last: Which) -> Tensor:
    """The class of the largest logit, that of one class raised by `height`."""
    more = torch.zeros(logits.shape[1]).index_fill(0, torch.tensor([logits.shape[1] - from_last]), height)
    return (logits + more.to(logits).view(-1, 1, 1)).max(dim=1).indices
''',
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {**SMALL, **make_data(tmp_path_factory.mktemp("data")), "epochs": "1", "lr": "1e-12", "encoder_lr": "1e-12"}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources with one more entry in each of three menus."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(REPOSITORY / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name, line, function in (SAMPLER, LOSS, POST_HOC):
        package = folder / "src" / "imbseg" / name
        (package / f"{line.split(':')[1].split('.')[-1]}.py").write_text(function)
        menu = (package / "__init__.py").read_text()
        before = menu.index("    },\n    inputs=")  # the end of the first menu of the file
        (package / "__init__.py").write_text(menu[:before] + f"        {line}\n" + menu[before:])
    return folder


def command(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    there = {**os.environ, "OMP_NUM_THREADS": "1"}
    script = [sys.executable, str(copy / "src" / "train_nni.py"), *words]
    return subprocess.run(script, capture_output=True, text=True, check=False, env=there, cwd=copy)


def trained(copy: Path, settings: dict[str, str], out: Path) -> dict[str, list[dict[str, str]]]:
    done = command(copy, *words_of(settings), "--out", str(out))
    assert done.returncode == 0, done.stderr
    return {file.stem: list(csv.DictReader(file.read_text().splitlines())) for file in out.glob("*.csv")}


def test_all_three_train_by_their_names_and_settings(copy: Path, data: dict[str, str], tmp_path: Path) -> None:
    mine = {"loss": "scaled", "scale": "3", "post_hoc": "lifted", "from_last": "1", "last_weight": "0.5",
            "strategy": "full/mskf/uniform_twice/none"}  # fmt: skip
    tables = trained(copy, {**data, **mine}, tmp_path / "mine")
    plain = {**data, "loss": "cross_entropy", "last_weight": "0.5", "strategy": mine["strategy"]}
    losses = [float(found["epochs"][0]["loss"]) for found in (tables, trained(copy, plain, tmp_path / "plain"))]
    assert losses[0] == pytest.approx(3 * losses[1], rel=1e-6)  # the network stays what it was at a rate of 1e-12
    (draws,) = tables["draws"]
    assert (draws["samples"], draws["images"]) == ("24", "12")  # each of 12, and the last of them 12 times more
    lifted = {(row["subset"], row["beta"]): row for row in tables["post_hoc"] if row["method"] == "lifted"}
    assert set(lifted) >= {("val", "0.0"), ("val", "1000.0"), ("test", "0.0")}
    assert float(lifted["val", "1000.0"]["recall/crack"]) == 1  # all pixels are the last class


def test_the_recipes_own_test_passes(copy: Path, tmp_path: Path) -> None:
    imports = "import math\nimport pytest\nimport torch\nfrom imbseg.losses.scaled import scaled\n"
    (tmp_path / "test_scaled.py").write_text(imports + RECIPE[1])
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    there = {**os.environ, "PYTHONPATH": str(copy / "src")}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=there)
    assert "1 passed" in done.stdout
    assert LOSS[1] in TEXT


def test_flag_help_and_bounds_come_from_the_declaration(copy: Path) -> None:
    words = " ".join(command(copy, "--help").stdout.split())
    assert "--scale VALUE scaled's factor of the loss: a number > 0 and <= 9 (default 1.0)" in words
    assert "--last_weight VALUE weight of the last image, the others' is 0: a number >= 0 (default 1.0)" in words
    assert "one of none, prior, rank, tau_norm, flip, larger, lifted" in words
    for flags, message in (
        ({"loss": "scaled", "scale": "0"}, "scale: expected a number > 0 and <= 9, found 0"),
        ({"loss": "dice", "scale": "2"}, "scale: loss 'dice' has no such parameter (its own: class_weights)"),
        ({"sampling": "label", "last_weight": "2"}, "last_weight: sampling 'label' has no such parameter"),
    ):
        found = command(copy, *words_of(flags), "--dataset", str(REPOSITORY / "data/datasets/sample.yml"))
        assert (found.returncode, message in found.stderr) == (2, True), found.stderr


MINE = '"mine": "imbseg.losses.mine:f",'


def arg(declared: str) -> str:
    """A loss with one more argument."""
    return f"def f(logits, target, {declared}): ..."


@pytest.mark.parametrize(
    ("line", "function", "message"),
    [
        ('"gone": "imbseg.losses.gone:gone",', "", "imbseg.losses.gone: imbseg has no such module"),
        ('"mine": "imbseg.losses.focal:nosuch",', "", "focal.py: has no function 'nosuch' at its top level"),
        (MINE, "def f(logits, target, odd): ...", "nothing fills its argument 'odd'"),
        (MINE, "def f(logits): ...", "takes no argument 'target'"),
        (MINE, arg("gamma: Annotated[float, Field(2.0, ge=7)]"), "declares 'gamma' otherwise than another entry"),
        (MINE, arg("odd: Annotated[float, Field(ge=1)]"), "odd: has no default; write Field(DEFAULT, ...)"),
        (MINE, arg("odd: Annotated[np.ndarray, Field(2.0)]"), "odd: expected Annotated[TYPE, Field(DEFAULT, descripti"),
        (MINE, arg("odd: Annotated[float, Field(LARGE)]"), "expected literal values in Field(LARGE)"),
    ],
)
def test_what_a_new_entry_lacks_is_a_sentence(
    copy: Path, tmp_path: Path, line: str, function: str, message: str
) -> None:
    shutil.copytree(copy / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    package = tmp_path / "src/imbseg/losses"
    (package / "mine.py").write_text(function + "\n")
    menu = (package / "__init__.py").read_text()
    (package / "__init__.py").write_text(menu.replace('"scaled":', f'{line}\n        "scaled":'))
    done = command(tmp_path, "--help")
    assert message in done.stderr.splitlines()[-1]
