"""How the command line looks: colours where a terminal shows them, tables that line up, errors that name the fix."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn, TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def paint(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """Colour a text if the stream is a terminal and NO_COLOR (no-color.org) is not set."""
    if not (stream or sys.stdout).isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\x1b[{';'.join(_CODES[style] for style in styles)}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """Print a line to standard output."""
    print(text, flush=True)


def step(text: str) -> None:
    """Tell of progress on standard error, so that standard output stays for results."""
    print(paint(f"  {text}", "dim", stream=sys.stderr), file=sys.stderr, flush=True)


def fail(text: str) -> NoReturn:
    """Print what is wrong and how to mend it, and end with status 1."""
    print(f"{paint('error:', 'red', 'bold', stream=sys.stderr)} {text}", file=sys.stderr, flush=True)
    raise SystemExit(1)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their heads, columns as wide as they need."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    say(paint("  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)).rstrip(), "bold"))
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
