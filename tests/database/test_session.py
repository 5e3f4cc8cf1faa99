"""What one connection has learnt of PostgreSQL's types no other one asks for."""

from abc import ABCMeta
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery
from asyncpg.protocol import protocol

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


async def test_no_abc_is_asked_about_the_elements_of_an_array(dsn: str, monkeypatch: pytest.MonkeyPatch):
    """When a new asyncpg asks in another way, the loan in `database/session.py` is worth nothing and can go."""
    asked: list[object] = []

    class Counted(ABCMeta):
        def __instancecheck__(cls, instance: object) -> bool:
            asked.append(instance)
            return super().__instancecheck__(instance)

    class Watched(metaclass=Counted):
        pass

    connection = await asyncpg.connect(dsn, connection_class=Session)
    for name in ("IterableABC", "SizedABC", "MappingABC"):
        assert hasattr(protocol, name), name
    before = vars(protocol)["IterableABC"]
    monkeypatch.setattr(protocol, "IterableABC", (Watched, list, tuple))
    await connection.fetch(_ARRAYS, [uuid4()], [7, 8], [datetime.now(UTC)])
    assert 7 in asked, "asyncpg asks no more by this name"
    monkeypatch.setattr(protocol, "IterableABC", before)
    for given in ([1, 2], [[1, 2], [3, 4]], []):
        assert await connection.fetchval("SELECT $1::int[]", given) == given
    assert await connection.fetchval("SELECT $1::int[]", (1, 2)) == [1, 2]
    await connection.close()
