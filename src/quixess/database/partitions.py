"""Partitions of the append-only tables: made ahead of time, dropped whole by retention.

A range of UUIDv7 ids is a range of time. Each table also has a default partition, so that a clock that jumps
never makes an insert fail.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import asyncpg

from quixess.database import ids

_DAILY = ("intake", "event", "attempt", "outcome")
_MONTHLY = ("message", "message_status")
_DAYS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class _Range:
    suffix: str
    start: datetime
    end: datetime


async def ensure(connection: asyncpg.Connection, today: date | None = None) -> None:
    """Make the partitions that inserts of the coming days need. `connection` must own the tables."""
    day = today or datetime.now(UTC).date()
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
    await connection.execute(
        f"CREATE TABLE {table}_{span.suffix} PARTITION OF {table} "
        f"FOR VALUES FROM ('{ids.floor(span.start)}') TO ('{ids.floor(span.end)}') {_options(table)}"
    )


def _options(table: str) -> str:
    """Give room on the page for the state changes of a message, so that they stay HOT updates."""
    return "WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.05)" if table == "message" else ""
