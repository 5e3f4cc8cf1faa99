"""Counting: each hour of each brand counted once it is over, and again while what it counts still moves.

A message is sent in one hour and read in another. So an hour is counted anew 1, 3, 9, 27, 81 and 168 hours later, as
a whole each time: doing it twice changes nothing. A worker that was away catches up from where the brand was left. An
hour whose rows retention took keeps the counts it has.
"""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.errors import QuixessError
from quixess.metrics import cells
from quixess.metrics.cells import Kind

HOUR = timedelta(hours=1)
_GRACE = timedelta(minutes=1)  # for clocks that are late, and commits
_BACK = timedelta(days=30)
_HOURS_AT_ONCE = 24
_BRANDS_AT_ONCE = 20
_WELCOME_EVERY_S = 60.0  # that compares all brands with all turns
_log = structlog.get_logger()
_LEASE = timedelta(minutes=10)
_KEPT_DAYS = 40


class Counting:
    """Counts what is due, for all brands. Any number of processes may: each takes brands that nobody else has."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._welcome_at = 0.0

    async def run_once(self) -> int:
        """Take some brands whose turn it is, and return how many there were. One that fails holds up no other."""
        welcoming = time.monotonic() >= self._welcome_at
        async with self._db.transaction() as tx:
            if welcoming:
                await _welcome(tx)
            turns = await _take_turns(tx)
        if welcoming:
            self._welcome_at = time.monotonic() + _WELCOME_EVERY_S
        for turn in turns:
            try:
                await self._take_turn(turn["id"], turn["counted_to"], turn["now"])
            except QuixessError:
                raise
            except Exception:  # noqa: BLE001 - whatever it is, it is of one brand, whose turn comes again
                _log.exception("a brand is not counted", brand=ids.show("brd", turn["id"]))
        return len(turns)

    async def _take_turn(self, brand_id: UUID, begun: datetime, now: datetime) -> None:
        over = floor(now - _GRACE)
        hours = {kind: due(begun, over, kind.again) for kind in cells.KINDS}
        for kind, listed in hours.items():
            await self._count(brand_id, kind, [hour for hour in listed if hour < begun])
        while begun < over:
            to = min(over, begun + _HOURS_AT_ONCE * HOUR)
            for kind, listed in hours.items():
                await self._count(brand_id, kind, [hour for hour in listed if begun <= hour < to])
            begun = to
            await self._note(brand_id, begun, now + _LEASE)
        await self._note(brand_id, begun, begun + HOUR + _GRACE)

    async def _count(self, brand_id: UUID, kind: Kind, hours: Sequence[datetime]) -> None:
        """Count the hours in which there is something; the others keep what was counted before."""
        spans = [(hour, hour + HOUR) for hour in hours]
        async with self._db.statement() as tx:
            busy = await tx.rows(kind.busy, brand_id, *cells.arguments(spans)) if spans else []
        for row in busy:
            async with self._db.transaction() as tx:
                await count(tx, brand_id, kind, row["at"])

    async def _note(self, brand_id: UUID, counted_to: datetime, next_at: datetime) -> None:
        async with self._db.transaction() as tx:
            await tx.execute(
                "UPDATE count_turn SET counted_to = greatest(counted_to, $2), next_at = $3 WHERE id = $1",
                brand_id,
                counted_to,
                next_at,
            )


def floor(moment: datetime) -> datetime:
    """Give the beginning of the hour (UTC)."""
    return moment.replace(minute=0, second=0, microsecond=0)


def due(counted_to: datetime, to: datetime, again: Sequence[int]) -> list[datetime]:
    """List the hours to count when a brand goes on from one hour to another: those between, and older ones again."""
    steps = int((to - counted_to) / HOUR)
    between = {counted_to + n * HOUR for n in range(steps)}
    older = {counted_to + (n - back) * HOUR for n in range(steps) for back in again}
    return sorted(between | older)


async def count(tx: Tx, brand_id: UUID, kind: Kind, hour: datetime) -> None:
    """Count one hour of a brand, and put it in the place of what was counted before."""
    # Two workers may have the brand when one was away for longer than its lease: the hours are theirs in turn.
    await tx.row("SELECT id FROM count_turn WHERE id = $1 FOR UPDATE", brand_id)
    await tx.execute(f"DELETE FROM {kind.table} WHERE brand_id = $1 AND hour = $2", brand_id, hour)
    await tx.execute(kind.insert, brand_id, *cells.arguments([(hour, hour + HOUR)]))


async def counted_to(tx: Tx, brand_id: UUID) -> datetime | None:
    """Tell up to when a brand is counted; None for one that had no turn yet."""
    row = await tx.row("SELECT counted_to FROM count_turn WHERE id = $1", brand_id)
    return None if row is None else row["counted_to"]


async def sweep(tx: Tx, most: int) -> int:
    """Let go of counts that no page looks back to, of one table at a time, and return how many there were."""
    gone = 0
    for kind in cells.KINDS:
        if gone < most:
            done = await tx.execute(
                f"""DELETE FROM {kind.table} WHERE ctid = ANY (ARRAY(
                      SELECT ctid FROM {kind.table} WHERE hour < now() - $1 * interval '1 day' LIMIT $2))""",
                _KEPT_DAYS,
                most - gone,
            )
            gone += int(done.rpartition(" ")[2])
    return gone


async def _welcome(tx: Tx) -> None:
    """Give every brand turns of its own, from its beginning, thirty days back at most."""
    await tx.execute(
        """INSERT INTO count_turn (id, counted_to)
           SELECT b.id, date_bin('1 hour', greatest(b.created_at, now() - $1::interval), 'epoch') FROM brand b
           WHERE NOT EXISTS (SELECT FROM count_turn t WHERE t.id = b.id) ON CONFLICT DO NOTHING""",
        _BACK,
    )


async def _take_turns(tx: Tx) -> list[Row]:
    return await tx.rows(
        """WITH due AS MATERIALIZED (
             SELECT id FROM count_turn WHERE next_at <= now() ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED)
           UPDATE count_turn t SET next_at = now() + $2::interval
           FROM due WHERE t.id = due.id RETURNING t.id, t.counted_to, now() AS now""",
        _BRANDS_AT_ONCE,
        _LEASE,
    )
