"""What events say of messages and calls: the `data` of each such event, version 1 (docs/events.md)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from quixess.connections import Number
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.events.outbox import Draft
from quixess.messages.store import Inbound
from quixess.messages.threads import Person, Thread

_encode = msgspec.json.encode


def received(message: Inbound, thread: Thread, number: Number) -> Draft:
    """Tell of a user's message, written to `number`."""
    return _told("message.received", message, thread, {"from": _person(message.person), "to": _line(number)})


def echoed(message: Inbound, thread: Thread, number: Number) -> Draft:
    """Tell of a message that the brand sent from its phone app."""
    return _told("message.echoed", message, thread, {"from": _line(number), "to": _person(message.person)})


def progressed(
    row: Mapping[str, Any], status: str, at: datetime, pricing: str | None, *, inferred: bool = False
) -> Draft:
    """Tell that a message was sent, delivered or read. `row` holds the columns of `message`, `pricing` is JSON text."""
    data = {**_subject(row), "status": status, "status_at": moment(at), "inferred": inferred}
    data["pricing"] = None if pricing is None else msgspec.Raw(pricing.encode())
    return _draft(row, f"message.{status}", at, data)


def failed(row: Mapping[str, Any], errors: Sequence[Mapping[str, Any]], at: datetime) -> Draft:
    """Tell that a message failed. `errors` are decoded ones, as `refusals.describe` gives them."""
    return _draft(row, "message.failed", at, {**_subject(row), "errors": list(errors)})


def called(message: Inbound, thread: Thread, number: Number, *, direction: str, payload: str | None) -> Draft:
    """Tell that a user calls. `payload` is what the button or link carried that started the call."""
    data = _call(message, thread, number, "connect", direction) | {"payload": payload}
    return _of(message, thread, "call.received", data)


def call_ended(message: Inbound, thread: Thread, number: Number, *, direction: str, end: Mapping[str, Any]) -> Draft:
    """Tell how a call ended: `end` has status, started_at, ended_at, duration_s, missed and errors."""
    return _of(message, thread, "call.ended", _call(message, thread, number, "terminate", direction) | dict(end))


def preferred(person: Person, thread: Thread, number: Number, choice: Mapping[str, Any], at: datetime) -> Draft:
    """Tell what a user wants to get: `choice` has category, value and detail."""
    data = {
        "contact": _person(person),
        "conversation_id": ids.show("cnv", thread.conversation_id),
        "to": _line(number),
        **choice,
        "at": moment(at),
    }
    return Draft(
        person.brand_id, "contact.preference_changed", at, _encode(data).decode(), None, thread.conversation_id
    )


def _told(kind: str, message: Inbound, thread: Thread, parties: Mapping[str, Any]) -> Draft:
    data = {
        "message_id": ids.show("msg", message.id),
        "wa_message_id": message.wamid,
        "conversation_id": ids.show("cnv", thread.conversation_id),
        **parties,
        "type": message.type,
        "content": msgspec.Raw(message.content.encode()),
        "reply_to": message.reply_to,
        "context": _raw(message.context),
        "referral": _raw(message.referral),
        "group_id": message.group_id,
    }
    return _of(message, thread, kind, data)


def _call(message: Inbound, thread: Thread, number: Number, event: str, direction: str) -> dict[str, Any]:
    inbound = message.direction == "inbound"
    user, line = _person(message.person), _line(number)
    return {
        "wa_call_id": message.wamid,
        "message_id": ids.show("msg", message.id),
        "conversation_id": ids.show("cnv", thread.conversation_id),
        "from": user if inbound else line,
        "to": line if inbound else user,
        "event": event,
        "direction": direction,
    }


def _subject(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message_id": ids.show("msg", row["id"]),
        "wa_message_id": row["wamid"],
        "conversation_id": ids.show("cnv", row["conversation_id"]),
        "to": _party(row["phone"], row["user_id"]),
        "metadata": msgspec.Raw(row["metadata"].encode()),
    }


def _person(person: Person) -> dict[str, str | None]:
    return {
        **_party(person.phone, person.user_id),
        "parent_user_id": person.parent_user_id,
        "username": person.username,
        "name": person.name,
    }


def _party(phone: str | None, user_id: str | None) -> dict[str, str | None]:
    return {"phone": phone, "phone_e164": f"+{phone}" if phone else None, "user_id": user_id}


def _line(number: Number) -> dict[str, str]:
    return {"phone_number_id": number.phone_number_id, "waba_id": number.waba_id}


def _raw(text: str | None) -> msgspec.Raw | None:
    return None if text is None else msgspec.Raw(text.encode())


def _of(message: Inbound, thread: Thread, kind: str, data: Mapping[str, Any]) -> Draft:
    return Draft(
        message.person.brand_id, kind, message.occurred_at, _encode(data).decode(), message.id, thread.conversation_id
    )


def _draft(row: Mapping[str, Any], kind: str, at: datetime, data: Mapping[str, Any]) -> Draft:
    return Draft(row["brand_id"], kind, at, _encode(data).decode(), row["id"], row["conversation_id"])
