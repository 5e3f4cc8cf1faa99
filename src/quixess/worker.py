"""The worker: loops that pick up what nobody holds, settle what is in doubt, and keep the tables in shape."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from quixess import feed, health, idempotency, limits, notices, retention
from quixess.connections.rotation import Rotation
from quixess.database import ids, partitions
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.events.delivery import Deliveries
from quixess.events.forgotten import Forgotten
from quixess.events.replaying import Replays
from quixess.media.fetching import Fetching
from quixess.messages import pacing
from quixess.messages.gaps import Gaps
from quixess.messages.receiving import Receiving
from quixess.messages.settling import Settling
from quixess.messages.throughput import Throughput
from quixess.metrics import Counting, counting
from quixess.notices.tokens import Telling
from quixess.people import delays, links, sessions
from quixess.retention import Keep
from quixess.templates import Sync

_SETTLE_EVERY_S = 1.0
_REPLAY_EVERY_S = 0.2
_SWEEP_EVERY_S = 5.0
_POLL_EVERY_S = 1.0
_COUNT_EVERY_S = 10.0
_BEAT_EVERY_S = 10.0
_CLOCK_EVERY_S = 60.0
_UPKEEP_EVERY_S = 3600.0
_MOST_OFF_S = 60.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms a worker works in, and what it keeps for how long."""

    db: Database
    sync: Sync
    receiving: Receiving
    deliveries: Deliveries
    forgotten: Forgotten
    replays: Replays
    settling: Settling
    fetching: Fetching
    rotation: Rotation
    telling: Telling
    gaps: Gaps
    throughput: Throughput
    counting: Counting
    keep: Keep


async def run(rooms: Rooms) -> None:
    """Run every loop until cancelled. A loop that fails says so and goes on: none takes the others down."""

    async def settle() -> None:
        await rooms.settling.run_once()

    async def upkeep() -> None:
        async with rooms.db.owner() as connection:
            await partitions.ensure(connection)
        async with rooms.db.transaction() as tx:
            await notices.sweep(tx)
        await sweep_all(rooms.db, idempotency.sweep)
        await sweep_all(rooms.db, limits.sweep)
        await sweep_all(rooms.db, pacing.sweep)
        for sweep in (sessions.sweep, links.sweep, delays.sweep):
            await sweep_all(rooms.db, sweep)
        await sweep_all(rooms.db, counting.sweep)
        await retention.enforce(rooms.db, rooms.keep)

    worker_id = ids.new()

    async def show_life() -> None:
        async with rooms.db.transaction() as tx:
            await health.beat(tx, worker_id)

    async def sweep_feed() -> None:
        await sweep_all(rooms.db, feed.sweep)

    async def look_at_clock() -> None:
        await check_clock(rooms.db, datetime.now(UTC))

    async with asyncio.TaskGroup() as loops:
        loops.create_task(_keep_running("receiving", rooms.receiving.run))
        loops.create_task(_keep_running("deliveries", rooms.deliveries.run))
        loops.create_task(_keep_running("turns", rooms.deliveries.feel_turns))
        loops.create_task(_repeat("replays", rooms.replays.run_once, _REPLAY_EVERY_S))
        loops.create_task(_keep_running("media", rooms.fetching.run))
        loops.create_task(_repeat("settling", settle, _SETTLE_EVERY_S))
        loops.create_task(_repeat("sweep", rooms.forgotten.look, _SWEEP_EVERY_S))
        loops.create_task(_repeat("templates", rooms.sync.poll, _POLL_EVERY_S))
        loops.create_task(_repeat("tokens", rooms.rotation.run_once, _POLL_EVERY_S))
        loops.create_task(_repeat("news of tokens", rooms.telling.run_once, _POLL_EVERY_S))
        loops.create_task(_repeat("gaps", rooms.gaps.run_once, _SWEEP_EVERY_S))
        loops.create_task(_repeat("throughput", rooms.throughput.run_once, _SWEEP_EVERY_S))
        loops.create_task(_repeat("counting", rooms.counting.run_once, _COUNT_EVERY_S))
        loops.create_task(_repeat("beat", show_life, _BEAT_EVERY_S))
        loops.create_task(_repeat("clock", look_at_clock, _CLOCK_EVERY_S))
        loops.create_task(_repeat("feed", sweep_feed, _CLOCK_EVERY_S))
        loops.create_task(_repeat("upkeep", upkeep, _UPKEEP_EVERY_S))
        loops.create_task(_repeat("media sweep", rooms.fetching.sweep, _UPKEEP_EVERY_S))


async def sweep_all(db: Database, sweep: Callable[[Tx, int], Awaitable[int]], most: int = 50_000) -> None:
    """Delete everything that a sweep finds too old, `most` rows in a transaction."""
    while True:
        async with db.transaction() as tx:
            if await sweep(tx, most) < most:
                return


async def check_clock(db: Database, now: datetime) -> float:
    """Compare this machine's clock with the database's; say so when they differ by more than a minute.

    Due times and leases are the database's. This machine's clock stands in signatures, which receivers may check for
    five minutes. Returns by how many seconds this clock is ahead.
    """
    async with db.statement() as tx:
        row = await tx.row("SELECT clock_timestamp() AS at")
    ahead = (now - row["at"]).total_seconds() if row is not None else 0.0
    if abs(ahead) > _MOST_OFF_S:
        _log.warning("this machine's clock is off", ahead_s=round(ahead))
    return ahead


async def _keep_running(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:  # noqa: BLE001 - a fault in one loop must not end the process
            _log.exception("a loop failed and starts again", loop=name)
            await asyncio.sleep(1)


async def _repeat(name: str, step: Callable[[], Awaitable[object]], every_s: float) -> None:
    while True:
        try:
            await step()
        except QuixessError as error:
            _log.warning("a step waits for the database", step=name, error=error.code)
        except Exception:  # noqa: BLE001 - a fault in one step must not end the process
            _log.exception("a step failed", step=name)
        await asyncio.sleep(every_s)
