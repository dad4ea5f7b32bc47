"""python tests/end_to_end/page_pictures.py REPORT.html PICTURE.png [WIDTH [HEIGHT]]: what a report's page looks like.

The window is WIDTH pixels wide (1400); the picture shows the page from its top, HEIGHT pixels of it (all).
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from end_to_end import browser


def main(source: Path, picture: Path, width: int = 1400, height: int | None = None) -> None:
    """Open the page and take its picture."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        browser.opened(source.resolve().as_uri(), Path(folder) / "browser") as page,
    ):
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1,
                  mobile=width < 600)  # fmt: skip
        page.wait("document.readyState == 'complete'")
        whole = int(page.run("document.documentElement.scrollHeight"))
        clip = {"x": 0, "y": 0, "width": width, "height": min(whole, height or whole), "scale": 1}
        found = page.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        picture.write_bytes(base64.b64decode(found["data"]))
    print(f"written: {picture}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:5]))
