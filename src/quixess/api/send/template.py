"""POST /send/template: a message made from an approved template."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import body, send
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.errors import invalid
from quixess.messages import phones
from quixess.messages.model import Recipient
from quixess.messages.templated import Templated
from quixess.templates import Variables

_MOST_COMPONENTS = 40


class TemplateBody(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which template, to whom, and what fills it: `variables` or `components`, never both."""

    template_name: send.TemplateName
    to: send.Phone | None = None
    recipient: send.UserId | None = None
    language: send.Language | None = None
    variables: Annotated[
        Variables | None, Meta(description="What fills the template, by name. GET /templates tells what it takes.")
    ] = None
    components: (
        Annotated[
            list[dict[str, Any]],
            Meta(
                max_length=_MOST_COMPONENTS,
                description=(
                    "Instead of `variables`: `template.components` as Meta's Cloud API takes them, for carousels, "
                    "limited-time offers, catalogues and what comes next."
                ),
            ),
        ]
        | None
    ) = None
    metadata: send.Metadata = {}

    def __post_init__(self) -> None:
        """Raise `invalid_request` unless there is one recipient, and one way of filling."""
        if self.to is None and self.recipient is None:
            raise invalid("/to", "required", "Say whom to send to: `to` or `recipient`.")
        if self.to is not None and self.recipient is not None:
            raise invalid("/recipient", "not_allowed", "Give `to` or `recipient`, not both.")
        if self.variables is not None and self.components is not None:
            raise invalid("/components", "not_allowed", "Give `variables` or `components`, not both.")

    def to_whom(self) -> Recipient:
        """Give the recipient. Raises `invalid_phone`."""
        return Recipient(phone=None if self.to is None else phones.read(self.to), user_id=self.recipient)


async def _send_template(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = await body.read(request, TemplateBody)
    order = Templated(
        rooms.db,
        rooms.uploads.handle,
        asked.to_whom(),
        asked.template_name,
        asked.language,
        asked.variables,
        asked.components,
        asked.metadata,
    )
    return await send.carry_out(request, passed, rooms.sending, order)


def _asked(name: str, **variables: Any) -> dict[str, Any]:
    return {"to": "+12818184370", "template_name": name, "variables": variables}


_PRICE = {"type": "currency", "currency": {"fallback_value": "$100.99", "code": "USD", "amount_1000": 100990}}
_CARD = {
    "card_index": 0,
    "components": [
        {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://shop.example/1.jpg"}}]},
        {"type": "body", "parameters": [{"type": "text", "text": "10 %"}]},
    ],
}

SEND_TEMPLATE = Endpoint(
    id="send_template",
    method="POST",
    path="/send/template",
    scope=Scope.SEND_TEMPLATE,
    summary="Send a message made from an approved template.",
    description=(
        "`variables` fill the template by name or in order; GET /templates shows as `parameters` what it takes. They "
        "are checked before Meta is asked, and everything that is wrong is told at once. Values are literal: `{{2}}` "
        "stays what it is. A one-time code fills body and button by itself, goes to `to` only, and is stored nowhere."
    ),
    handler=_send_template,
    request=TemplateBody,
    response=send.Sent,
    statuses=(200, 202),
    errors=(
        *send.ERRORS,
        "otp_recipient_limited",
        "bsuid_not_supported",
        "template_parameters",
        "template_not_found",
        "template_not_approved",
        "recipient_opted_out",
        "media_not_found",
        "media_failed",
        "media_gone",
        "media_not_ready",
        "media_too_large",
        "media_type_mismatch",
        "media_type_not_supported",
    ),
    idempotent=True,
    examples={
        "numbered variables": {
            **_asked("order_update", body=["Frank", "A-1042"]),
            "language": "en_US",
            "metadata": {"order": "A-1042"},
        },
        "named variables": _asked("order_sent", body={"name": "Frank", "order_id": "A-1042"}),
        "amounts and dates": _asked(
            "invoice_due", body=[_PRICE, {"type": "date_time", "date_time": {"fallback_value": "May 5"}}]
        ),
        "text in the header": _asked("welcome", header={"text": "Frank"}, body=["Bordercart"]),
        "an image in the header": _asked("parcel", header={"image": {"link": "https://shop.example/a.jpg"}}),
        "a video in the header": _asked("trailer", header={"video": {"id": "med_01M82VZ391EPJT31E2MT67HG66"}}),
        "a document in the header": _asked(
            "invoice", header={"document": {"id": "med_01M82VZ3DNEMY9J7ZRQGTNWGM5", "filename": "A-1042.pdf"}}
        ),
        "a place in the header": _asked(
            "pickup",
            header={
                "location": {"latitude": 37.44, "longitude": -122.16, "name": "Philz", "address": "101 Forest Ave"}
            },
        ),
        "a button with an address": _asked("track", body=["Frank"], buttons=[{"index": 0, "url_suffix": "A-1042"}]),
        "quick replies": _asked("confirm", buttons=[{"index": 0, "payload": "yes"}, {"index": 1, "payload": "no"}]),
        "a code to copy": _asked("sale", buttons=[{"index": 0, "coupon_code": "SAVE20"}]),
        "a flow": _asked("survey", buttons=[{"index": 0, "flow_token": "run-17", "flow_data": {"size": "L"}}]),
        "a one-time code": _asked("signup_otp", body=["482913"]),
        "to a user id": {"recipient": "US.13491208655302741918", "template_name": "hello"},
        "a carousel in Meta's form": {
            "to": "+12818184370",
            "template_name": "new_in",
            "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "Frank"}]},
                {"type": "carousel", "cards": [_CARD]},
            ],
        },
    },
    answer={
        "id": "msg_01KAR3V6Z5E2M8Q4T7W9Y1B3D5",
        "wa_message_id": "wamid.HBgLMTI4MTgxODQzNzAVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA",
        "status": "accepted",
        "type": "template",
        "to": {"phone": "+12818184370", "wa_id": "12818184370", "user_id": None},
        "from": {"phone_number_id": "106540352242922", "display_phone": "+15550783881"},
        "conversation_id": "cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6",
        "brand_id": "brd_01KAR3TZW4D1K7P3S6V8X0A2C4",
        "metadata": {"order": "A-1042"},
        "created_at": "2026-05-15T10:30:00.120Z",
        "template": {"name": "order_update", "language": "en_US", "category": "UTILITY"},
        "request_id": "req_01KAR3V6YZ4D1K7P3S6V8X0A2C",
    },
)
