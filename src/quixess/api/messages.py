"""GET /messages, GET /messages/{id}: what was said, by whom, and what became of it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType, field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import answers, query
from quixess.api.answers import Moment
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.api.pages import Paged
from quixess.api.send import ConversationId, TemplateName, UsedTemplate
from quixess.database import ids
from quixess.database.core import Row
from quixess.errors import QuixessError
from quixess.events.envelope import moment
from quixess.messages import reading
from quixess.messages.reading import timelines
from quixess.messages.reading.messages import Filter
from quixess.messages.reading.pages import Page

Digits = Annotated[
    str,
    Meta(
        max_length=32,
        pattern=r"^[+0-9 ().-]*[0-9][+0-9 ().-]*\Z",
        description="Somebody's phone number, with its country code, written in any way.",
    ),
]
UserId = Annotated[str, Meta(min_length=1, max_length=128, description="Meta's id of a user.")]
Since = Annotated[datetime, Meta(tz=True, description="No earlier than this: RFC 3339 with its zone.")]
Status = Literal["sending", "not_sent", "unconfirmed", "accepted", "sent", "failed", "delivered", "read", "received"]
Object = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
Objects = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "array", "items": {"type": "object"}})]


class MessagesQuery(Paged, frozen=True, kw_only=True):
    """Which messages to list. All that is given must hold."""

    direction: (
        Annotated[Literal["inbound", "outbound"], Meta(description="Who wrote: `inbound` is the user.")] | None
    ) = None
    status: Annotated[Status, Meta(description="Where it stands. Messages from users are `received`.")] | None = None
    type: (
        Annotated[
            str, Meta(max_length=32, pattern=r"^[a-z_]+\Z", description="What kind of content it has, such as text.")
        ]
        | None
    ) = None
    phone: Digits | None = None
    user_id: UserId | None = None
    conversation_id: ConversationId | None = None
    template_name: TemplateName | None = None
    since: Annotated[datetime, Meta(tz=True, description="Recorded at this time or later, RFC 3339.")] | None = None
    until: Annotated[datetime, Meta(tz=True, description="Recorded before this time, RFC 3339.")] | None = None
    has_media: Annotated[bool, Meta(description="Whether it brings a file.")] | None = None
    q: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                description="Words that all occur in it, without case and accents. `parc*`: words that begin so.",
            ),
        ]
        | None
    ) = None
    metadata: Annotated[dict[str, str], Meta(description="`metadata[key]=value`: what the send was given.")] = field(
        default_factory=dict
    )


class Side(msgspec.Struct, frozen=True):
    """One side of a message: a user (`phone`, `user_id`, …) or the brand's number (`phone_number_id`, …)."""

    phone: Annotated[str | UnsetType | None, Meta(description="Digits; null for a user who hides the number.")] = UNSET
    phone_e164: Annotated[str | UnsetType | None, Meta(description="The same with its plus.")] = UNSET
    user_id: Annotated[str | UnsetType | None, Meta(description="Meta's id of the user.")] = UNSET
    username: Annotated[str | UnsetType | None, Meta(description="As the user is called now.")] = UNSET
    name: Annotated[str | UnsetType | None, Meta(description="As the user's profile is called now.")] = UNSET
    phone_number_id: Annotated[str | UnsetType | None, Meta(description="Meta's id of the brand's number.")] = UNSET
    waba_id: Annotated[str | UnsetType | None, Meta(description="The WABA it belongs to.")] = UNSET
    display_phone: Annotated[str | UnsetType | None, Meta(description="The brand's number, E.164.")] = UNSET


