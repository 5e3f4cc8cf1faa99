"""Partitions of the append-only tables: made ahead of time, dropped whole by retention.

A range of UUIDv7 ids is a range of time. Each table also has a default partition, so that a clock that jumps
never makes an insert fail.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg

from quixess.database import ids

# Table → the UUIDv7 column whose ranges are its partitions.
_DAILY = {"intake": "id", "event": "id", "attempt": "id", "outcome": "delivery_id", "request": "id"}
_MONTHLY = {"message": "id", "message_status": "message_id", "message_word": "message_id"}
_DAYS_AHEAD = 3
_DROP_WAIT_MS = 500  # who waits for a table makes everybody after him wait too
_UPPER = re.compile(r"TO \('([0-9a-f-]+)'\)")
_LOCK = 0x51_58_50_41_52  # one number for all Quixess processes of a database


@dataclass(frozen=True, slots=True)
class _Range:
    suffix: str
    start: datetime
    end: datetime


async def ensure(connection: asyncpg.Connection, today: date | None = None) -> None:
    """Make the partitions that inserts of the coming days need. `connection` must own the tables.

    Any number of processes may do this at once: one makes them, the others wait for it and find them made.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await _make_missing(connection, today or datetime.now(UTC).date())
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def drop(connection: asyncpg.Connection, before: Mapping[str, date]) -> list[str]:
    """Drop the partitions that end on or before a day, given by table, and return their names.

    Old rows in default partitions go too. What `intake_todo` still lists is kept: it moves to the default partition of
    `intake`. `connection` must own the tables; a busy table is left for the next time.
    """
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await connection.execute(f"SET lock_timeout = {_DROP_WAIT_MS}")
        return [name for table, day in sorted(before.items()) for name in await _drop_old(connection, table, day)]
    except asyncpg.LockNotAvailableError:
        return []
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def _drop_old(connection: asyncpg.Connection, table: str, day: date) -> list[str]:
    end = ids.floor(_midnight(day))
    rows = await connection.fetch(
        """SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
           FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass""",
        table,
    )
    bounds = {row["name"]: _UPPER.search(row["bounds"]) for row in rows}
    old = sorted(name for name, bound in bounds.items() if bound is not None and UUID(bound[1]) <= end)
    for name in old:
        async with connection.transaction():
            await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
            if table == "intake":
                await connection.execute(f"INSERT INTO intake SELECT b.* FROM {name} b JOIN intake_todo USING (id)")
            await connection.execute(f"DROP TABLE {name}")
    listed = "AND NOT EXISTS (SELECT FROM intake_todo t WHERE t.id = d.id)" if table == "intake" else ""
    key = (_DAILY | _MONTHLY)[table]
    await connection.execute(f"DELETE FROM {table}_default d WHERE d.{key} < '{end}' {listed}")
    return old


async def _make_missing(connection: asyncpg.Connection, day: date) -> None:
    existing = await _existing(connection)
    for table in (*_DAILY, *_MONTHLY):
        if f"{table}_default" not in existing:
            await connection.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT {_options(table)}")
        for span in _ranges(table, day):
            if f"{table}_{span.suffix}" not in existing:
                await _create(connection, table, span)


async def _existing(connection: asyncpg.Connection) -> set[str]:
    rows = await connection.fetch("SELECT inhrelid::regclass::text AS name FROM pg_inherits")
    return {row["name"] for row in rows}


def _ranges(table: str, day: date) -> list[_Range]:
    if table in _DAILY:
        days = [day + timedelta(days=offset) for offset in range(-1, _DAYS_AHEAD + 1)]
        return [_Range(f"{d:%Y%m%d}", _midnight(d), _midnight(d + timedelta(days=1))) for d in days]
    months = sorted({(day + timedelta(days=offset)).replace(day=1) for offset in (-1, 0, _DAYS_AHEAD)})
    return [_Range(f"{m:%Y%m}", _midnight(m), _midnight(_next_month(m))) for m in months]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _next_month(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


async def _create(connection: asyncpg.Connection, table: str, span: _Range) -> None:
    """Make a partition, with what a clock far off has put into the default partition for its time.

    Made beside the table and attached, it neither waits for writers nor stops them, as PARTITION OF would.
    """
    name, key = f"{table}_{span.suffix}", (_DAILY | _MONTHLY)[table]
    start, end = ids.floor(span.start), ids.floor(span.end)
    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {table}_default IN EXCLUSIVE MODE")
        await connection.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL) {_options(table)}")
        await connection.execute(
            f"WITH early AS (DELETE FROM {table}_default WHERE {key} >= '{start}' AND {key} < '{end}' RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM early"
        )
        await connection.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')"
        )


def _options(table: str) -> str:
    """Give room on the page for the state changes of a message, so that they stay HOT updates."""
    return "WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05)" if table == "message" else ""
