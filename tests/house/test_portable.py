"""No file knows the machine it was written on, nor where packages came from."""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.house.source import ROOT

SLASH = "/"
# Put together from parts, so that this file keeps its own rule.
FORBIDDEN = {
    "a path of the machine it was written on": rf"(?<![\w.:@{SLASH}-]){SLASH}(?:wo" + r"rk|fa" + r"rm)(?![\w.-])",
    "somebody's home": rf"(?<![\w.]){SLASH}(?:ho" + r"me|Us" + rf"ers){SLASH}\w+|{SLASH}\.py" + r"env\b",
    "a package index": r"--(?:extra-)?index" + r"-url|--find" + r"-links|(?:UV|PIP)_IND" + r"EX",
    "a package registry's host": r"(?:test\.)?py" + r"pi\.org|python" + r"hosted\.org|registry\.np" + r"mjs\.org",
}
NOT_OURS = [".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split())]


def leaks(text: str) -> list[str]:
    """List what the text should not know, with its line."""
    return [
        f"line {text.count(chr(10), 0, found.start()) + 1}: {what}: {found[0]}"
        for what, pattern in FORBIDDEN.items()
        for found in re.finditer(pattern, text)
    ]


def files() -> Iterator[Path]:
    """Give every text file of the repository; what git ignores is not in it."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if _ours(name)]
        yield from (path for name in names if _ours(name) and b"\0" not in (path := Path(folder, name)).read_bytes())


def _ours(name: str) -> bool:
    return not any(fnmatch(name, pattern) for pattern in NOT_OURS)


def test_no_file_knows_a_machine_or_an_index():
    found = {
        str(path.relative_to(ROOT)): told
        for path in files()
        if (told := leaks(path.read_text(encoding="utf-8", errors="replace")))
    }

    assert not found, f"Write paths relative to the repository, and leave the choice of an index to pip: {found}"


def test_the_rule_looks_at_the_whole_repository():
    names = {str(path.relative_to(ROOT)) for path in files()}

    assert {"pyproject.toml", "Makefile", ".ci/run", "requirements/run.txt", "src/quixess/logs.py"} <= names


@pytest.mark.parametrize(
    "text",
    [
        f"cd {SLASH}work{SLASH}main",
        f"see {SLASH}farm{SLASH}x",
        f"cwd={SLASH}work",
        f'"{SLASH}home{SLASH}frank{SLASH}.netrc"',
        f"{SLASH}Users{SLASH}frank",
        "pip install --index" + "-url x",
        "pip install --extra-index" + "-url x",
        "https:" + f"{SLASH}{SLASH}py" + "pi.org/simple",
    ],
)
def test_the_rule_notices(text):
    assert len(leaks(f"first\n{text}\nlast")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "quixess work",
        "src/quixess/worker.py",
        "docs/work/plan.md",
        "GET /worker",
        "uv pip compile --no-emit-index" + "-url",
        "/var/lib/quixess",
        "https://example.com/work/",
        "network/framework",
    ],
)
def test_the_rule_lets_pass(text):
    assert leaks(text) == []
