"""A pytest plugin: mutmut's mutants of a few modules, all in one process; some 50 ms each where the tests are quick.

    MUTATE=imbseg.metrics.tables PYTHONPATH=tools/mutation OMP_NUM_THREADS=1 \
      tools/mutation/.venv/bin/python -m pytest -q -p in_process tests/metrics/test_tables.py

A mutant runs the tests that reach its function until one fails, first those that killed most mutants in a second.
Fixtures are made anew for each mutant. Nothing is forked, so what else a mutant leaves behind stays: for modules
without state. What is known is kept in mutants/MODULE.json, and goes on from there; each survivor's change is printed.
"""

from __future__ import annotations

import difflib
import gc
import importlib.abc
import importlib.util
import itertools
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from mutmut.mutation import trampoline
from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents

ROOT = Path(__file__).resolve().parents[2]
WANTED = set(os.environ["MUTATE"].split(","))
MUTATED: dict[str, MutatedFile] = {}
now = {"mutant": "", "test": ""}  # the one that every function asks for, and the test that runs
reached: dict[str, set[str]] = {}  # function -> tests
kills: Counter[str] = Counter()  # test -> mutants


class Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the modules of MUTATE with their mutants."""

    def find_spec(self, name: str, _path: Any, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Take these modules before anybody else finds them."""
        file = (ROOT / "src" / name.replace(".", "/")).with_suffix(".py")
        return importlib.util.spec_from_file_location(name, file, loader=self) if name in WANTED else None

    def exec_module(self, module: ModuleType) -> None:
        """Run what mutmut makes of the file."""
        file = str(module.__file__)
        MUTATED[module.__name__] = mutate_file_contents(file, Path(file).read_text(encoding="utf-8"))
        exec(compile(MUTATED[module.__name__].code, file, "exec"), module.__dict__)


sys.meta_path.insert(0, Mutated())  # at once: a conftest.py may import them
trampoline.get_mutant_under_test = lambda: now["mutant"]
trampoline.record_trampoline_hit = lambda name, caller=None: reached.setdefault(name, set()).add(now["test"])


def pytest_runtestloop(session: pytest.Session) -> bool:
    """Every test once as it is, then every mutant, then every test again as it is."""
    if missing := WANTED - MUTATED.keys():
        pytest.exit(f"these tests import no {', '.join(sorted(missing))}", 1)
    seconds: dict[str, float] = {}
    items = {item.nodeid: item for item in session.items}
    gc.freeze()
    for name, item in items.items():
        now.update(mutant="stats", test=name)
        started = time.process_time()
        _expect(item, "without a mutant")
        seconds[name] = time.process_time() - started
    signal.signal(signal.SIGPROF, _ring)
    for module, made in MUTATED.items():
        print(f"\n{module}: {dict(Counter(_verdicts(module, made, items, seconds)))}")
    for item in items.values():
        _expect(item, "by what mutants left behind: run them in several goes")
    return True


def _verdicts(
    module: str, made: MutatedFile, items: dict[str, pytest.Item], seconds: dict[str, float]
) -> Iterator[str]:
    file = ROOT / "mutants" / f"{module}.json"
    file.parent.mkdir(exist_ok=True)
    known = json.loads(file.read_text()) if file.is_file() else {}
    for name in made.mutant_names:
        function = name.rpartition("__mutmut_")[0]
        if name not in known:
            found = reached.get(f"{module}.{function}", ())
            tests = sorted(found, key=lambda test: seconds[test] / (1 + kills[test]))
            now["mutant"] = f"{module}.{name}"
            known[name] = _verdict([items[test] for test in tests], 15 + 5 * sum(seconds[test] for test in tests))
            now["mutant"] = ""
            file.write_text(json.dumps(known))
        if known[name] == "survived":
            print(f"\n{name}\n{_change(made, f'{function}__mutmut_orig', name)}")
        yield known[name]


def _verdict(tests: list[pytest.Item], limit_s: float) -> str:
    """Of the mutant that is on."""
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    try:
        for test, following in itertools.zip_longest(tests, tests[1:]):
            if _fails(test, following):
                kills[test.nodeid] += 1
                return "killed"
        return "survived" if tests else "no tests"
    except TimeoutError:
        return "timeout"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if tests:
            tests[0].session._setupstate.teardown_exact(None)
            _empty(tests[0].config._tmp_path_factory.getbasetemp())


def _empty(folder: Path) -> None:
    """Some 10 MB a mutant."""
    for path in folder.iterdir():
        shutil.rmtree(path, ignore_errors=True)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _expect(item: pytest.Item, how: str) -> None:
    """End where a test fails that has to pass."""
    if _fails(item):
        pytest.exit(f"{item.nodeid} fails {how}", 1)


def _fails(item: pytest.Item, following: pytest.Item | None = None) -> bool:
    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


def _change(made: MutatedFile, before: str, after: str) -> str:
    """The lines in which two functions of the file differ."""
    lines = made.code.splitlines()
    spans = (made.line_span_by_function_name[name] for name in (before, after))
    sides = ([line for line in lines[span.start - 1 : span.end] if "__mutmut_" not in line] for span in spans)
    return "\n".join(
        line for line in difflib.unified_diff(*sides, lineterm="", n=0) if line[:2] not in ("--", "++", "@@")
    )
