"""Evidence about remedies for class imbalance in semantic segmentation.

The folders stand in the order in which the data flows: datasets, splits, meta, sampling, copy_paste, augment,
models, losses, post_hoc, metrics, trial, training, results; manager drives NNI.
"""

__version__ = "0.1.0"
