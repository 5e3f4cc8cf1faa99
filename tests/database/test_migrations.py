"""The schema comes up by itself, once, for however many start at a time; partitions are there before their days."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from quixess.database import ids, migrate, partitions
from quixess.database.core import OWNER, Database
from quixess.database.migrate import MigrationError
from tests.database import rows

DAILY = ("intake", "event", "attempt", "outcome")
MONTHLY = ("message", "message_status", "message_word")


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def empty(dsn: str, owner: asyncpg.Connection) -> AsyncIterator[str]:
    """A database where nothing ever ran."""
    name = f"empty_{uuid4().hex}"
    await owner.execute(f"CREATE DATABASE {name}")
    yield dsn.replace(urlsplit(dsn).path, f"/{name}", 1)
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_ten_that_start_at_once_migrate_once(empty: str) -> None:
    applied = await asyncio.gather(*(migrate.run(empty) for _ in range(10)))

    done = [names for names in applied if names]
    assert len(done) == 1
    assert done[0] == sorted(done[0])
    assert done[0][0] == "0001_ground.sql"
    assert await migrate.run(empty) == []


async def test_a_process_that_froze_with_the_lock_of_all_starts_loses_it(dsn: str, monkeypatch: Any) -> None:
    monkeypatch.setitem(OWNER, "idle_session_timeout", "300")
    db = await Database.open(dsn)

    async with db.owner() as frozen:
        await frozen.execute("SELECT pg_advisory_lock($1)", partitions._LOCK)
        async with asyncio.timeout(20):
            assert await migrate.run(dsn) == []
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await frozen.execute("SELECT 1")

    await db.close()


async def test_what_was_applied_is_written_down_once(owner: asyncpg.Connection, dsn: str) -> None:
    before = await owner.fetch("SELECT * FROM migration ORDER BY name")
    assert before[0]["name"] == "0001_ground.sql"
    await migrate.run(dsn)
    assert await owner.fetch("SELECT * FROM migration ORDER BY name") == before


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(owner: asyncpg.Connection, dsn: str) -> None:
    await owner.execute("INSERT INTO migration (name) VALUES ('9999_future.sql')")
    with pytest.raises(MigrationError, match=r"newer Quixess \(9999_future\.sql\): run that version"):
        await migrate.run(dsn)


async def test_a_user_who_may_not_make_tables_is_told_where_to_read_on(empty: str, owner: asyncpg.Connection) -> None:
    name = f"visitor_{uuid4().hex}"
    await owner.execute(f"CREATE ROLE {name} LOGIN")
    try:
        with pytest.raises(MigrationError, match=r"docs/operations\.md"):
            await migrate.run(empty.replace("quixess@", f"{name}@"))
    finally:
        await owner.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("postgresql://quixess@/nowhere?host=/nowhere", "No such file"),
        ("postgresql://quixess:hunter2@127.0.0.1:1/quixess", "Connect call failed"),
        ("postgresql://quixess:hunter2@127.0.0.1:99999/quixess", "QUIXESS_DATABASE_URL"),
        ("postgresql://quixess:hunter2:hunter2/x@127.0.0.1/quixess", "QUIXESS_DATABASE_URL"),
        ("hunter2", "QUIXESS_DATABASE_URL"),
        ("https://quixess:hunter2@127.0.0.1/quixess", "QUIXESS_DATABASE_URL"),
    ],
)
async def test_an_address_where_no_database_is_names_the_setting_and_no_secret(address: str, says: str) -> None:
    with pytest.raises(MigrationError, match=says) as refused:
        await migrate.run(address)

    assert "QUIXESS_DATABASE_URL" in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_a_database_that_is_not_there_is_named(dsn: str) -> None:
    with pytest.raises(MigrationError, match='database "elsewhere" does not exist'):
        await migrate.run(dsn.replace(urlsplit(dsn).path, "/elsewhere", 1))


# Partitions ------------------------------------------------------------------------------------------------------


def suffix(table: str, moment: datetime) -> str:
    return f"{moment:%Y%m%d}" if table in DAILY else f"{moment:%Y%m}"


async def where(owner: asyncpg.Connection, table: str) -> list[str]:
    """In which partitions the rows of a table are."""
    found = await owner.fetch(f"SELECT tableoid::regclass::text AS name FROM {table} ORDER BY 1")
    return [row["name"] for row in found]


async def ranges(owner: asyncpg.Connection) -> dict[str, str]:
    found = await owner.fetch(
        """SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r'"""
    )
    return {row["name"]: row["bound"] for row in found}


