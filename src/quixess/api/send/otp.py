"""POST /send/otp: a one-time code by an AUTHENTICATION template."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import body, send
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.messages import phones
from quixess.messages.model import Recipient
from quixess.messages.otp import Otp

Code = Annotated[
    str,
    Meta(
        min_length=4,
        max_length=15,
        pattern=r"^[0-9A-Za-z]+\Z",
        description="The code: 4 to 15 letters and digits.",
    ),
]


class OtpBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What to send: a one-time code, to whom, by which AUTHENTICATION template."""

    to: send.Phone
    code: Code
    template_name: send.TemplateName
    language: send.Language | None = None
    metadata: send.Metadata = {}


async def _send_otp(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = await body.read(request, OtpBody)
    to = Recipient(phone=phones.read(asked.to))
    order = Otp(to, asked.code, asked.template_name, asked.language, asked.metadata)
    return await send.carry_out(request, passed, rooms.sending, order)


SEND_OTP = Endpoint(
    id="send_otp",
    method="POST",
    path="/send/otp",
    scope=Scope.SEND_OTP,
    summary="Send a one-time code by an AUTHENTICATION template.",
    description=(
        "The code goes into the template's body and its button. It is stored nowhere: history, events and logs show "
        "`••••••`. Send an `Idempotency-Key` with each code, and the same one when you try again."
    ),
    handler=_send_otp,
    request=OtpBody,
    response=send.Sent,
    statuses=(200, 202),
    errors=(
        *send.ERRORS,
        "template_not_found",
        "template_not_approved",
        "not_authentication_template",
        "otp_recipient_limited",
    ),
    idempotent=True,
    examples={"a code": {"to": "+12818184370", "code": "482913", "template_name": "signup_otp"}},
    answer={
        "id": "msg_01KAR3V6Z5E2M8Q4T7W9Y1B3D5",
        "wa_message_id": "wamid.HBgLMTI4MTgxODQzNzAVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA",
        "status": "accepted",
        "type": "template",
        "to": {"phone": "+12818184370", "wa_id": "12818184370", "user_id": None},
        "from": {"phone_number_id": "106540352242922", "display_phone": "+15550783881"},
        "conversation_id": "cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6",
        "brand_id": "brd_01KAR3TZW4D1K7P3S6V8X0A2C4",
        "metadata": {},
        "created_at": "2026-05-15T10:30:00.120Z",
        "template": {"name": "signup_otp", "language": "en_US", "category": "AUTHENTICATION"},
        "request_id": "req_01KAR3V6YZ4D1K7P3S6V8X0A2C",
    },
)
