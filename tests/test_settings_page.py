"""docs/settings.md says what the declarations say."""

from __future__ import annotations

from settings_page import PAGE, page


def test_the_page_of_settings_is_the_declarations() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tools/settings_page.py"
