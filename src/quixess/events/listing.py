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
LOOK = 5_000
"""How many events a page looks at, at most, to find those that pass a filter."""
MOST_TOLD = 500
"""How many deliveries, and how many attempts, the story of one event tells: the latest."""
_BEFORE_ALL, _AFTER_ALL = UUID(int=0), UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events to list; what is None lets all pass. `since` and `until` bound the time they were recorded.

    With an `endpoint_id` only events that went there are listed, with the state they have there. `conversation_ids`
    lets those of some conversations pass.
    """

    states: Sequence[str] | None = None
    type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    message_id: UUID | None = None
    endpoint_id: UUID | None = None
    conversation_ids: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """An event in a list. `attempts`, `next_at` and the endpoint are those of the delivery that `state` comes from.

    `replays` counts its deliveries that repeat an earlier one, pending ones too. `data` is its JSON text where it was
    asked for.
    """

    id: UUID
    type: str
    version: str
    occurred_at: datetime
    message_id: UUID | None
    conversation_id: UUID | None
    state: str
    attempts: int
    next_at: datetime | None
    replays: int
    endpoint_id: UUID | None
    url: str | None
    data: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a brand's events, newest first; it may be short, or empty, though more follow.

    `next` is where the next page begins, None after the last one.
    """

    events: tuple[Listed, ...]
    next: UUID | None


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


# What waits and what failed is little beside what was delivered: it is found from its own side. Each source is read
# in the order of the ids and no further than the page needs, `LOOK` rows at most.
_RANGE = "brand_id = $1 AND {id} >= $3 AND {id} < $4"
_ALL = f"SELECT * FROM event WHERE {_RANGE.format(id='id')} ORDER BY id DESC LIMIT $5"
_OF_MESSAGE = f"""SELECT * FROM (SELECT * FROM event WHERE {_RANGE.format(id="id")} AND message_id = $6 OFFSET 0) m
                  ORDER BY id DESC LIMIT $5"""
_WAITING = f"""SELECT DISTINCT event_id AS id FROM delivery WHERE {_RANGE.format(id="event_id")}
               ORDER BY id DESC LIMIT $5"""
_FAILED = f"""SELECT DISTINCT event_id AS id FROM outcome WHERE {_RANGE.format(id="event_id")} AND state <> 'delivered'
              ORDER BY id DESC LIMIT $5"""
_BECAME = """
  LEFT JOIN LATERAL (
    SELECT count(*) AS waiting, min(w.next_at) AS next_at, max(w.attempt) AS attempt, count(w.replay_id) AS replays,
           (array_agg(w.endpoint_id ORDER BY w.next_at))[1] AS endpoint_id
    FROM delivery w
    WHERE w.brand_id = e.brand_id AND w.event_id = e.id AND ($2::uuid IS NULL OR w.endpoint_id = $2)) d ON true
  LEFT JOIN LATERAL (
    SELECT l.state, l.attempts, l.replays, l.endpoint_id
    FROM (SELECT DISTINCT ON (o.endpoint_id) o.state, o.attempts, o.delivery_id, o.endpoint_id,
                 count(o.replay_id) OVER () AS replays
          FROM outcome o
          WHERE o.brand_id = e.brand_id AND o.event_id = e.id AND o.delivery_id > e.id
            AND ($2::uuid IS NULL OR o.endpoint_id = $2)
          ORDER BY o.endpoint_id, o.delivery_id DESC) l
    ORDER BY l.state = 'delivered', l.delivery_id DESC LIMIT 1) o ON true
  CROSS JOIN LATERAL (
    SELECT CASE WHEN d.waiting > 0 THEN 'pending' ELSE coalesce(o.state, 'no_endpoint') END AS state) s"""
_LISTED = """e.id, e.type, e.version, e.occurred_at, e.message_id, e.conversation_id, s.state, d.next_at,
             coalesce(d.attempt, o.attempts, 0) AS attempts, d.replays + coalesce(o.replays, 0) AS replays,
             coalesce(d.endpoint_id, o.endpoint_id) AS endpoint_id,
             (SELECT p.url FROM endpoint p
              WHERE p.brand_id = e.brand_id AND p.id = coalesce(d.endpoint_id, o.endpoint_id)) AS url"""


async def list_events(
    tx: Tx, brand_id: UUID, wanted: Filter, *, limit: int = 25, before: UUID | None = None
) -> list[Listed]:
    """List at most `limit` events, newest first, however far it must look. `before` is the last id of the page before.

    For operators: what has a deadline takes `leaf`.
    """
    found: list[Listed] = []
    while len(found) < limit:
        page = await leaf(tx, brand_id, wanted, limit=limit - len(found), before=before)
        found += page.events
        before = page.next
        if before is None:
            break
    return found


async def leaf(
    tx: Tx,
    brand_id: UUID,
    wanted: Filter,
    *,
    limit: int = 25,
    before: UUID | None = None,
    data: bool = False,
    look: int = LOOK,
) -> Page:
    """List at most `limit` events among the next `look`, newest first, with their `data` or without.

    `before` is `next` of the page before.
    """
    upper = ids.floor(wanted.until) if wanted.until else _AFTER_ALL
    bounds = (ids.floor(wanted.since) if wanted.since else _BEFORE_ALL, min(before, upper) if before else upper)
    states = list(wanted.states) if wanted.states is not None else None
    talks = list(wanted.conversation_ids) if wanted.conversation_ids is not None else None
    source, found_by = _source(wanted)
    rows = await tx.rows(
        f"""SELECT {_LISTED}, {"e.data" if data else "NULL::json"} AS data FROM ({source}) {found_by} {_BECAME}
            WHERE ($2::uuid IS NULL OR d.waiting > 0 OR o.state IS NOT NULL)
              AND ($6::uuid IS NULL OR e.message_id = $6) AND ($7::text[] IS NULL OR s.state = ANY ($7))
              AND ($8::text IS NULL OR e.type = $8) AND ($9::uuid[] IS NULL OR e.conversation_id = ANY ($9))
            ORDER BY e.id DESC LIMIT $10""",
        brand_id, wanted.endpoint_id, *bounds, look, wanted.message_id, states, wanted.type, talks, limit + 1,
    )  # fmt: skip
    listed = tuple(_listed(row) for row in rows[:limit])
    if len(rows) > limit:
        return Page(listed, listed[-1].id)
    return Page(listed, await _end_of_look(tx, brand_id, wanted, bounds, look))


