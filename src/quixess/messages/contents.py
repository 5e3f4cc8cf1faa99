"""Contents: what a message says, in our words (docs/events.md), from what Meta calls it.

What Meta sends beside the members that have a word here is kept under its own name: beside the content in `extra`,
inside it where it stood. A type, or a shape, that nobody knows yet is `unsupported`, with all of it in `raw`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.events.envelope import moment
from quixess.meta import media as remote
from quixess.meta.webhooks import Object, Said

UNSUPPORTED = "unsupported"
MEDIA_PATH = "/api/v1/whatsapp/external/media/"
_LATEST_S = 253_402_300_799  # the year 9999, where most calendars end


class File(msgspec.Struct, frozen=True):
    """A file that belongs to a content. `id` is ours and new, `meta_id` Meta's; `sha256` is as Meta wrote it."""

    id: UUID
    meta_id: str
    mime_type: str
    sha256: str | None
    filename: str | None


class Content(msgspec.Struct, frozen=True):
    """What a message says: its type, the members that docs/events.md shows for it, and the files to fetch."""

    type: str
    data: dict[str, Any]
    files: tuple[File, ...] = ()

    @property
    def json(self) -> str:
        """The members as JSON text."""
        return msgspec.json.encode(self.data).decode()


_Maker = Callable[[Object, Object], Content | None]


def describe(said: Said) -> Content:
    """Read what a message says. Never fails: what makes no sense is `unsupported` and kept whole."""
    return _describe(said.type, said.content, said.raw, said.errors, _MAKERS)


def text_of(content: Content) -> str | None:
    """Give what search finds a message by: all that people wrote in it, None where there is nothing."""
    told = content.data if content.type != "edit" else _object(content.data.get("content"))
    found = [text for member in _WRITTEN if type(text := told.get(member)) is str]
    for contact in told.get("contacts") or ():
        name = _object(contact).get("name")
        found.append(_text(_object(name).get("formatted_name")) or "")
    return " ".join(filter(None, found)) or None


def describe_errors(errors: Sequence[Object]) -> list[dict[str, Any]]:
    """Give Meta's errors as code, title and details."""
    return [
        {
            "code": code if type(code := error.get("code")) is int else None,
            "title": _text(error.get("title")) or _text(error.get("message")),
            "details": _text(_object(error.get("error_data")).get("details")),
        }
        for error in errors
    ]


def _describe(
    kind: str, content: Object, message: Object, errors: Sequence[Object], makers: Mapping[str, _Maker]
) -> Content:
    maker = makers.get(kind)
    made = maker(content, message) if maker is not None else None
    if made is None or not _fits(made):
        made = _unsupported(kind, content, message, errors)
    elif errors:
        made.data["errors"] = describe_errors(errors)
    if extra := _extra(message, _ENVELOPE | {kind} | _BESIDE.get(kind, frozenset())):
        made.data["extra"] = extra
    return made


def _fits(content: Content) -> bool:
    """Tell whether each member that Meta filled holds what tenants are told to expect there."""
    kinds, data = _KINDS.get(content.type, {}), content.data
    return all(data.get(member) is None or type(data[member]) is kind for member, kind in kinds.items())


def _unsupported(kind: str, content: Object, message: Object, errors: Sequence[Object]) -> Content:
    told = content or message.get(kind)
    if kind == UNSUPPORTED:
        kind = _text(content.get("type")) or kind
        told = _rest(content, "type") or None
    if kind == "interactive" and (inner := _text(content.get("type"))) is not None:
        kind = inner
    return Content(UNSUPPORTED, {"kind": kind, "errors": describe_errors(errors), "raw": told})


def _extra(message: Object, taken: frozenset[str]) -> Object:
    extra = {key: value for key, value in message.items() if key not in taken and value not in (None, [], {})}
    context = message.get("context")
    if type(context) is dict and (rest := _rest(context, *_CONTEXT)):
        extra["context"] = rest
    return extra


