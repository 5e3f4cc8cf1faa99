"""What is old goes in whole days, and nothing goes without a trace."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from quixess import retention
from quixess.database import ids, partitions
from quixess.database.core import Database
from quixess.retention import Keep
from tests.database import rows

KEEP = Keep(events=30, intake=14, messages=400, requests=7)
DAY = timedelta(days=1)


@pytest.fixture
async def owner(dsn: str):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def put(db: Database, table: str, at: datetime) -> UUID:
    row_id = ids.floor(at)
    async with db.statement() as tx:
        await tx.execute(rows.INSERTS[table], uuid4(), row_id)
    return row_id


async def days(owner: asyncpg.Connection, table: str) -> int:
    return int(await owner.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = $1::text::regclass", table))


async def count(owner: asyncpg.Connection, table: str) -> int:
    return int(await owner.fetchval(f"SELECT count(*) FROM {table}"))


async def test_days_that_are_over_are_dropped_whole_and_younger_ones_stay(
    db: Database, owner: asyncpg.Connection
) -> None:
    now = datetime(2031, 6, 15, 12, tzinfo=UTC)
    for back in range(40):
        await partitions.ensure(owner, (now - back * DAY).date())
    for back in (0, 29, 31, 38):
        await put(db, "event", now - back * DAY)

    dropped = await retention.enforce(db, KEEP, now)

    assert f"event_{now - 31 * DAY:%Y%m%d}" in dropped
    assert f"event_{now - 29 * DAY:%Y%m%d}" not in dropped
    assert await count(owner, "event") == 2
    assert f"outcome_{now - 31 * DAY:%Y%m%d}" not in dropped
    assert {f"attempt_{now - 31 * DAY:%Y%m%d}", f"intake_{now - 16 * DAY:%Y%m%d}"} <= set(dropped)
    assert await retention.enforce(db, KEEP, now) == []


async def test_the_request_log_goes_after_a_week(db: Database, owner: asyncpg.Connection) -> None:
    now = datetime(2031, 6, 15, 12, tzinfo=UTC)
    for back in (0, 6, 8):
        await partitions.ensure(owner, (now - back * DAY).date())
        await put(db, "request", now - back * DAY)

    assert f"request_{now - 8 * DAY:%Y%m%d}" in await retention.enforce(db, KEEP, now)
    assert await count(owner, "request") == 2


async def test_messages_go_by_the_month_and_their_wamids_with_them(db: Database, owner: asyncpg.Connection) -> None:
    now = datetime(2031, 6, 15, tzinfo=UTC)
    for back in (0, 200, 500):
        await partitions.ensure(owner, (now - back * DAY).date())
        message_id = await put(db, "message", now - back * DAY)
        await put(db, "message_word", now - back * DAY)
        await db_execute(
            db, "INSERT INTO wamid (connection_id, wamid, brand_id, message_id) VALUES ($1, $2, $1, $3)",
            uuid4(), f"wamid.{back}", message_id,
        )  # fmt: skip
    await retention.enforce(db, KEEP, now)
    assert await count(owner, "message") == await count(owner, "message_word") == 2
    assert [row["wamid"] for row in await owner.fetch("SELECT wamid FROM wamid ORDER BY 1")] == ["wamid.0", "wamid.200"]


async def test_notes_go_when_messages_of_their_age_do(db: Database, owner: asyncpg.Connection) -> None:
    now = datetime(2031, 6, 15, tzinfo=UTC)
    for back in (0, 399, 401):
        await db_execute(
            db, "INSERT INTO note (brand_id, id, conversation_id, author, text) VALUES ($1, $2, $1, $1, $3)",
            uuid4(), ids.floor(now - back * DAY), f"{back} days old",
        )  # fmt: skip
    await retention.enforce(db, KEEP, now)
    assert [row["text"] for row in await owner.fetch("SELECT text FROM note ORDER BY id")] == [
        "399 days old",
        "0 days old",
    ]


async def db_execute(db: Database, sql: str, *arguments: object) -> None:
    async with db.statement() as tx:
        await tx.execute(sql, *arguments)


async def test_what_still_waits_when_its_event_goes_ends_as_expired_and_can_be_seen_for_another_day(
    db: Database, owner: asyncpg.Connection
) -> None:
    now = datetime.now(UTC).replace(hour=12)
    brand_id, endpoint_id = uuid4(), uuid4()
    for back in (2, 30, 40):
        event_id = ids.floor(now - back * DAY)
        await db_execute(
            db,
            """INSERT INTO event (brand_id, id, type, version, data, occurred_at)
               VALUES ($1, $2, 'message.received', '1', '{}', now())""",
            brand_id,
            event_id,
        )
        await db_execute(
            db,
            """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at, attempt)
               VALUES ($1, $2, $3, $2, now() + interval '1 hour', 5)""",
            brand_id,
            event_id,
            endpoint_id,
        )
    await retention.enforce(db, KEEP, now)

    left = await owner.fetch("SELECT event_id FROM delivery")
    assert [row["event_id"] for row in left] == [ids.floor(now - 2 * DAY)]
    ended = await owner.fetch("SELECT event_id, state, attempts FROM outcome ORDER BY event_id")
    assert [(row["state"], row["attempts"]) for row in ended] == [("expired", 5), ("expired", 5)]
    assert await count(owner, "event") == 2  # the one of 40 days ago is gone, the others can be looked at


async def test_a_body_that_still_waits_to_be_understood_outlives_its_day(
    db: Database, owner: asyncpg.Connection
) -> None:
    now = datetime.now(UTC)
    await partitions.ensure(owner, (now - 20 * DAY).date())
    kept = await put(db, "intake", now - 20 * DAY)
    await put(db, "intake", now - 20 * DAY + timedelta(seconds=1))
    await db_execute(
        db, "INSERT INTO intake_todo (id, app_id, next_at, error) VALUES ($1, 'app', 'infinity', 'not JSON')", kept
    )
    assert f"intake_{now - 20 * DAY:%Y%m%d}" in await retention.enforce(db, KEEP, now)
    assert [row["id"] for row in await owner.fetch("SELECT id FROM intake")] == [kept]
    await retention.enforce(db, KEEP, now)
    assert await count(owner, "intake") == 1


async def test_a_table_in_use_is_left_for_the_next_hour(db: Database, owner: asyncpg.Connection, dsn: str) -> None:
    now = datetime.now(UTC)
    await partitions.ensure(owner, (now - 40 * DAY).date())
    reader = await asyncpg.connect(dsn)
    async with reader.transaction():
        await reader.fetch("SELECT * FROM event")
        await retention.enforce(db, KEEP, now)
        assert await days(owner, "event") > 6
    await reader.close()
    await retention.enforce(db, KEEP, now)
    assert await days(owner, "event") == 6
