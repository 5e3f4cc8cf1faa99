"""Replays: past events delivered again, one at once, or many as a job that survives whatever stops it.

Here a job is asked for, watched and cancelled; `replaying` does the work.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.errors import FieldError, QuixessError, invalid
from quixess.events import endpoints, listing, outbox
from quixess.events.endpoints import Endpoint
from quixess.events.outbox import Delivery
from quixess.feed import Kind
from quixess.vault import Keyring

MOST_EVENTS = 10_000
MOST_A_MINUTE = 10
"""How many jobs of one brand may be started in a minute by callers of the API."""
SKEW = timedelta(minutes=10)
"""How much the clocks of processes may differ: a delivery's id may be older than its cause's by that."""
_MINUTE = timedelta(minutes=1)


class Verdict(StrEnum):
    """What came of the wish to deliver an event again."""

    QUEUED = "queued"
    WAITING = "waiting"  # a delivery of it waits already
    NOBODY = "nobody"  # no endpoint wants it
    GONE = "gone"  # retention took its body
    UNKNOWN = "unknown"


class State(StrEnum):
    """Of a job."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to deliver again: a selection of events, or everything recorded since a time whose last delivery failed.

    `until`, `types` and `states` (of `listing.FAILURES`) narrow the second, `endpoint_id` both: then only that endpoint
    gets them.
    """

    event_ids: Sequence[UUID] | None = None
    failed_since: datetime | None = None
    until: datetime | None = None
    types: Sequence[str] | None = None
    endpoint_id: UUID | None = None
    states: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """A job and what it has counted until now.

    Of the events `seen`, `skipped` are those that wait already or that nobody wants, `gone` those without a body any
    more. `queued` counts deliveries. `selected` is the size of a selection.
    """

    id: UUID
    brand_id: UUID
    state: State
    selected: int | None
    failed_since: datetime | None
    until: datetime | None
    types: tuple[str, ...] | None
    states: tuple[str, ...] | None
    endpoint_id: UUID | None
    seen: int
    queued: int
    skipped: int
    gone: int
    actor: str
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """A job and what became of its deliveries until now."""

    replay: Replay
    pending: int
    delivered: int
    failed: int


async def replay_event(
    tx: Tx, keyring: Keyring, brand_id: UUID, event_id: UUID, endpoint_id: UUID | None = None
) -> tuple[Verdict, list[UUID]]:
    """Deliver an event again, under its old id and up the whole ladder, to every endpoint that wants it, or to one.

    Returns the verdict and the ids of the new deliveries. Where one of it waits already there is no second one.
    """
    bodies = await find_bodies(tx, brand_id, [event_id])
    if not bodies:
        known = await _traces(tx, brand_id, [event_id])
        return (Verdict.GONE if known else Verdict.UNKNOWN), []
    known_endpoints = (await endpoints.of_brands(tx, keyring, [brand_id])).get(brand_id, [])
    deliveries = [
        delivery_of(bodies[event_id], endpoint, ids.new())
        for endpoint in known_endpoints
        if endpoint.wants(bodies[event_id]["type"]) and endpoint_id in {None, endpoint.id}
    ]
    if not deliveries:
        return Verdict.NOBODY, []
    made = await outbox.insert_deliveries(tx, deliveries)
    feed.tell(tx, brand_id, Kind.EVENT, event_id)
    return (Verdict.QUEUED if made else Verdict.WAITING), sorted(made)


async def start(tx: Tx, brand_id: UUID, wanted: Wanted, *, actor: str, most_a_minute: int | None = None) -> Replay:
    """Start a job, or give the one that runs already for the same wish.

    Raises `invalid_request` for a wish that makes no sense, `not_found` for events or an endpoint of nobody or of
    another brand; the pointer tells which. Raises `rate_limited` for a new job when the brand has started
    `most_a_minute` in the last minute.
    """
    given, wanted = wanted, _check(wanted)
    if wanted.endpoint_id is not None:
        await _check_endpoint(tx, brand_id, wanted.endpoint_id)
    if given.event_ids is not None:
        await _check_events(tx, brand_id, given.event_ids)
    replay_id = ids.new()
    first, last = _bounds(wanted, replay_id)
    row = await tx.row(
        f"""INSERT INTO replay AS r (brand_id, id, event_ids, failed_since, until, types, endpoint_id, digest, position,
                                     last, actor, states)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (brand_id, digest) WHERE state = 'running' DO UPDATE SET digest = r.digest
            RETURNING {_COLUMNS}""",
        brand_id, replay_id, wanted.event_ids, wanted.failed_since, wanted.until, wanted.types, wanted.endpoint_id,
        hashlib.sha256(msgspec.json.encode(wanted)).digest(), first, last, actor, wanted.states,
    )  # fmt: skip
    assert row is not None  # noqa: S101 - INSERT … DO UPDATE … RETURNING returns its row
    if row["id"] == replay_id:
        if most_a_minute is not None:
            await _check_rate(tx, brand_id, most_a_minute)
        await _audit(tx, brand_id, actor, "replay.started", replay_id)
    return _replay(row)


async def cancel(tx: Tx, brand_id: UUID, replay_id: UUID, *, actor: str) -> Replay | None:
    """Stop a job that runs; what it has queued is still delivered. None when there is no such job.

    One that has ended stays as it is.
    """
    done = await tx.execute(
        """UPDATE replay SET state = 'cancelled', finished_at = now()
           WHERE brand_id = $1 AND id = $2 AND state = 'running'""",
        brand_id,
        replay_id,
    )
    if done == "UPDATE 1":
        await _audit(tx, brand_id, actor, "replay.cancelled", replay_id)
    row = await tx.row(f"SELECT {_COLUMNS} FROM replay WHERE brand_id = $1 AND id = $2", brand_id, replay_id)
    return _replay(row) if row else None


async def progress(tx: Tx, brand_id: UUID, replay_id: UUID) -> Progress | None:
    """Tell how far a job is; None when there is no such job."""
    row = await tx.row(f"SELECT {_COLUMNS} FROM replay WHERE brand_id = $1 AND id = $2", brand_id, replay_id)
    if row is None:
        return None
    counts = await tx.row(
        """SELECT (SELECT count(*) FROM delivery WHERE brand_id = $1 AND replay_id = $2) AS pending,
                  count(*) FILTER (WHERE state = 'delivered') AS delivered,
                  count(*) FILTER (WHERE state <> 'delivered') AS failed
           FROM outcome WHERE brand_id = $1 AND replay_id = $2 AND delivery_id > $3""",
        brand_id,
        replay_id,
        ids.floor(ids.made_at(replay_id) - SKEW),
    )
    assert counts is not None  # noqa: S101 - an aggregate has one row
    return Progress(_replay(row), **counts)


async def list_replays(tx: Tx, brand_id: UUID, *, limit: int = 25) -> list[Replay]:
    """List a brand's latest jobs, newest first."""
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM replay WHERE brand_id = $1 ORDER BY id DESC LIMIT $2", brand_id, limit
    )
    return [_replay(row) for row in rows]


