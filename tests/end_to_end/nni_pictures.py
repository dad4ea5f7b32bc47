"""python tests/end_to_end/nni_pictures.py PORT: docs/images/nni_detail.png and nni_compare.png, in 10 seconds.

PORT is the web UI of `python src/run_experiment.py configs/sample.yml --keep`, once its six trials have ended.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from end_to_end import browser, trial_page

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
# The page's icons come from a font on the web; without a network each of them would be an empty box.
STYLE = "Object.assign(document.createElement('style'), {textContent: 'i {opacity: 0 !important}'})"
HIDE_ICONS = f"document.head.append({STYLE})"


def main(port: int) -> None:
    """Choose the tail as metric, show loss, seed and tail a trial, compare a class under the two losses."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser.opened(trial_page.address(port), Path(folder) / "browser") as page,
    ):
        trial_page.wait_for_trials(page, 6)
        page.run(HIDE_ICONS)
        trial_page.metrics(page)
        trial_page.choose(page, "tail")
        trial_page.change_columns(page, "Trial No.", "Duration", "loss (space)", "seed (space)", "tail (metric)")
        page.run("scrollTo(0, 0)")
        page.picture(IMAGES / "nni_detail.png")
        trial_page.compare(page, 1, 4)
        page.click(".selectKeys .ms-Dropdown-title", "default")
        trial_page.choose(page, "IoU/hatched_diamond")
        page.picture(IMAGES / "nni_compare.png")
    print(f"written: {IMAGES}/nni_detail.png, nni_compare.png")


if __name__ == "__main__":
    main(int(sys.argv[1]))
