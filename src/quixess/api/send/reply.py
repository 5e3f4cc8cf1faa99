"""POST /send/reply: an answer in free form, within 24 hours of what the person wrote last."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import body, send
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.database import ids
from quixess.errors import invalid
from quixess.messages import phones
from quixess.messages.model import Recipient
from quixess.messages.replies import Desk, Replying
from quixess.messages.speech import Speech
from quixess.messages.speech.plain import MessageRef

_RECIPIENTS = ("to", "recipient", "conversation_id")


class ReplyBody(Speech, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """An answer: to one person, of one type, with the object of that type beside it."""

    to: send.Phone | None = None
    recipient: send.UserId | None = None
    conversation_id: send.ConversationId | None = None
    reply_to: Annotated[MessageRef | None, Meta(description="Quote this message. Not with a reaction.")] = None
    mark_read: Annotated[
        bool, Meta(description="First mark what the person wrote last, and all before it, as read.")
    ] = False
    typing: Annotated[
        bool, Meta(description="First show that an answer is coming. Meta does it only together with `mark_read`.")
    ] = False
    metadata: send.Metadata = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `invalid_request` unless there is one recipient, and what it says is in order."""
        given = [name for name in _RECIPIENTS if getattr(self, name) is not None]
        if not given:
            detail = "Say whom to answer: one of `to`, `recipient` and `conversation_id`."
            raise invalid("/to", "required", detail)
        if len(given) > 1:
            detail = "Give one of `to`, `recipient` and `conversation_id`."
            raise invalid(f"/{given[1]}", "not_allowed", detail)
        super().__post_init__()
        if self.reply_to is not None and self.type == "reaction":
            detail = "A reaction stands on its `message_id` and quotes nothing: leave `reply_to` out."
            raise invalid("/reply_to", "not_allowed", detail)

    def to_whom(self) -> Recipient:
        """Give the recipient. Raises `invalid_phone`."""
        return Recipient(
            phone=None if self.to is None else phones.read(self.to),
            user_id=self.recipient,
            conversation_id=None if self.conversation_id is None else ids.parse("cnv", self.conversation_id),
        )

    def what(self) -> Speech:
        """Give what is said."""
        return Speech(**{name: getattr(self, name) for name in Speech.__struct_fields__})