def _check(wanted: Wanted) -> Wanted:
    """Return the wish in canonical form, so that the same wish has the same digest."""
    if (wanted.event_ids is None) == (wanted.failed_since is None):
        raise invalid("", "invalid", "Name events, or a time since when all that failed is delivered again.")
    if wanted.event_ids is not None:
        return _check_selection(wanted, sorted(set(wanted.event_ids)))
    for index, one in enumerate(wanted.types or ()):
        if one not in endpoints.KNOWN_TYPES:
            known = ", ".join(sorted(endpoints.KNOWN_TYPES))
            raise invalid(f"/types/{index}", "not_allowed", f"Use one of these event types: {known}.")
    if wanted.until is not None and wanted.failed_since is not None and wanted.until <= wanted.failed_since:
        raise invalid("/until", "out_of_range", "Let the time end after it begins.")
    if wanted.states is not None and not set(wanted.states) <= set(listing.FAILURES):
        raise invalid("/states", "not_allowed", f"Use some of these states: {', '.join(sorted(listing.FAILURES))}.")
    return replace(
        wanted,
        types=sorted(set(wanted.types)) if wanted.types else None,
        states=sorted(set(wanted.states)) if wanted.states else None,
    )


def _check_selection(wanted: Wanted, event_ids: list[UUID]) -> Wanted:
    if wanted.until is not None or wanted.types or wanted.states:
        raise invalid("", "invalid", "Name events, or narrow what failed by time, type and state: not both.")
    if not 1 <= len(event_ids) <= MOST_EVENTS:
        raise invalid("/event_ids", "out_of_range", f"Name 1 to {MOST_EVENTS} events.")
    return replace(wanted, event_ids=event_ids, types=None, states=None)


async def _check_rate(tx: Tx, brand_id: UUID, most: int) -> None:
    """Refuse one job too many; the row of the one that is checked is written already and counts."""
    await tx.row("SELECT id FROM brand WHERE id = $1 FOR NO KEY UPDATE", brand_id)
    now = datetime.now(UTC)
    latest = await tx.rows(
        "SELECT id FROM replay WHERE brand_id = $1 AND id >= $2 ORDER BY id DESC LIMIT $3",
        brand_id,
        ids.floor(now - _MINUTE),
        most + 1,
    )
    if len(latest) > most:
        wait = max(math.ceil((ids.made_at(latest[-1]["id"]) + _MINUTE - now).total_seconds()), 1)
        text = f"A brand may start {most} replays a minute: name more events in one, or wait {wait} s."
        raise QuixessError("rate_limited", text, retry_after_s=wait)


