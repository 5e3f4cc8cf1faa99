"""Events of the past, written into the tables as if they had happened, and the jobs that replay them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Database
from quixess.events import listing, replays
from quixess.events.listing import Listed
from quixess.events.replays import Progress, Replay, Wanted

ACTOR = "tests"


def ago(**age: float) -> datetime:
    return datetime.now(UTC) - timedelta(**age)


async def record(
    db: Database, brand_id: UUID, count: int = 1, *, at: datetime | None = None, kind: str = "message.received"
) -> list[UUID]:
    """Let so many events have happened, one a millisecond; gives their ids in order."""
    at = at or ago(hours=1)
    event_ids = [
        UUID(int=ids.floor(at + timedelta(milliseconds=n)).int | ids.new().int & (1 << 62) - 1) for n in range(count)
    ]
    async with db.transaction() as tx:
        await tx.execute(
            """INSERT INTO event (brand_id, id, type, version, data, occurred_at)
               SELECT $1, id, $3, '1', '{}', $4 FROM unnest($2::uuid[]) AS one(id)""",
            brand_id,
            event_ids,
            kind,
            at,
        )
    return event_ids


async def end(db: Database, brand_id: UUID, endpoint_id: UUID, event_ids: Sequence[UUID], state: str) -> None:
    """Let a delivery of each event have ended like this."""
    async with db.transaction() as tx:
        await tx.execute(
            """INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts)
               SELECT $1, delivery_id, event_id, $2, $5, 8
               FROM unnest($3::uuid[], $4::uuid[]) AS one(delivery_id, event_id)""",
            brand_id,
            endpoint_id,
            [ids.new() for _ in event_ids],
            list(event_ids),
            state,
        )


async def fail(
    db: Database, brand_id: UUID, endpoint_id: UUID, count: int = 1, *, state: str = "exhausted",
    at: datetime | None = None, kind: str = "message.received",
) -> list[UUID]:  # fmt: skip
    """Let so many events have happened that nobody took."""
    event_ids = await record(db, brand_id, count, at=at, kind=kind)
    await end(db, brand_id, endpoint_id, event_ids, state)
    return event_ids


async def lose(db: Database, brand_id: UUID, endpoint_id: UUID, count: int = 1) -> list[UUID]:
    """Let so many events have failed whose bodies retention took since."""
    event_ids = [ids.new() for _ in range(count)]
    await end(db, brand_id, endpoint_id, event_ids, "expired")
    return event_ids


async def start(db: Database, brand_id: UUID, wanted: Wanted) -> Replay:
    async with db.transaction() as tx:
        return await replays.start(tx, brand_id, wanted, actor=ACTOR)


async def cancel(db: Database, brand_id: UUID, replay_id: UUID) -> Replay | None:
    async with db.transaction() as tx:
        return await replays.cancel(tx, brand_id, replay_id, actor=ACTOR)


async def look(db: Database, brand_id: UUID, replay_id: UUID) -> Progress | None:
    async with db.reading(brand_id) as tx:
        return await replays.progress(tx, brand_id, replay_id)


async def listed(db: Database, brand_id: UUID, wanted: listing.Filter, **page: object) -> list[Listed]:
    async with db.reading(brand_id) as tx:
        return await listing.list_events(tx, brand_id, wanted, **page)  # type: ignore[arg-type]
