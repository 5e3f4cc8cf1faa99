"""The delivery queue's SQL: what is due, who holds it, and how it ends.

`delivery` is hot and narrow; `endpoint_due` says which endpoints have work, so that the cost of a claim depends
neither on how much is parked nor on how many endpoints there are.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database import ids
from quixess.database.core import Row, Tx, columns
from quixess.events import floors, outbox
from quixess.events.outbox import Parcel
from quixess.events.outward import Answer
from quixess.feed import Kind

_ENDPOINTS_A_CLAIM = 25
_BOTH_ENDS = 8
_EXPIRED_AT_ONCE = 5000


class Done(msgspec.Struct, frozen=True):
    """An attempt to write down. `retry_s` is None when it was the last, `state` the outcome then.

    One that is not `logged` never reached the receiver. One that takes no `step` of the ladder may be made again as
    often as it takes: it was a probe, or the fault was ours.
    """

    parcel: Parcel
    answer: Answer
    started_at: datetime
    state: str | None
    retry_s: float | None
    logged: bool = True
    step: bool = True


class Share(msgspec.Struct, frozen=True):
    """How many rows of one endpoint to claim, and how: from both ends of the queue, only heads, or one as a probe.

    Nothing more is claimed for `held_s` seconds, and nothing that was due before `floor`, if there is one.
    """

    brand_id: UUID
    endpoint_id: UUID
    rows: int
    ordered: bool = False
    probe: bool = False
    held_s: float = 0.0
    floor: datetime | None = None

    @property
    def newest(self) -> int:
        """Half of a larger share is taken from the new end, so that a backlog never stands before what comes in."""
        return self.rows // 2 if self.rows >= _BOTH_ENDS else 0

    @property
    def oldest(self) -> int:
        """The other half."""
        return self.rows - self.newest


async def due_endpoints(tx: Tx, full: Sequence[UUID]) -> list[Row]:
    """Find the endpoints that waited longest, with their state; one that was removed has none.

    Those whose window is full here are left to others and to later.
    """
    return await tx.rows(
        """SELECT d.endpoint_id, d.brand_id, e.state, e.state_since, e.ordered,
                  coalesce(extract(epoch FROM e.held_until - now()), 0)::float8 AS held_s
           FROM endpoint_due d
           LEFT JOIN endpoint e ON e.brand_id = d.brand_id AND e.id = d.endpoint_id AND e.deleted_at IS NULL
           WHERE d.next_at <= now() AND d.endpoint_id <> ALL ($1::uuid[])
           ORDER BY d.next_at LIMIT $2 FOR UPDATE OF d SKIP LOCKED""",
        list(full),
        _ENDPOINTS_A_CLAIM,
    )


# A LIMIT that only the execution knows: the planner then expects so few rows that it looks for each where it lies, and
# never for all of a brand by an index that it found short when the queue was empty.
_FEW = "LIMIT (SELECT 1000000)"
_LEASE = f"""
  UPDATE delivery d SET lease = $1, next_at = now() + $2 * interval '1 second', attempt = d.attempt + 1
  FROM (SELECT * FROM picked {_FEW}) p WHERE d.ctid = p.ctid AND d.brand_id = p.brand_id
  RETURNING d.brand_id, d.id, d.endpoint_id, d.event_id, d.attempt, d.replay_id, d.ctid::text AS place"""
_CLAIM = f"""
  WITH due AS MATERIALIZED (
    SELECT brand_id, endpoint_id, oldest, newest, coalesce(floor, '-infinity') AS floor
    FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::int[], $7::timestamptz[])
         AS due(brand_id, endpoint_id, oldest, newest, floor)),
  picked AS MATERIALIZED (
    SELECT o.brand_id, o.ctid FROM due CROSS JOIN LATERAL (
      SELECT w.brand_id, w.ctid FROM delivery w
      WHERE w.brand_id = due.brand_id AND w.endpoint_id = due.endpoint_id AND w.next_at BETWEEN due.floor AND now()
      ORDER BY w.next_at LIMIT due.oldest FOR UPDATE SKIP LOCKED) o
    UNION ALL
    SELECT n.brand_id, n.ctid FROM due CROSS JOIN LATERAL (
      SELECT w.brand_id, w.ctid FROM delivery w
      WHERE w.brand_id = due.brand_id AND w.endpoint_id = due.endpoint_id AND w.next_at BETWEEN due.floor AND now()
      ORDER BY w.next_at DESC LIMIT due.newest FOR UPDATE SKIP LOCKED) n)
  {_LEASE}"""
_HEAD = """(w.order_key IS NULL OR NOT EXISTS (
              SELECT FROM delivery o WHERE o.brand_id = w.brand_id AND o.endpoint_id = w.endpoint_id
                AND o.order_key = w.order_key AND o.id < w.id))"""
_CLAIM_HEADS = f"""
  WITH picked AS MATERIALIZED (
    SELECT h.brand_id, h.ctid
    FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::timestamptz[]) AS due(brand_id, endpoint_id, rows, floor)
    CROSS JOIN LATERAL (
      SELECT w.brand_id, w.ctid FROM delivery w
      WHERE w.brand_id = due.brand_id AND w.endpoint_id = due.endpoint_id
        AND w.next_at BETWEEN coalesce(due.floor, '-infinity') AND now() AND {_HEAD}
      ORDER BY w.next_at LIMIT due.rows FOR UPDATE OF w SKIP LOCKED) h)
  {_LEASE}"""
_CLAIM_PROBES = f"""
  WITH picked AS MATERIALIZED (
    SELECT p.brand_id, p.ctid FROM unnest($3::uuid[], $4::uuid[]) AS due(brand_id, endpoint_id)
    CROSS JOIN LATERAL (
      SELECT w.brand_id, w.ctid FROM delivery w
      WHERE w.brand_id = due.brand_id AND w.endpoint_id = due.endpoint_id
        AND (w.lease IS NULL OR w.next_at <= now()) AND {_HEAD}
      ORDER BY w.next_at LIMIT 1 FOR UPDATE OF w SKIP LOCKED) p)
  {_LEASE}"""


async def claim_rows(tx: Tx, shares: Sequence[Share], lease: UUID, lease_s: float) -> list[Row]:
    """Lease rows under one fencing token: those that are due, and for a probe the next one whenever it is due."""
    plain = [one for one in shares if one.rows and not one.probe and not one.ordered]
    heads = [one for one in shares if one.rows and not one.probe and one.ordered]
    probes = [one for one in shares if one.rows and one.probe]
    rows: list[Row] = []
    if plain:
        wanted = columns(plain, "brand_id", "endpoint_id", "oldest", "newest", "floor")
        rows += await tx.rows(_CLAIM, lease, lease_s, *wanted)
    if heads:
        rows += await tx.rows(_CLAIM_HEADS, lease, lease_s, *columns(heads, "brand_id", "endpoint_id", "rows", "floor"))
    if probes:
        rows += await tx.rows(_CLAIM_PROBES, lease, lease_s, *columns(probes, "brand_id", "endpoint_id"))
    return rows


async def move_on(tx: Tx, shares: Sequence[Share], claimed: Collection[UUID]) -> dict[UUID, datetime]:
    """Note when each endpoint is looked at next: at once and behind the others, later, or not until it has work again.

    One that something was claimed of is looked at again within a second: a delivery may have been committed meanwhile
    by somebody who saw the endpoint due and left it at that. One that was looked at above its floor is looked at again
    when that holds no more. Returns the next floors.
    """
    rows = await tx.rows(
        """UPDATE endpoint_due e SET next_at = CASE
             WHEN l.held_s > 0 THEN now() + l.held_s * interval '1 second'
             ELSE greatest(now(), least(w.next_at, l.latest)) END
           FROM (SELECT *, CASE WHEN claimed THEN now() + interval '1 second'
                                WHEN floor IS NOT NULL THEN now() + $6 * interval '1 second'
                                ELSE 'infinity' END AS latest
                 FROM unnest($1::uuid[], $2::uuid[], $3::float8[], $4::timestamptz[], $5::boolean[])
                      AS l(brand_id, endpoint_id, held_s, floor, claimed)) l
           LEFT JOIN LATERAL (SELECT d.next_at FROM delivery d
                              WHERE d.brand_id = l.brand_id AND d.endpoint_id = l.endpoint_id
                                AND d.next_at BETWEEN coalesce(l.floor, '-infinity') AND l.latest
                              ORDER BY d.next_at LIMIT 1) w ON true
           WHERE e.endpoint_id = l.endpoint_id
           RETURNING e.endpoint_id, least(w.next_at, now()) - $7 * interval '1 second' AS floor""",
        *columns(shares, "brand_id", "endpoint_id", "held_s", "floor"),
        [one.endpoint_id in claimed for one in shares],
        floors.HOLDS_S,
        floors.SLACK_S,
    )
    return {row["endpoint_id"]: row["floor"] for row in rows}


async def event_bodies(tx: Tx, rows: Sequence[Row]) -> dict[UUID, Row]:
    """Find the events of these delivery rows, by id; an event whose partition was dropped is missing."""
    found = await tx.rows(
        """SELECT e.id, e.type, e.data, e.occurred_at FROM unnest($1::uuid[], $2::uuid[]) AS wanted(brand_id, id)
           JOIN event e ON e.brand_id = wanted.brand_id AND e.id = wanted.id""",
        [row["brand_id"] for row in rows],
        [row["event_id"] for row in rows],
    )
    return {row["id"]: row for row in found}


async def end(tx: Tx, lost: Sequence[tuple[Row, str]]) -> None:
    """End deliveries that cannot be made: their event's body or their endpoint is gone."""
    if not lost:
        return
    await tx.execute(
        """WITH gone AS (
             DELETE FROM delivery d
             USING (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) LIMIT (SELECT 1000000))
                   AS l(brand_id, id, place, state)
             WHERE d.ctid = l.place::tid AND d.brand_id = l.brand_id AND d.id = l.id
             RETURNING d.brand_id, d.id, d.event_id, d.endpoint_id, l.state, d.attempt, d.replay_id)
           INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts, replay_id)
           SELECT brand_id, id, event_id, endpoint_id, state, attempt - 1, replay_id FROM gone""",
        [row["brand_id"] for row, _ in lost],
        [row["id"] for row, _ in lost],
        [row["place"] for row, _ in lost],
        [state for _, state in lost],
    )
    for row, _ in lost:
        feed.tell(tx, row["brand_id"], Kind.EVENT, row["event_id"])


