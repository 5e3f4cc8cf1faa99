"""POST /send/…: what the bodies have in common, and the answers."""

from typing import Annotated, Literal

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
UserId = Annotated[
    str,
    Meta(
        max_length=140,
        pattern=r"^[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{1,128}\Z",
        description="Meta's id of a person who hides the number, such as US.13491208655302741918.",
    ),
]
ConversationId = Annotated[
    str,
    Meta(max_length=30, pattern=r"^cnv_[0-7][0-9A-HJKMNP-TV-Z]{25}\Z", description="A conversation's `cnv_…` id."),
]
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
    """Whom a message goes to."""

    phone: Annotated[str | None, Meta(description="E.164 with its plus; messages and events call it `phone_e164`.")]
    wa_id: Annotated[
        str | None, Meta(description="What Meta calls the number, digits; it may be another than `phone`.")
    ]
    user_id: Annotated[str | None, Meta(description="Meta's id of the person, where it was sent to that.")]


class Sender(msgspec.Struct, frozen=True):
    """The business number a message goes out from."""

    phone_number_id: Annotated[str, Meta(description="Meta's id of the number.")]
    display_phone: Annotated[str, Meta(description="The number, E.164.")]


class UsedTemplate(msgspec.Struct, frozen=True):
    """The template a message was made from."""

    name: Annotated[str, Meta(description="Its name.")]
    language: Annotated[str, Meta(description="The language it was sent in.")]
    category: Annotated[str, Meta(description="AUTHENTICATION, MARKETING or UTILITY, at the time.")]


class Sent(msgspec.Struct, frozen=True, rename={"sender": "from"}, omit_defaults=True):
    """A message as a send answers it: `accepted` (200) or `unconfirmed` (202)."""

    id: Annotated[str, Meta(description="Our id, `msg_…`.")]
    wa_message_id: Annotated[str | None, Meta(description="Meta's wamid; null as long as it is unconfirmed.")]
    status: Annotated[
        Literal["accepted", "unconfirmed"],
        Meta(
            description="`accepted`: Meta has it; delivered or failed is told by events. `unconfirmed`: nobody knows."
        ),
    ]
    type: Annotated[str, Meta(description="What kind of message it is, such as template or text.")]
    to: Recipient
    sender: Sender
    conversation_id: Annotated[str, Meta(description="The conversation it is in, `cnv_…`.")]
    brand_id: Annotated[str, Meta(description="The brand of the key, `brd_…`.")]
    metadata: Annotated[dict[str, str], Meta(description="What the send was given.")]
    created_at: Annotated[Moment, Meta(description="When it was sent.")]
    template: Annotated[UsedTemplate | None, Meta(description="Only where it was made from one.")] = None
    reply_to: Annotated[str | None, Meta(description="The wamid it quotes; only where it quotes.")] = None
    meta_status: Annotated[
        Literal["held_for_quality_assessment", "paused"] | None,
        Meta(description="Only where Meta took the message and waits: later it is sent, or fails with 132015."),
    ] = None
    request_id: Annotated[
        str | None, Meta(description="The request that sent it: also after a replay, whose own is in `X-Request-Id`.")
    ] = None


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
