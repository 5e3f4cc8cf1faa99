"""The gist of a message: one line for the list of conversations, for a quote, and for who cannot see a picture."""

from collections.abc import Mapping
from typing import Any

from quixess.dashboard.letters import plain
from quixess.dashboard.soft import Soft

_LONGEST = 140
_NOUNS = {
    "image": "Photo",
    "video": "Video",
    "audio": "Audio",
    "document": "File",
    "sticker": "Sticker",
    "location": "Place",
    "contacts": "Contact card",
    "interactive": "Answer",
    "button": "Button",
    "order": "Order",
    "template": "Template",
    "call": "Call",
    "reaction": "Reaction",
    "edit": "Changed a message",
    "revoke": "Took a message back",
    "system": "WhatsApp",
    "unsupported": "A kind of message that WhatsApp does not pass on",
}


def gist(kind: str, content: Mapping[str, Any] | None) -> str:
    """Say in a line what a message says; without its content only what kind it is."""
    noun, told = _NOUNS.get(kind, kind.capitalize()), Soft(content)
    words = " ".join(plain(_words(kind, told), _LONGEST).split())
    if kind == "text":
        return words or "Text"
    if kind == "audio" and told.voice:
        noun = "Voice note"
    return f"{noun}: {words}" if words else noun


def _words(kind: str, told: Soft) -> object:  # noqa: PLR0911 - one answer a kind
    match kind:
        case "text" | "template" | "system":
            return told.body
        case "image" | "video" | "document":
            return told.caption or told.filename
        case "location":
            return told.name or told.address
        case "contacts":
            return ", ".join(str(card.name.formatted_name) for card in told.contacts[:5])
        case "interactive":
            return told.title or told.body
        case "button" | "order":
            return told.text
        case "reaction":
            return told.emoji or "taken back"
        case _:
            return None
