"""(logits, target) -> scalar: a menu of losses, and one of class weights for those that take them.

A loss is a function of logits (images, classes, height, width), target (images, height, width) with 255 where a
pixel is ignored, and, by keyword, `class_weights` ((classes,) or None) and parameters that are Trial fields of the
same name. Ignored pixels count in no mean, and a batch of only ignored pixels gives 0 with a zero gradient.
Every value is a mean over the labelled pixels of the batch: it doesn't grow with the batch.
"""

LOSSES = {
    "cross_entropy": "imbseg.losses.cross_entropy:cross_entropy",
    "weighted_cross_entropy": "imbseg.losses.cross_entropy:cross_entropy",
    "focal": "imbseg.losses.focal:focal",
    "softmax_focal": "imbseg.losses.focal:softmax_focal",
}

CLASS_WEIGHTS = {
    "none": "imbseg.losses.class_weights:none",
    "inverse": "imbseg.losses.class_weights:inverse",
    "inverse_sqrt": "imbseg.losses.class_weights:inverse_sqrt",
    "inverse_log": "imbseg.losses.class_weights:inverse_log",
    "effective_number": "imbseg.losses.class_weights:effective_number",
    "median_frequency": "imbseg.losses.class_weights:median_frequency",
}

OWN_WEIGHTS = {"weighted_cross_entropy": "inverse_sqrt"}  # the scheme of a loss where none is named; else `none`
