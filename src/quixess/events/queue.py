"""The delivery queue's SQL: what is due, who holds it, and how it ends.

`delivery` is hot and narrow; `endpoint_due` says which endpoints have work, so that the cost of a claim depends
neither on how much is parked nor on how many endpoints there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.events import outbox
from quixess.events.outbox import Parcel
from quixess.events.outward import Answer

_ENDPOINTS_A_CLAIM = 25


@dataclass(frozen=True, slots=True)
class Done:
    """An attempt to write down. `retry_s` is None when it was the last, `state` the outcome then.

    One that does not `count` never reached the receiver: it is not logged and takes no step of the ladder.
    """

    parcel: Parcel
    answer: Answer
    started_at: datetime
    state: str | None
    retry_s: float | None
    counts: bool = True


async def due_endpoints(tx: Tx, full: Sequence[UUID]) -> list[Row]:
    """Find the endpoints that waited longest. Those whose window is full here are left to others and to later."""
    return await tx.rows(
        """SELECT endpoint_id, brand_id FROM endpoint_due
           WHERE next_at <= now() AND endpoint_id <> ALL ($1::uuid[])
           ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED""",
        list(full),
        _ENDPOINTS_A_CLAIM,
    )


async def claim_rows(tx: Tx, shares: Sequence[tuple[UUID, UUID, int]], lease: UUID, lease_s: float) -> list[Row]:
    """Lease the rows that are due, so many of each (brand, endpoint, share), under one fencing token."""
    return await tx.rows(
        """WITH picked AS MATERIALIZED (
             SELECT d.brand_id, d.id
             FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS due(brand_id, endpoint_id, share)
             CROSS JOIN LATERAL (
               SELECT w.brand_id, w.id FROM delivery w
               WHERE w.brand_id = due.brand_id AND w.endpoint_id = due.endpoint_id AND w.next_at <= now()
               ORDER BY w.next_at LIMIT due.share FOR UPDATE SKIP LOCKED) d)
           UPDATE delivery d SET lease = $4, next_at = now() + $5 * interval '1 second', attempt = d.attempt + 1
           FROM picked WHERE d.brand_id = picked.brand_id AND d.id = picked.id
           RETURNING d.brand_id, d.id, d.endpoint_id, d.event_id, d.attempt""",
        [brand_id for brand_id, _, _ in shares],
        [endpoint_id for _, endpoint_id, _ in shares],
        [share for _, _, share in shares],
        lease,
        lease_s,
    )


async def move_on(tx: Tx, endpoint_ids: Sequence[UUID]) -> None:
    """Note when each endpoint claimed from has work next: at once and behind the others, later, or not at all."""
    await tx.execute(
        """WITH next AS MATERIALIZED (
             SELECT e.endpoint_id, (SELECT min(d.next_at) FROM delivery d
                                    WHERE d.brand_id = e.brand_id AND d.endpoint_id = e.endpoint_id) AS next_at
             FROM endpoint_due e WHERE e.endpoint_id = ANY ($1::uuid[])),
           gone AS (DELETE FROM endpoint_due e USING next WHERE e.endpoint_id = next.endpoint_id
                    AND next.next_at IS NULL)
           UPDATE endpoint_due e SET next_at = greatest(next.next_at, now())
           FROM next WHERE e.endpoint_id = next.endpoint_id AND next.next_at IS NOT NULL""",
        list(endpoint_ids),
    )


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
             DELETE FROM delivery d USING unnest($1::uuid[], $2::uuid[], $3::text[]) AS l(brand_id, id, state)
             WHERE d.brand_id = l.brand_id AND d.id = l.id
             RETURNING d.brand_id, d.id, d.event_id, d.endpoint_id, l.state, d.attempt)
           INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts)
           SELECT brand_id, id, event_id, endpoint_id, state, attempt - 1 FROM gone""",
        [row["brand_id"] for row, _ in lost],
        [row["id"] for row, _ in lost],
        [state for _, state in lost],
    )


_ATTEMPTS = """
  WITH a AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::smallint[],
                         $8::smallint[], $9::text[], $10::int[], $11::bytea[], $12::timestamptz[], $13::text[],
                         $14::float8[], $15::boolean[])
      AS a(brand_id, id, delivery_id, event_id, endpoint_id, lease, number, status, fault, duration_ms, excerpt,
           started_at, state, retry_s, counts)),
  logged AS (
    INSERT INTO attempt (brand_id, id, delivery_id, event_id, endpoint_id, number, status, fault, duration_ms,
                         excerpt, started_at)
    SELECT brand_id, id, delivery_id, event_id, endpoint_id, number, status, fault, duration_ms, excerpt, started_at
    FROM a WHERE counts)"""
_WRITE_ENDED = f"""{_ATTEMPTS},
  gone AS (
    DELETE FROM delivery d USING a WHERE d.brand_id = a.brand_id AND d.id = a.delivery_id AND d.lease = a.lease
    RETURNING d.brand_id, d.id, d.event_id, d.endpoint_id, a.state, d.attempt)
  INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts)
  SELECT brand_id, id, event_id, endpoint_id, state, attempt FROM gone"""
_WRITE_AGAIN = f"""{_ATTEMPTS}
  UPDATE delivery d SET next_at = now() + a.retry_s * interval '1 second', lease = NULL,
    attempt = d.attempt - CASE WHEN a.counts THEN 0 ELSE 1 END
  FROM a WHERE d.brand_id = a.brand_id AND d.id = a.delivery_id AND d.lease = a.lease"""


async def write_ended(tx: Tx, done: Sequence[Done]) -> None:
    """Log these attempts and end their deliveries with the outcome in `state`, if the lease still holds."""
    await tx.execute(_WRITE_ENDED, *_columns(done))


async def write_again(tx: Tx, done: Sequence[Done]) -> None:
    """Log these attempts and let their deliveries wait `retry_s`, if the lease still holds."""
    await tx.execute(_WRITE_AGAIN, *_columns(done))
    due: dict[UUID, tuple[UUID, float]] = {}
    for one in done:
        endpoint, wait = one.parcel.endpoint, one.retry_s or 0.0
        due[endpoint.id] = (endpoint.brand_id, min(wait, due.get(endpoint.id, (endpoint.brand_id, wait))[1]))
    await outbox.mark_due(tx, due)


def _columns(done: Sequence[Done]) -> list[list[object]]:
    ordered = sorted(done, key=lambda one: one.parcel.delivery_id)
    rows = [
        (
            one.parcel.brand_id, ids.new(), one.parcel.delivery_id, one.parcel.event_id, one.parcel.endpoint.id,
            one.parcel.lease, one.parcel.attempt, one.answer.status, one.answer.fault, one.answer.duration_ms,
            one.answer.excerpt, one.started_at, one.state, one.retry_s, one.counts,
        )
        for one in ordered
    ]  # fmt: skip
    return [list(column) for column in zip(*rows, strict=True)]
