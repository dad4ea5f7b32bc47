"""The report's page -> report.md: what a pull request shows, every section of the page in its order."""

from imbseg.page.cells import grid
from imbseg.page.content import Chapter, Page, Section, Table


def markdown(page: Page) -> str:
    """The page as GitHub's Markdown; every text in it is escaped."""
    parts = [f"# {escape(page.title)}", *(f"> {escape(line)}" for line in page.warnings)]
    for chapter in page.chapters:
        parts += _chapter(chapter)
    for section in page.sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    r"""Text that Markdown shows as it is.

    >>> escape("a|b <script>")
    'a\\|b &lt;script>'
    """
    for character, instead in (("\\", "\\\\"), ("&", "&amp;"), ("<", "&lt;"), ("|", "\\|")):
        text = text.replace(character, instead)
    for character in "*`[]":
        text = text.replace(character, f"\\{character}")
    text = " ".join(text.split())
    return f"\\{text}" if text.startswith(("> ", "# ", "- ", "+ ")) else text


def table_text(table: Table) -> str:
    """A table; names can't break out of their cell."""
    headings, rows = grid(table)
    texts = [[head.text for head in headings], *([cell.text for cell in row] for row in rows)]
    first, *others = ([escape(text) for text in line] for line in texts)
    lines = [first, ["---:" if head.right else "---" for head in headings], *others]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _chapter(chapter: Chapter) -> list[str]:
    first, *more = (escape(line) for line in chapter.answer)
    parts = [f"## {escape(chapter.name)}", f"**{first}**", *more]
    parts += ["\n".join(f"- **{escape(tile.number)}** {escape(tile.words)}" for tile in chapter.tiles)]
    for section in chapter.sections:
        parts += _section(section)
    return parts


def _section(section: Section) -> list[str]:
    if section.empty:
        return []
    parts = [f"### {escape(section.title)}", *map(escape, section.said)]
    parts += [f"![{escape(one.alt)}]({one.file})" for one in section.drawings]
    parts += [f"- **{escape(name)}**: {escape(line)}" for name, line in section.terms]
    parts += [f"- {escape(row.title)}" for row in section.rows]
    for table in section.shown:
        caption, text = f"{escape(table.caption)} (`{table.file}`)", table_text(table)
        folded = f"<details><summary>{caption}</summary>\n\n{text}\n\n</details>"
        parts.append(folded if table.closed else f"{caption}:\n\n{text}")
    return [*parts, *(f"*{escape(note)}*" for note in section.notes)]
