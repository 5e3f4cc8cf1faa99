"""What one connection has learnt of PostgreSQL's types no other one asks for."""

from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
from asyncpg.connection import LoggedQuery

from quixess.database.session import Session

_ARRAYS = "SELECT $1::uuid[], $2::int[], $3::timestamptz[]"


async def _asked(dsn: str) -> list[str]:
    """Run a statement with three arrays on a new connection, and list all that PostgreSQL was asked."""
    asked: list[str] = []

    def note(query: LoggedQuery) -> None:
        asked.append(query.query)

    connection = await asyncpg.connect(dsn, connection_class=Session)
    connection.add_query_logger(note)
    ids, moment = [uuid4()], datetime.now(UTC)
    assert [tuple(row) for row in await connection.fetch(_ARRAYS, ids, [7], [moment])] == [(ids, [7], [moment])]
    await connection.close()
    return asked


async def test_only_the_first_connection_asks_what_an_array_is(dsn: str):
    await _asked(dsn)

    assert await _asked(dsn) == [_ARRAYS]


async def test_types_of_a_database_of_its_own_are_asked_for_in_each(dsn: str):
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TYPE mood AS (name text, strength int)")
    await connection.close()
    for _ in range(
        2
    ):  # the second time on a new connection, as for another database where the number means another type
        connection = await asyncpg.connect(dsn, connection_class=Session)
        asked: list[LoggedQuery] = []
        connection.add_query_logger(asked.append)
        assert dict((await connection.fetchval("SELECT ARRAY[('glad', 3)::mood]"))[0]) == {
            "name": "glad",
            "strength": 3,
        }
        assert len(asked) > 1
        await connection.close()
