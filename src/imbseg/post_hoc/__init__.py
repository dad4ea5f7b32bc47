"""Logits -> labels, after training (a menu): corrections that cost no training.

A correction is a function of logits (images, classes, height, width) and, by keyword, what it needs of these:
`class_priors` ((classes,) pixel shares of the train fold), `class_norms` and `class_bias` ((classes,) lengths of the
last layer's weights, its bias), `mirrored` and `enlarged` (logits of the mirrored image, shaped as `logits`, and of a
larger input); settings, declared in its signature as a loss's are (a window, say); and one strength, of any name,
that declares the grid from which validation chooses: `beta: Annotated[float, Strengths(0.0, 0.5, 1.0)]`. It gives the
class index of each pixel, (images, height, width) int64; images don't mix. A strength is chosen on the validation
images, once, after training; the test images are then predicted once with it. A trial's `post_hoc` is `none`, one
correction, or several such as prior+rank.
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
    """An entry that says more than where its function lives; one that doesn't is the text alone.

    Attributes:
        passes: of the network over each image, beside the one that all entries share; of a larger one in usual ones.
        beside: entries that are scored together with it where it is asked for.
        view: it gives other logits instead of labels, and may stand in a product such as prior*flip.
    """

    place: str
    passes: float = 0
    beside: tuple[str, ...] = ()
    view: bool = False


POST_HOC = Menu(
    "correction",
    {
        "none": "imbseg.post_hoc.logits:none",
        "prior": "imbseg.post_hoc.logits:prior",
        "rank": Step("imbseg.post_hoc.rank:rank", beside=("prior",)),
        "tau_norm": "imbseg.post_hoc.logits:tau_norm",
        "flip": Step("imbseg.post_hoc.logits:flip", passes=1, view=True),
        "larger": Step("imbseg.post_hoc.logits:larger", passes=2.25, view=True),
    },
    inputs={
        "logits": "",
        "class_priors": "",
        "class_norms": "",
        "class_bias": "",
        "mirrored": "",
        "enlarged": "imbseg.post_hoc.logits:Larger",
    },
    needs=("logits",),
)
IN_TILES = ("none", "prior", "flip")  # what needs neither the whole image nor another input, nor logits
SCORED = ("mIoU", "tail")  # what is kept of each correction, behind its prefix


def steps(text: str) -> tuple[str, ...]:
    """The corrections that a `post_hoc` setting asks for, each once, those that come beside one before it.

    Args:
        text: names of the menu, or products of two, joined by "+".

    Raises:
        InputError: a name that the menu lacks or that stands there twice, a product of others than a view and a
            correction, or a grid without 0.

    >>> steps("none"), steps("prior"), steps("rank"), steps("prior+rank"), steps("prior*flip")
    ((), ('prior',), ('prior', 'rank'), ('prior', 'rank'), ('prior*flip',))
    """
    names = text.split("+")
    for name in names:
        _check_product(name)
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"post_hoc: {twice[0]!r} stands twice in {text!r}; name it once")
    entries = {name: step_of(name) for name in names if name != "none"}
    for name in entries:
        grid(name)
    return tuple(dict.fromkeys(one for name, step in entries.items() for one in (*step.beside, name)))


def factors(name: str) -> tuple[str, ...]:
    """What a correction consists of, the view first.

    >>> factors("prior*flip"), factors("rank")
    (('flip', 'prior'), ('rank',))
    """
    return tuple(sorted(name.split("*"), key=lambda one: not is_view(one)))


def is_view(name: str) -> bool:
    """Whether it gives other logits."""
    return step_of(name).view


def in_tiles(name: str) -> bool:
    """Whether a correction can be taken of an image that is cut into tiles: it needs no more than probabilities there.

    >>> [in_tiles(name) for name in ("none", "prior*flip", "rank", "larger")]
    [True, True, False, False]
    """
    return all(one in IN_TILES for one in factors(name))


def passes(name: str) -> float:
    """Passes of the network that a correction takes beside the plain one."""
    return float(sum(step_of(one).passes for one in factors(name)))


def step_of(name: str) -> Step:
    """The entry of a name; a text alone, a product and a function of the user's own are steps without more."""
    entry = POST_HOC.get(name, "")
    return entry if isinstance(entry, Step) else Step(entry)


def _check_product(name: str) -> None:
    parts = [check(POST_HOC, one, POST_HOC.what) for one in name.split("*")]
    views = [one for one in parts if is_view(one)]
    if len(parts) > 1 and (len(parts) != 2 or len(views) != 1 or "none" in parts):
        known = ", ".join(one for one in POST_HOC if is_view(one))
        raise InputError(f"post_hoc: {name!r}: a product joins a correction and one of {known}, as prior*flip does")


def grid(name: str) -> tuple[str, tuple[float, ...]]:
    """The argument that holds a correction's strength, and the strengths to choose from; ("", ()) where it has none.

    Raises:
        InputError: 0, which predicts as trained, isn't among them.

    >>> grid("prior")[0], grid("rank")
    ('beta', ('', ()))
    """
    arguments = POST_HOC.arguments(factors(name)[-1])
    found = [(one.name, one.calls["Strengths"]["default"]) for one in arguments if "Strengths" in one.calls]
    if found and 0 not in found[0][1]:
        what = f"correction {name!r}: {found[0][0]}"
        raise InputError(f"{what}: expected 0 (as trained) among its strengths, found {found[0][1]}")
    return found[0] if found else ("", ())


def prefix(name: str) -> str:
    """What stands before the scores of a correction, in results and columns.

    >>> prefix("prior"), prefix("mine:sharper")
    ('prior/', 'sharper/')
    """
    return f"{name.rpartition(':')[2]}/"


CORRECTIONS = tuple(name for name in POST_HOC if name != "none")
# Of a view and a correction: with CORRECTIONS all that a run's results may hold
PRODUCTS = tuple(f"{one}*{view}" for one in CORRECTIONS for view in CORRECTIONS if is_view(view) and not is_view(one))
