"""POST /send/…: the bodies, strictly read, and the answers."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess import idempotency
from quixess.api import body
from quixess.api.gate import Pass
from quixess.errors import invalid
from quixess.messages.model import Reply
from quixess.messages.sending import Otp, Sending

_METADATA_BYTES = 512

Phone = Annotated[str, Meta(min_length=1, max_length=32, description="The recipient in E.164, such as +12818184370.")]
Code = Annotated[
    str,
    Meta(
        min_length=4,
        max_length=15,
        pattern=r"^[0-9A-Za-z]+\Z",
        description="The code: 4 to 15 letters and digits.",
    ),
]
TemplateName = Annotated[
    str,
    Meta(min_length=1, max_length=512, pattern=r"^[a-z0-9_]+\Z", description="The template's name: a-z, 0-9 and _."),
]
Language = Annotated[
    str, Meta(max_length=10, pattern=r"^[a-z]{2,3}([_-][A-Z]{2})?\Z", description="A language of it, such as en_US.")
]


class OtpBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What to send: a one-time code, to whom, by which AUTHENTICATION template."""

    to: Phone
    code: Code
    template_name: TemplateName
    language: Language | None = None
    metadata: dict[str, str] = {}


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


class Sent(msgspec.Struct, frozen=True, rename={"sender": "from"}):
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
    created_at: str
    template: UsedTemplate | None = None
    request_id: str | None = None


async def send_otp(request: Request, passed: Pass, sending: Sending) -> Response:
    """Send a one-time code."""
    headers = request.state.headers
    asked = body.decode(await request.body(), _text(headers.get(b"content-type")), OtpBody)
    if len(msgspec.json.encode(asked.metadata)) > _METADATA_BYTES:
        raise invalid("/metadata", "too_long", f"metadata takes up to {_METADATA_BYTES} bytes of JSON.")
    reply = await sending.send_otp(
        passed.caller,
        passed.brand_id,
        Otp(asked.to, asked.code, asked.template_name, asked.language, asked.metadata),
        key=idempotency.read_header(_text(headers.get(b"idempotency-key"))),
        request_id=request.state.request_id,
    )
    return _respond(reply)


def _respond(reply: Reply) -> Response:
    media_type = "application/json" if reply.status < 400 else "application/problem+json"
    headers = {"Idempotent-Replayed": "true", "Idempotency-Status": "replayed"} if reply.replayed else None
    return Response(reply.body, reply.status, headers, media_type)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