async def _send_reply(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = await body.read(request, ReplyBody)
    order = Replying(
        Desk(rooms.db, rooms.keyring, rooms.uploads.handle),
        asked.to_whom(),
        asked.what(),
        reply_to=asked.reply_to,
        mark_read=asked.mark_read or asked.typing,
        typing=asked.typing,
        metadata=asked.metadata,
    )
    return await send.carry_out(request, passed, rooms.sending, order)


_TO: dict[str, Any] = {"to": "+12818184370"}
_WAMID = "wamid.HBgLMTI4MTgxODQzNzAVAgASGBI1OEZEOUIwMkU3OEQ4N0E1QTYA"


def _interactive(kind: str, text: str, action: dict[str, Any]) -> dict[str, Any]:
    return _TO | {"type": "interactive", "interactive": {"type": kind, "body": {"text": text}, "action": action}}


_EXAMPLES: dict[str, Any] = {
    "a text": _TO | {"type": "text", "text": {"body": "Your parcel left today."}},
    "a quote": _TO | {"type": "text", "text": {"body": "This one, yes."}, "reply_to": _WAMID, "mark_read": True},
    "an image by link": {
        "conversation_id": "cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6",
        "type": "image",
        "media": {"link": "https://shop.example/label.png", "caption": "The label"},
    },
    "a document of ours": _TO
    | {"type": "document", "media": {"id": "med_01KAR3V6Z6F3N9R5V8X0Z2C4E6", "filename": "invoice.pdf"}},
    "a voice note": _TO | {"type": "audio", "media": {"id": "med_01KAR3V6Z6F3N9R5V8X0Z2C4E6", "voice": True}},
    "to somebody without a number": {
        "recipient": "US.13491208655302741918",
        "type": "text",
        "text": {"body": "Hello!"},
        "metadata": {"ticket": "T-7"},
    },
    "a reaction": _TO | {"type": "reaction", "reaction": {"message_id": _WAMID, "emoji": "👍"}},
    "a location": _TO
    | {
        "type": "location",
        "location": {"latitude": 37.44, "longitude": -122.16, "name": "Our shop", "address": "101 Forest Ave"},
    },
    "a contact card": _TO
    | {
        "type": "contacts",
        "contacts": [
            {
                "name": {"formatted_name": "Ann Example", "first_name": "Ann"},
                "phones": [{"phone": "+1 415 555 0100", "type": "WORK", "wa_id": "14155550100"}],
            }
        ],
    },
    "buttons": _interactive(
        "button",
        "Shall we deliver tomorrow?",
        {"buttons": [{"reply": {"id": "yes", "title": "Yes"}}, {"reply": {"id": "no", "title": "Another day"}}]},
    ),
    "a list": _interactive(
        "list",
        "When suits you?",
        {
            "button": "Choose",
            "sections": [{"rows": [{"id": "am", "title": "Morning", "description": "8 to 12"}]}],
        },
    ),
    "a link button": _interactive(
        "cta_url",
        "Follow your parcel.",
        {"parameters": {"display_text": "Track", "url": "https://shop.example/track/A-1042"}},
    ),
    "a flow": _interactive(
        "flow",
        "Tell us your size.",
        {
            "parameters": {
                "flow_id": "745289014567321",
                "flow_cta": "Choose",
                "flow_token": "order-A-1042",
                "flow_action_payload": {"screen": "SIZE"},
            }
        },
    ),
    "where are you": _interactive("location_request_message", "Where shall we deliver?", {}),
}

SEND_REPLY = Endpoint(
    id="send_reply",
    method="POST",
    path="/send/reply",
    scope=Scope.REPLY,
    summary="Answer a person in free form, within 24 hours of their last message.",
    description=(
        "Ten types: text, image, video, audio, document, sticker, reaction, location, contacts and interactive (reply "
        "buttons, list, link button, flow, location request). The object of the `type` stands beside it, and no other. "
        "Write to a phone (`to`), to Meta's id of a person who hides theirs (`recipient`), or into a conversation: the "
        "answer goes out from the number on which the person wrote last. Outside of the window nothing is sent: the "
        "409 `window_closed` names approved templates to open it with. `reply_to` quotes a message of the same "
        "conversation. `mark_read` and `typing` are done before the answer goes out, and never keep it from going."
    ),
    handler=_send_reply,
    request=ReplyBody,
    response=send.Sent,
    statuses=(200, 202),
    errors=(
        *send.ERRORS,
        "media_type_mismatch",
        "media_type_not_supported",
        "media_too_large",
        "conversation_not_found",
        "quoted_message_not_found",
        "media_not_found",
        "window_closed",
        "media_failed",
        "media_gone",
        "media_not_ready",
    ),
    idempotent=True,
    examples=_EXAMPLES,
    answer={
        "id": "msg_01KAR3V6Z5E2M8Q4T7W9Y1B3D5",
        "wa_message_id": "wamid.HBgLMTI4MTgxODQzNzAVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA",
        "status": "accepted",
        "type": "text",
        "to": {"phone": "+12818184370", "wa_id": "12818184370", "user_id": None},
        "from": {"phone_number_id": "106540352242922", "display_phone": "+15550783881"},
        "conversation_id": "cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6",
        "brand_id": "brd_01KAR3TZW4D1K7P3S6V8X0A2C4",
        "metadata": {},
        "created_at": "2026-05-15T10:30:00.120Z",
        "reply_to": _WAMID,
        "request_id": "req_01KAR3V6YZ4D1K7P3S6V8X0A2C",
    },
)
