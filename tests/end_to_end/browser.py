"""A headless Chromium, driven through the DevTools protocol: one page, scripts in it, and pictures of it."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip
WINDOW = {"width": 1400, "height": 1000}
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def program() -> str | None:
    """The browser of this machine, if it has one."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Page:
    """The one open page."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.number = 0
        self.events: list[dict[str, Any]] = []  # what it told without being asked

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": given}))
        while True:
            answer = json.loads(self.socket.recv(timeout=30))
            if answer.get("id") == self.number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])
            if "method" in answer:
                self.events.append(answer)

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, timeout_s: float = 30) -> Any:
        """Evaluate an expression until it is true."""
        until = time.monotonic() + timeout_s
        while not (value := self.run(script)):
            assert time.monotonic() < until, f"{script} stays {value!r}; the page says: {self.text()[:2000]}"
            time.sleep(0.1)
        return value

    def text(self) -> str:
        """What the page says."""
        return str(self.run("document.body.innerText"))

    def click(self, selector: str, text: str = "", which: int = 0) -> None:
        """Click, as a mouse does, on one of the elements whose text ends with `text`, once it is there and rests."""
        ends = json.dumps(text)
        found = f"[...document.querySelectorAll({json.dumps(selector)})]"
        element = f"{found}.filter(one => one.textContent.trim().endsWith({ends}))[{which}]"
        self.wait(f"!!{element}")
        self.run(f"{element}.scrollIntoView({{block: 'nearest'}})")
        place, before = self._place(element), None
        while place != before:  # menus and dialogs move while they open
            time.sleep(0.15)
            place, before = self._place(element), place
        at = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **at)

    def _place(self, element: str) -> list[float]:
        """The middle of an element."""
        box = f"(box => [box.x + box.width / 2, box.y + box.height / 2])({element}.getBoundingClientRect())"
        return list(self.run(box))

    def picture(self, path: Path) -> None:
        """A PNG of what the window shows."""
        time.sleep(1.0)  # what moves has come to rest
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextlib.contextmanager
def opened(url: str, profile: Path) -> Iterator[Page]:
    """A page in a browser of its own, whose files go to the new folder `profile`; both end with the block."""
    found = program()
    assert found, f"expected one of {', '.join(PROGRAMS)}"
    command = [found, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_address(profile, browser), max_size=None, proxy=None) as socket:
            page = Page(socket)
            page.call("Emulation.setDeviceMetricsOverride", **WINDOW, deviceScaleFactor=1, mobile=False)
            page.call("Page.navigate", url=url)
            yield page
            with contextlib.suppress(Exception):
                page.call("Browser.close")
    finally:
        browser.terminate()
        browser.wait(timeout=30)


def _address(profile: Path, browser: subprocess.Popen[bytes]) -> str:
    """Where the page can be spoken to; the browser writes its port into its folder."""
    file, until = profile / "DevToolsActivePort", time.monotonic() + 60
    while not file.is_file() or not file.read_text().strip():
        assert browser.poll() is None, f"the browser ended with status {browser.returncode}"
        assert time.monotonic() < until, "the browser does not start"
        time.sleep(0.1)
    with _DIRECT.open(f"http://127.0.0.1:{file.read_text().split()[0]}/json/list") as answer:
        pages = [target for target in json.load(answer) if target["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])
