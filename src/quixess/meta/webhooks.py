"""Meta's webhooks: is it really Meta, and what happened, one item at a time.

One body may hold 1000 updates of several accounts, and Meta batches a repeated one differently. So items are
read one by one, and one that makes no sense is put aside without spoiling its siblings.
"""

import hmac
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

Object = dict[str, Any]
_LATEST_S = 253_402_300_799  # the year 9999, where most calendars end


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message from a user, with everything Meta said of it in `raw`.

    `content` is Meta's object under the message's type: `{"body": "…"}` for a text, `{}` where Meta sent none;
    a list (shared contacts) stands as `{"contacts": […]}`. `timestamp` is unix seconds, 0 when missing.
    `from_phone` is digits and, like `from_user_id`, absent for some users; `username` has no `@`.
    """

    waba_id: str
    phone_number_id: str
    display_phone: str | None
    wamid: str
    from_phone: str | None
    from_user_id: str | None
    username: str | None
    profile_name: str | None
    timestamp: int
    type: str
    content: Object
    context_wamid: str | None
    raw: Object


class StatusUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message sent earlier. `opaque` is the sender's `biz_opaque_callback_data`.

    `status` is Meta's word (sent, delivered, read, played, failed), `timestamp` unix seconds (0 when missing).
    In a group `recipient_phone` is the participant's.
    """

    waba_id: str
    phone_number_id: str
    wamid: str
    status: str
    timestamp: int
    recipient_phone: str | None
    recipient_user_id: str | None
    opaque: str | None
    errors: list[Object]
    pricing: Object | None
    conversation: Object | None
    raw: Object


class OtherChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is neither a message nor a status: templates, account, calls, echoes, unknown fields.

    `value` is Meta's. `field` is `messages` for account-level errors, which Meta reports there.
    """

    waba_id: str
    field: str
    phone_number_id: str | None
    value: Object


Item = InboundMessage | StatusUpdate | OtherChange


class Parsed(msgspec.Struct):
    """The items of one body in Meta's order, and each thing not understood: the reason and its JSON."""

    items: list[Item]
    problems: list[str]


class MalformedBody(Exception):  # noqa: N818  the name says what the body is
    """The body is not JSON, or not a webhook's envelope."""


def verify(secrets: Sequence[bytes], header: bytes | str | None, raw: bytes) -> bool:
    """Check `X-Hub-Signature-256` over the raw body against every active app secret, in constant time.

    Meta signs its own escaping, so only the bytes from the wire will do. Never raises; without a header or a
    secret the answer is False.
    """
    if isinstance(header, str):
        header = header.encode("utf-8", "replace")
    if header is None or _SIGNATURE.fullmatch(header) is None:
        return False
    given = header[7:]
    matches = [
        hmac.compare_digest(hmac.digest(secret, raw, "sha256").hex().encode(), given) for secret in secrets if secret
    ]
    return any(matches)


def challenge(mode: str | None, token: str | None, challenge: str | None, expected_token: str) -> str | None:
    """Answer Meta's GET handshake: the text to echo as text/plain, or None for a 403."""
    same = hmac.compare_digest(_as_bytes(token or ""), _as_bytes(expected_token))
    if mode != "subscribe" or not (same and expected_token) or challenge is None:
        return None
    return challenge if _CHALLENGE.fullmatch(challenge) else None


def parse(raw: bytes) -> Parsed:
    """Read one webhook body into a flat list of items. Raises `MalformedBody` only."""
    parsed = Parsed([], [])
    try:
        for entry in _entries(raw):
            _read_entry(entry, parsed)
    except RecursionError:
        raise MalformedBody("the body is nested too deeply") from None
    return parsed


def _entries(raw: bytes) -> list[Any]:
    try:
        body = _decode(raw)
    except ValueError:  # msgspec's own error, and UnicodeDecodeError which it lets through
        body = _decode_mended(raw)
    entries = body.get("entry") if type(body) is dict else None
    if type(entries) is not list:
        raise MalformedBody("the body has no list of entries")
    return entries


def _decode_mended(raw: bytes) -> Any:
    r"""Read a body with half an emoji in it, as a name cut after `\ud83d` leaves it; the half becomes a `?`."""
    try:
        text = json.dumps(json.loads(raw.decode()), ensure_ascii=False)
        return _decode(text.encode("utf-8", "replace"))
    except ValueError:
        raise MalformedBody("the body is not JSON") from None


def _read_entry(entry: Any, parsed: Parsed) -> None:
    changes = entry.get("changes") if type(entry) is dict else None
    if type(changes) is not list:
        parsed.problems.append(_problem("an entry without changes", entry))
        return
    waba_id = _text(entry.get("id")) or ""
    for change in changes:
        value = change.get("value") if type(change) is dict else None
        if type(value) is not dict:
            parsed.problems.append(_problem("a change without a value", change))
            continue
        field = _text(change.get("field")) or _text(value.get("field")) or ""
        if field == "messages":
            _read_messages(waba_id, value, parsed)
        else:
            parsed.items.append(_other(waba_id, field, value))


def _read_messages(waba_id: str, value: Object, parsed: Parsed) -> None:
    """Read the one field that holds messages, statuses and account-level errors side by side."""
    source = _source(waba_id, value)
    for kind, read in (("messages", _read_message), ("statuses", _read_status)):
        found = value.get(kind)
        if type(found) is not list and found is not None:
            parsed.problems.append(_problem(f"{kind} that are no list", found))
            continue
        for item in found or ():
            try:
                parsed.items.append(read(source, item))
            except _Unreadable as reason:
                parsed.problems.append(_problem(f"{kind}: one {reason}", item))
    if value.get("errors") or not (value.get("messages") or value.get("statuses")):
        rest = {key: part for key, part in value.items() if key not in {"messages", "statuses"}}
        parsed.items.append(_other(waba_id, "messages", rest))


