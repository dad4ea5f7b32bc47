"""CSV rows -> which objects give; image + objects -> image (a menu of rules)."""

COPY_PASTE = {
    "none": "imbseg.copy_paste.none:none",
}
