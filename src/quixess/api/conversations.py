"""GET /conversations and what is below: with whom the brand talks, and what they say to each other."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import answers, messages, query
from quixess.api.answers import Moment
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.api.messages import Digits, Messages, Object, Since, Status, UserId
from quixess.api.pages import Paged
from quixess.database import ids
from quixess.database.core import Row
from quixess.errors import QuixessError
from quixess.events.envelope import moment
from quixess.messages import reading
from quixess.messages.reading.conversations import Filter


class ConversationsQuery(Paged, frozen=True, kw_only=True):
    """Which conversations to list. All that is given must hold."""

    status: Annotated[Literal["open", "closed"], Meta(description="Whether somebody closed it.")] | None = None
    phone: Digits | None = None
    user_id: UserId | None = None
    window: (
        Annotated[Literal["open", "closed"], Meta(description="The customer service window: open for 24 hours.")] | None
    ) = None
    unread: Annotated[bool, Meta(description="Whether there is something unread in it.")] | None = None
    assignee: (
        Annotated[
            str,
            Meta(
                max_length=30,
                pattern=r"^(none|opr_[0-7][0-9A-HJKMNP-TV-Z]{25})\Z",
                description="The operator who takes care of it, `opr_…`, or `none` for those that nobody does.",
            ),
        ]
        | None
    ) = None
    q: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=200,
                description=(
                    "A part of the user's name, username or number; for keys that may read messages also words that "
                    "were said. Names are looked for in the 5,000 conversations that were active last."
                ),
            ),
        ]
        | None
    ) = None
    since: Since | None = None


class ThreadQuery(Paged, frozen=True, kw_only=True):
    """How to list the messages of a conversation."""

    order: Annotated[Literal["asc", "desc"], Meta(description="`desc`: the last said first.")] = "desc"


class Contact(msgspec.Struct, frozen=True):
    """The person a conversation is with."""

    id: Annotated[str, Meta(description="Our id, `ctc_…`.")]
    phone: Annotated[str | None, Meta(description="Digits; null for a user who hides the number.")]
    phone_e164: Annotated[str | None, Meta(description="The same with its plus.")]
    user_id: Annotated[str | None, Meta(description="Meta's id of the user.")]
    username: Annotated[str | None, Meta(description="As the user is called now.")]
    name: Annotated[str | None, Meta(description="As the user's profile is called now.")]
    opted_out: Annotated[bool, Meta(description="Whether the user asked WhatsApp for no more marketing messages.")]


class Window(msgspec.Struct, frozen=True):
    """The customer service window: while it is open, free text is allowed."""

    open: Annotated[bool, Meta(description="Whether `POST /send/reply` works now.")]
    last_inbound_at: Annotated[Moment | None, Meta(description="When the user wrote last; null: never.")]
    expires_at: Annotated[Moment | None, Meta(description="24 hours after the user's last message.")]


class LastMessage(msgspec.Struct, frozen=True):
    """What was said last."""

    id: Annotated[str, Meta(description="Our id, `msg_…`.")]
    direction: Annotated[Literal["inbound", "outbound"], Meta(description="Who wrote: `inbound` is the user.")]
    type: Annotated[str, Meta(description="What kind of content it has, such as text.")]
    status: Annotated[Status, Meta(description="Where it stands. Messages from users are `received`.")]
    occurred_at: Annotated[Moment, Meta(description="When it was said.")]
    content: Annotated[
        Object | UnsetType, Meta(description="What it says. Only for keys that may read messages too.")
    ] = UNSET


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything between one person and one of the brand's numbers."""

    id: Annotated[str, Meta(description="Our id, `cnv_…`.")]
    status: Annotated[Literal["open", "closed"], Meta(description="Whether somebody closed it.")]
    contact: Contact
    phone_number_id: Annotated[str | None, Meta(description="Meta's id of the brand's number.")]
    unread_count: Annotated[
        int, Meta(ge=0, description="How many messages of the user are unread; `mark_read` of a reply makes it 0.")
    ]
    assignee: Annotated[str | None, Meta(description="The operator who takes care of it, `opr_…`; null: nobody.")]
    window: Window
    last_message: Annotated[LastMessage | None, Meta(description="Null where none is kept any more.")]
    created_at: Annotated[Moment, Meta(description="When the first message was recorded.")]
    updated_at: Annotated[Moment, Meta(description="When something was last said in it, to ten seconds. No codes.")]


class Conversations(msgspec.Struct, frozen=True):
    """A page of conversations."""

    data: Annotated[list[Conversation], Meta(description="The conversations.")]
    next_cursor: Annotated[str | None, Meta(description="`cursor` of the next page; null at the end.")]
    has_more: Annotated[bool, Meta(description="Whether there is a next page, however few conversations this one has.")]


