"""The documentation as the tests see it: pages, blocks of code, tables, links."""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md"), *ROOT.glob("deploy/*.md")])

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str, holding: str = "", under: str = "") -> list[str]:
    """Give the blocks of code in a language that hold a text, of the whole page or of a section."""
    text = section(page, under) if under else read(page)
    return [code for name, code in _BLOCK.findall(text) if name == language and holding in code]


def block(page: str, language: str, holding: str, under: str = "") -> str:
    """Give the one block of code that holds a text."""
    (found,) = blocks(page, language, holding, under)
    return found


def section(page: str, heading: str) -> str:
    """Give what stands under a heading, up to the next of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    text = _BLOCK.sub(lambda found: found[0].replace("\n#", "\n\\#"), read(page))
    _, _, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert rest, f"{page} has no section {heading!r}."
    return re.split(rf"^#{{1,{level}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Give the rows of the tables in a text, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    heads = {index - 1 for index, row in enumerate(cells) if set(row[0]) == {"-"}}
    return [row for index, row in enumerate(cells) if set(row[0]) != {"-"} and index not in heads]


def links(page: Path) -> list[str]:
    """Give the links of a page that lead to files of ours."""
    prose = re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", page.read_text(encoding="utf-8")))
    return [link for link in _LINK.findall(prose) if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """Give the anchors that GitHub makes of a page's headings."""
    prose = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in _HEADING.findall(prose)}


def shape(value: Any) -> Any:
    """Reduce JSON to its members and the kinds of their values; a list to the kind of its first item."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__
