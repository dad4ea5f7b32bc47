"""CSV rows -> which objects give; image + objects -> image (a menu of rules).

A rule takes counts of its own train fold's objects and gives each class the chance with which a pasted object is of it;
the objects of a class give alike. `draw` says what is pasted where, `apply` does it: neither knows the other.
"""

COPY_PASTE = {
    "none": "imbseg.copy_paste.none:none",
    "rare": "imbseg.copy_paste.rules:rare",
    "weak": "imbseg.copy_paste.rules:weak",
    "adaptive": "imbseg.copy_paste.rules:adaptive",
}

WORST = 3  # one in so many of the classes with a score is among the worst, at least one

# Fields of a trial that all rules but `none` share, and those of one rule; refused where nothing asks for them.
_SHARED = (
    "paste_probability", "paste_objects", "paste_scale_min", "paste_scale_max", "paste_flip", "paste_ring",
    "paste_visible", "paste_min_pixels", "paste_max_share", "paste_edge", "paste_memory",
)  # fmt: skip
_OWN = {"rare": ("rare_objects",), "weak": ("weak_from",)}
PASTE_PARAMETERS = (*_SHARED, *(name for names in _OWN.values() for name in names))


def parameters(rule: str) -> tuple[str, ...]:
    """The fields of a trial that a rule takes.

    >>> parameters("none"), parameters("weak")[-1]
    ((), 'weak_from')
    """
    return () if rule == "none" else (*_SHARED, *_OWN.get(rule, ()))
