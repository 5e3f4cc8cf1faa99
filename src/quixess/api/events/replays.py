"""POST /webhook-events/…/replay: events delivered again, one at once, many as a job."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import body, events
from quixess.api.answers import Moment, as_json
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError, invalid
from quixess.events import directory, replays
from quixess.events.endpoints import KNOWN_TYPES
from quixess.events.envelope import moment
from quixess.events.replays import Progress, Replay, State, Verdict, Wanted
from quixess.vault import Keyring

_MOST_NAMED = 1_000
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)

Type = Annotated[
    str, Meta(description="A type of event.", max_length=64, extra_json_schema={"enum": sorted(KNOWN_TYPES)})
]


class ReplayBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which endpoint gets the event again; without a body every one that wants it."""

    endpoint_id: events.EndpointId | None = None


class BulkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which events to deliver again: those named, or those recorded since a time whose last delivery failed."""

    event_ids: (
        Annotated[
            list[events.EventId], Meta(min_length=1, max_length=_MOST_NAMED, description="These events, by their ids.")
        ]
        | None
    ) = None
    status: (
        Annotated[Literal["failed", "exhausted"], Meta(description="`failed`, as without it, is any failure.")] | None
    ) = None
    since: events.Time | None = None
    until: events.Time | None = None
    types: (
        Annotated[list[Type], Meta(min_length=1, max_length=50, description="Only events of these types.")] | None
    ) = None
    endpoint_id: events.EndpointId | None = None

    def __post_init__(self) -> None:
        narrowed = any(one is not None for one in (self.status, self.since, self.until, self.types))
        if self.event_ids is not None and narrowed:
            text = "Name `event_ids`, or what failed by `since`, `until`, `status` and `types`: not both."
            raise invalid("/event_ids", "not_allowed", text)
        if self.event_ids is None and self.since is None:
            raise invalid("/since", "required", "Say since when what failed is delivered again, or name `event_ids`.")


class Queued(msgspec.Struct, frozen=True):
    """An event that is delivered again: one delivery for each endpoint that gets it."""

    id: Annotated[str, Meta(description="The event's `evt_…` id.")]
    status: Annotated[Literal["pending"], Meta(description="It is on its way.")]
    replay_id: Annotated[str, Meta(description="The `dlv_…` id of the first new delivery.")]
    replay_ids: Annotated[list[str], Meta(description="Those of all.")]
    queued_at: Annotated[Moment, Meta(description="When it was put in line.")]


class Selection(msgspec.Struct, frozen=True):
    """What a job was asked for; of events that were named it says nothing."""

    status: Annotated[str | None, Meta(description="`failed` or `exhausted`.")]
    since: Annotated[Moment | None, Meta(description="The first time that was asked for.")]
    until: Annotated[Moment | None, Meta(description="The time before which it was asked for.")]
    types: Annotated[list[str] | None, Meta(description="The types; null: all.")]
    endpoint_id: Annotated[str | None, Meta(description="The endpoint, `end_…`; null: all.")]


class Job(msgspec.Struct, frozen=True):
    """A job that delivers events again, and how far it is."""

    job_id: Annotated[str, Meta(description="The job's `rpl_…` id.")]
    status: Annotated[str, Meta(description="How far it is.", extra_json_schema={"enum": [*State]})]
    matched: Annotated[int, Meta(description="How many events were named; null when the job finds them.")] | None
    selection: Annotated[Selection, Meta(description="What it was asked for.")]
    seen: Annotated[int, Meta(ge=0, description="Events looked at until now.")]
    queued: Annotated[int, Meta(ge=0, description="Deliveries made.")]
    skipped: Annotated[int, Meta(ge=0, description="Events that wait already, or that no endpoint wants.")]
    gone: Annotated[int, Meta(ge=0, description="Events whose body is no longer kept.")]
    pending: Annotated[int, Meta(ge=0, description="Of the deliveries made: those under way.")]
    delivered: Annotated[int, Meta(ge=0, description="Those that were answered with 2xx.")]
    failed: Annotated[int, Meta(ge=0, description="Those that were given up.")]
    created_at: Annotated[Moment, Meta(description="When it was asked for.")]
    finished_at: Annotated[Moment | None, Meta(description="When it was done or cancelled; null: it is running.")]


async def _replay_one(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = await body.read_optional(request, ReplayBody)
    event_id, only = ids.parse("evt", request.path_params["id"]), events.read_endpoint(asked.endpoint_id)
    if event_id is None:
        raise events.unknown_event()
    async with rooms.db.transaction() as tx:
        verdict, made = await replays.replay_event(tx, rooms.keyring, passed.brand_id, event_id, only)
        if verdict is Verdict.NOBODY and only is not None:
            await _check_endpoint(tx, rooms.keyring, passed.brand_id, only)
    if verdict is not Verdict.QUEUED:
        raise _refused(verdict)
    shown, queued_at = [ids.show("dlv", one) for one in made], moment(ids.made_at(made[0]))
    return as_json(Queued(ids.show("evt", event_id), "pending", shown[0], shown, queued_at), 202)


async def _check_endpoint(tx: Tx, keyring: Keyring, brand_id: UUID, endpoint_id: UUID) -> None:
    """Raise `not_found` for an endpoint of nobody, or of another brand."""
    known = await directory.list_endpoints(tx, keyring, brand_id)
    if endpoint_id not in {one.endpoint.id for one in known}:
        raise events.unknown_endpoint()


async def _replay_many(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = await body.read(request, BulkBody)
    actor = ids.show("key", passed.caller.key_id)
    async with rooms.db.transaction() as tx:
        job = await replays.start(tx, passed.brand_id, _wanted(asked), actor=actor, most_a_minute=replays.MOST_A_MINUTE)
        found = await replays.progress(tx, passed.brand_id, job.id)
    return as_json(_job(found), 202)


async def _get_job(request: Request, passed: Pass, rooms: Rooms) -> Response:
    job_id = ids.parse("rpl", request.path_params["id"])
    if job_id is None:
        raise _no_job()
    async with rooms.db.reading(passed.brand_id) as tx:
        found = await replays.progress(tx, passed.brand_id, job_id)
    return as_json(_job(found))


async def _cancel_job(request: Request, passed: Pass, rooms: Rooms) -> Response:
    await body.read_optional(request, body.Nothing)
    job_id = ids.parse("rpl", request.path_params["id"])
    if job_id is None:
        raise _no_job()
    actor = ids.show("key", passed.caller.key_id)
    async with rooms.db.transaction() as tx:
        await replays.cancel(tx, passed.brand_id, job_id, actor=actor)
        found = await replays.progress(tx, passed.brand_id, job_id)
    return as_json(_job(found))


def _wanted(asked: BulkBody) -> Wanted:
    named = None if asked.event_ids is None else [one for text in asked.event_ids if (one := ids.parse("evt", text))]
    return Wanted(
        event_ids=named,
        failed_since=_within(asked.since),
        until=_within(asked.until),
        types=asked.types,
        endpoint_id=events.read_endpoint(asked.endpoint_id),
        states=["exhausted"] if asked.status == "exhausted" else None,
    )


def _within(at: datetime | None) -> datetime | None:
    """Bring a time between the first and the last that can be stored: no event lies outside."""
    if at is None:
        return None
    try:
        return min(max(at.astimezone(UTC), _FIRST), _LAST)
    except OverflowError:  # the first or the last day of all, in a zone of its own
        return _FIRST if at.year < _LAST.year else _LAST


def _refused(verdict: Verdict) -> QuixessError:
    if verdict is Verdict.WAITING:
        detail = "A delivery of this event waits already: its `next_attempt_at` tells when the next attempt is due."
        return QuixessError("delivery_in_progress", detail)
    refusals = {Verdict.UNKNOWN: events.unknown_event, Verdict.GONE: events.expired, Verdict.NOBODY: events.nobody}
    return refusals[verdict]()


def _no_job() -> QuixessError:
    return QuixessError("replay_not_found", "The brand has no such replay: take the `job_id` that started it.")


def _job(found: Progress | None) -> Job:
    if found is None:
        raise _no_job()
    one = found.replay
    return Job(
        job_id=ids.show("rpl", one.id),
        status=one.state,
        matched=one.selected,
        selection=_selection(one),
        seen=one.seen,
        queued=one.queued,
        skipped=one.skipped,
        gone=one.gone,
        pending=found.pending,
        delivered=found.delivered,
        failed=found.failed,
        created_at=moment(one.created_at),
        finished_at=moment(one.finished_at) if one.finished_at else None,
    )


def _selection(one: Replay) -> Selection:
    by_time = None if one.states is None else "exhausted"
    return Selection(
        status=by_time or ("failed" if one.failed_since else None),
        since=moment(one.failed_since) if one.failed_since else None,
        until=moment(one.until) if one.until else None,
        types=list(one.types) if one.types else None,
        endpoint_id=ids.show("end", one.endpoint_id) if one.endpoint_id else None,
    )


_EVENT = "evt_01KAR3V7M2F3N9R5V8X0Z2C4E6"
_ENDPOINT = "end_01KAR3TZX8E2M8Q4T7W9Y1B3D5"
_JOB = {
    "job_id": "rpl_01KAR3W2B4F3N9R5V8X0Z2C4E6",
    "status": "running",
    "matched": None,
    "selection": {
        "status": "exhausted",
        "since": "2026-05-15T08:00:00.000Z",
        "until": None,
        "types": None,
        "endpoint_id": None,
    },
    "seen": 0,
    "queued": 0,
    "skipped": 0,
    "gone": 0,
    "pending": 0,
    "delivered": 0,
    "failed": 0,
    "created_at": "2026-05-15T12:02:44.310Z",
    "finished_at": None,
}

REPLAY_EVENT = Endpoint(
    id="replay_webhook_event",
    method="POST",
    path="/webhook-events/{id}/replay",
    scope=Scope.MANAGE_WEBHOOKS,
    summary="Deliver an event again.",
    description=(
        "Same `id`, same `data`, a new signature and the header `X-Quixess-Replay: true`, up the whole ladder. Without "
        "a body it goes to every endpoint that wants it. Where one delivery of it waits, there is no second."
    ),
    handler=_replay_one,
    request=ReplayBody,
    response=Queued,
    statuses=(202,),
    errors=("event_not_found", "webhook_not_configured", "delivery_in_progress", "payload_expired"),
    examples={"to all": {}, "to one endpoint": {"endpoint_id": _ENDPOINT}},
    answer={
        "id": _EVENT,
        "status": "pending",
        "replay_id": "dlv_01KAR3W2B4F3N9R5V8X0Z2C4E6",
        "replay_ids": ["dlv_01KAR3W2B4F3N9R5V8X0Z2C4E6"],
        "queued_at": "2026-05-15T12:02:44.310Z",
    },
    parameters={"id": "The event's `evt_…` id."},
)
REPLAY_EVENTS = Endpoint(
    id="replay_webhook_events",
    method="POST",
    path="/webhook-events/replay",
    scope=Scope.MANAGE_WEBHOOKS,
    summary="Deliver many events again, as a job.",
    description=(
        "Up to 1,000 events by name, or all that failed since a time. The job survives whatever stops it, and asking "
        "twice for the same while it runs is asking once. New events come first. Ten jobs a minute and brand."
    ),
    handler=_replay_many,
    request=BulkBody,
    response=Job,
    statuses=(202,),
    counted=False,
    examples={
        "all that was given up": {"status": "exhausted", "since": "2026-05-15T08:00:00Z"},
        "some": {"event_ids": [_EVENT]},
        "what one endpoint missed": {
            "since": "2026-05-15T08:00:00Z",
            "until": "2026-05-15T12:00:00Z",
            "types": ["message.received"],
            "endpoint_id": _ENDPOINT,
        },
    },
    answer=_JOB,
)
GET_REPLAY = Endpoint(
    id="get_replay",
    method="GET",
    path="/webhook-events/replays/{id}",
    scope=Scope.MANAGE_WEBHOOKS,
    summary="See how far a job is.",
    description="It is done when every event was looked at; its deliveries may still be `pending` then.",
    handler=_get_job,
    response=Job,
    errors=("replay_not_found",),
    counted=False,
    answer=_JOB | {"seen": 412, "queued": 412, "pending": 96, "delivered": 316},
    parameters={"id": "The job's `rpl_…` id."},
)
CANCEL_REPLAY = Endpoint(
    id="cancel_replay",
    method="POST",
    path="/webhook-events/replays/{id}/cancel",
    scope=Scope.MANAGE_WEBHOOKS,
    summary="Stop a job.",
    description="What it has queued is still delivered. A job that has ended stays as it is.",
    handler=_cancel_job,
    request=body.Nothing,
    response=Job,
    errors=("replay_not_found",),
    counted=False,
    examples={"nothing to say": {}},
    answer=_JOB | {"status": "cancelled", "seen": 100, "queued": 100, "finished_at": "2026-05-15T12:02:45.002Z"},
    parameters={"id": "The job's `rpl_…` id."},
)
