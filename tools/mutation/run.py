"""`make mutants`, `make mutants PART=training`: change the code that makes the numbers, and see whether a test fails.

For each part of parts.toml mutmut works in a folder of its own below mutants/, which holds links to this repository;
started again it goes on, and runs only what changed. Then a table by module, and every survivor with its change.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = ("data/datasets", "data/published", "configs", "docs", "search_space.json", "nni_config.yml", "README.md",
          "CONTRIBUTING.md", "CHANGELOG.md")  # fmt: skip
COLUMNS = ("killed", "timeout", "survived", "no tests")
STATUS = {0: "survived", 1: "killed", 3: "killed", 5: "no tests", 33: "no tests", -24: "timeout", 24: "timeout",
          152: "timeout", 36: "timeout", 255: "timeout", -11: "killed", -9: "killed"}  # fmt: skip


def main() -> None:
    """Run the parts named on the command line, else all; with --table only tell what is known."""
    parts = tomllib.loads((HERE / "parts.toml").read_text())
    options = parts.pop("pytest")["options"]
    chosen = [word for word in sys.argv[1:] if word != "--table"] or list(parts)
    for name in chosen:
        folder = ROOT / "mutants" / name
        if "--table" not in sys.argv:
            again = parts[name].get("again")
            prepare(folder, parts.get(again, {}) | parts[name], options)
            some = alive([ROOT / "mutants" / again]) if again else []
            command = [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "1", *some]
            subprocess.run(command, cwd=folder, env=environment(folder), check=True)
    print_table([ROOT / "mutants" / name for name in chosen])


def prepare(folder: Path, part: dict[str, Any], options: list[str]) -> None:
    """Link the repository into a part's folder, and say there what mutmut is to do."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("src", "tests", *dict.fromkeys(copied.split("/")[0] for copied in COPIED)):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(ROOT / name)
    places = [Path("src/imbseg", one) for one in part["mutate"]]
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"{place}/*.py" if (ROOT / place).is_dir() else f"{place}.py" for place in places],
        "do_not_mutate": [f"src/imbseg/{one}.py" for one in part.get("but", [])],
        "also_copy": [name for name in COPIED if (ROOT / name).exists()],
        "pytest_add_cli_args": [*options, *(f"--deselect={one}" for one in part["leave_out"])],
        "pytest_add_cli_args_test_selection": part["tests"],
        "process_isolation": "forkserver",  # torch can't be forked once it has trained
        "timeout_multiplier": 15.0,
        "timeout_constant": 4.0,
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    own = (ROOT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text("\n".join([own, "[tool.mutmut]", *lines, ""]))


def environment(folder: Path) -> dict[str, str]:
    """One thread, our plugin of pytest and no other, a small data set that is made once."""
    data = os.environ.get("IMBSEG_SHARED_DATA", str(ROOT.parent / "shared" / "data"))
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "IMBSEG_SHARED_DATA": data, "IMBSEG_TEST_DATA": str(folder / "small")}  # fmt: skip


def results(folders: list[Path]) -> dict[str, dict[str, str]]:
    """Module -> mutant -> what became of it."""
    files = sorted(file for folder in folders for file in folder.glob("mutants/src/**/*.meta"))
    found = {file: json.loads(file.read_text())["exit_code_by_key"] for file in files}
    return {
        str(file).split("src/imbseg/")[1].removesuffix(".py.meta"): {
            name: STATUS.get(code, "not run") for name, code in codes.items()
        }
        for file, codes in found.items()
        if codes
    }


def alive(folders: list[Path]) -> list[str]:
    """The mutants that nothing kills."""
    return [name for one in results(folders).values() for name, what in one.items() if what in COLUMNS[2:]]


def print_table(folders: list[Path]) -> None:
    """A row a module; their survivors go to a file, for `mutmut show NAME`."""
    print("| module | mutants | " + " | ".join(COLUMNS) + " | killed, % |\n|---|" + "---:|" * (len(COLUMNS) + 2))
    counts = {module: Counter(found.values()) for module, found in results(folders).items()}
    for module, count in [*counts.items(), ("all", sum(counts.values(), Counter()))]:
        print(row(module, count))
    (ROOT / "mutants" / "alive.txt").write_text("\n".join(alive(folders)) + "\n")


def row(name: str, counts: Counter[str]) -> str:
    """A module's line; what takes too long counts as killed."""
    share = (counts["killed"] + counts["timeout"]) / max(counts.total(), 1)
    return f"| {name} | {counts.total()} | " + " | ".join(str(counts[one]) for one in COLUMNS) + f" | {share:.1%} |"


if __name__ == "__main__":
    main()
