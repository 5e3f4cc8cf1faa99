"""Events as the API shows them: how each stands, its deliveries, and every attempt."""

import unicodedata
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from quixess.api.answers import Moment
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.events.listing import Attempt, Listed, Story, Way

_LONGEST_SNIPPET = 500

Payload = Annotated[
    msgspec.Raw, Meta(description="`data` of the event, with `include=payload`.", extra_json_schema={"type": "object"})
]


class ListedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event, and how it stands at the endpoint where it went worst."""

    id: Annotated[str, Meta(description="The event's `evt_…` id, as your receiver sees it.")]
    type: Annotated[str, Meta(description="What happened, such as `message.received`.")]
    version: Annotated[str, Meta(description="Of the envelope.")]
    occurred_at: Annotated[Moment, Meta(description="When it happened.")]
    status: Annotated[str, Meta(description="pending, delivered, exhausted, expired, discarded or no_endpoint.")]
    endpoint_id: Annotated[str | None, Meta(description="The endpoint that `status` is about, `end_…`.")]
    url: Annotated[str | None, Meta(description="Where that endpoint is now; null: it has none, or is removed.")]
    attempt_count: Annotated[int, Meta(ge=0, description="How many attempts that delivery took until now.")]
    next_attempt_at: Annotated[Moment | None, Meta(description="When the next attempt is due; null: none is.")]
    replay_count: Annotated[int, Meta(ge=0, description="How many of its deliveries were replays.")]
    message_id: Annotated[str | None, Meta(description="The message it is about, `msg_…`.")]
    conversation_id: Annotated[str | None, Meta(description="The conversation it is about, `cnv_…`.")]
    payload: Payload | UnsetType = UNSET


class Delivery(msgspec.Struct, frozen=True):
    """An event on its way to one endpoint, or the end of that way."""

    id: Annotated[str, Meta(description="The delivery's `dlv_…` id.")]
    endpoint_id: Annotated[str, Meta(description="Where it goes, `end_…`.")]
    url: Annotated[str | None, Meta(description="Where that endpoint is now; null: it has none, or is removed.")]
    status: Annotated[str, Meta(description="pending, delivered, exhausted, expired or discarded.")]
    attempt_count: Annotated[int, Meta(ge=0, description="How many attempts it took until now.")]
    replay: Annotated[bool, Meta(description="Whether it is a replay.")]
    next_attempt_at: Annotated[Moment | None, Meta(description="When the next attempt is due; null: none is.")]
    ended_at: Annotated[Moment | None, Meta(description="When it ended; null: not yet.")]


class Try(msgspec.Struct, frozen=True):
    """One POST of the event."""

    n: Annotated[int, Meta(description="Which attempt of its delivery it was.")]
    at: Annotated[Moment, Meta(description="When it began.")]
    delivery_id: Annotated[str, Meta(description="The delivery it belongs to, `dlv_…`.")]
    endpoint_id: Annotated[str, Meta(description="Where it went, `end_…`.")]
    url: Annotated[str | None, Meta(description="Where that endpoint is now; null: it has none, or is removed.")]
    status_code: Annotated[int, Meta(description="What the receiver answered.")] | None
    error: Annotated[str, Meta(description="Why it failed, such as `http_status` or `timeout`.")] | None
    duration_ms: Annotated[int, Meta(ge=0, description="How long it took.")]
    probe: Annotated[bool, Meta(description="Whether it asked if a failing endpoint answers again.")]
    response_snippet: (
        Annotated[str, Meta(description="How the answer begins; null without `whatsapp:read_messages`.")] | None
    )


class Event(ListedEvent, frozen=True, kw_only=True):
    """An event with its latest deliveries and attempts, oldest first, 500 of each at most."""

    deliveries: Annotated[list[Delivery], Meta(description="Its deliveries, one for each endpoint and replay.")]
    attempts: Annotated[list[Try], Meta(description="The attempts of all of them.")]


class Events(msgspec.Struct, frozen=True):
    """A page of events, newest first. One that is short, or empty, goes on while `has_more` says so."""

    data: Annotated[list[ListedEvent], Meta(description="The events.")]
    next_cursor: Annotated[str | None, Meta(description="`cursor` of the next page; null at the end.")]
    has_more: Annotated[bool, Meta(description="Whether there is a next page, however few events this one has.")]


def listed(one: Listed) -> ListedEvent:
    """Show an event in a list; with its payload where it was read."""
    return ListedEvent(**_facts(one, one.data))


def told(story: Story, one: Listed, *, payload: bool, answers: bool) -> Event:
    """Show all of an event, with its payload or without, and with the words that receivers answered or without."""
    return Event(
        **_facts(one, story.data if payload else None),
        deliveries=[_delivery(way) for way in story.ways],
        attempts=[_attempt(attempt, answers=answers) for attempt in story.attempts],
    )


def _facts(one: Listed, data: str | None) -> dict[str, Any]:
    return {
        "id": ids.show("evt", one.id),
        "type": one.type,
        "version": one.version,
        "occurred_at": moment(one.occurred_at),
        "status": one.state,
        "endpoint_id": ids.show("end", one.endpoint_id) if one.endpoint_id else None,
        "url": one.url,
        "attempt_count": one.attempts,
        "next_attempt_at": moment(one.next_at) if one.next_at else None,
        "replay_count": one.replays,
        "message_id": ids.show("msg", one.message_id) if one.message_id else None,
        "conversation_id": ids.show("cnv", one.conversation_id) if one.conversation_id else None,
        "payload": UNSET if data is None else msgspec.Raw(data.encode()),
    }


def _delivery(way: Way) -> Delivery:
    return Delivery(
        id=ids.show("dlv", way.delivery_id),
        endpoint_id=ids.show("end", way.endpoint_id),
        url=way.url,
        status=way.state,
        attempt_count=way.attempts,
        replay=way.replay,
        next_attempt_at=moment(way.next_at) if way.next_at else None,
        ended_at=moment(way.ended_at) if way.ended_at else None,
    )


def _attempt(one: Attempt, *, answers: bool) -> Try:
    return Try(
        n=one.number,
        at=moment(one.started_at),
        delivery_id=ids.show("dlv", one.delivery_id),
        endpoint_id=ids.show("end", one.endpoint_id),
        url=one.url,
        status_code=one.status,
        error=one.fault,
        duration_ms=one.duration_ms,
        probe=one.probe,
        response_snippet=_snippet(one.excerpt) if answers and one.excerpt else None,
    )


def _snippet(excerpt: bytes) -> str:
    """Show a stranger's bytes as text that steers no terminal and no page: without control and direction marks."""
    text = excerpt.decode(errors="replace")
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one)[0] != "C")[:_LONGEST_SNIPPET]
