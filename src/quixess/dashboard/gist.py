"""Gists: what a message says, in one line, for lists. What people wrote stays text, and is never long."""

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 140

_FILES = {"image": "Image", "video": "Video", "audio": "Audio", "document": "Document", "sticker": "Sticker"}
_WORDS = {
    "call": "Call",
    "contacts": "Contact card",
    "interactive": "Choice",
    "location": "Place",
    "order": "Order",
    "reaction": "Reaction",
    "revoke": "Deleted a message",
    "system": "Note of WhatsApp",
    "template": "Template",
    "unsupported": "A kind of message that WhatsApp does not hand on",
}


def gist(kind: str, content: Mapping[str, Any]) -> str:
    """Say in one line what a message of this type says; `content` is as history has it."""
    return cut(_said(kind, content) or _WORDS.get(kind) or kind.replace("_", " ").capitalize())


def cut(text: str, longest: int = LONGEST) -> str:
    """Bring a text into one line of so many characters at most."""
    line = " ".join(text[: longest * 4].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _said(kind: str, content: Mapping[str, Any]) -> str:
    if kind in _FILES:
        told = _first(content, "caption", "filename")
        voice = kind == "audio" and content.get("voice") is True
        name = "Voice message" if voice else _FILES[kind]
        return f"{name}: {told}" if told else name
    if kind == "reaction":
        return _first(content, "emoji") or "Took a reaction back"
    if kind == "location":
        place = _first(content, "name", "address") or f"{content.get('latitude')}, {content.get('longitude')}"
        return f"Place: {place}"
    if kind == "contacts":
        return _contacts(content.get("contacts"))
    if kind == "edit":
        return f"Changed a message: {_first(_object(content.get('content')), 'body')}"
    return _first(content, "body", "text", "title", "name", "id")


def _contacts(cards: Any) -> str:
    if not isinstance(cards, Sequence) or isinstance(cards, str) or not cards:
        return ""
    name = _first(_object(_object(cards[0]).get("name")), "formatted_name") or "without a name"
    return f"Contact: {name}" + (f" and {len(cards) - 1} more" if len(cards) > 1 else "")


def _first(content: Mapping[str, Any], *names: str) -> str:
    """Give the first of these members that is a text with something in it; of an object, its own text or body."""
    for name in names:
        value = content.get(name)
        if isinstance(value, Mapping):
            value = value.get("text") or value.get("body")
        if isinstance(value, str) and value.strip():
            return value
    return ""


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
