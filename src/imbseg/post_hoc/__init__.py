"""Logits -> labels, after training (a menu): corrections that cost no training.

A correction is a function of logits (images, classes, height, width) and, by keyword, what it needs of these:
`class_priors` ((classes,) pixel shares of the train fold) and `beta` (its strength; 0 changes nothing). It gives the
class index of each pixel, (images, height, width); images don't mix. A strength is chosen on the validation images,
once, after training; the test images are then decoded once with it.
"""

POST_HOC = {
    "none": "imbseg.post_hoc.none:none",
    "prior": "imbseg.post_hoc.prior:prior",
    "rank": "imbseg.post_hoc.rank:rank",
}
