"""What a business may say within the window, checked as Meta checks it, and the bubble that the phone shows.

Limits are those of Meta's pages on each type of message. Members that are not known pass, as they do at Meta.
"""

import re
from typing import Any

from quixess.simulator import errors, interactive
from quixess.simulator.model import Json
from quixess.simulator.templates.rendering import Bubble

MEDIA = {"image", "audio", "video", "document", "sticker"}
TYPES = MEDIA | {"text", "template", "location", "contacts", "reaction", "interactive"}
_LONGEST_TEXT = 4096
_LONGEST_CAPTION = 1024
_MOST_CARDS = 257
_LONGEST_EMOJI = 32
_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_PARTS = ("first_name", "last_name", "middle_name", "suffix", "prefix")


def check(kind: str, content: Any) -> None:
    """Check the object under its type's name; raises GraphError 100, 131008 or 131009."""
    match kind:
        case "text":
            _check_text(content)
        case "location":
            _check_location(content)
        case "reaction":
            _check_reaction(content)
        case "contacts":
            _check_cards(content)
        case "interactive":
            interactive.check(content)
        case _ if kind in MEDIA:
            _check_file(kind, content)
            _check_caption(kind, content)


def bubble(kind: str, content: Any) -> Bubble:
    """Give the words of a message that was checked; what has no words is named in brackets."""
    match kind:
        case "text":
            return Bubble(text=str(content["body"]))
        case "reaction":
            return Bubble(text=str(content["emoji"]))
        case "interactive":
            return interactive.bubble(content)
        case "location":
            words = str(content.get("name", ""))
        case "contacts":
            words = ", ".join(str(card["name"]["formatted_name"]) for card in content)
        case _:
            words = str(content.get("caption") or content.get("filename") or "")
    return Bubble(text=f"[{kind}] {words}".strip())


def _check_file(kind: str, content: Any) -> None:
    """Check a file, given by id or by link; raises GraphError."""
    if not isinstance(content, dict) or bool(content.get("id")) == bool(content.get("link")):
        raise errors.parameter(f"Param {kind} must have either an id or a link.")
    link, media_id = content.get("link"), content.get("id")
    if link and (not isinstance(link, str) or not _URL.fullmatch(link)):
        raise errors.parameter(f"Param {kind}['link'] is not a valid URI.")
    if media_id and not (isinstance(media_id, str) and media_id.isascii() and media_id.isdigit()):
        raise errors.parameter(f"Param {kind}['id'] is not a valid whatsapp business account media attachment ID")
    if not isinstance(content.get("filename", ""), str):
        raise errors.parameter(f"Param {kind}['filename'] must be a string.")


def _check_text(content: Json) -> None:
    body = content.get("body")
    if not isinstance(body, str) or not body.strip():
        raise errors.parameter("The parameter text['body'] is required.")
    if len(body) > _LONGEST_TEXT:
        raise errors.parameter(f"Param text['body'] must be at most {_LONGEST_TEXT} characters long.")
    if not isinstance(content.get("preview_url", False), bool):
        raise errors.parameter("Param text['preview_url'] must be a boolean.")


def _check_caption(kind: str, content: Json) -> None:
    caption = content.get("caption", "")
    if caption and kind in {"audio", "sticker"}:
        raise errors.parameter(f'Unexpected key "caption" on param "{kind}".')
    if len(str(caption)) > _LONGEST_CAPTION:
        raise errors.parameter(f"Param {kind}['caption'] must be at most {_LONGEST_CAPTION} characters long.")


def _check_location(content: Json) -> None:
    for axis, most in (("latitude", 90), ("longitude", 180)):
        if content.get(axis) in (None, ""):
            raise errors.coded(131008, f"location: {axis} is required")
        try:
            degrees = float(content[axis])
        except (TypeError, ValueError):
            raise errors.coded(131009, f"location: {axis} is not a number") from None
        if not -most <= degrees <= most:
            raise errors.coded(131009, f"location: {axis} is out of range")


def _check_reaction(content: Json) -> None:
    if not isinstance(content.get("message_id"), str) or not content["message_id"]:
        raise errors.coded(131008, "reaction: message_id is required")
    if not isinstance(content.get("emoji"), str):
        raise errors.coded(131008, "reaction: emoji is required")
    if len(content["emoji"]) > _LONGEST_EMOJI or (content["emoji"].isascii() and content["emoji"]):
        raise errors.coded(131009, "reaction: emoji is not an emoji")


def _check_cards(content: list[Any]) -> None:
    if not content:
        raise errors.parameter("The parameter contacts is required.")
    if len(content) > _MOST_CARDS:
        raise errors.parameter(f"Param contacts must have at most {_MOST_CARDS} elements.")
    for place, card in enumerate(content):
        name = card.get("name") if isinstance(card, dict) else None
        if not isinstance(name, dict) or not name.get("formatted_name"):
            raise errors.coded(131008, f"contacts[{place}]: name.formatted_name is required")
        if not any(name.get(part) for part in _PARTS):
            raise errors.coded(131009, f"contacts[{place}]: name needs a part beside formatted_name")
        birthday = card.get("birthday")
        if birthday is not None and not (isinstance(birthday, str) and _DAY.fullmatch(birthday)):
            raise errors.coded(131009, f"contacts[{place}]: birthday must be YYYY-MM-DD")
