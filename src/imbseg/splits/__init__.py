"""Counts and groups -> fold numbers: the menu of splits.

Each is one function; it names what it needs as keyword arguments out of `n_images`, `major_class` ((images,) texts, ""
where nothing is labelled), `cluster` ((images,) int), `group` ((images,) texts: patient, scene or video), `presence`
and `pixel_counts` ((images, classes) bool, and int), `subset` ((images,) `train` or `val`), `folds`, `seed` (see
imbseg.menu.arguments). It returns (images,) int64, the fold in which an image is validation, and raises InputError
where there are fewer images than folds.
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
