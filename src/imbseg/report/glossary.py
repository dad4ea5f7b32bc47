"""The page's glossary: a line a term, in the words that the page uses."""

from __future__ import annotations

GLOSSARY = (
    ("IoU, mIoU", "intersection over union of a class over the whole image set; its mean over the classes"),
    ("head, medium, tail", "the frequent, middling and rare classes as the data set declares them, else in thirds"),
    ("strategy", "runs that differ in nothing but their seed; the baseline is the one the others are compared with"),
    ("difference [95 %]", "strategy minus baseline, mean over shared seeds, with Student's interval over seeds"),
    ("excludes 0", "the interval lies on one side of 0; by chance alone one interval in twenty does"),
    ("significant after Holm correction", "p below .05 once it is admitted how many strategies or classes were tested"),
    ("smallest attainable p", "the least p of the permutation test with so many seeds: .25 with 3, .0625 with 5"),
    ("minimum detectable effect", "the smallest true difference that these seeds find in 80 % of experiments"),
    ("between-strategy SD / seed SD", "spread of the strategies' means over that of seeds; up to 1: seeds dominate"),
    ("logit adjustment", "logits minus beta log(class prior), at prediction: no training; `prior/` in files"),
    ("expected IoU", "each pixel gets the class that raises expected IoU most, at prediction; `rank/` in files"),
    ("crossed bootstrap", "images and seeds drawn anew together: the interval for other seeds and other test images"),
    ("false negative, false positive", "a class's pixel predicted as another; another's pixel predicted as the class"),
    ("forgotten class", "validation IoU of .01 or more in one epoch, and 0 in a later one"),
)  # fmt: skip
