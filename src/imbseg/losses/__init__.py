"""(logits, target) -> scalar: a menu of losses, and one of class weights for those that take them.

A loss is a function of logits (images, classes, height, width), target (images, height, width) with 255 where a
pixel is ignored, and, by keyword, what it needs of these: `class_weights` ((classes,) or None), `class_priors`
((classes,) pixel shares of the train fold), and settings, declared in its signature (see imbseg.declared). Ignored
pixels count in nothing, and a batch of only ignored pixels gives 0 with a zero gradient.
A map of PIXEL_MAPS (`object_area`, see imbseg.augment.object_area) comes with each batch.
No value grows with the batch. The losses of `cross_entropy` and `focal` are means over the labelled pixels (`ohem`
over the hardest of the batch); those of `overlap`, and what `compound` takes from them, are ratios of sums over the
whole batch. `terms` reads weighted sums of them.
"""

from imbseg.menu import Menu

LOSSES = Menu(
    "loss",
    {
        "cross_entropy": "imbseg.losses.cross_entropy:cross_entropy",
        "weighted_cross_entropy": "imbseg.losses.cross_entropy:weighted_cross_entropy",
        "focal": "imbseg.losses.focal:focal",
        "softmax_focal": "imbseg.losses.focal:softmax_focal",
        "dice": "imbseg.losses.overlap:dice",
        "dice_focal": "imbseg.losses.compound:dice_focal",
        "lovasz": "imbseg.losses.overlap:lovasz",
        "tversky": "imbseg.losses.overlap:tversky",
        "unified_focal": "imbseg.losses.compound:unified_focal",
        "jaccard_metric": "imbseg.losses.overlap:jaccard_metric",
        "logit_adjusted": "imbseg.losses.cross_entropy:logit_adjusted",
        "logit_variation": "imbseg.losses.cross_entropy:logit_variation",
        "size_balanced": "imbseg.losses.cross_entropy:size_balanced",
        "ohem": "imbseg.losses.cross_entropy:ohem",
        "cc_dice": "imbseg.losses.components:cc_dice",
    },
    inputs={
        "logits": "",
        "target": "",
        "class_weights": "class_weights",  # brings the setting that names their scheme
        "class_priors": "",
        "object_area": "",
    },
    needs=("logits", "target"),
)

CLASS_WEIGHTS = Menu(
    "class weights",
    {
        "none": "imbseg.losses.class_weights:none",
        "inverse": "imbseg.losses.class_weights:inverse",
        "inverse_sqrt": "imbseg.losses.class_weights:inverse_sqrt",
        "inverse_log": "imbseg.losses.class_weights:inverse_log",
        "effective_number": "imbseg.losses.class_weights:effective_number",
        "median_frequency": "imbseg.losses.class_weights:median_frequency",
        "power": "imbseg.losses.class_weights:power",
    },
    inputs={"pixel_counts": "", "image_pixel_counts": ""},
    takes_own=False,
)

# Inputs of losses that come with each batch: one number a pixel, in the shape of the target.
PIXEL_MAPS: tuple[str, ...] = ("object_area",)
