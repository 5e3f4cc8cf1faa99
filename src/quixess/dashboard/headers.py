"""The header of a template in the editor: a line of text, a file of which Meta has an example, or a place."""

from collections.abc import Mapping
from typing import Any

import msgspec

from quixess.templates.drafts import TemplateDraft, part

TEXT = "TEXT"
FILES = ("IMAGE", "VIDEO", "DOCUMENT")
SHOWS = (
    (TEXT, "A line of text, or nothing"),
    ("IMAGE", "A picture"),
    ("VIDEO", "A video"),
    ("DOCUMENT", "A PDF"),
    ("LOCATION", "A place on the map"),
)
GIVE = "Choose a file and press “Give it to Meta”: its reviewers want to see one like those that you will send."
"""What to do about a header that shows a file, when Meta has no example of it."""

_ADDRESS = ("http://", "https://")


def made_of(shows: str, handle: str) -> dict[str, Any] | None:
    """Make the header that shows a file or a place; None for one of text. `handle` is Meta's, of an example."""
    if shows == "LOCATION":
        return {"type": "HEADER", "format": shows}
    if shows not in FILES:
        return None
    example = {"example": {"header_handle": [handle]}} if handle else {}
    return {"type": "HEADER", "format": shows} | example


def fields_of(header: Mapping[str, Any]) -> dict[str, str]:
    """Write what a header shows into the fields of the form."""
    shows = str(header.get("format") or TEXT).upper()
    return {"header_shows": shows if shows in dict(SHOWS) else TEXT, "header_handle": handle_of(header) or ""}


def fields_at_fault(shows: str) -> tuple[str, str]:
    """Name the fields that a fault of the example is about, and one of the header itself."""
    return ("header_example", "header") if made_of(shows, "") is None else ("header_file", "header_shows")


def without_address(draft: TemplateDraft) -> TemplateDraft:
    """Leave out the example of a file where Meta lists its address instead of the handle: it takes none back."""
    header = part(draft, "HEADER")
    if not (handle_of(header) or "").startswith(_ADDRESS):
        return draft
    bare = {name: value for name, value in header.items() if name != "example"}
    components = [bare if one is header else one for one in draft.components]
    return msgspec.structs.replace(draft, components=components)


def handle_of(header: Mapping[str, Any]) -> str | None:
    """Give the handle of the example, if there is one."""
    example = header.get("example")
    handles = example.get("header_handle") if isinstance(example, dict) else None
    first = handles[0] if isinstance(handles, list) and handles else None
    return first if isinstance(first, str) else None
