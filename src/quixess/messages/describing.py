"""What events say of messages: the `data` of each message event, version 1 (docs/events.md)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from quixess.database import ids
from quixess.events.envelope import moment
from quixess.events.outbox import Draft
from quixess.messages.store import Inbound
from quixess.messages.threads import Thread

_encode = msgspec.json.encode


def received(message: Inbound, thread: Thread, to: Mapping[str, str]) -> Draft:
    """Tell of a user's message. `to` names the phone_number_id and waba_id it was written to."""
    person = message.person
    data = {
        "message_id": ids.show("msg", message.id),
        "wa_message_id": message.wamid,
        "conversation_id": ids.show("cnv", thread.conversation_id),
        "from": {**_party(person.phone, person.user_id), "username": person.username, "name": person.name},
        "to": dict(to),
        "type": message.type,
        "content": msgspec.Raw(message.content.encode()),
        "reply_to": message.reply_to,
    }
    return Draft(
        person.brand_id, "message.received", message.occurred_at, _encode(data).decode(), message.id,
        thread.conversation_id,
    )  # fmt: skip


def progressed(
    row: Mapping[str, Any], status: str, at: datetime, pricing: str | None, *, inferred: bool = False
) -> Draft:
    """Tell that a message was delivered or read. `row` holds the columns of `message`, `pricing` is JSON text."""
    data = {**_subject(row), "status": status, "status_at": moment(at), "inferred": inferred}
    data["pricing"] = None if pricing is None else msgspec.Raw(pricing.encode())
    return _draft(row, f"message.{status}", at, data)


def failed(row: Mapping[str, Any], errors: Sequence[Mapping[str, Any]], at: datetime) -> Draft:
    """Tell that a message failed. `errors` are decoded ones, as `refusals.describe` gives them."""
    return _draft(row, "message.failed", at, {**_subject(row), "errors": list(errors)})


def _subject(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "message_id": ids.show("msg", row["id"]),
        "wa_message_id": row["wamid"],
        "conversation_id": ids.show("cnv", row["conversation_id"]),
        "to": _party(row["phone"], row["user_id"]),
        "metadata": msgspec.Raw(row["metadata"].encode()),
    }


def _party(phone: str | None, user_id: str | None) -> dict[str, str | None]:
    return {"phone": phone, "phone_e164": f"+{phone}" if phone else None, "user_id": user_id}


def _draft(row: Mapping[str, Any], kind: str, at: datetime, data: Mapping[str, Any]) -> Draft:
    return Draft(row["brand_id"], kind, at, _encode(data).decode(), row["id"], row["conversation_id"])
