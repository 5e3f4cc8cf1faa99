"""docs/house.md shows the house as it is: every file has its row, or lies in a folder that has one."""

import re
from collections.abc import Iterable

import pytest

from tests.house.source import PACKAGE, ROOT

ROW = re.compile(r"^\| `([\w/.]+)` \| \S", re.MULTILINE)


def undrawn(files: Iterable[str], rows: Iterable[str]) -> list[str]:
    """List the files without a row."""
    rows = set(rows)
    folders = tuple(row for row in rows if row.endswith("/"))
    return [file for file in files if file not in rows and not file.startswith(folders) and file != "__init__.py"]


def ghosts(files: Iterable[str], rows: Iterable[str]) -> list[str]:
    """List the rows without a file."""
    files = list(files)
    return [row for row in rows if not any(file == row or (row[-1] == "/" and file.startswith(row)) for file in files)]


def drawn() -> list[str]:
    return ROW.findall((ROOT / "docs" / "house.md").read_text(encoding="utf-8"))


def built() -> list[str]:
    return sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def test_every_file_is_on_the_plan():
    assert undrawn(built(), drawn()) == [], "Give each a row in docs/house.md that says what it is for."


def test_everything_on_the_plan_is_built():
    assert ghosts(built(), drawn()) == [], "Delete these rows of docs/house.md, or correct their names."


def test_nothing_is_drawn_twice():
    assert sorted(set(drawn())) == sorted(drawn())


@pytest.mark.parametrize(
    ("files", "rows", "missing", "unbuilt"),
    [
        (["cli.py"], ["cli.py"], [], []),
        (["cli.py", "app.py"], ["cli.py"], ["app.py"], []),
        (["cli.py"], ["cli.py", "app.py"], [], ["app.py"]),
        (["meta/graph.py"], ["meta/"], [], []),
        (["meta/graph.py"], ["meta/codes.py"], ["meta/graph.py"], ["meta/codes.py"]),
        ([], ["meta/"], [], ["meta/"]),
    ],
)
def test_the_rule_notices(files, rows, missing, unbuilt):
    assert undrawn(files, rows) == missing
    assert ghosts(files, rows) == unbuilt
