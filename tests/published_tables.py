"""The tables of data/published."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "data" / "published"
TRIALS = FOLDER / "voc2012_imbalance_trials.csv"
METHODS = FOLDER / "voc2012_per_class_iou_of_earlier_methods.csv"
PIXEL_COUNTS = FOLDER / "voc2012_pixel_counts.csv"