async def fill(db: Database, table: str, row_id: UUID) -> None:
    async with db.statement() as tx:
        await tx.execute(rows.INSERTS[table], uuid4(), row_id)


async def test_a_row_of_today_lies_in_the_partition_of_today(db: Database, owner: asyncpg.Connection) -> None:
    row_id = ids.new()
    for table in DAILY + MONTHLY:
        await fill(db, table, row_id)
        assert await where(owner, table) == [f"{table}_{suffix(table, ids.made_at(row_id))}"]


async def test_a_clock_far_off_fails_no_insert(db: Database, owner: asyncpg.Connection) -> None:
    for table in DAILY + MONTHLY:
        for year in (1999, 2099):
            await fill(db, table, ids.floor(datetime(year, 6, 1, tzinfo=UTC)))
        assert await where(owner, table) == [f"{table}_default"] * 2


async def test_rows_that_came_too_early_move_into_their_partition_when_it_is_made(
    db: Database, owner: asyncpg.Connection
) -> None:
    then = datetime.now(UTC) + timedelta(days=100)
    for table in DAILY + MONTHLY:
        await fill(db, table, ids.floor(then))
        await fill(db, table, ids.floor(then + timedelta(days=500)))
    before = {table: await owner.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in DAILY + MONTHLY}

    await partitions.ensure(owner, then.date())

    for table, kept in before.items():
        assert await where(owner, table) == [f"{table}_{suffix(table, then)}", f"{table}_default"]
        assert await owner.fetch(f"SELECT * FROM {table} ORDER BY 1") == kept


async def test_the_days_ahead_are_made_without_gaps_and_making_them_again_changes_nothing(
    owner: asyncpg.Connection,
) -> None:
    day = date(2031, 12, 29)  # the days ahead reach into another month, and into another year
    await partitions.ensure(owner, day)
    made = await ranges(owner)
    await partitions.ensure(owner, day)

    assert await ranges(owner) == made
    days = [day + timedelta(days=offset) for offset in range(-1, 4)]
    for table in DAILY:
        for one in days:
            start, end = (ids.floor(datetime.combine(edge, datetime.min.time(), UTC)) for edge in (one, next_day(one)))
            assert made[f"{table}_{one:%Y%m%d}"] == f"FOR VALUES FROM ('{start}') TO ('{end}')"
    for table in MONTHLY:
        assert {f"{table}_203112", f"{table}_203201", f"{table}_default"} <= set(made)


def next_day(day: date) -> date:
    return day + timedelta(days=1)


async def test_processes_that_make_the_same_days_at_once_do_not_disturb_each_other(dsn: str) -> None:
    connections = [await asyncpg.connect(dsn) for _ in range(5)]
    await asyncio.gather(*(partitions.ensure(connection, date(2032, 2, 28)) for connection in connections))
    made = await ranges(connections[0])
    assert {f"event_{day}" for day in ("20320228", "20320229", "20320301")} <= set(made)
    for connection in connections:
        await connection.close()


async def test_making_partitions_waits_for_no_writer_and_stops_none(db: Database, owner: asyncpg.Connection) -> None:
    async with db.transaction() as tx:
        await tx.execute(rows.INSERTS["event"], uuid4(), ids.new())
        await partitions.ensure(owner, date(2033, 1, 1))
        await tx.execute(rows.INSERTS["event"], uuid4(), ids.floor(datetime(2033, 1, 1, tzinfo=UTC)))
    assert "event_20330101" in await where(owner, "event")


async def test_a_partition_made_later_has_all_that_its_table_has(owner: asyncpg.Connection) -> None:
    await partitions.ensure(owner, date(2034, 1, 1))

    async def shape(table: str) -> list[Any]:
        columns = await owner.fetch(
            """SELECT attname, atttypid, attnotnull, pg_get_expr(adbin, adrelid) AS preset FROM pg_attribute
               LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
               WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attnum""",
            table,
        )
        indexes = await owner.fetch(
            """SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING', '') AS text, indisprimary AS main
               FROM pg_index WHERE indrelid = $1::text::regclass ORDER BY 1""",
            table,
        )
        checks = await owner.fetch(
            """SELECT conname, pg_get_constraintdef(oid) AS text FROM pg_constraint
               WHERE conrelid = $1::text::regclass AND contype = 'c' ORDER BY 1""",
            table,
        )
        return [[tuple(row) for row in found] for found in (columns, indexes, checks)]

    for table in DAILY:
        assert await shape(f"{table}_20340101") == await shape(table), table
    for table in MONTHLY:
        assert await shape(f"{table}_203401") == await shape(table), table
