"""The page in Chromium: it loads without a request or an error, sorts, hides, tells, prints, and fits a telephone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end import browser
from run_folders import make_run

from imbseg.report.write import report
from imbseg.runs.collect import collect

pytestmark = pytest.mark.slow
NAMES = ("sky", "road", "<script>window.hurt = 1</script>", "pole")
WATCH = """
window.problems = [];
addEventListener("error", event => problems.push(String(event.message)));
addEventListener("securitypolicyviolation", event => problems.push(event.blockedURI));
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    for seed in (1, 2, 3):
        for loss, gain in (("cross_entropy", 0.0), ("focal", 0.04), ("dice", -0.02)):
            iou = (0.8 + seed / 500, 0.6, 0.3 + gain, 0.1 + 2 * gain + seed / 300)
            make_run(root / f"runs/{loss}{seed}", test=iou, classes=NAMES, seed=seed, loss=loss, about={"x": "<b>"})
    report(collect(root / "runs"), root / "runs", root / "out", None)
    return root / "out/report.html"


@pytest.fixture
def page(made: Path, tmp_path: Path) -> Iterator[browser.Page]:
    if browser.program() is None:
        pytest.skip("no Chromium or Chrome on this machine")
    with browser.opened("about:blank", tmp_path / "browser") as opened:
        opened.call("Page.enable")
        opened.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        opened.call("Page.navigate", url=made.as_uri())
        opened.wait("document.readyState == 'complete' && !!document.querySelector('.js')")
        yield opened


def column(page: browser.Page, table: int, place: int) -> list[str]:
    rows = f"[...document.querySelectorAll('table')[{table}].tBodies[0].rows]"
    return list(page.run(f"{rows}.map(row => row.cells[{place}].textContent)"))


def test_it_loads_without_an_error_or_a_request(page: browser.Page) -> None:
    assert page.run("problems") == []
    loaded = page.run(
        "performance.getEntriesByType('resource').map(one => one.name).filter(one => !one.startsWith('data:'))"
    )
    assert loaded == []
    assert page.run("window.hurt === undefined")
    assert "IoU/<script>window.hurt = 1</script>" in page.run("document.body.textContent")
    labels = page.run("[...document.querySelectorAll('svg')].map(one => one.getAttribute('aria-label'))")
    assert all([labels, *labels]), labels


def test_a_heading_sorts_by_value_up_and_down_by_mouse_and_keyboard(page: browser.Page) -> None:
    heading = "document.querySelectorAll('table')[0].tHead.rows[0].cells[2]"  # test mIoU
    before = [float(text.split(" ")[0]) for text in column(page, 0, 2)]
    page.click("table th button", which=2)
    page.wait(f"{heading}.getAttribute('aria-sort') == 'descending'")
    assert [float(text.split(" ")[0]) for text in column(page, 0, 2)] == sorted(before, reverse=True)
    assert page.run(f"document.activeElement.closest('th') === {heading}")
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    page.wait(f"{heading}.getAttribute('aria-sort') == 'ascending'")
    assert [float(text.split(" ")[0]) for text in column(page, 0, 2)] == sorted(before)
    page.click("table th button", which=0)
    assert column(page, 0, 0) == sorted(column(page, 0, 0))


def test_a_strategy_is_hidden_everywhere_and_comes_back(page: browser.Page) -> None:
    seen, other = (
        f"[...document.querySelectorAll('[data-s=\"{number}\"]')].filter(one => one.getClientRects().length).length"
        for number in (1, 2)
    )
    before = page.run(seen)
    assert before >= 6  # a row of a table, a panel, a point, curves
    page.click(".strategies label", "dice")
    page.wait(f"{seen} == 0")
    assert page.run(other) >= 6
    page.click(".strategies label", "dice")
    page.wait(f"{seen} == {before}")


def test_a_mark_tells_its_numbers_under_the_pointer_and_by_keyboard(page: browser.Page) -> None:
    place = page.run("(one => { one.scrollIntoView({block: 'center', behavior: 'instant'});"
                     " const box = one.getBoundingClientRect();"
                     " return [box.x + box.width / 2, box.y + box.height / 2]; })"
                     "(document.querySelector('svg .dot'))")  # fmt: skip
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=place[0], y=place[1])
    page.wait("!document.getElementById('tip').hidden")
    assert page.run("document.getElementById('tip').textContent").startswith("mIoU: ")
    page.run("document.querySelector('svg .mean').focus()")
    page.wait("document.getElementById('tip').textContent.includes('head 0.')")


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window_and_can_be_read(page: browser.Page, width: int, scheme: str) -> None:
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    assert page.run("document.documentElement.scrollWidth") <= width
    contrasts = page.run(CONTRAST)
    assert contrasts["body"] >= 7
    assert min(contrasts.values()) >= 4.5, contrasts
    if width == 1280:
        page.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        wide = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth)"
        assert page.run(f"{wide}.map(one => one.getAttribute('aria-label'))") == []
        assert page.run("document.querySelectorAll('.scroll').length") > 8


CONTRAST = """(() => {
  const luminance = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = luminance(getComputedStyle(document.body).backgroundColor);
  const against = element => {
    const style = getComputedStyle(element);
    const own = luminance(element.closest("svg") ? style.fill : style.color);
    return (Math.max(own, ground) + .05) / (Math.min(own, ground) + .05);
  };
  return Object.fromEntries(["body", "caption", ".note", "nav a", "svg text", "summary"]
    .map(name => [name, Math.min(...[...document.querySelectorAll(name)].map(against))]));
})()"""


def test_it_prints_with_what_is_folded_up(page: browser.Page, tmp_path: Path) -> None:
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("document.querySelectorAll('details:not([open])').length") == 0
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("document.querySelectorAll('details:not([open])').length") > 0
    pdf = base64.b64decode(page.call("Page.printToPDF", printBackground=True)["data"])
    assert pdf.startswith(b"%PDF")
    page.call("Emulation.setEmulatedMedia", media="print")
    assert page.run("getComputedStyle(document.querySelector('.strategies')).display") == "none"


def test_without_script_every_table_is_there(made: Path, tmp_path: Path) -> None:
    if browser.program() is None:
        pytest.skip("no Chromium or Chrome on this machine")
    with browser.opened("about:blank", tmp_path / "browser") as page:
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.call("Page.navigate", url=made.as_uri())
        page.wait("document.readyState == 'complete' && document.querySelectorAll('table').length > 3")
        assert page.run("document.querySelector('.js')") is None
        assert page.run("getComputedStyle(document.querySelector('.strategies')).display") == "none"
        assert page.run("document.querySelectorAll('svg .dot title').length") > 10
