"""The tuners, assessors and advisors of NNI and their arguments, read from its files: importing nni takes a second."""

import ast
import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from imbseg import declared
from imbseg.errors import InputError, unknown_name
from imbseg.files import REPOSITORY
from imbseg.tuning import goal

ROLES = ("tuner", "assessor", "advisor")
SOURCE = REPOSITORY / "src"
KEYS = ("name", "classArgs", "className", "codeDirectory")


@dataclass(frozen=True)
class Algorithm:
    """One algorithm as NNI registers it.

    Attributes:
        name: as NNI's documentation spells it; NNI itself minds no case.
        role: tuner, assessor or advisor.
        alias: another name, or None.
        place: full name of its class.
        own: arguments that NNI gives by itself.
    """

    name: str
    role: str
    alias: str | None
    place: str
    own: tuple[str, ...]


def check(role: str, given: Any, where: str) -> None:
    """Check the name and the arguments of an algorithm that a config names; of one's own class only imbseg's are known.

    Raises:
        InputError: NNI has no such algorithm (the message lists those it has) or it has no such argument; an argument
            that it needs is missing, or it would minimize.
    """
    if not (isinstance(given, dict) and ("name" in given or "className" in given)):
        raise InputError(f"{where}: {role}: expected {{name: ..., classArgs: {{...}}}}, found {given!r}")
    for key in given:
        if key not in KEYS:
            raise unknown_name(f"key of {role} in {where}", key, KEYS)
    chosen = given.get("classArgs") or {}
    if not isinstance(chosen, dict):
        raise InputError(f"{where}: {role}: classArgs: expected {{argument: value}}, found {chosen!r}")
    if given.get("name") is not None:
        _check_arguments(_find(role, given["name"], where), chosen, f"{where}: {role} {given['name']}")
    elif (place := str(given["className"])).startswith("imbseg."):
        _check_arguments(Algorithm(place, role, None, place, ()), chosen, f"{where}: {role} {place}")
        goal.check_arguments(chosen)


def known() -> tuple[Algorithm, ...]:
    """What NNI has, and what was registered with `nnictl algo register` in this environment."""
    own = _package() / "runtime/default_config/builtin_algorithms.yml"
    files = (own, Path(sys.prefix) / "nni/registered_algorithms.yml")
    return tuple(one for file in files if file.is_file() for one in _read(file))


def config_keys() -> list[str]:
    """The keys of a config file, in NNI's order.

    >>> config_keys()[:2]
    ['experimentName', 'experimentType']
    """
    fields = declared.arguments(_package() / "experiment/config/experiment_config.py", "ExperimentConfig")
    words = [one.name.split("_") for one in fields]
    return [first + "".join(map(str.capitalize, rest)) for first, *rest in words]


def parameters(place: str) -> Mapping[str, Any] | None:
    """Argument names of a class of NNI, each with its default, read from its source; `...` where it has none.

    Args:
        place: full name of the class; its source is a module, or one of the files of a package.

    Returns:
        None where NNI has no such source: then nothing is known.

    >>> parameters("nni.algorithms.hpo.random_tuner.RandomTuner")
    {'seed': None, 'optimize_mode': None}
    """
    module, _, name = place.rpartition(".")
    base = (SOURCE if module.startswith("imbseg.") else _package().parent) / module.replace(".", "/")
    for file in [base.with_suffix(".py"), *sorted(base.glob("*.py"))]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if file.is_file() else ():
            if isinstance(node, ast.ClassDef) and node.name == name:
                return _of_class(node)
    return None


def _find(role: str, name: Any, where: str) -> Algorithm:
    there = known()
    for one in there:
        if str(name).lower() in (one.name.lower(), (one.alias or one.name).lower()):
            if one.role != role:
                raise InputError(f"{where}: {role}: NNI knows {name} as {one.role}; write it under '{one.role}:'")
            return one
    raise unknown_name(f"{role} in {where}", name, [one.name for one in there if one.role == role])


def _check_arguments(algorithm: Algorithm, chosen: Mapping[str, Any], where: str) -> None:
    takes = parameters(algorithm.place)
    if takes is None and algorithm.place.startswith("imbseg."):
        raise InputError(f"{where}: imbseg has no such class; its own are in imbseg.tuning.nni_tuner")
    if takes is None:  # registered by the user
        return
    free = {name: default for name, default in takes.items() if name not in algorithm.own}
    for name in chosen:
        if name not in free:
            raise unknown_name(f"argument in classArgs of {where}", name, free or ["none"])
    for name, default in free.items():
        if default is ... and name not in chosen:
            raise InputError(f"{where}: needs {name!r} in classArgs; add it")
    mode = chosen.get("optimize_mode", free.get("optimize_mode"))
    if mode not in (None, "maximize"):
        why = "trials report their mIoU, of which more is better"
        raise InputError(f"{where}: optimize_mode is {mode!r}, and {why}; write 'optimize_mode: maximize' in classArgs")


@functools.cache
def _package() -> Path:
    spec = find_spec("nni")
    if spec is None or spec.origin is None:
        raise InputError("nni is not installed; run make setup")
    return Path(spec.origin).parent


@functools.cache
def _read(file: Path) -> tuple[Algorithm, ...]:
    content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    found = [
        ("advisor" if one.get("isAdvisor") else role, one) for role in ROLES for one in content.get(f"{role}s") or ()
    ]
    return tuple(
        Algorithm(one["builtinName"], role, one.get("alias"), one["className"], tuple(one.get("classArgs") or ()))
        for role, one in found
    )


def _of_class(node: ast.ClassDef) -> dict[str, Any]:
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            names = [argument.arg for argument in inner.args.args[1:]]
            defaults = [getattr(default, "value", None) for default in inner.args.defaults]
            return dict(zip(names, [...] * (len(names) - len(defaults)) + defaults, strict=True))
    return {}
