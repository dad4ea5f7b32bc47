"""What a person does on the page of an experiment's trials in NNI's web UI."""

from __future__ import annotations

import json
from typing import Any

from end_to_end.browser import Page

ROWS = "document.querySelectorAll('.ms-DetailsRow')"


def address(port: int) -> str:
    """Where the page is."""
    return f"http://127.0.0.1:{port}/detail"


def wait_for_trials(page: Page, count: int) -> None:
    """All trials are listed."""
    page.wait(f"{ROWS}.length == {count}")


def metrics(page: Page) -> list[str]:
    """Open the choices of the default metric's chart, read them, and leave the menu open."""
    page.click(".ms-Dropdown-title", "default")
    page.wait("document.querySelectorAll('.ms-Dropdown-item').length > 0")
    return list(page.run("[...document.querySelectorAll('.ms-Dropdown-item')].map(one => one.textContent.trim())"))


def choose(page: Page, metric: str) -> None:
    """Take a metric from the open menu."""
    page.click(".ms-Dropdown-item", metric)
    titles = "[...document.querySelectorAll('.ms-Dropdown-title')]"
    page.wait(f"{titles}.some(one => one.textContent == {json.dumps(metric)})")


def parameters(page: Page) -> dict[str, dict[str, Any]]:
    """Open every trial's row; the parameters that stand there, by trial id."""
    count = int(page.run(f"{ROWS}.length"))
    for which in range(count):
        page.click("[data-automation-key=_expand] i", which=which)
        page.wait(f"document.body.innerText.split('Copy as json').length == {which + 2}")
    found = {}
    for which in range(count):
        row = f"{ROWS}[{which}]"
        name = page.run(f"{row}.querySelector('[data-automation-key=id]').innerText").split()[0]
        found[name] = _read(page.run(f"{row}.closest('.ms-List-cell').innerText"))
    return found


def _read(text: str) -> dict[str, Any]:
    """Lines such as `loss:"focal"` and `seed:1`."""
    pairs = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    return {name.strip(): json.loads(value) for name, value in pairs}


def change_columns(page: Page, *names: str) -> None:
    """Show or hide columns of the table."""
    page.click("button", "Add/Remove columns")
    for name in names:
        page.click(".ms-Dialog-main label", name)
    page.click(".ms-Dialog-main button", "Save")
    page.wait("!document.querySelector('.ms-Dialog-main')")


def compare(page: Page, *which: int) -> list[list[str]]:
    """Tick trials, press Compare; the rows of the table that opens."""
    for number in which:
        page.click("[data-automation-key=_selected] label", which=number)
    page.click("button", "Compare")
    page.wait("!!document.querySelector('.compare-modal-table')")
    cells = "[...row.querySelectorAll('td')].map(cell => cell.innerText)"
    return list(page.run(f"[...document.querySelectorAll('.compare-modal-table tr')].map(row => {cells})"))
