"""The menus that a trial chooses from, and what the chosen ones take."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imbseg import own
from imbseg.copy_paste import COPY_PASTE
from imbseg.losses import CLASS_WEIGHTS, LOSSES, terms
from imbseg.menu import Menu, check
from imbseg.models import ARCHITECTURES
from imbseg.post_hoc import POST_HOC, factors, steps
from imbseg.sampling import SAMPLING
from imbseg.splits import SPLITS

MENUS = {"split": SPLITS, "sampling": SAMPLING, "copy_paste": COPY_PASTE, "loss": LOSSES}
MENUS |= {"class_weights": CLASS_WEIGHTS, "architecture": ARCHITECTURES, "post_hoc": POST_HOC}


def takes(axis: str, text: str) -> dict[str, Any]:
    """The settings that a remedy takes, each with its default; None where it declares none.

    Args:
        text: a name of that menu; of the losses and corrections, a sum.

    Raises:
        InputError: the menu lacks it.

    >>> takes("sampling", "repeat_factor"), takes("sampling", "x2")
    ({'repeat_threshold': 0.1, 'repeat_exponent': 0.5}, {})
    """
    if axis == "loss":
        return terms.settings(text)
    if axis == "post_hoc":
        return {
            name: default
            for step in steps(text)
            for one in factors(step)
            for name, default in POST_HOC.settings(one).items()
        }
    return MENUS[axis].settings(check(MENUS[axis], text, MENUS[axis].what))


def own_files(chosen: Mapping[str, str]) -> dict[str, Path]:
    """The user's files that hold chosen remedies.

    Returns:
        `module:function` -> its file.
    """
    names = {
        **{name: "loss" for name, _ in terms.parse_terms(chosen["loss"])},
        **{one: "post_hoc" for step in steps(chosen["post_hoc"]) for one in factors(step)},
        **{chosen[axis]: axis for axis in ("sampling", "copy_paste")},
    }
    return {name: own.locate(name)[0] for name, axis in names.items() if name not in MENUS[axis]}


@functools.cache
def known(axis: str) -> tuple[str, ...]:
    """Every setting that some remedy of a menu takes.

    >>> known("loss")[:3]
    ('class_weights', 'gamma', 'alpha')
    """
    menu = MENUS[axis]
    named = [brought for brought in menu.inputs.values() if brought and ":" not in brought]
    return (*named, *menu.declares())


class Choice:
    """What a field accepts that names remedies of a menu: pydantic calls it, --help reads its choices."""

    def __init__(self, menu: Menu, parse: Callable[[str], Any] | None = None, also: str = "") -> None:
        """Take the menu; where several may be joined, what reads that and words for it."""
        self.menu, self.parse, self.also = menu, parse, also

    @property
    def choices(self) -> tuple[str, ...]:
        """The names."""
        return tuple(self.menu)

    def __call__(self, name: str) -> str:
        """Return the name.

        Raises:
            InputError: the menu lacks it; the message lists the menu.
        """
        if self.parse:
            self.parse(name)
        else:
            check(self.menu, name, self.menu.what)
        return name