async def expire(tx: Tx, before: UUID) -> int:
    """End deliveries whose event is older than this id, as `expired`, some thousands at once; return how many."""
    done = await tx.execute(
        f"""WITH old AS MATERIALIZED (
             SELECT brand_id, ctid FROM delivery WHERE event_id < $1 LIMIT $2 FOR UPDATE SKIP LOCKED),
           gone AS (
             DELETE FROM delivery d USING (SELECT * FROM old {_FEW}) o
             WHERE d.ctid = o.ctid AND d.brand_id = o.brand_id
             RETURNING d.brand_id, d.id, d.event_id, d.endpoint_id, d.attempt, d.replay_id)
           INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts, replay_id)
           SELECT brand_id, id, event_id, endpoint_id, 'expired', attempt, replay_id FROM gone""",
        before,
        _EXPIRED_AT_ONCE,
    )
    return int(done.rpartition(" ")[2])


_ATTEMPTS = f"""
  WITH a AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::smallint[],
                         $8::smallint[], $9::text[], $10::int[], $11::bytea[], $12::timestamptz[], $13::text[],
                         $14::float8[], $15::boolean[], $16::boolean[], $17::boolean[], $18::text[])
      AS a(brand_id, id, delivery_id, event_id, endpoint_id, lease, number, status, fault, duration_ms, excerpt,
           started_at, state, retry_s, logged, step, probe, place)
    {_FEW}),
  logged AS (
    INSERT INTO attempt (brand_id, id, delivery_id, event_id, endpoint_id, number, status, fault, duration_ms,
                         excerpt, started_at, probe)
    SELECT brand_id, id, delivery_id, event_id, endpoint_id, number, status, fault, duration_ms, excerpt, started_at,
           probe
    FROM a WHERE logged)"""
