"""Samples -> one CSV row an image: pixels, objects, imbalance, clusters, folds; a diagnosis and figures of them."""