async def _list_conversations(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = query.read(request, ConversationsQuery)
    after = rooms.cursors.read(passed.brand_id, LIST_CONVERSATIONS.id, asked)
    wanted = Filter(
        state=asked.status,
        phone=messages.read_digits(asked.phone),
        user_id=asked.user_id,
        window_open=None if asked.window is None else asked.window == "open",
        unread=asked.unread,
        since=asked.since,
        assignee=ids.parse("opr", asked.assignee or ""),
        unassigned=asked.assignee == "none",
        query=asked.q,
    )
    async with rooms.db.reading(passed.brand_id) as tx:
        page = await reading.conversations.list_conversations(
            tx, passed.brand_id, wanted, limit=asked.limit, after=after, with_content=_may_read(passed)
        )
    cursor = None
    if page.position is not None:
        cursor = rooms.cursors.write(passed.brand_id, LIST_CONVERSATIONS.id, asked, page.position)
    return answers.as_json(Conversations([_describe(row) for row in page.rows], cursor, cursor is not None))


async def _get_conversation(request: Request, passed: Pass, rooms: Rooms) -> Response:
    conversation_id = ids.parse("cnv", request.path_params["id"])
    row = None
    if conversation_id is not None:
        async with rooms.db.reading(passed.brand_id) as tx:
            row = await reading.conversations.get_conversation(
                tx, passed.brand_id, conversation_id, with_content=_may_read(passed)
            )
    if row is None:
        raise _not_found()
    return answers.as_json(_describe(row))


async def _list_thread(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = query.read(request, ThreadQuery)
    shown = request.path_params["id"]
    conversation_id = ids.parse("cnv", shown)
    route = f"{LIST_CONVERSATION_MESSAGES.id} {shown}"
    after = rooms.cursors.read(passed.brand_id, route, asked)
    page = None
    if conversation_id is not None:
        async with rooms.db.reading(passed.brand_id) as tx:
            page = await reading.messages.list_thread(
                tx, passed.brand_id, conversation_id, limit=asked.limit, after=after, oldest_first=asked.order == "asc"
            )
    if page is None:
        raise _not_found()
    return messages.answer_page(page, passed.brand_id, route, asked, rooms)


def _may_read(passed: Pass) -> bool:
    return Scope.READ_MESSAGES in passed.caller.scopes


def _not_found() -> QuixessError:
    return QuixessError("conversation_not_found", "The brand has no such conversation: take its `cnv_…` id as it is.")


def _describe(row: Row) -> Conversation:
    phone, marketing = row["phone"], row["marketing"]
    return Conversation(
        id=ids.show("cnv", row["id"]),
        status=row["state"],
        contact=Contact(
            id=ids.show("ctc", row["contact_id"]),
            phone=phone,
            phone_e164=f"+{phone}" if phone else None,
            user_id=row["user_id"],
            username=row["username"],
            name=row["name"],
            opted_out=marketing == "stop",
        ),
        phone_number_id=row["phone_number_id"],
        unread_count=row["unread"],
        assignee=None if row["assignee"] is None else ids.show("opr", row["assignee"]),
        window=Window(bool(row["window_open"]), _moment(row["last_inbound_at"]), _moment(row["window_until"])),
        last_message=None if row["last_id"] is None else _last_message(row),
        created_at=moment(row["created_at"]),
        updated_at=moment(row["active_at"]),
    )


def _last_message(row: Row) -> LastMessage:
    return LastMessage(
        id=ids.show("msg", row["last_id"]),
        direction=row["direction"],
        type=row["type"],
        status=row["last_state"],
        occurred_at=moment(row["occurred_at"]),
        content=UNSET if row["content"] is None else msgspec.Raw(row["content"].encode()),
    )


def _moment(at: Any) -> str | None:
    return None if at is None else moment(at)


_EXAMPLE = {
    "id": "cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6",
    "status": "open",
    "contact": {
        "id": "ctc_01KAR3V6Z6F3N9R5V8X0Z2C4E5",
        "phone": "12818184370",
        "phone_e164": "+12818184370",
        "user_id": "US.13491208655302741918",
        "username": None,
        "name": "Frank",
        "opted_out": False,
    },
    "phone_number_id": "106540352242922",
    "unread_count": 2,
    "assignee": None,
    "window": {
        "open": True,
        "last_inbound_at": "2026-05-15T10:30:00.000Z",
        "expires_at": "2026-05-16T10:30:00.000Z",
    },
    "last_message": {
        "id": "msg_01KAR3V6Z5E2M8Q4T7W9Y1B3D5",
        "direction": "inbound",
        "type": "text",
        "status": "received",
        "occurred_at": "2026-05-15T10:30:00.000Z",
    },
    "created_at": "2026-05-14T08:12:41.310Z",
    "updated_at": "2026-05-15T10:30:00.000Z",
}

LIST_CONVERSATIONS = Endpoint(
    id="list_conversations",
    method="GET",
    path="/conversations",
    scope=Scope.READ_CONVERSATIONS,
    summary="List conversations, the last active first.",
    description=(
        "What was said last comes without its text, unless the key may read messages too. A page looks at a bounded "
        "number of conversations: where few pass, it may have less than `limit`, even none, and `has_more` is true."
    ),
    handler=_list_conversations,
    query=ConversationsQuery,
    response=Conversations,
    errors=("invalid_cursor",),
    answer={"data": [_EXAMPLE], "next_cursor": None, "has_more": False},
)

GET_CONVERSATION = Endpoint(
    id="get_conversation",
    method="GET",
    path="/conversations/{id}",
    scope=Scope.READ_CONVERSATIONS,
    summary="Get a conversation.",
    description="When two contacts prove to be one person, their conversations become one: both ids lead to it.",
    handler=_get_conversation,
    response=Conversation,
    errors=("conversation_not_found",),
    answer=_EXAMPLE,
    parameters={"id": "The conversation's `cnv_…` id."},
)

LIST_CONVERSATION_MESSAGES = Endpoint(
    id="list_conversation_messages",
    method="GET",
    path="/conversations/{id}/messages",
    scope=Scope.READ_MESSAGES,
    summary="List the messages of a conversation.",
    description="By when they were said, what the phone app told of its past too.",
    handler=_list_thread,
    query=ThreadQuery,
    response=Messages,
    errors=("invalid_cursor", "conversation_not_found"),
    answer=messages.LISTED,
    parameters={"id": "The conversation's `cnv_…` id."},
)
