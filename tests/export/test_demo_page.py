"""The page of an exported model: by hand, its refusals, and in Chromium without a request elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import cv2
import numpy as np
import pytest
from end_to_end import browser

from imbseg.errors import InputError
from imbseg.export.page import Labeller

REPOSITORY = Path(__file__).resolve().parents[2]
OWN = REPOSITORY / "tools/page/.venv/bin/python"
SELECTED = "[...document.querySelectorAll('img')].filter(one => one.naturalWidth == 64)"


def test_what_it_shows_by_hand() -> None:
    # three pixels: surely a, b by .1 (doubtful), b by .6
    probabilities = np.array([[[[0.9, 0.45, 0.2]], [[0.1, 0.55, 0.8]]]], np.float32)
    labels = np.array([[[0, 1, 1]]], np.uint8)
    colors = np.array([(200, 0, 0), (0, 0, 100)], np.uint8)
    labeller = Labeller("x", ["a", "<b>"], colors, lambda image: (labels, probabilities))
    image = np.array([[(100, 100, 100), (0, 30, 60), (10, 10, 10)]], np.uint8)
    mixed, doubt, told = labeller.look(image)
    assert mixed.tolist() == [[[150, 50, 50], [0, 15, 80], [5, 5, 55]]]
    assert doubt.tolist() == [[[100, 100, 100], [142, 85, 15], [10, 10, 10]]]
    assert told.startswith("<p>33.3 % of the pixels are doubtful")
    rows = re.findall(r"</span>(.*?)</td><td>(.*?)</td><td>(.*?)</td>", told)
    assert rows == [("&lt;b&gt;", "66.7 %", "0.68"), ("a", "33.3 %", "0.90")]
    alone = Labeller("x", ["a"], colors[:1], lambda image: (labels * 0, probabilities[:, :1]))
    assert alone.look(image)[2].startswith("<p>0.0 % of the pixels")


def test_what_is_no_folder_of_export_is_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    with pytest.raises(InputError, match=r"can't be opened .*; name the folder that export\.py wrote"):
        Labeller.of(tmp_path)
    (tmp_path / "MODEL_CARD.json").write_text(json.dumps({"classes": [{"index": 0}], "data": {"dataset": "x"}}))
    with pytest.raises(InputError, match="can't be opened"):
        Labeller.of(tmp_path)
    assert "--port: expected 0..65535, found 70000" in refused("demo_page.py", "--model", tmp_path, "--port", 70000)


def test_without_its_environment_it_says_what_to_do(
    tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imbseg.files.REPOSITORY", tmp_path)
    assert "run `make setup EXTRA=page`, once" in refused("demo_page.py", "--model", tmp_path)


@pytest.fixture
def address(runs: Path, tmp_path: Path) -> Iterator[str]:
    """Of a page that serves what export.py writes."""
    if not OWN.is_file():
        pytest.skip("no environment of the page: make it with `make setup EXTRA=page`")
    if browser.program() is None:
        pytest.skip("no Chromium or Chrome on this machine")
    commands: list[list[Any]] = [
        [sys.executable, "src/export.py", "--run", runs / "seed1", "--out", tmp_path / "model"],
        [sys.executable, "-u", "src/demo_page.py", "--model", tmp_path / "model"],
    ]
    subprocess.run(commands[0], cwd=REPOSITORY, check=True, capture_output=True)
    closed = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    how: dict[str, Any] = {"cwd": REPOSITORY, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(commands[1], env=closed | {"no_proxy": "127.0.0.1"}, **how) as server:
        try:
            lines = iter(server.stdout.readline, "")
            yield next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+", line)))
        finally:
            server.terminate()


@pytest.mark.slow
def test_a_dropped_image_is_labelled_and_no_other_machine_is_asked(address: str, tmp_path: Path) -> None:
    image = np.full((48, 64, 3), 200, np.uint8)
    image[20:24, 8:50] = 40
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    with browser.opened("about:blank", tmp_path / "browser") as page:
        page.call("Network.enable")
        page.call("Page.enable")
        page.call("DOM.enable")
        page.call("Page.navigate", url=address)
        page.wait("!!document.querySelector('input[type=file]')", 120)
        root = page.call("DOM.getDocument", depth=-1, pierce=True)["root"]["nodeId"]
        node = page.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        page.call("DOM.setFileInputFiles", nodeId=node, files=[str(tmp_path / "photo.png")])
        page.wait(f"{SELECTED}.length >= 3", 120)
        page.wait("document.body.innerText.includes('of the pixels are doubtful')", 60)
        assert "crack" in page.text()
        buttons = page.run(
            "[...document.querySelectorAll('button')].map(one => one.ariaLabel || one.title || '').join()"
        )
        assert "Download" in buttons
        assert "hare" not in buttons  # gradio's share button sends a picture away
        if folder := os.environ.get("IMBSEG_PICTURES"):
            page.picture(Path(folder) / "demo_page.png")
        page.run("1")  # whatever came meanwhile is heard
    asked = [one["params"]["request"]["url"] for one in page.events if one["method"] == "Network.requestWillBeSent"]
    elsewhere = [url for url in asked if urlparse(url).scheme not in ("data", "blob") and not url.startswith(address)]
    assert len(asked) > 5
    assert elsewhere == []
