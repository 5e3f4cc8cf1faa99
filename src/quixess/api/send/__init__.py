"""POST /send/…: what the bodies have in common, and the answers."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess import idempotency
from quixess.api.answers import Moment
from quixess.api.gate import Pass
from quixess.errors import invalid
from quixess.messages.model import Reply
from quixess.messages.orders import Order
from quixess.messages.sending import Sending

_METADATA_BYTES = 512

Phone = Annotated[str, Meta(min_length=1, max_length=32, description="The recipient in E.164, such as +12818184370.")]
TemplateName = Annotated[
    str,
    Meta(min_length=1, max_length=512, pattern=r"^[a-z0-9_]+\Z", description="The template's name: a-z, 0-9 and _."),
]
Language = Annotated[
    str, Meta(max_length=10, pattern=r"^[a-z]{2,3}([_-][A-Z]{2})?\Z", description="A language of it, such as en_US.")
]
Metadata = Annotated[
    dict[str, str],
    Meta(description="Yours: up to 512 bytes of JSON that come back in the answer and in every event of this message."),
]

ERRORS = (
    "invalid_phone",
    "invalid_idempotency_key",
    "key_constraint",
    "destination_not_allowed",
    "no_active_connection",
    "idempotency_in_progress",
    "idempotency_key_reused",
    "whatsapp_rate_limited",
    "whatsapp_error",
    "whatsapp_connection_unauthorized",
    "outcome_unknown",
    "upstream_unavailable",
)
"""What every send can answer."""


class Recipient(msgspec.Struct, frozen=True):
    """Whom a message goes to. `wa_id` is what Meta calls the number, digits; it may differ from `phone`."""

    phone: str | None
    wa_id: str | None
    user_id: str | None


class Sender(msgspec.Struct, frozen=True):
    """The business number a message goes out from."""

    phone_number_id: str
    display_phone: str


class UsedTemplate(msgspec.Struct, frozen=True):
    """The template a message was made from."""

    name: str
    language: str
    category: str


class Sent(msgspec.Struct, frozen=True, rename={"sender": "from"}, omit_defaults=True):
    """A message as a send answers it: `accepted` (200) or `unconfirmed` (202)."""

    id: str
    wa_message_id: str | None
    status: str
    type: str
    to: Recipient
    sender: Sender
    conversation_id: str
    brand_id: str
    metadata: dict[str, str]
    created_at: Moment
    template: UsedTemplate | None = None
    reply_to: str | None = None
    request_id: str | None = None


async def carry_out(request: Request, passed: Pass, sending: Sending, order: Order) -> Response:
    """Send what was ordered, under the request's Idempotency-Key, and answer."""
    if len(msgspec.json.encode(order.metadata)) > _METADATA_BYTES:
        raise invalid("/metadata", "too_long", f"metadata takes up to {_METADATA_BYTES} bytes of JSON.")
    key = request.state.headers.get(b"idempotency-key")
    reply = await sending.send(
        passed.caller,
        passed.brand_id,
        order,
        key=idempotency.read_header(None if key is None else key.decode("latin-1")),
        request_id=request.state.request_id,
    )
    return _respond(reply)


def _respond(reply: Reply) -> Response:
    media_type = "application/json" if reply.status < 400 else "application/problem+json"
    headers = {"Idempotent-Replayed": "true", "Idempotency-Status": "replayed"} if reply.replayed else None
    return Response(reply.body, reply.status, headers, media_type)
