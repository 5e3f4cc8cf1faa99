"""Retention: what is kept for how long. Whole days of rows go at once, and nothing goes without a trace.

A delivery that still waits when its event is about to go ends as `expired`, a day earlier, so that it can be seen in
the list of events; its outcome is kept as long again. A body of Meta that still waits to be understood is kept.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import structlog

from quixess.database import ids, partitions
from quixess.database.core import Database
from quixess.events import queue

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days what is kept: events with attempts, Meta's bodies, messages with notes, the request log."""

    events: int
    intake: int
    messages: int
    requests: int


async def enforce(db: Database, keep: Keep, now: datetime | None = None) -> list[str]:
    """Let go of what is older than it is kept for, and return the names of the partitions that were dropped."""
    today = (now or datetime.now(UTC)).date()
    expired = await _expire(db, today - timedelta(days=keep.events - 1))
    before = {
        "event": today - timedelta(days=keep.events),
        "attempt": today - timedelta(days=keep.events),
        "outcome": today - timedelta(days=2 * keep.events),
        "intake": today - timedelta(days=keep.intake),
        "message": today - timedelta(days=keep.messages),
        "message_status": today - timedelta(days=keep.messages),
        "message_word": today - timedelta(days=keep.messages),
        "request": today - timedelta(days=keep.requests),
    }
    async with db.owner() as connection:
        dropped = await partitions.drop(connection, before)
    await _forget(db, today - timedelta(days=keep.messages), today - timedelta(days=keep.intake))
    if dropped or expired:
        _log.info("old rows are gone", partitions=dropped, deliveries_expired=expired)
    return dropped


async def _expire(db: Database, day: date) -> int:
    """End the deliveries of events from before a day, and return how many there were."""
    ended = 0
    while True:
        async with db.transaction() as tx:
            now_ended = await queue.expire(tx, ids.floor(_midnight(day)))
        ended += now_ended
        if not now_ended:
            return ended


async def _forget(db: Database, messages_before: date, statuses_before: date) -> None:
    """Delete what pointed to messages that are gone, notes as old as they, and statuses without a message."""
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM note WHERE id < $1", ids.floor(_midnight(messages_before)))
        await tx.execute("DELETE FROM wamid WHERE message_id < $1", ids.floor(_midnight(messages_before)))
        await tx.execute("DELETE FROM parked_status WHERE id < $1", ids.floor(_midnight(statuses_before)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
