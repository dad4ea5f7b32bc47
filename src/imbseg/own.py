"""A remedy of the user's own, named `module:function`: found beside the data set file, else on PYTHONPATH."""

import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imbseg import declared
from imbseg.errors import InputError, first_line

_beside: list[Path] = []  # the folder of the data set file, once there is one


def look_beside(file: Path) -> None:
    """From now on, look for modules in the folder of a data set file first."""
    _beside[:] = [file.resolve().parent]


def locate(name: str) -> tuple[Path, str]:
    """The file and the function that a name stands for.

    >>> locate("imbseg.own:locate")[1]
    'locate'

    Raises:
        InputError: it isn't `module:function`, or there is no such file.
    """
    module, _, function = name.partition(":")
    parts = module.split(".")
    if not function.isidentifier() or not all(part.isidentifier() for part in parts):
        raise InputError(f"{name!r}: expected module:function, two names of Python, such as mine:soft_iou")
    for folder in (*_beside, *map(Path, sys.path)):
        for file in (folder.joinpath(*parts).with_suffix(".py"), folder.joinpath(*parts, "__init__.py")):
            if file.is_file():
                return file.resolve(), function
    where = f"neither {_beside[0]}, where the data set file lies, nor" if _beside else "no folder of"
    module = f"{'holds' if _beside else 'with'} {'/'.join(parts)}.py"
    raise InputError(f"{name!r}: {where} PYTHONPATH {module}; put it beside the data set file")


def source_of(module: str) -> Path:
    """The file of a module that a user's file imports from this package or from beside it.

    Raises:
        InputError: it is an installed one, or there is none.
    """
    if module.split(".")[0] == __package__:
        return declared.source_of(module)
    file = locate(f"{module}:module")[0]
    if "site-packages" in file.parts:
        raise InputError(f"{module}: is installed, and declares no setting")
    return file


def function(name: str) -> Callable[..., Any]:
    """Import the user's file, and give its function.

    Raises:
        InputError: the file can't be imported, or has no such function.
    """
    file, word = locate(name)
    found: Callable[..., Any] | None = getattr(_module(file, file.stat().st_mtime_ns), word, None)
    if not callable(found):
        raise InputError(f"{file}: has no function {word!r}")
    return found


@functools.cache
def _module(file: Path, _: int) -> Any:
    """The module of a file, under a name of its own: two data sets may each have a mine.py."""
    spec = importlib.util.spec_from_file_location(f"imbseg_own_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise InputError(f"{file}: can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent))  # for what it imports from beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{file}: can't be imported ({type(error).__name__}: {first_line(error)})") from error
    finally:
        sys.path.remove(str(file.parent))
    return module
