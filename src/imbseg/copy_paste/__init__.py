"""CSV rows -> which objects give; image + objects -> image (a menu of rules).

A rule is a function of what it names of `object_counts` ((classes,) objects of its own train fold that could be
pasted), `weak_classes` ((classes,) bool), `class_iou` ((classes,) of the last validation, NaN without one), and
settings. It gives each class the chance with which a pasted object is of it; the objects of a class give alike.
`donors` says what is pasted where, `apply` does it: neither knows the other.
"""

from imbseg.menu import Menu

COPY_PASTE = Menu(
    "copy_paste",
    {
        "none": "imbseg.copy_paste.rules:none",
        "rare": "imbseg.copy_paste.rules:rare",
        "weak": "imbseg.copy_paste.rules:weak",
        "adaptive": "imbseg.copy_paste.rules:adaptive",
    },
    inputs={"object_counts": "", "weak_classes": "imbseg.copy_paste.pasting:Weak", "class_iou": ""},
    shared="imbseg.copy_paste.pasting:Pasting",
)

WORST = 3  # one in so many of the classes with a score is among the worst, at least one
