"""Redacting: how much of what was asked may rest in the log.

The shape of it, and values that cannot be a secret: our own ids, names of templates, small numbers; and where one of a
few things is chosen, the choice: a type, a language, a time. Everything else is hidden, whatever its name: a one-time
code may stand in any field by mistake, and what people write to each other is for the inbox. Phone numbers are masked.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from quixess import logs

HIDDEN = "•••"
MOST_BYTES = 4096
_LONGEST_READ = 16 * 1024  # a longer body is a long text, a list of cards: not worth the time
_MOST_MEMBERS = 20
_LONGEST_VALUE = 64
_NO_CODE_BELOW = 1000  # a code has four characters at least

_USUAL_NAMES = frozenset(
    (
        *("to", "code", "template_name", "language", "metadata", "variables", "body", "header", "buttons", "index"),
        *("type", "text", "recipient", "conversation_id", "reply_to", "mark_read", "typing", "media", "interactive"),
        *("components", "parameters", "id", "limit", "cursor"),
    )
)
_NAME = re.compile(r"[a-z]{1,24}(?:_[a-z]{1,24}){0,3}")
_OUR_ID = re.compile(r"[a-z]{3}_[0-7][0-9A-HJKMNP-TV-Z]{25}")
# Members whose values are of a few kinds. Elsewhere the same words may be what somebody wrote.
_CHOSEN = frozenset(
    (
        *("type", "types", "sub_type", "status", "state", "direction", "order", "category", "language", "format"),
        *("limit", "index", "card_index", "since", "until", "failed_since", "has_media", "unread"),
    )
)
_CHOICE = re.compile(
    r"[a-z]{2,3}(?:[_-][A-Z]{2})?"  # languages
    r"|[a-z]+\.[a-z_]{2,40}"  # types of events
    r"|[0-9]{1,3}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,15}(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_TEMPLATE = re.compile(r"(?=[a-z0-9]*_|[a-z]+\Z)[a-z0-9_]{1,512}")
_OPEN = frozenset({"variables", "metadata"})  # their members are the caller's own, and may be called anything
_PHONE = re.compile(r"\+[1-9][0-9 ().-]{6,24}")
_WORDS = frozenset(
    (
        *("text", "image", "video", "audio", "document", "sticker", "location", "contacts", "interactive"),
        *("reaction", "template", "button", "buttons", "header", "body", "footer", "carousel", "currency"),
        *("date_time", "payload", "coupon_code", "limited_time_offer", "order_status", "product"),
        *("product_list", "quick_reply", "copy_code", "cta_url", "flow", "catalog_message"),
        *("location_request_message", "address_message", "voice_call", "list", "inbound", "outbound"),
        *("sending", "accepted", "sent", "delivered", "read", "failed", "unconfirmed", "not_sent", "received"),
        *("pending", "exhausted", "expired", "disabled", "discarded", "no_endpoint", "oldest", "newest", "asc"),
        *("desc", "open", "closed", "true", "false", "HOME", "WORK", "CELL", "APPROVED", "PENDING", "REJECTED"),
        *("PAUSED", "DISABLED", "AUTHENTICATION", "MARKETING", "UTILITY"),
    )
)


def redact(path: Mapping[str, str], query: bytes, body: bytes | None) -> str | None:
    """Write what was asked as JSON text of at most 4 KB: `path`, `query` and `body`; None when there was nothing."""
    asked: dict[str, Any] = {}
    if path:
        asked["path"] = {name: _text("template_name" if name == "name" else name, one) for name, one in path.items()}
    if query:
        asked["query"] = _members(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)))
    if body:
        asked["body"] = _body(body)
    if not asked:
        return None
    text = msgspec.json.encode(asked)
    if len(text) > MOST_BYTES:
        text = msgspec.json.encode({part: _flat(value) for part, value in asked.items()})
    if len(text) > MOST_BYTES:
        text = msgspec.json.encode(dict.fromkeys(asked, HIDDEN))
    return text.decode()


def _body(raw: bytes) -> Any:
    if len(raw) > _LONGEST_READ:
        return f"{HIDDEN} ({len(raw):,} bytes)"
    try:
        return _value("", msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"{HIDDEN} (no JSON)"


def _value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return _text(name, value)
    if isinstance(value, dict):
        return _shape(value) if name in _OPEN else _members(value)
    if isinstance(value, list):
        shown = [_value(name, one) for one in value[:_MOST_MEMBERS]]
        return shown if len(value) <= _MOST_MEMBERS else [*shown, f"… {len(value) - _MOST_MEMBERS} more"]
    if value is None or isinstance(value, bool):
        return value
    return value if isinstance(value, int) and 0 <= value < _NO_CODE_BELOW else HIDDEN


def _members(value: dict[str, Any]) -> dict[str, Any]:
    """Show the members whose names look like names: others may be anything, and are counted."""
    shown = {
        name: _text(name, one) if type(one) is str else _value(name, one)
        for name, one in value.items()
        if name in _USUAL_NAMES or _NAME.fullmatch(name)
    }
    if len(shown) > _MOST_MEMBERS:
        shown = dict(list(shown.items())[:_MOST_MEMBERS])
    if len(shown) < len(value):
        shown["…"] = f"{len(value) - len(shown)} more"
    return shown


def _shape(value: Any) -> Any:
    """Show of an object only how it is built."""
    if isinstance(value, dict):
        shown = {name: _shape(one) for name, one in value.items() if _NAME.fullmatch(name)}
        return shown if len(shown) <= _MOST_MEMBERS else f"{HIDDEN} ({len(value)} members)"
    return f"{HIDDEN} ({len(value)})" if isinstance(value, list) else HIDDEN


def _text(name: str, text: str) -> str:
    if name == "template_name" and _TEMPLATE.fullmatch(text):
        return text
    if len(text) > _LONGEST_VALUE:
        return HIDDEN
    if text[:1] == "+":
        return logs.mask_phone(text) if _PHONE.fullmatch(text) else HIDDEN
    if name in _CHOSEN and (text in _WORDS or _CHOICE.fullmatch(text)):
        return text
    return text if _OUR_ID.fullmatch(text) else HIDDEN


def _flat(value: Any) -> Any:
    """Show a part without what is nested in it."""
    if not isinstance(value, dict):
        return value if isinstance(value, str) else HIDDEN
    return {name: one if isinstance(one, str) and len(one) <= _LONGEST_VALUE else HIDDEN for name, one in value.items()}