def _text_message(content: Object, _: Object) -> Content | None:
    body = content.get("body")
    return Content("text", {"body": body} | _rest(content, "body")) if type(body) is str else None


def _file(kind: str, members: Mapping[str, Any]) -> _Maker:
    """Make the maker of a kind of media, whose own `members` stand here with what they are when Meta says nothing."""

    def make(content: Object, _: Object) -> Content | None:
        meta_id = _text(content.get("id"))
        if meta_id is None:
            return None
        mime_type = _text(content.get("mime_type")) or "application/octet-stream"
        digest, name = _text(content.get("sha256")), _text(content.get("filename"))
        file = File(ids.new(), meta_id, mime_type, digest, name)
        shown = ids.show("med", file.id)
        data = {"media_id": shown, "mime_type": mime_type, "sha256": remote.read_digest(digest)}
        data |= {
            member: unsaid if (told := content.get(member)) is None else told for member, unsaid in members.items()
        }
        data["url"] = MEDIA_PATH + shown
        rest = _rest(content, "id", "mime_type", "sha256", "url", *data)
        return Content(kind, data | rest, (file,))

    return make


def _location(content: Object, _: Object) -> Content | None:
    latitude, longitude = _number(content.get("latitude")), _number(content.get("longitude"))
    if latitude is None or longitude is None:
        return None
    data: Object = {"latitude": latitude, "longitude": longitude}
    data |= {member: content.get(member) for member in ("name", "address", "url")}
    return Content("location", data | _rest(content, *data))


def _contacts(content: Object, message: Object) -> Content | None:
    listed = content.get("contacts")
    if type(listed) is not list:
        return None
    return Content("contacts", {"contacts": listed, "origin": message.get("origin")} | _rest(content, "contacts"))


def _button(content: Object, _: Object) -> Content | None:
    data = {"payload": content.get("payload"), "text": content.get("text")}
    return Content("button", data | _rest(content, *data)) if content else None


def _interactive(content: Object, _: Object) -> Content | None:
    kind = _text(content.get("type")) or ""
    reply, maker = content.get(kind), _REPLIES.get(kind)
    if type(reply) is not dict or maker is None:
        return None
    return Content("interactive", maker(reply) | _rest(content, "type", kind))


def _choice(kind: str, *members: str) -> Callable[[Object], Object]:
    def make(reply: Object) -> Object:
        data = {"kind": kind} | {member: reply.get(member) for member in members}
        return data | _rest(reply, *data)

    return make


def _flow(reply: Object) -> Object:
    response = reply.get("response_json")
    data = {"kind": "flow", "name": reply.get("name"), "body": reply.get("body"), "response": _parsed(response)}
    return data | _rest(reply, "response_json", *data)


def _call_permission(reply: Object) -> Object:
    data = {
        "kind": "call_permission_reply",
        "response": _text(reply.get("response")),
        "expires_at": _moment(reply.get("expiration_timestamp")),
        "source": reply.get("response_source"),
    }
    return data | _rest(reply, "expiration_timestamp", "response_source", *data)


def _reaction(content: Object, _: Object) -> Content | None:
    target = _text(content.get("message_id"))
    if target is None:
        return None
    data = {"emoji": _text(content.get("emoji")) or "", "message_id": target}
    return Content("reaction", data | _rest(content, *data))


def _order(content: Object, _: Object) -> Content | None:
    data = {member: content.get(member) for member in ("catalog_id", "text", "product_items")}
    if type(data["product_items"]) is not list:
        return None
    return Content("order", data | _rest(content, *data))


def _system(content: Object, message: Object) -> Content | None:
    identity = message.get("identity") or content.get("identity")
    kind = _text(content.get("type")) or ("customer_identity_changed" if identity else None)
    if kind is None:
        return None
    phone, user_id = _digits(content.get("wa_id")) or _digits(content.get("new_wa_id")), _text(content.get("user_id"))
    data = {"kind": kind, "body": content.get("body"), "phone": phone, "user_id": user_id, "identity": identity or None}
    return Content("system", data | _rest(content, "type", "wa_id", "new_wa_id", *data))


