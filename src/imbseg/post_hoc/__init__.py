"""Logits -> labels, after training (a menu): corrections that cost no training.

A correction is a function of logits (images, classes, height, width) and, by keyword, what it needs of these:
`class_priors` ((classes,) pixel shares of the train fold) and one strength, of any name, that declares the grid from
which validation chooses: `beta: Annotated[float, Strengths(0.0, 0.5, 1.0)]`. It gives the class index of each pixel,
(images, height, width); images don't mix. A strength is chosen on the validation images, once, after training; the test
images are then predicted once with it. A trial's `post_hoc` is `none`, one correction, or several such as prior+rank.
"""

from __future__ import annotations

from typing import NamedTuple

from imbseg.errors import InputError
from imbseg.menu import Menu, check


class Strengths(tuple[float, ...]):
    """A grid for one correction; 0, which must be in it, predicts as trained."""

    def __new__(cls, *values: float) -> Strengths:
        """As a signature writes it: Strengths(0.0, 0.5, 1.0)."""
        return super().__new__(cls, values)


class Step(NamedTuple):
    """An entry that says more than where its function lives.

    Attributes:
        place: of the function.
        passes: of the network over each image, beside the one that all entries share.
        beside: entries that are scored together with it where it is asked for.
    """

    place: str
    passes: int = 0
    beside: tuple[str, ...] = ()


POST_HOC = Menu(
    "correction",
    {
        "none": Step("imbseg.post_hoc.none:none"),
        "prior": Step("imbseg.post_hoc.prior:prior"),
        "rank": Step("imbseg.post_hoc.rank:rank", beside=("prior",)),
    },
    inputs={"logits": "", "class_priors": ""},
    needs=("logits",),
)
SCORED = ("mIoU", "tail")  # what is kept of each correction, behind its prefix


def steps(text: str) -> tuple[str, ...]:
    """The corrections that a `post_hoc` setting asks for, each once, those that come beside one before it.

    Args:
        text: names of the menu joined by "+".

    Raises:
        InputError: a name that the menu lacks or that stands there twice, or a grid without 0.

    >>> steps("none"), steps("prior"), steps("rank"), steps("prior+rank")
    ((), ('prior',), ('prior', 'rank'), ('prior', 'rank'))
    """
    names = [check(POST_HOC, name, POST_HOC.what) for name in text.split("+")]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"post_hoc: {twice[0]!r} stands twice in {text!r}; name it once")
    entries = {name: POST_HOC.get(name, Step("")) for name in names if name != "none"}
    for name in entries:
        grid(name)
    return tuple(dict.fromkeys(one for name, step in entries.items() for one in (*step.beside, name)))


def grid(name: str) -> tuple[str, tuple[float, ...]]:
    """The argument that holds a correction's strength, and the strengths to choose from; ("", ()) where it has none.

    Raises:
        InputError: 0, which predicts as trained, isn't among them.

    >>> grid("prior")[0], grid("rank")
    ('beta', ('', ()))
    """
    found = [(one.name, one.calls["Strengths"]["default"]) for one in POST_HOC.arguments(name)
             if "Strengths" in one.calls]  # fmt: skip
    if found and 0 not in found[0][1]:
        raise InputError(f"correction {name!r}: {found[0][0]}: expected 0 (as trained) among its strengths, found "
                         f"{found[0][1]}")  # fmt: skip
    return found[0] if found else ("", ())


def prefix(name: str) -> str:
    """What stands before the scores of a correction, in results and columns.

    >>> prefix("prior"), prefix("mine:sharper")
    ('prior/', 'sharper/')
    """
    return f"{name.rpartition(':')[2]}/"


CORRECTIONS = tuple(name for name in POST_HOC if name != "none")
