"""What a `loss` setting says: one loss of the menu, or a weighted sum such as weighted_cross_entropy+0.5*lovasz."""

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from imbseg import menu
from imbseg.errors import InputError
from imbseg.losses import LOSSES, PIXEL_MAPS

WEIGHT = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?")  # no sign: a + joins terms


class Term(NamedTuple):
    """One loss of a sum."""

    name: str
    weight: float


def parse_terms(text: str) -> tuple[Term, ...]:
    """Read a `loss` setting.

    Args:
        text: terms joined by "+", each a name of LOSSES or weight*name, without spaces.

    Raises:
        InputError: a name that the menu lacks (the message lists it) or that stands there twice, or a weight that is
            no positive finite number.

    >>> parse_terms("weighted_cross_entropy+0.5*lovasz")
    (Term(name='weighted_cross_entropy', weight=1.0), Term(name='lovasz', weight=0.5))
    """
    terms = tuple(_term(part) for part in text.split("+"))
    names = [term.name for term in terms]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"loss: {name!r} stands twice in {text!r}; write one term with the sum of both weights")
    return terms


def arguments(text: str) -> frozenset[str]:
    """The keyword arguments that a `loss` setting takes: those of any of its terms.

    >>> sorted(arguments("tversky+0.5*logit_adjusted"))
    ['beta', 'class_priors', 'class_weights', 'tau']
    """
    taken = {name for term in parse_terms(text) for name in menu.arguments(LOSSES, term.name)}
    return frozenset(taken - {"logits", "target"})


def settings(text: str) -> dict[str, Any]:
    """The settings that a `loss` takes, each with its default.

    Where terms declare different defaults, that of the first holds which has one: a scheme of class weights, say, is
    one for every term that takes class weights.

    >>> settings("tversky+weighted_cross_entropy")
    {'class_weights': 'inverse_sqrt', 'beta': 0.7}
    """
    found: dict[str, Any] = {}
    for term in parse_terms(text):
        for name, default in LOSSES.settings(term.name).items():
            found[name] = default if found.get(name) is None else found[name]
    return found


def build(text: str, given: Mapping[str, Any]) -> Callable[[Any, Any, Mapping[str, Any]], Any]:
    """The function (logits, target, maps) -> scalar that a `loss` setting stands for.

    Args:
        text: see `parse_terms`.
        given: every argument that some loss takes and that stays the same, by name; each term gets those that it
            names. `maps` holds those of PIXEL_MAPS, which come with each batch.
    """
    parts = []
    for name, weight in parse_terms(text):
        taken = [one.name for one in LOSSES.arguments(name)]
        fixed = {key: given[key] for key in taken if key in given and key not in PIXEL_MAPS}
        maps = tuple(key for key in taken if key in PIXEL_MAPS)
        parts.append(_Part(name, weight, functools.partial(menu.choose(LOSSES, name, "loss"), **fixed), maps))
    return functools.partial(_weighted_sum, parts)


class _Part(NamedTuple):
    name: str
    weight: float
    loss: Callable[..., Any]
    maps: tuple[str, ...]


def _weighted_sum(parts: Sequence[_Part], logits: Any, target: Any, maps: Mapping[str, Any]) -> Any:
    total: Any = 0
    for part in parts:
        value = part.loss(logits=logits, target=target, **{key: maps[key] for key in part.maps})
        if getattr(value, "ndim", None) != 0:
            raise InputError(
                f"loss {part.name!r}: expected one number, a tensor of shape (), found "
                f"{tuple(getattr(value, 'shape', ())) or type(value).__name__}"
            )
        total = total + part.weight * value
    return total


def _term(part: str) -> Term:
    weight, star, name = part.rpartition("*")
    menu.check(LOSSES, name, "loss")
    if not star:
        return Term(name, 1.0)
    value = float(weight) if WEIGHT.fullmatch(weight) else math.nan
    if not 0 < value < math.inf:
        raise InputError(f"loss: expected a weight > 0 before '*{name}', such as 0.5*{name}, found {weight!r}")
    return Term(name, value)
