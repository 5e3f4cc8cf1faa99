"""Listing: a brand's events, newest first, and what became of each, down to every attempt.

Under the reader's role, one brand at a time. An event's state is `pending` while a delivery of it waits for some
endpoint, else that of its endpoints' latest outcomes, a failure before `delivered`, else `no_endpoint`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Row, Tx

FAILURES = ("exhausted", "expired", "disabled", "discarded")
STATES = ("pending", "delivered", "no_endpoint", *FAILURES)
_BEFORE_ALL, _AFTER_ALL = UUID(int=0), UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events to list; what is None lets all pass. `since` and `until` bound the time they were recorded.

    With an `endpoint_id` only events that went there are listed, with the state they have there.
    """

    states: Sequence[str] | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    message_id: UUID | None = None
    endpoint_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An event in a list. `attempts` and `next_at` are those of the delivery that `state` comes from.

    `replays` counts its deliveries that repeat an earlier one, pending ones too.
    """

    id: UUID
    type: str
    occurred_at: datetime
    message_id: UUID | None
    conversation_id: UUID | None
    state: str
    attempts: int
    next_at: datetime | None
    replays: int


@dataclass(frozen=True, slots=True)
class Way:
    """One delivery of an event: to which endpoint, and how it stands or ended. `next_at` only while it is pending."""

    delivery_id: UUID
    endpoint_id: UUID
    url: str | None
    state: str
    attempts: int
    replay: bool
    next_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST of an event. `status` is None when there was no answer, `fault` when it was a 2xx.

    `excerpt` holds the first bytes of the answer as they came.
    """

    delivery_id: UUID
    endpoint_id: UUID
    url: str | None
    number: int
    started_at: datetime
    status: int | None
    fault: str | None
    duration_ms: int
    excerpt: bytes | None
    probe: bool


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one event. `event` and `data` (its JSON text) are None when retention took its body."""

    event: Listed | None
    data: str | None
    ways: tuple[Way, ...]
    attempts: tuple[Attempt, ...]


# What waits and what failed is little beside what was delivered: it is found from its own side.
_WAITING = """(SELECT DISTINCT event_id AS id FROM delivery
               WHERE brand_id = $1 AND event_id >= $3 AND event_id < $4 ORDER BY id DESC) c
              JOIN event e ON e.brand_id = $1 AND e.id = c.id"""
_FAILED = """(SELECT DISTINCT event_id AS id FROM outcome
              WHERE brand_id = $1 AND event_id >= $3 AND event_id < $4 AND state <> 'delivered' ORDER BY id DESC) c
             JOIN event e ON e.brand_id = $1 AND e.id = c.id"""
_BECAME = """
  LEFT JOIN LATERAL (
    SELECT count(*) AS waiting, min(w.next_at) AS next_at, max(w.attempt) AS attempt, count(w.replay_id) AS replays
    FROM delivery w
    WHERE w.brand_id = e.brand_id AND w.event_id = e.id AND ($2::uuid IS NULL OR w.endpoint_id = $2)) d ON true
  LEFT JOIN LATERAL (
    SELECT l.state, l.attempts, l.replays
    FROM (SELECT DISTINCT ON (o.endpoint_id) o.state, o.attempts, o.delivery_id, count(o.replay_id) OVER () AS replays
          FROM outcome o
          WHERE o.brand_id = e.brand_id AND o.event_id = e.id AND o.delivery_id > e.id
            AND ($2::uuid IS NULL OR o.endpoint_id = $2)
          ORDER BY o.endpoint_id, o.delivery_id DESC) l
    ORDER BY l.state = 'delivered', l.delivery_id DESC LIMIT 1) o ON true
  CROSS JOIN LATERAL (
    SELECT CASE WHEN d.waiting > 0 THEN 'pending' ELSE coalesce(o.state, 'no_endpoint') END AS state) s"""
_LISTED = """e.id, e.type, e.occurred_at, e.message_id, e.conversation_id, s.state, d.next_at,
             coalesce(d.attempt, o.attempts, 0) AS attempts, d.replays + coalesce(o.replays, 0) AS replays"""


async def list_events(
    tx: Tx, brand_id: UUID, wanted: Filter, *, limit: int = 25, before: UUID | None = None
) -> list[Listed]:
    """List at most `limit` events, newest first. `before` is the last id of the page before this one."""
    upper = ids.floor(wanted.until) if wanted.until else _AFTER_ALL
    rows = await tx.rows(
        f"""SELECT {_LISTED} FROM {_source(wanted.states)} {_BECAME}
            WHERE e.brand_id = $1 AND e.id >= $3 AND e.id < $4
              AND ($2::uuid IS NULL OR d.waiting > 0 OR o.state IS NOT NULL)
              AND ($5::text[] IS NULL OR s.state = ANY ($5))
              AND ($6::text IS NULL OR e.type = $6) AND ($7::uuid IS NULL OR e.message_id = $7)
            ORDER BY e.id DESC LIMIT $8""",
        brand_id,
        wanted.endpoint_id,
        ids.floor(wanted.since) if wanted.since else _BEFORE_ALL,
        min(before, upper) if before else upper,
        list(wanted.states) if wanted.states is not None else None,
        wanted.type,
        wanted.message_id,
        limit,
    )
    return [_listed(row) for row in rows]


def _source(states: Sequence[str] | None) -> str:
    if states is None or not states:
        return "event e"
    if set(states) == {"pending"}:
        return _WAITING
    return _FAILED if set(states) <= set(FAILURES) else "event e"


async def get_event(tx: Tx, brand_id: UUID, event_id: UUID) -> Story | None:
    """Tell everything about one event: its deliveries and attempts, oldest first. None when there is no trace of it."""
    row = await tx.row(
        f"SELECT {_LISTED}, e.data FROM event e {_BECAME} WHERE e.brand_id = $1 AND e.id = $3",
        brand_id,
        None,
        event_id,
    )
    ways = await _ways(tx, brand_id, event_id)
    attempts = await _attempts(tx, brand_id, event_id)
    if row is None and not ways and not attempts:
        return None
    return Story(_listed(row) if row else None, row["data"] if row else None, ways, attempts)


async def _ways(tx: Tx, brand_id: UUID, event_id: UUID) -> tuple[Way, ...]:
    rows = await tx.rows(
        """SELECT w.*, p.url FROM (
             SELECT id AS delivery_id, endpoint_id, 'pending' AS state, attempt AS attempts,
                    replay_id IS NOT NULL AS replay, next_at, NULL::timestamptz AS ended_at
             FROM delivery WHERE brand_id = $1 AND event_id = $2
             UNION ALL
             SELECT delivery_id, endpoint_id, state, attempts, replay_id IS NOT NULL, NULL, ended_at
             FROM outcome WHERE brand_id = $1 AND event_id = $2) w
           LEFT JOIN endpoint p ON p.brand_id = $1 AND p.id = w.endpoint_id ORDER BY w.delivery_id""",
        brand_id,
        event_id,
    )
    return tuple(Way(**row) for row in rows)


async def _attempts(tx: Tx, brand_id: UUID, event_id: UUID) -> tuple[Attempt, ...]:
    rows = await tx.rows(
        """SELECT a.delivery_id, a.endpoint_id, p.url, a.number, a.started_at, a.status, a.fault, a.duration_ms,
                  a.excerpt, a.probe
           FROM attempt a LEFT JOIN endpoint p ON p.brand_id = a.brand_id AND p.id = a.endpoint_id
           WHERE a.brand_id = $1 AND a.event_id = $2 ORDER BY a.id""",
        brand_id,
        event_id,
    )
    return tuple(Attempt(**row) for row in rows)


def _listed(row: Row) -> Listed:
    return Listed(**{name: row[name] for name in Listed.__slots__})