class Message(msgspec.Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """One message, in either direction."""

    id: Annotated[str, Meta(description="Our id, `msg_…`.")]
    wa_message_id: Annotated[str | None, Meta(description="Meta's wamid; null until Meta has taken it.")]
    conversation_id: Annotated[str, Meta(description="The conversation it is in, `cnv_…`.")]
    direction: Annotated[Literal["inbound", "outbound"], Meta(description="Who wrote: `inbound` is the user.")]
    type: Annotated[str, Meta(description="What kind of `content` it has, as in the events.")]
    status: Annotated[Status, Meta(description="Where it stands. Messages from users are `received`.")]
    source: Annotated[
        Literal["live", "echo", "history"],
        Meta(description="How it came: as it happened, from the brand's phone app, or from that app's past."),
    ]
    sender: Annotated[Side, Meta(description="Who wrote.")]
    to: Annotated[Side, Meta(description="Whom it was written to.")]
    content: Annotated[Object, Meta(description="What it says, shaped as in the events. A one-time code is hidden.")]
    reply_to: Annotated[str | None, Meta(description="The wamid it quotes.")]
    context: Annotated[Object | None, Meta(description="How it was passed on.")]
    referral: Annotated[Object | None, Meta(description="The ad or post a user came from.")]
    group_id: Annotated[str | None, Meta(description="Meta's id of the group it was written in.")]
    template: Annotated[UsedTemplate | None, Meta(description="The template it was made from.")]
    errors: Annotated[Objects, Meta(description="Why it failed: Meta's code with cause, fix and `retryable`.")]
    pricing: Annotated[Object | None, Meta(description="What Meta says of the price.")]
    metadata: Annotated[Object, Meta(description="What the send was given.")]
    occurred_at: Annotated[Moment, Meta(description="When it was said.")]
    created_at: Annotated[Moment, Meta(description="When it was recorded.")]


class Step(msgspec.Struct, frozen=True):
    """One step of a message, or of one reader of it in a group."""

    status: Annotated[str, Meta(description="As in `status`; of a call `connect` and `terminate`.")]
    at: Annotated[Moment | None, Meta(description="When; null where nobody told.")]
    inferred: Annotated[bool, Meta(description="A delivered that only a read told of.")]
    participant: Annotated[str | None, Meta(description="Whose step it is, in a group.")]
    errors: Annotated[Objects, Meta(description="Why it failed: Meta's code with cause, fix and `retryable`.")]


class MessageStory(Message, frozen=True, kw_only=True, rename={"sender": "from"}):
    """One message and everything that became of it."""

    timeline: Annotated[list[Step], Meta(description="Its steps, in their order.")]


class Messages(msgspec.Struct, frozen=True):
    """A page of messages."""

    data: Annotated[list[Message], Meta(description="The messages.")]
    next_cursor: Annotated[str | None, Meta(description="`cursor` of the next page; null at the end.")]
    has_more: Annotated[bool, Meta(description="Whether there is a next page, however few messages this one has.")]


def read_digits(phone: str | None) -> str | None:
    """Read a phone that is asked for: its digits, without what people put between them."""
    return None if phone is None else "".join(letter for letter in phone if "0" <= letter <= "9").lstrip("0")


def answer_page(page: Page, brand_id: UUID, endpoint_id: str, asked: Paged, rooms: Rooms) -> Response:
    """Answer with a page of messages."""
    cursor = None if page.position is None else rooms.cursors.write(brand_id, endpoint_id, asked, page.position)
    return answers.as_json(Messages([Message(**describe(row)) for row in page.rows], cursor, cursor is not None))


def describe(row: Row) -> dict[str, Any]:
    """Give the members of a message, from its row in `reading`."""
    phone = row["phone"]
    user = Side(phone, f"+{phone}" if phone else None, row["user_id"], row["username"], row["name"])
    number = row["display_phone"]
    line = Side(
        phone_number_id=row["phone_number_id"],
        waba_id=row["waba_id"],
        display_phone=f"+{number}" if number else None,
    )
    inbound = row["direction"] == "inbound"
    name, language, category = row["template_name"], row["template_language"], row["template_category"]
    return {
        "id": ids.show("msg", row["id"]),
        "wa_message_id": row["wamid"],
        "conversation_id": ids.show("cnv", row["conversation_id"]),
        "direction": row["direction"],
        "type": row["type"],
        "status": row["state"],
        "source": row["source"],
        "sender": user if inbound else line,
        "to": line if inbound else user,
        "content": as_raw(row["content"]),
        "reply_to": row["reply_to"],
        "context": as_raw(row["context"]),
        "referral": as_raw(row["referral"]),
        "group_id": row["group_id"],
        "template": None if name is None else UsedTemplate(name, language, category),
        "errors": as_raw(row["errors"] or "[]"),
        "pricing": as_raw(row["pricing"]),
        "metadata": as_raw(row["metadata"]),
        "occurred_at": moment(row["occurred_at"]),
        "created_at": moment(ids.made_at(row["id"])),
    }


def as_raw(text: str | None) -> msgspec.Raw | None:
    """Pass on JSON as it is stored."""
    return None if text is None else msgspec.Raw(text.encode())


async def _list_messages(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = query.read(request, MessagesQuery)
    after = rooms.cursors.read(passed.brand_id, LIST_MESSAGES.id, asked)
    wanted = Filter(
        direction=asked.direction,
        state=asked.status,
        type=asked.type,
        phone=read_digits(asked.phone),
        user_id=asked.user_id,
        conversation_id=None if asked.conversation_id is None else ids.parse("cnv", asked.conversation_id),
        template_name=asked.template_name,
        since=asked.since,
        until=asked.until,
        has_media=asked.has_media,
        query=asked.q,
        metadata=asked.metadata,
    )
    async with rooms.db.reading(passed.brand_id) as tx:
        page = await reading.messages.list_messages(tx, passed.brand_id, wanted, limit=asked.limit, after=after)
    return answer_page(page, passed.brand_id, LIST_MESSAGES.id, asked, rooms)


async def _get_message(request: Request, passed: Pass, rooms: Rooms) -> Response:
    if not request.path_params["id"]:  # the list with a slash after it
        raise HTTPException(404)
    story = await reading.messages.get_message(rooms.db, passed.brand_id, request.path_params["id"])
    if story is None:
        detail = "The brand has no such message: take a `msg_…` id or a wamid as it is, upper and lower case matter."
        raise QuixessError("message_not_found", detail)
    steps = [
        Step(
            one.status,
            None if one.at is None else moment(one.at),
            one.inferred,
            one.participant,
            msgspec.Raw((one.errors or "[]").encode()),
        )
        for one in timelines.tell(story.row, story.statuses)
    ]
    return answers.as_json(MessageStory(**describe(story.row), timeline=steps))


_EXAMPLE: dict[str, Any] = {
    "id": "msg_01KAR3V6Z5E2M8Q4T7W9Y1B3D5",
    "wa_message_id": "wamid.HBgLMTI4MTgxODQzNzAVAgASGBI1OEZEOUIwMkU3OEQ4N0E1QTYA",
    "conversation_id": "cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6",
    "direction": "inbound",
    "type": "text",
    "status": "received",
    "source": "live",
    "from": {
        "phone": "12818184370",
        "phone_e164": "+12818184370",
        "user_id": "US.13491208655302741918",
        "username": None,
        "name": "Frank",
    },
    "to": {"phone_number_id": "106540352242922", "waba_id": "102290129340398", "display_phone": "+15550783881"},
    "content": {"body": "Hi there"},
    "reply_to": None,
    "context": None,
    "referral": None,
    "group_id": None,
    "template": None,
    "errors": [],
    "pricing": None,
    "metadata": {},
    "occurred_at": "2026-05-15T10:30:00.000Z",
    "created_at": "2026-05-15T10:30:00.212Z",
}
LISTED = {"data": [_EXAMPLE], "next_cursor": None, "has_more": False}

LIST_MESSAGES = Endpoint(
    id="list_messages",
    method="GET",
    path="/messages",
    scope=Scope.READ_MESSAGES,
    summary="List messages, filtered and searched.",
    description=(
        "The last recorded comes first; with `phone`, `user_id` or `conversation_id` and no `q` the last said, as a "
        "conversation shows them. A page looks at a bounded number of messages: where few pass, it may have less than "
        "`limit`, even none, and `has_more` is true. Go on with `next_cursor` until it is null."
    ),
    handler=_list_messages,
    query=MessagesQuery,
    response=Messages,
    errors=("invalid_cursor",),
    answer=LISTED,
)

GET_MESSAGE = Endpoint(
    id="get_message",
    method="GET",
    path="/messages/{id}",
    scope=Scope.READ_MESSAGES,
    summary="Get a message with its timeline.",
    description="`timeline` tells each step: accepted, sent, delivered, read, failed; in a group also whose it is.",
    handler=_get_message,
    response=MessageStory,
    errors=("message_not_found",),
    answer={
        **_EXAMPLE,
        "timeline": [
            {
                "status": "received",
                "at": "2026-05-15T10:30:00.000Z",
                "inferred": False,
                "participant": None,
                "errors": [],
            }
        ],
    },
    parameters={"id": "A `msg_…` id, or a wamid, percent-encoded but for its slashes."},
    whole_path=True,
)
