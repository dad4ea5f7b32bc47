"""CSV rows -> draw weights: how often each image of the train fold is drawn (a menu).

A sampler takes columns of its own train fold by name and returns one relative weight an image; `none` and `x2`
draw every image equally. All but `none` make an epoch of the train fold and as many images again, drawn by weight.
"""

SAMPLING = {
    "none": "imbseg.sampling.uniform:uniform",
    "x2": "imbseg.sampling.uniform:uniform",
    "label": "imbseg.sampling.frequency:label",
    "cluster": "imbseg.sampling.frequency:cluster",
}
