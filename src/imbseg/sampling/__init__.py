"""CSV rows -> draw weights: how often each image of the train fold is drawn (a menu).

A sampler is a function of what it names of its own train fold, and of settings, declared in its signature (see
imbseg.declared): `pixel_counts` ((images, classes) int64, labelled pixels), `major_class` ((images,) texts, "" where
there is none), `cluster` ((images,) int64, -1 where there is none), `background` (the index of that class, or None),
`class_scores` ((classes,) float64 in 0..1, how the trial does so far; NaN where there is none yet). It returns
float64, >= 0, not all 0: one relative weight an image, (images,), or, where a class is drawn as well, relative
weights (classes, images): the crop of a sample drawn so is placed on an object of that class. `none` and `x2` draw
every image equally. All but `none` make an epoch of the train fold and as many images again, drawn by weight: the
same number of steps, so `x2` is the baseline of them all.
"""

from imbseg.menu import Menu

SAMPLING = Menu(
    "sampling",
    {
        "none": "imbseg.sampling.frequency:uniform",
        "x2": "imbseg.sampling.frequency:uniform",
        "label": "imbseg.sampling.frequency:label",
        "cluster": "imbseg.sampling.frequency:cluster",
        "pixels": "imbseg.sampling.pixels:pixels",
        "proportion": "imbseg.sampling.pixels:proportion",
        "repeat_factor": "imbseg.sampling.pixels:repeat_factor",
        "rare_class": "imbseg.sampling.rare_class:rare_class",
        "positive": "imbseg.sampling.pixels:positive",
        "adaptive": "imbseg.sampling.adaptive:adaptive",
    },
    inputs={
        "major_class": "",
        "cluster": "",
        "pixel_counts": "",
        "background": "",
        "class_scores": "imbseg.sampling.adaptive:Scoring",  # how the trial does so far
    },
)
