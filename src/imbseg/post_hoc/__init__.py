"""Logits -> labels, after training (a menu): corrections that cost no training."""

POST_HOC = {
    "none": "imbseg.post_hoc.none:none",
}
