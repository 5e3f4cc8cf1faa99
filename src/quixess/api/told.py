"""What the pages in `docs/` tell, as the gateway shows it: errors with their fix, events, checks of signatures.

The pages are written by people and are not installed; `told.json` is, and is made from them by
`make docs`. A test compares the two.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec

from quixess.errors import CATALOGUE


class Remedy(msgspec.Struct, frozen=True):
    """An error in words, in Markdown: where it comes from, what to do, whether the same request can succeed later."""

    cause: str
    fix: str
    again: str


class Told(msgspec.Struct, frozen=True):
    """`errors` and `fields` by code, one whole example of each of `events` by type, `signatures` by language."""

    errors: Mapping[str, Remedy]
    fields: Mapping[str, str]
    events: Mapping[str, Any]
    signatures: Mapping[str, str]


def remedy(code: str) -> Remedy:
    """Give the words for a code of the catalogue; its title alone until somebody has written more."""
    title = f"{CATALOGUE[code][1]}."
    return TOLD.errors.get(code) or Remedy(title, title, "no")


def _read() -> Told:
    text = (resources.files(__package__) / "told.json").read_bytes()
    return msgspec.json.decode(text, type=Told)


TOLD = _read()
