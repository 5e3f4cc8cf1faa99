"""What a measurement does in the database by itself, as the tables' owner."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from bench.processes import BenchError

_EMPTY_S = 20


def ask(dsn: str, sql: str, *arguments: Any) -> Any:
    """Run a statement and give the first value of its first row."""
    rows = asyncio.run(_fetch(dsn, sql, *arguments))
    return rows[0][0] if rows else None


def rows(dsn: str, sql: str) -> list[asyncpg.Record]:
    """Run a statement and give its rows."""
    return asyncio.run(_fetch(dsn, sql))


def until_empty(dsn: str, table: str) -> None:
    """Wait until a table has no rows. Raises BenchError when that takes too long."""
    until = time.monotonic() + _EMPTY_S
    while ask(dsn, f"SELECT EXISTS (SELECT FROM {table})"):
        if time.monotonic() > until:
            raise BenchError(f"{table} was not worked off within {_EMPTY_S} s")
        time.sleep(0.02)


def fill(dsn: str, tables: dict[str, tuple[Sequence[str], Sequence[Sequence[Any]]]], first: str) -> None:
    """Run `first`, then copy rows in: table → (columns, rows); all in one transaction."""

    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        async with connection.transaction():
            await connection.execute(first)
            for table, (columns, records) in tables.items():
                await connection.copy_records_to_table(table, columns=list(columns), records=records)
        await connection.execute("ANALYZE")
        await connection.close()

    asyncio.run(work())


async def _fetch(dsn: str, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(sql, *arguments)
    finally:
        await connection.close()
