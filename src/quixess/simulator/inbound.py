"""Reads what a customer does on their phone: every type of the field `messages`, in Meta's own shape.

The content stands under its type's name, as in the webhook. What Meta would add by itself (who, when, the quoted
message's sender, the digest of a file) is added; the rest must be there, or the 400 names what is missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from quixess.simulator import errors, levers, shapes
from quixess.simulator.model import Json

Shelf = Callable[[str], Json | None]
_FLAGS: dict[str, Json] = {"audio": {"voice": False}, "sticker": {"animated": False}}
_QUOTING = {"button", "button_reply", "list_reply", "nfm_reply"}
_WORDS_OF_META = {
    "user_changed_number": "User changed to another number",
    "user_changed_user_id": "User changed to another user id",
    "customer_identity_changed": "The user's identity has changed",
}
_NOT_SUPPORTED = {
    "code": 131051,
    "title": "Message type unknown",
    "message": "Message type unknown",
    "error_data": {"details": "Message type is currently not supported."},
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message from a customer. `content` is what stands under the type's name, None if Meta leaves it out.

    `beside` are further members of the message, `errors` those of the whole value, `text` is what the phone shows.
    """

    type: str
    content: Any
    text: str
    beside: Json
    errors: list[Json]
    name: str | None = None
    reply_to: str | None = None


def read(body: Json, shelf: Shelf) -> Said:
    """Read one message; `shelf` knows the files by media id. Raises MistakeError."""
    kind = _kind(body)
    rest = {key: value for key, value in body.items() if key not in {"type", kind}}
    beside: shapes.Beside = levers.convert(rest, shapes.Beside)
    content = _content(kind, body[kind], shelf) if kind in body else None
    if content is None and not (beside.errors or beside.identity or kind == "unsupported"):
        raise levers.MistakeError(f"a message of type {kind} needs {kind} (or errors, as Meta gives in its place)")
    _must_quote(kind, content, beside)
    apart = _apart(kind, beside)
    return Said(
        type=kind,
        content=content,
        text=_shown(kind, content),
        beside=_members(beside) | ({"errors": apart} if kind == "unsupported" else {}),
        errors=[] if kind == "unsupported" else apart,
        name=beside.name,
        reply_to=beside.reply_to,
    )


def _kind(body: Json) -> str:
    kind = body.get("type", "text")
    if kind not in shapes.KINDS:
        raise levers.MistakeError(f"type must be one of {', '.join(shapes.KINDS)}")
    return str(kind)


def _content(kind: str, given: Any, shelf: Shelf) -> Any:
    if kind == "text" and isinstance(given, str):
        given = {"body": given}
    checked = msgspec.to_builtins(levers.convert(given, shapes.KINDS[kind], kind))
    if kind in shapes.FILES:
        return _file(kind, checked, shelf)
    match kind:
        case "interactive":
            checked = _interactive(given)
        case "contacts":
            checked = given
        case "button":
            checked = {"payload": checked["text"]} | checked
        case "edit":
            checked["message"] = _edited(checked["message"], shelf)
        case "system" if checked:
            checked = {"body": _WORDS_OF_META[checked["type"]]} | checked
    return checked


def _file(kind: str, given: Json, shelf: Shelf) -> Json:
    """Fill in what Meta tells of the file: type, digest (base64) and a short-lived URL."""
    known = shelf(given["id"])
    if known is None and not {"mime_type", "sha256"} <= set(given):
        raise levers.MistakeError(f"{kind}: no file has this id; POST /_sim/media first, or give mime_type and sha256")
    told = {key: value for key, value in (known or {}).items() if key != "filename" or kind == "document"}
    return _FLAGS.get(kind, {}) | told | given if known else given


def _interactive(given: Json) -> Json:
    kind = given.get("type")
    if kind not in shapes.REPLIES or set(given) != {"type", kind}:
        raise levers.MistakeError(f"interactive: give type, one of {', '.join(shapes.REPLIES)}, and its object")
    reply = levers.convert(given[kind], shapes.REPLIES[kind], f"interactive.{kind}")
    return {"type": kind, kind: msgspec.to_builtins(reply)}


def _edited(given: Json, shelf: Shelf) -> Json:
    kind = _kind(given)
    if kind not in shapes.FILES | {"text"} or not set(given) <= {"type", kind, "context"} or kind not in given:
        raise levers.MistakeError("edit: message has type (text or a file's), its object, and perhaps context")
    context = {"context": given["context"]} if "context" in given else {}
    return {"type": kind, kind: _content(kind, given[kind], shelf)} | context


def _must_quote(kind: str, content: Any, beside: shapes.Beside) -> None:
    answers = content["type"] if kind == "interactive" and content else kind
    quoted = beside.reply_to or (beside.context and beside.context.id)
    if answers in _QUOTING and not quoted:
        raise levers.MistakeError(f"{answers} answers a message: give its wamid as reply_to")


def _apart(kind: str, beside: shapes.Beside) -> list[Json]:
    told = [_error(one) for one in beside.errors]
    return told or ([_NOT_SUPPORTED] if kind == "unsupported" else [])


def _error(wrong: shapes.Wrong) -> Json:
    usual = errors.failure(wrong.code)
    title = wrong.title or usual["title"]
    details = wrong.details or usual["error_data"]["details"]
    return {"code": wrong.code, "title": title, "message": title, "error_data": {"details": details}}


def _members(beside: shapes.Beside) -> Json:
    """Keep the members that stand in the message itself."""
    if beside.referral:
        levers.convert(beside.referral, shapes.Referral, "referral")
    shown: Json = msgspec.to_builtins(beside)
    return {key: value for key, value in shown.items() if key not in {"name", "reply_to", "errors"}}


def _shown(kind: str, content: Any) -> str:
    match kind, content:
        case "text", {"body": body}:
            return str(body)
        case "button", {"text": text}:
            return str(text)
        case "reaction", dict():
            return str(content.get("emoji", "[reaction removed]"))
        case "interactive", {"type": reply}:
            return str(content[reply].get("title") or content[reply].get("body") or f"[{reply}]")
        case _, dict():
            return f"[{kind}] {content.get('caption') or content.get('name') or ''}".strip()
    return f"[{kind}]"