def _source(wanted: Filter) -> tuple[str, str]:
    """Say where candidates come from, and how the events of the candidates are found."""
    failed = bool(wanted.states) and set(wanted.states or ()) <= set(FAILURES)
    # OFFSET 0: each by its id, whatever the planner thinks of a new day's partition. ON keeps the order of the ids.
    by_id = "c JOIN LATERAL (SELECT * FROM event x WHERE x.brand_id = $1 AND x.id = c.id OFFSET 0) e ON e.id = c.id"
    if wanted.message_id is not None:
        return _OF_MESSAGE, "e"
    if wanted.states is not None and set(wanted.states) == {"pending"}:
        return _WAITING, by_id
    return (_FAILED, by_id) if failed else (_ALL, "e")


async def _end_of_look(tx: Tx, brand_id: UUID, wanted: Filter, bounds: tuple[UUID, UUID], look: int) -> UUID | None:
    """Tell the last event that was looked at; None when there was nothing left to look at."""
    row = await tx.row(
        f"""SELECT id, count(*) OVER () AS looked, $2::uuid AS endpoint_id, $6::uuid AS message_id
            FROM ({_source(wanted)[0]}) c ORDER BY id LIMIT 1""",
        brand_id, wanted.endpoint_id, *bounds, look, wanted.message_id,
    )  # fmt: skip
    return row["id"] if row is not None and row["looked"] == look else None


async def get_event(tx: Tx, brand_id: UUID, event_id: UUID) -> Story | None:
    """Tell everything about one event: its latest deliveries and attempts, oldest first. None without a trace of it."""
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


async def latest_ways(tx: Tx, brand_id: UUID, event_ids: Sequence[UUID]) -> dict[UUID, tuple[Way, ...]]:
    """Tell of each of these events how it stands at each endpoint now: the latest delivery there, by endpoint."""
    rows = await tx.rows(
        """SELECT DISTINCT ON (w.event_id, w.endpoint_id) w.*, p.url FROM unnest($2::uuid[]) AS n(id)
           CROSS JOIN LATERAL (
             SELECT event_id, id AS delivery_id, endpoint_id, 'pending' AS state, attempt AS attempts,
                    replay_id IS NOT NULL AS replay, next_at, NULL::timestamptz AS ended_at
             FROM delivery WHERE brand_id = $1 AND event_id = n.id
             UNION ALL
             SELECT event_id, delivery_id, endpoint_id, state, attempts, replay_id IS NOT NULL, NULL, ended_at
             FROM outcome WHERE brand_id = $1 AND event_id = n.id AND delivery_id > n.id) w
           LEFT JOIN endpoint p ON p.brand_id = $1 AND p.id = w.endpoint_id
           ORDER BY w.event_id, w.endpoint_id, w.delivery_id DESC""",
        brand_id,
        list(event_ids),
    )
    found: dict[UUID, tuple[Way, ...]] = {}
    for row in rows:
        way = Way(**{name: row[name] for name in Way.__slots__})
        found[row["event_id"]] = (*found.get(row["event_id"], ()), way)
    return found


async def _ways(tx: Tx, brand_id: UUID, event_id: UUID) -> tuple[Way, ...]:
    rows = await tx.rows(
        """SELECT w.*, p.url FROM (
             SELECT id AS delivery_id, endpoint_id, 'pending' AS state, attempt AS attempts,
                    replay_id IS NOT NULL AS replay, next_at, NULL::timestamptz AS ended_at
             FROM delivery WHERE brand_id = $1 AND event_id = $2
             UNION ALL
             SELECT delivery_id, endpoint_id, state, attempts, replay_id IS NOT NULL, NULL, ended_at
             FROM outcome WHERE brand_id = $1 AND event_id = $2) w
           LEFT JOIN endpoint p ON p.brand_id = $1 AND p.id = w.endpoint_id ORDER BY w.delivery_id DESC LIMIT $3""",
        brand_id,
        event_id,
        MOST_TOLD,
    )
    return tuple(Way(**row) for row in reversed(rows))


async def _attempts(tx: Tx, brand_id: UUID, event_id: UUID) -> tuple[Attempt, ...]:
    rows = await tx.rows(
        """SELECT a.delivery_id, a.endpoint_id, p.url, a.number, a.started_at, a.status, a.fault, a.duration_ms,
                  a.excerpt, a.probe
           FROM attempt a LEFT JOIN endpoint p ON p.brand_id = a.brand_id AND p.id = a.endpoint_id
           WHERE a.brand_id = $1 AND a.event_id = $2 ORDER BY a.id DESC LIMIT $3""",
        brand_id,
        event_id,
        MOST_TOLD,
    )
    return tuple(Attempt(**row) for row in reversed(rows))


def _listed(row: Row) -> Listed:
    return Listed(**{name: row[name] for name in Listed.__slots__})
