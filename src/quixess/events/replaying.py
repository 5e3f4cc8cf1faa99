"""Replaying: the work of the jobs that `replays` started, in chunks.

A job goes through its events in the order of their ids. The deliveries of a chunk and the step of the job's position
are one transaction under the lock of the job's row, so that a process that dies half-way, or two at once, never queue
an event twice. Live events come first: few of a job's deliveries wait at any time, and its next chunk waits for those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from quixess import failpoints, feed
from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.events import endpoints, outbox, replays
from quixess.events.endpoints import Endpoint
from quixess.feed import Kind
from quixess.vault import Keyring

_CHUNK = 100
_FEW = 100  # so many of a job's deliveries at most may wait when its next chunk is queued
_FULL_S, _BROKEN_S = 0.2, 30.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Job:
    """A job whose row is locked: it has looked at its events up to `position`."""

    brand_id: UUID
    id: UUID
    position: UUID
    last: UUID
    selection: bool
    types: frozenset[str] | None
    states: frozenset[str] | None
    endpoint_id: UUID | None


@dataclass(slots=True)
class _Chunk:
    """The next events of a job, by id. `owed` names the endpoints that each failed at; None lets filters decide."""

    event_ids: list[UUID]
    complete: bool
    owed: Mapping[UUID, set[UUID]] | None = None
    seen: int = 0
    queued: int = 0
    gone: int = 0
    told: int = 0


class Replays:
    """Works off the jobs of all brands, chunk by chunk in turns. Any number of processes may do so at once."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self._db = db
        self._keyring = keyring

    async def run_once(self) -> None:
        """Take every step that is due."""
        while await self._step():
            pass

    async def _step(self) -> bool:
        """Queue the next chunk of the job that waited longest, and tell whether a job was due at all."""
        job = None
        try:
            async with self._db.transaction() as tx:
                job = await _claim(tx)
                if job is None:
                    return False
                stepped = await self._go_on(tx, job)
        except QuixessError:
            raise
        except Exception:
            if job is None:
                raise
            # It must not stand before the jobs of others.
            _log.exception("a replay broke and is tried again", replay=str(job.id))
            async with self._db.transaction() as tx:
                await _put_off(tx, job, _BROKEN_S)
            return True
        if stepped:
            failpoints.reach("replay.after_chunk")
        return True

    async def _go_on(self, tx: Tx, job: _Job) -> bool:
        """Queue the job's next chunk, unless enough of it waits already; tell which."""
        if await _is_full(tx, job):
            await _put_off(tx, job, _FULL_S)
            return False
        chunk = await (_next_selected(tx, job) if job.selection else _next_failed(tx, job))
        known = await endpoints.of_brands(tx, self._keyring, [job.brand_id])
        await _queue(tx, job, chunk, known.get(job.brand_id, []))
        await _move_on(tx, job, chunk)
        failpoints.reach("replay.before_commit")
        return True