# By its place: an index would be one that the planner chose when the queue was empty, or full of dead rows.
_HELD = "d.ctid = a.place::tid AND d.brand_id = a.brand_id AND d.id = a.delivery_id AND d.lease = a.lease"
_WRITE_ENDED = f"""{_ATTEMPTS},
  gone AS (
    DELETE FROM delivery d USING a WHERE {_HELD}
    RETURNING d.brand_id, d.id, d.event_id, d.endpoint_id, a.state, d.attempt, d.replay_id)
  INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts, replay_id)
  SELECT brand_id, id, event_id, endpoint_id, state, attempt, replay_id FROM gone RETURNING delivery_id"""
_WRITE_AGAIN = f"""{_ATTEMPTS}
  UPDATE delivery d SET next_at = now() + a.retry_s * interval '1 second', lease = NULL,
    attempt = d.attempt - CASE WHEN a.step THEN 0 ELSE 1 END
  FROM a WHERE {_HELD}"""


async def write_ended(tx: Tx, done: Sequence[Done]) -> set[UUID]:
    """Log these attempts and end their deliveries with the outcome in `state`, if the lease still holds.

    Returns the ids of the deliveries that ended by it.
    """
    rows = await tx.rows(_WRITE_ENDED, *_columns(done))
    _tell(tx, done)
    return {row["delivery_id"] for row in rows}


async def write_again(tx: Tx, done: Sequence[Done]) -> None:
    """Log these attempts and let their deliveries wait `retry_s`, if the lease still holds."""
    await tx.execute(_WRITE_AGAIN, *_columns(done))
    _tell(tx, done)
    due: dict[UUID, tuple[UUID, float]] = {}
    for one in done:
        endpoint = one.parcel.endpoint
        wait = one.retry_s or 0.0
        if not one.parcel.probe:  # a probe is held for by its own lease, which ends here
            wait = outbox.wait_for(endpoint, wait)
        due[endpoint.id] = (endpoint.brand_id, min(wait, due.get(endpoint.id, (endpoint.brand_id, wait))[1]))
    await outbox.mark_due(tx, due)


def _tell(tx: Tx, done: Sequence[Done]) -> None:
    for one in done:
        feed.tell(tx, one.parcel.brand_id, Kind.EVENT, one.parcel.event_id)


def _columns(done: Sequence[Done]) -> list[list[object]]:
    ordered = sorted(done, key=lambda one: (one.parcel.event_id, one.parcel.endpoint.id))
    rows = [
        (
            one.parcel.brand_id, ids.new(), one.parcel.delivery_id, one.parcel.event_id, one.parcel.endpoint.id,
            one.parcel.lease, one.parcel.attempt, one.answer.status, one.answer.fault, one.answer.duration_ms,
            one.answer.excerpt, one.started_at, one.state, one.retry_s, one.logged, one.step, one.parcel.probe,
            one.parcel.place,
        )
        for one in ordered
    ]  # fmt: skip
    return [list(column) for column in zip(*rows, strict=True)]
