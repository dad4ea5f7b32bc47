"""README.md, CONTRIBUTING.md and docs/: every link leads somewhere, README links every page, prose is wrapped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINKED = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [ROOT / "README.md", *LINKED, ROOT / "docs/sample_runs/README.md", ROOT / "data/published/README.md"]
WIDEST = 140  # characters of a line of prose; tables may be wider


def targets(text: str) -> list[tuple[str, str]]:
    """Path and heading of every link to a file of the repository."""
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    return [(path, heading) for path, _, heading in (link.partition("#") for link in links) if "://" not in path]


def headings(text: str) -> set[str]:
    """The names under which GitHub links the headings of a page."""
    found = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for path, heading in targets(page.read_text(encoding="utf-8")):
        target = (page.parent / path) if path else page
        assert target.exists(), f"{page.name}: {path}"
        assert not heading or heading in headings(target.read_text(encoding="utf-8")), f"{page.name}: #{heading}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_is_wrapped(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > WIDEST and not line.startswith("|")] == []


def test_the_readme_is_short_and_links_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = {(ROOT / path).resolve() for path, _ in targets(text)}
    assert set(LINKED) - linked == set()
    assert len(text.splitlines()) <= 120
