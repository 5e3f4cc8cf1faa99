"""GET /webhook-events: a brand's events and what became of each."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Caller, Scope
from quixess.api import events, query
from quixess.api.answers import as_json
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.events import shapes
from quixess.api.gate import Pass
from quixess.api.pages import Paged
from quixess.database import ids
from quixess.errors import QuixessError, invalid
from quixess.events import listing
from quixess.events.listing import Filter

_LIST = "list_webhook_events"

Status = Annotated[
    Literal["pending", "delivered", "failed", "exhausted", "expired", "discarded", "no_endpoint"],
    Meta(description="`failed` is any failure: exhausted, expired or discarded."),
]
Type = Annotated[str, Meta(description="A type of event.", max_length=64, extra_json_schema={"enum": events.TYPES})]
MessageId = Annotated[str, Meta(pattern="^msg" + events.ID, max_length=30, description="The `msg_…` it is about.")]
Include = Annotated[
    Literal["payload"],
    Meta(description="`payload` adds what each event says; the key needs `whatsapp:read_messages` too."),
]


class EventsQuery(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events to list."""

    status: Status | None = None
    type: Type | None = None
    since: events.Time | None = None
    until: events.Time | None = None
    message_id: MessageId | None = None
    endpoint_id: events.EndpointId | None = None
    include: Include | None = None

    def __post_init__(self) -> None:
        if self.type is not None and self.type not in events.TYPES:
            raise invalid("/type", "not_allowed", f"`type` must be one of {', '.join(events.TYPES)}.")


class EventQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to tell of an event."""

    include: Include | None = None


async def _list_events(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = query.read(request, EventsQuery)
    _check_include(passed.caller, asked.include)
    position = rooms.cursors.read(passed.brand_id, _LIST, asked)
    before = UUID(position[0]) if position else None
    async with rooms.db.reading(passed.brand_id) as tx:
        page = await listing.leaf(
            tx, passed.brand_id, _filter(asked), limit=asked.limit, before=before, data=asked.include is not None
        )
    cursor = rooms.cursors.write(passed.brand_id, _LIST, asked, (page.next,)) if page.next else None
    return as_json(shapes.Events([shapes.listed(one) for one in page.events], cursor, cursor is not None))


async def _get_event(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = query.read(request, EventQuery)
    _check_include(passed.caller, asked.include)
    event_id = ids.parse("evt", request.path_params["id"])
    if event_id is None:
        raise events.unknown_event()
    async with rooms.db.reading(passed.brand_id) as tx:
        story = await listing.get_event(tx, passed.brand_id, event_id)
    if story is None:
        raise events.unknown_event()
    if story.event is None:
        raise events.expired()
    answers = Scope.READ_MESSAGES in passed.caller.scopes
    return as_json(shapes.told(story, story.event, payload=asked.include is not None, answers=answers))


def _check_include(caller: Caller, include: str | None) -> None:
    """Refuse the payload to who may manage webhooks and may not read what customers write."""
    if include is not None and Scope.READ_MESSAGES not in caller.scopes:
        raise QuixessError(
            "insufficient_scope",
            f"The payload holds what customers write: a key needs {Scope.READ_MESSAGES} too, or leave out `include`.",
            extra={"required_scope": Scope.READ_MESSAGES},
        )


def _filter(asked: EventsQuery) -> Filter:
    states = None if asked.status is None else (asked.status,)
    return Filter(
        states=listing.FAILURES if asked.status == "failed" else states,
        type=asked.type,
        since=asked.since,
        until=asked.until,
        message_id=None if asked.message_id is None else ids.parse("msg", asked.message_id),
        endpoint_id=events.read_endpoint(asked.endpoint_id),
    )


_LISTED = {
    "id": "evt_01KAR3V7M2F3N9R5V8X0Z2C4E6",
    "type": "message.received",
    "version": "1",
    "occurred_at": "2026-05-15T10:30:00.000Z",
    "status": "exhausted",
    "endpoint_id": "end_01KAR3TZX8E2M8Q4T7W9Y1B3D5",
    "url": "https://shop.example/webhooks/quixess",
    "attempt_count": 8,
    "next_attempt_at": None,
    "replay_count": 0,
    "message_id": "msg_01KAR3V7M1E2M8Q4T7W9Y1B3D5",
    "conversation_id": "cnv_01KAR3V6Z6F3N9R5V8X0Z2C4E6",
}
_DELIVERY = {
    "id": "dlv_01KAR3V7M3G4P0S6W9Y1A3D5F7",
    "endpoint_id": _LISTED["endpoint_id"],
    "url": _LISTED["url"],
    "status": "exhausted",
    "attempt_count": 8,
    "replay": False,
    "next_attempt_at": None,
    "ended_at": "2026-05-15T17:42:36.120Z",
}
_ATTEMPT = {
    "n": 1,
    "at": "2026-05-15T10:30:00.250Z",
    "delivery_id": _DELIVERY["id"],
    "endpoint_id": _LISTED["endpoint_id"],
    "url": _LISTED["url"],
    "status_code": 500,
    "error": "http_status",
    "duration_ms": 212,
    "probe": False,
    "response_snippet": "Internal Server Error",
}

LIST_EVENTS = Endpoint(
    id=_LIST,
    method="GET",
    path="/webhook-events",
    scope=Scope.MANAGE_WEBHOOKS,
    summary="List events and what became of each.",
    description=(
        "Newest first. A filter that matches seldom may give a short page, or an empty one, though more follow: go on "
        "while `has_more` is true. With `endpoint_id` the status is the one at that endpoint."
    ),
    handler=_list_events,
    query=EventsQuery,
    response=shapes.Events,
    answer={"data": [_LISTED], "next_cursor": None, "has_more": False},
)
GET_EVENT = Endpoint(
    id="get_webhook_event",
    method="GET",
    path="/webhook-events/{id}",
    scope=Scope.MANAGE_WEBHOOKS,
    summary="Get an event with its deliveries and attempts.",
    description="The latest 500 deliveries and attempts, oldest first.",
    handler=_get_event,
    query=EventQuery,
    response=shapes.Event,
    errors=("event_not_found", "payload_expired"),
    counted=False,
    answer={**_LISTED, "deliveries": [_DELIVERY], "attempts": [_ATTEMPT]},
    parameters={"id": "The event's `evt_…` id."},
)
