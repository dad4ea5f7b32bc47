"""Labels as annotators wrote them -> the classes of a data set, in order, and each label's number."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from imbseg.datasets.model import MOST_CLASSES
from imbseg.errors import InputError, amount, listed, unknown_name
from imbseg.imports.found import BACKGROUND, IGNORED, Choices, Found, ignored_number


def class_order(found: Found, choices: Choices) -> tuple[list[str], dict[str, int]]:
    """The classes, and the index of each label: its class's, or of a label that is ignored `ignored_number`.

    Background comes first: what no shape covers, unless that is ignored.

    Raises:
        InputError: two labels differ in case only, a label to rename isn't there, or one is none of --classes.
    """
    shapes = [shape for image in found.images for shape in image.shapes]
    counts = Counter(shape.label for shape in shapes)
    first = {shape.label: shape.where for shape in reversed(shapes)}
    names = _renamed(counts, first, choices)
    _one_spelling(names, counts, first, choices)
    used = {name for name in names.values() if name != IGNORED}
    fills = choices.unlabelled == "background"
    if choices.classes:
        order = list(choices.classes)
        for label, name in names.items():
            if name not in (*order, IGNORED) and not (fills and name == BACKGROUND):
                raise InputError(
                    f"label {label!r} ({amount(counts[label], 'shape')}; {first[label]}) is none of --classes "
                    f"{','.join(order)}; add it, or --rename '{label}={IGNORED}' or '{label}={BACKGROUND}'"
                )
    else:
        known = [choices.rename.get(one, one) for one in found.classes]
        order = [one for one in dict.fromkeys([*known, *sorted(used)]) if one in used]
        order.sort(key=lambda one: one != BACKGROUND)  # stable: the others keep their order
        lacking = sorted({*known} - used - {IGNORED, BACKGROUND})
        if lacking:
            found.said.append(f"left out, since no shape has it: {listed(lacking, 8)} (--classes keeps classes)")
    if fills and BACKGROUND not in order:
        order.insert(0, BACKGROUND)
    if len(order) < 2:
        raise InputError(f"expected two classes or more, found {listed(order) or 'none'}; are there shapes?")
    if len(order) > MOST_CLASSES:
        few = "--rename OLD=NEW merges some, and --rename OLD=ignore leaves some out"
        raise InputError(f"expected at most {MOST_CLASSES} classes, found {len(order)}; {few}")
    ignored = ignored_number(len(order))
    return order, {label: ignored if name == IGNORED else order.index(name) for label, name in names.items()}


def _renamed(counts: Iterable[str], first: Mapping[str, str], choices: Choices) -> dict[str, str]:
    labels = list(counts)
    for old in choices.rename:
        if old not in labels:
            raise unknown_name("label to rename", old, sorted(labels))
    if broken := [label for label in labels if label != label.encode(errors="replace").decode()]:
        raise InputError(f"label {broken[0]!r} ({first[broken[0]]}): holds half a letter; label it again")
    if empty := [label for label in labels if not label.strip()]:
        raise InputError(f"a shape has the label {empty[0]!r}; --rename '{empty[0]}=NAME' gives it a name")
    return {label: choices.rename.get(label, label).strip() for label in labels}


def _one_spelling(
    names: Mapping[str, str], counts: Mapping[str, int], first: Mapping[str, str], choices: Choices
) -> None:
    """`Car` and `car` are one class, or a slip of the pen: the user says so."""
    labels = {name: label for label, name in names.items()}
    known: dict[str, str] = {one.casefold(): one for one in _given(choices)}
    for name in names.values():
        other = known.setdefault(name.casefold(), name)
        if other != name:
            theirs = labels.get(other)
            where = f" ({amount(counts[theirs], 'shape')}; {first[theirs]})" if theirs else ""
            mine = labels[name]
            raise InputError(
                f"labels {other!r}{where} and {name!r} ({amount(counts[mine], 'shape')}; {first[mine]}) differ in "
                f"upper and lower case only; --rename '{mine}={other}' makes them one"
            )


def _given(choices: Choices) -> Sequence[str]:
    return (*choices.classes, BACKGROUND, IGNORED)