async def _check_endpoint(tx: Tx, brand_id: UUID, endpoint_id: UUID) -> None:
    row = await tx.row(
        "SELECT id FROM endpoint WHERE brand_id = $1 AND id = $2 AND deleted_at IS NULL", brand_id, endpoint_id
    )
    if row is None:
        raise _not_found("/endpoint_id", "The brand has no such endpoint.")


async def _check_events(tx: Tx, brand_id: UUID, event_ids: Sequence[UUID]) -> None:
    """Refuse events of nobody and of other brands. One whose body is gone passes: the job counts it as gone."""
    missing = sorted(set(event_ids) - (await find_bodies(tx, brand_id, event_ids)).keys())
    unknown = set(missing) - (await _traces(tx, brand_id, missing) if missing else set())
    if unknown:
        index = next(i for i, one in enumerate(event_ids) if one in unknown)
        text = f"Events that are not the brand's, or older than all that is kept: {len(unknown)}."
        raise _not_found(f"/event_ids/{index}", text)


def _not_found(pointer: str, detail: str) -> QuixessError:
    return QuixessError("not_found", detail, errors=(FieldError(pointer, "not_found", detail),))


def _bounds(wanted: Wanted, now: UUID) -> tuple[UUID, UUID]:
    """Say after which event id a job begins and with which one it ends."""
    if wanted.event_ids is not None:
        return UUID(int=0), wanted.event_ids[-1]
    assert wanted.failed_since is not None  # noqa: S101 - a wish has one of the two
    end = UUID(int=ids.floor(wanted.until).int - 1) if wanted.until else now
    return UUID(int=ids.floor(wanted.failed_since).int - 1), end


async def _audit(tx: Tx, brand_id: UUID, actor: str, action: str, replay_id: UUID) -> None:
    await tx.execute(
        "INSERT INTO audit (brand_id, id, actor, action, object) VALUES ($1, $2, $3, $4, $5)",
        brand_id, ids.new(), actor, action, ids.show("rpl", replay_id),
    )  # fmt: skip


_COLUMNS = """id, brand_id, state, cardinality(event_ids) AS selected, failed_since, until, types, states, endpoint_id,
              seen, queued, skipped, gone, actor, created_at, finished_at"""


def _replay(row: Row) -> Replay:
    lists = {name: None if row[name] is None else tuple(row[name]) for name in ("types", "states")}
    return Replay(**(dict(row) | lists | {"state": State(row["state"])}))


def delivery_of(body: Row, endpoint: Endpoint, replay_id: UUID) -> Delivery:
    """Make the delivery of an event, as `find_bodies` found it, to an endpoint once more."""
    order_key = body["conversation_id"] if endpoint.ordered else None
    return Delivery(ids.new(), body["id"], endpoint, order_key=order_key, replay_id=replay_id)


async def find_bodies(tx: Tx, brand_id: UUID, event_ids: Sequence[UUID]) -> dict[UUID, Row]:
    """Find those of the brand's events that are still kept, by id: `id`, `type`, `conversation_id`."""
    # OFFSET 0 keeps the planner from joining the other way round: it would read all events of a large brand for one.
    rows = await tx.rows(
        """SELECT e.id, e.type, e.conversation_id FROM unnest($2::uuid[]) AS wanted(id)
           CROSS JOIN LATERAL (SELECT * FROM event x WHERE x.brand_id = $1 AND x.id = wanted.id OFFSET 0) e""",
        brand_id,
        list(event_ids),
    )
    return {row["id"]: row for row in rows}


async def _traces(tx: Tx, brand_id: UUID, event_ids: Sequence[UUID]) -> set[UUID]:
    """Tell which of these events were once the brand's, by the deliveries that are left of them."""
    rows = await tx.rows(
        """SELECT w.id FROM unnest($2::uuid[]) AS w(id)
           WHERE EXISTS (SELECT FROM delivery d WHERE d.brand_id = $1 AND d.event_id = w.id)
              OR EXISTS (SELECT FROM outcome o WHERE o.brand_id = $1 AND o.event_id = w.id AND o.delivery_id > w.id)
              OR EXISTS (SELECT FROM attempt a WHERE a.brand_id = $1 AND a.event_id = w.id AND a.id > w.id)""",
        brand_id,
        list(event_ids),
    )
    return {row["id"] for row in rows}
