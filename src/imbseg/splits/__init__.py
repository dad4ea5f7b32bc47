"""Counts and groups -> fold numbers: the menu of splits.

Each is one function; it names what it needs as keyword arguments out of `n_images`, `major_class`, `cluster`,
`group`, `presence`, `pixel_counts`, `subset`, `folds`, `seed` (see imbseg.menu.arguments) and returns (images,) int
fold numbers.
"""

from imbseg.menu import Menu

SPLITS = Menu(
    "split",
    {
        "random": "imbseg.splits.simple:random",
        "skf_major": "imbseg.splits.stratified:skf_major",
        "skf_cluster": "imbseg.splits.stratified:skf_cluster",
        "mskf": "imbseg.splits.stratified:mskf",
        "mskf_pixels": "imbseg.splits.balanced:mskf_pixels",
        "mskf_proportion": "imbseg.splits.balanced:mskf_proportion",
        "grouped": "imbseg.splits.grouped:grouped",
        "given": "imbseg.splits.simple:given",
    },
    inputs=dict.fromkeys(
        ("n_images", "major_class", "cluster", "group", "presence", "pixel_counts", "subset", "folds", "seed"), ""
    ),
    takes_own=False,  # folds are cut by make_meta.py, before there is a trial
)