def _read_message(source: "_Source", message: Any) -> InboundMessage:
    wamid = _identify(source, message)
    phone, user_id, profile = _sender(source, message)
    kind = _text(message.get("type")) or "unsupported"
    context = message.get("context")
    return InboundMessage(
        waba_id=source.waba_id,
        phone_number_id=source.phone_number_id,
        display_phone=source.display_phone,
        wamid=wamid,
        from_phone=phone,
        from_user_id=user_id,
        username=(_text(profile.get("username")) or "").lstrip("@") or None,
        profile_name=_text(profile.get("name")),
        timestamp=_seconds(message.get("timestamp")),
        type=kind,
        content=_content(kind, message.get(kind)),
        context_wamid=_text(context.get("id")) if type(context) is dict else None,
        raw=message,
    )


def _read_status(source: "_Source", status: Any) -> StatusUpdate | OtherChange:
    wamid = _identify(source, status)
    if status.get("type") == "call":
        value = {"metadata": source.metadata, "statuses": [status]}
        return OtherChange(waba_id=source.waba_id, field="calls", phone_number_id=source.phone_number_id, value=value)
    word = _text(status.get("status"))
    if word is None:
        raise _Unreadable("without a status")
    phone, user_id = _recipient(source, status)
    errors, pricing, conversation = status.get("errors"), status.get("pricing"), status.get("conversation")
    return StatusUpdate(
        waba_id=source.waba_id,
        phone_number_id=source.phone_number_id,
        wamid=wamid,
        status=word,
        timestamp=_seconds(status.get("timestamp")),
        recipient_phone=phone,
        recipient_user_id=user_id,
        opaque=_text(status.get("biz_opaque_callback_data")),
        errors=[error for error in errors if type(error) is dict] if type(errors) is list else [],
        pricing=pricing if type(pricing) is dict else None,
        conversation=conversation if type(conversation) is dict else None,
        raw=status,
    )


def _identify(source: "_Source", item: Any) -> str:
    wamid = _text(item.get("id")) if type(item) is dict else None
    if wamid is None:
        raise _Unreadable("without an id")
    if not source.phone_number_id:
        raise _Unreadable("without a phone number id")
    return wamid


def _sender(source: "_Source", message: Object) -> tuple[str | None, str | None, Object]:
    """Who wrote: phone, user id and profile, each from the message or from the contact that belongs to it."""
    phone, user_id = _digits(message.get("from")), _text(message.get("from_user_id"))
    contact = source.contacts.get(phone) or source.contacts.get(user_id) or source.only
    contact_phone, contact_user_id = _digits(contact.get("wa_id")), _text(contact.get("user_id"))
    if phone is None or contact_phone is None or phone == contact_phone:
        phone, user_id = phone or contact_phone, user_id or contact_user_id
    profile = contact.get("profile")
    return phone, user_id, profile if type(profile) is dict else {}


def _recipient(source: "_Source", status: Object) -> tuple[str | None, str | None]:
    in_group = status.get("recipient_type") == "group"
    phone = _digits(status.get("recipient_participant_id" if in_group else "recipient_id"))
    user_id = _text(status.get("recipient_user_id"))
    contact = source.contacts.get(phone) or source.contacts.get(user_id) or {}
    return phone or _digits(contact.get("wa_id")), user_id or _text(contact.get("user_id"))


class _Source(NamedTuple):
    """What the items of one change share. `contacts` are found by digits and by user id."""

    waba_id: str
    phone_number_id: str
    display_phone: str | None
    metadata: Object
    contacts: dict[str | None, Object]
    only: Object


def _source(waba_id: str, value: Object) -> _Source:
    metadata, listed = value.get("metadata"), value.get("contacts")
    metadata = metadata if type(metadata) is dict else {}
    contacts = [one for one in listed if type(one) is dict] if type(listed) is list else []
    known = {_digits(one.get("wa_id")): one for one in contacts}
    known |= {_text(one.get("user_id")): one for one in contacts}
    known.pop(None, None)
    number, display = _text(metadata.get("phone_number_id")), _text(metadata.get("display_phone_number"))
    return _Source(waba_id, number or "", display, metadata, known, contacts[0] if len(contacts) == 1 else {})


def _other(waba_id: str, field: str, value: Object) -> OtherChange:
    metadata = value.get("metadata")
    number = _text(metadata.get("phone_number_id")) if type(metadata) is dict else None
    return OtherChange(waba_id=waba_id, field=field, phone_number_id=number, value=value)


def _content(kind: str, content: Any) -> Object:
    if type(content) is list:
        return {kind: content}
    return content if type(content) is dict else {}


def _text(value: Any) -> str | None:
    """Read an id or a word; Meta sends some ids as JSON numbers."""
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int else None


def _digits(value: Any) -> str | None:
    text = (_text(value) or "").removeprefix("+")
    return text if text.isascii() and text.isdigit() else None


def _seconds(value: Any) -> int:
    """Read unix seconds: a string in messages and statuses, a number elsewhere."""
    text = _digits(value)
    seconds = int(text) if text is not None and len(text) <= 12 else 0
    return seconds if seconds <= _LATEST_S else 0


def _problem(reason: str, item: Any) -> str:
    return f"{reason}: {_encode(item).decode()}"


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class _Unreadable(Exception):  # noqa: N818  never leaves this file
    """Why one item cannot be used."""


_SIGNATURE = re.compile(rb"sha256=[0-9a-f]{64}")
_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,128}")
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
