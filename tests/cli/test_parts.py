"""The parts of the command line: listed without being imported, and telling of themselves what they are."""

import subprocess
import sys
from typing import Any

import pytest
import typer

from quixess import cli
from quixess.cli.parts import PARTS

HEAVY = {"asyncpg", "aiohttp", "starlette", "uvicorn", "jinja2", "structlog", "quixess.app"}
MODULES = """
import sys
from quixess import cli
sys.argv = ["quixess", *sys.argv[1:]]
try:
    cli.main()
finally:
    print(*sys.modules, file=sys.stderr)
"""


def imported_by(*words: str) -> set[str]:
    """Run the command line in a process of its own, and tell which modules that took."""
    done = subprocess.run([sys.executable, "-c", MODULES, *words], capture_output=True, text=True, check=False)
    found = set(done.stderr.rpartition("\n\n")[2].split())
    assert "quixess.cli.parts" in found, done.stderr
    return found


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("keyy",), ()])
def test_what_is_asked_of_no_part_imports_none(words: tuple[str, ...]) -> None:
    assert imported_by(*words) & HEAVY == set()


@pytest.mark.parametrize("words", [("key", "--help"), ("settings", "--help"), ("simulate", "--help")])
def test_only_a_gateway_imports_a_gateway(words: tuple[str, ...]) -> None:
    found = imported_by(*words)
    assert "quixess.cli.ground" in found
    assert found & {"quixess.app", "quixess.dashboard", "quixess.api"} == set()


@pytest.mark.parametrize("name", PARTS)
def test_the_list_says_of_a_part_what_the_part_says_of_itself(name: str) -> None:
    whole: Any = typer.main.get_command(cli.app)
    said = whole.commands[name].help
    assert " ".join(said.split()).startswith(PARTS[name].says)
    assert whole.commands[name].name == name