def _edit(content: Object, _: Object) -> Content | None:
    target, now = _text(content.get("original_message_id")), _object(content.get("message"))
    kind = _text(now.get("type"))
    if target is None or kind is None:
        return None
    said = now.get(kind)
    inner = {kind: said} if type(said) is list else _object(said)
    new = _describe(kind, inner, now, (), _INNER_MAKERS)
    data = {"message_id": target, "type": new.type, "content": new.data}
    return Content("edit", data | _rest(content, "original_message_id", "message", *data), new.files)


def _revoke(content: Object, _: Object) -> Content | None:
    target = _text(content.get("original_message_id"))
    if target is None:
        return None
    return Content("revoke", {"message_id": target} | _rest(content, "original_message_id", "message_id"))


def _rest(told: Object, *taken: str) -> Object:
    return {key: value for key, value in told.items() if key not in taken}


def _object(value: Any) -> Object:
    return value if type(value) is dict else {}


def _text(value: Any) -> str | None:
    if type(value) is int:
        return str(value)
    return value or None if type(value) is str else None


def _digits(value: Any) -> str | None:
    text = (_text(value) or "").removeprefix("+")
    return text if text.isascii() and text.isdigit() else None


def _number(value: Any) -> float | None:
    """Read a coordinate; Meta's pages show numbers, and strings of them."""
    if type(value) not in {int, float, str}:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _moment(seconds: Any) -> str | None:
    text = _text(seconds) or ""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LATEST_S))):
        return None
    return moment(datetime.fromtimestamp(min(int(text), _LATEST_S), UTC))


def _parsed(text: Any) -> Any:
    """Read what a form sent: the object in the text, or the text when there is none in it."""
    try:
        found = msgspec.json.decode(text) if type(text) is str else text
    except (ValueError, RecursionError):
        return text
    return found if type(found) is dict else text


_WHO = frozenset({"from", "to", "from_user_id", "to_user_id", "from_parent_user_id"})
_ENVELOPE = _WHO | {"id", "type", "timestamp", "context", "referral", "group_id", "history_context", "errors"}
_CONTEXT = ("id", "from", "forwarded", "frequently_forwarded", "referred_product")
_WRITTEN = ("body", "caption", "filename", "text", "title", "description", "name", "address")
_BESIDE = {"system": frozenset({"identity"}), "contacts": frozenset({"origin"})}
# Members that stand here as Meta wrote them, by type, and what they are where they are not null (events/schemas).
_KINDS: dict[str, dict[str, type]] = {
    "image": {"caption": str},
    "video": {"caption": str},
    "audio": {"voice": bool},
    "document": {"caption": str, "filename": str},
    "sticker": {"animated": bool},
    "location": {"name": str, "address": str, "url": str},
    "contacts": {"origin": str},
    "button": {"payload": str, "text": str},
    "interactive": {"id": str, "title": str, "description": str, "name": str, "body": str, "source": str},
    "order": {"catalog_id": str, "text": str},
    "system": {"body": str, "identity": dict},
}
_REPLIES: dict[str, Callable[[Object], Object]] = {
    "button_reply": _choice("button_reply", "id", "title"),
    "list_reply": _choice("list_reply", "id", "title", "description"),
    "nfm_reply": _flow,
    "call_permission_reply": _call_permission,
}
# Without edits and revocations, which stand for another message and in no other.
_INNER_MAKERS: dict[str, _Maker] = {
    "text": _text_message,
    "image": _file("image", {"caption": None}),
    "video": _file("video", {"caption": None}),
    "audio": _file("audio", {"voice": False}),
    "document": _file("document", {"caption": None, "filename": None}),
    "sticker": _file("sticker", {"animated": False}),
    "location": _location,
    "contacts": _contacts,
    "button": _button,
    "interactive": _interactive,
    "reaction": _reaction,
    "order": _order,
    "system": _system,
}
_MAKERS: dict[str, _Maker] = _INNER_MAKERS | {"edit": _edit, "revoke": _revoke}
