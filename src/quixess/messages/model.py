"""What a message is: its states and their order, and how a send is answered."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec

from quixess.connections import Connection, Number
from quixess.database import ids
from quixess.events.envelope import moment

OPAQUE_PREFIX = "qx1:"
Item = TypeVar("Item")


class State(StrEnum):
    """Where a message stands. `unconfirmed` is honest doubt: Meta may have it, and only evidence will tell."""

    SENDING = "sending"
    NOT_SENT = "not_sent"
    UNCONFIRMED = "unconfirmed"
    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"
    RECEIVED = "received"


# A message only moves up. `failed` gives way to a later delivered or read, which Meta can report for users with
# several devices. A send given up without evidence (GIVEN_UP) gives way to any evidence.
RANK = {
    State.SENDING: 0,
    State.NOT_SENT: 1,
    State.UNCONFIRMED: 1,
    State.ACCEPTED: 2,
    State.SENT: 3,
    State.FAILED: 4,
    State.DELIVERED: 5,
    State.READ: 6,
    State.RECEIVED: 9,
}
GIVEN_UP = 1

# Meta's word in a status webhook → our state. Other words are recorded and move nothing.
OF_STATUS = {
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.READ,
    "played": State.READ,
    "failed": State.FAILED,
}


# Meta's `message_status` of a send that it took and does not send yet: later it is sent, or fails with 132015.
HELD = frozenset({"held_for_quality_assessment", "paused"})


class Source(StrEnum):
    """How a message came to be known: as it happened, as the brand sent it from its phone app, from that app's past."""

    LIVE = "live"
    ECHO = "echo"
    HISTORY = "history"


class Told(msgspec.Struct, Generic[Item], frozen=True):
    """Something that Meta told, and the number of ours that it is about."""

    item: Item
    number: Number


class Recipient(msgspec.Struct, frozen=True):
    """Whom to send to: by phone (digits), by Meta's user id, or as the other side of a conversation. One is set."""

    phone: str | None = None
    user_id: str | None = None
    conversation_id: UUID | None = None

    def as_json(self) -> list[str | None]:
        """Give what makes two recipients the same, for a fingerprint."""
        return [self.phone, self.user_id, None if self.conversation_id is None else str(self.conversation_id)]


class Outbound(msgspec.Struct, frozen=True):
    """A message about to be sent, to a phone (digits), a user id, or both.

    `content` is JSON text without any code in it, `text` what search finds of it, `reply_to` the wamid it quotes.
    """

    id: UUID
    brand_id: UUID
    connection: Connection
    phone: str | None
    user_id: str | None
    type: str
    content: str
    metadata: str
    created_at: datetime
    key_id: UUID | None = None
    lineage_id: UUID | None = None
    idempotency_key: str | None = None
    request_id: str | None = None
    template_name: str | None = None
    template_language: str | None = None
    template_category: str | None = None
    reply_to: str | None = None
    text: str | None = None

    def __repr__(self) -> str:
        return f"Outbound({self.id})"  # what was written, and to whom, may stand in no log


_ANSWERED = (
    "id",
    "brand_id",
    "type",
    "phone",
    "user_id",
    "metadata",
    "request_id",
    "template_name",
    "template_language",
    "template_category",
    "reply_to",
)


class Reply(msgspec.Struct, frozen=True):
    """The answer to a send: HTTP status and JSON bytes. `replayed` when it is that of an earlier request."""

    status: int
    body: bytes
    replayed: bool = False


def opaque(message_id: UUID, attempt: int = 1) -> str:
    """Write the mark that Meta echoes in every status of a message: no name, number or code is in it."""
    return f"{OPAQUE_PREFIX}{ids.show('msg', message_id)}:{attempt}"


def read_opaque(text: str | None) -> UUID | None:
    """Read our mark; None for anything another app on the same WABA may have written."""
    if text is None or not text.startswith(OPAQUE_PREFIX):
        return None
    return ids.parse("msg", text[len(OPAQUE_PREFIX) :].partition(":")[0])


def as_row(message: Outbound, conversation_id: UUID, *, wa_id: str | None = None) -> dict[str, Any]:
    """Give a message about to be sent the shape of its row, for `answer`."""
    row = {name: getattr(message, name) for name in _ANSWERED}
    return row | {"conversation_id": conversation_id, "wa_id": wa_id}


def answer(
    row: Mapping[str, Any], *, state: str, wamid: str | None, number: Mapping[str, str], held: str | None = None
) -> bytes:
    """Write the answer to a send: the same bytes from the request that sent and from the webhook that settled it.

    `row` holds the columns of `message` (and may hold `wa_id`, digits); `number` is the sender's
    `phone_number_id` and `display_phone`; `held` is why Meta does not send it yet, one of `HELD`.
    """
    body: dict[str, Any] = {
        "id": ids.show("msg", row["id"]),
        "wa_message_id": wamid,
        "status": state,
        "type": row["type"],
        "to": {
            "phone": f"+{row['phone']}" if row["phone"] else None,
            "wa_id": row.get("wa_id") or row["phone"],
            "user_id": row["user_id"],
        },
        "from": {
            "phone_number_id": number["phone_number_id"],
            "display_phone": f"+{number['display_phone']}",
        },
        "conversation_id": ids.show("cnv", row["conversation_id"]),
        "brand_id": ids.show("brd", row["brand_id"]),
        "metadata": msgspec.Raw(row["metadata"].encode()),
        "created_at": moment(ids.made_at(row["id"])),
    }
    if held is not None:
        body["meta_status"] = held
    if row["template_name"] is not None:
        body["template"] = {
            "name": row["template_name"],
            "language": row["template_language"],
            "category": row["template_category"],
        }
    if row["reply_to"] is not None:
        body["reply_to"] = row["reply_to"]
    if row["request_id"] is not None:
        body["request_id"] = row["request_id"]
    return msgspec.json.encode(body)