async def _claim(tx: Tx) -> _Job | None:
    """Lock the job that waited longest. The lock ends with the transaction, or with the process that holds it."""
    row = await tx.row(
        """SELECT brand_id, id, position, last, event_ids IS NOT NULL AS selection, types, states, endpoint_id
           FROM replay
           WHERE state = 'running' AND next_at <= now() ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
    )
    if row is None:
        return None
    lists = {name: None if row[name] is None else frozenset(row[name]) for name in ("types", "states")}
    return _Job(**(dict(row) | lists))


async def _is_full(tx: Tx, job: _Job) -> bool:
    row = await tx.row(
        """SELECT count(*) AS waiting
           FROM (SELECT FROM delivery WHERE brand_id = $1 AND replay_id = $2 LIMIT $3) AS own""",
        job.brand_id,
        job.id,
        _FEW,
    )
    return row is not None and row["waiting"] >= _FEW


async def _put_off(tx: Tx, job: _Job, wait_s: float) -> None:
    await tx.execute(
        "UPDATE replay SET next_at = now() + $3 * interval '1 second' WHERE brand_id = $1 AND id = $2",
        job.brand_id,
        job.id,
        wait_s,
    )


async def _next_selected(tx: Tx, job: _Job) -> _Chunk:
    rows = await tx.rows(
        """SELECT u.id FROM replay r CROSS JOIN unnest(r.event_ids) AS u(id)
           WHERE r.brand_id = $1 AND r.id = $2 AND u.id > $3 ORDER BY u.id LIMIT $4""",
        job.brand_id,
        job.id,
        job.position,
        _CHUNK,
    )
    return _Chunk([row["id"] for row in rows], complete=len(rows) < _CHUNK)


async def _next_failed(tx: Tx, job: _Job) -> _Chunk:
    """Find the next events that failed somewhere, and where the last word is still that they failed."""
    oldest = ids.floor(ids.made_at(job.position) - replays.SKEW)
    rows = await tx.rows(
        """SELECT event_id FROM outcome
           WHERE brand_id = $1 AND state <> 'delivered' AND event_id > $2 AND event_id <= $3 AND delivery_id >= $4
             AND ($5::uuid IS NULL OR endpoint_id = $5)
           ORDER BY event_id LIMIT $6""",
        job.brand_id,
        job.position,
        job.last,
        oldest,
        job.endpoint_id,
        _CHUNK,
    )
    event_ids = sorted({row["event_id"] for row in rows})
    owed: dict[UUID, set[UUID]] = {event_id: set() for event_id in event_ids}
    for row in await _last_words(tx, job.brand_id, event_ids, oldest):
        wanted = row["state"] != "delivered" if job.states is None else row["state"] in job.states
        if wanted and job.endpoint_id in {None, row["endpoint_id"]}:
            owed[row["event_id"]].add(row["endpoint_id"])
    return _Chunk(event_ids, complete=len(rows) < _CHUNK, owed=owed)


async def _last_words(tx: Tx, brand_id: UUID, event_ids: Sequence[UUID], oldest: UUID) -> list[Row]:
    return await tx.rows(
        """SELECT DISTINCT ON (event_id, endpoint_id) event_id, endpoint_id, state FROM outcome
           WHERE brand_id = $1 AND event_id = ANY ($2::uuid[]) AND delivery_id >= $3
           ORDER BY event_id, endpoint_id, delivery_id DESC""",
        brand_id,
        list(event_ids),
        oldest,
    )


async def _queue(tx: Tx, job: _Job, chunk: _Chunk, known: Sequence[Endpoint]) -> None:
    """Queue a chunk's deliveries and count what came of its events."""
    bodies = await replays.find_bodies(tx, job.brand_id, chunk.event_ids)
    deliveries: list[outbox.Delivery] = []
    for event_id in chunk.event_ids:
        body = bodies.get(event_id)
        if body is not None and job.types is not None and body["type"] not in job.types:
            continue
        if chunk.owed is not None and not chunk.owed[event_id]:
            continue  # delivered meanwhile
        chunk.seen += 1
        if body is None:
            chunk.gone += 1
            continue
        deliveries += [replays.delivery_of(body, one, job.id) for one in known if _goes_to(job, chunk, body, one)]
    made = await outbox.insert_deliveries(tx, deliveries) if deliveries else {}
    for one in deliveries:
        feed.tell(tx, job.brand_id, Kind.EVENT, one.event_id)
    chunk.queued = len(made)
    chunk.told = len({one.event_id for one in deliveries if one.id in made})


def _goes_to(job: _Job, chunk: _Chunk, body: Row, endpoint: Endpoint) -> bool:
    """Tell whether an endpoint gets this event again: what it was owed it gets whatever its filter is now."""
    if chunk.owed is not None:
        return endpoint.id in chunk.owed[body["id"]]
    return job.endpoint_id in {None, endpoint.id} and endpoint.wants(body["type"])


async def _move_on(tx: Tx, job: _Job, chunk: _Chunk) -> None:
    await tx.execute(
        """UPDATE replay SET position = $3, seen = seen + $4, queued = queued + $5, skipped = skipped + $6,
             gone = gone + $7, next_at = now(),
             state = CASE WHEN $8 THEN 'done' ELSE state END, finished_at = CASE WHEN $8 THEN now() END
           WHERE brand_id = $1 AND id = $2""",
        job.brand_id,
        job.id,
        chunk.event_ids[-1] if chunk.event_ids else job.position,
        chunk.seen,
        chunk.queued,
        chunk.seen - chunk.told - chunk.gone,
        chunk.gone,
        chunk.complete,
    )
