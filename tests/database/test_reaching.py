"""Several hosts in one address: whoever is the primary is found, past the dead, the frozen and those that only read."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import asyncpg
import pytest

from quixess.database import migrate, reaching
from quixess.database.core import Database
from quixess.database.migrate import MigrationError
from quixess.database.reaching import reach
from quixess.errors import QuixessError

_SAID = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
_STARTING_UP = b"E" + (len(_SAID) + 4).to_bytes(4) + _SAID


@asynccontextmanager
async def at_a_port(dsn: str, *, starts_up_for: int = 0) -> AsyncIterator[str]:
    """Give the test's server, which only has a socket file, a port of 127.0.0.1: `127.0.0.1:PORT`.

    The first `starts_up_for` who connect are told what a server says that is not ready yet.
    """
    asked = parse_qs(urlsplit(dsn).query)
    path = str(Path(asked["host"][0]) / f".s.PGSQL.{asked['port'][0]}")
    refused = iter(range(starts_up_for))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if next(refused, None) is not None:
            await reader.read(1024)
            writer.write(_STARTING_UP)
            writer.close()
            return
        there, back = await asyncio.open_unix_connection(path)
        await asyncio.gather(_pour(reader, back), _pour(there, writer))

    async with await asyncio.start_server(carry, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()
    target.close()


@contextlib.contextmanager
def frozen() -> Iterator[str]:
    """Listen like a host that has stopped: the kernel takes connections, nobody ever answers."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield f"127.0.0.1:{one.getsockname()[1]}"


def _dead() -> str:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"127.0.0.1:{one.getsockname()[1]}"


def _address(dsn: str, *hosts: str, ask: str = "") -> str:
    return f"postgresql://quixess@{','.join(hosts)}{urlsplit(dsn).path}{ask}"


async def test_a_host_that_is_dead_and_one_that_is_frozen_are_passed_over(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "HOST_S", 0.2)
    async with at_a_port(dsn) as alive:
        with frozen() as stuck:
            connection = await reach(_address(dsn, _dead(), stuck, alive))
            assert await connection.fetchval("SELECT 1") == 1
            await connection.close()


async def test_the_host_that_answered_last_is_asked_first(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "HOST_S", 0.2)
    async with at_a_port(dsn) as alive:
        with frozen() as stuck:
            address = _address(dsn, stuck, alive)
            await (await reach(address)).close()
            monkeypatch.setattr(reaching, "HOST_S", 30.0)  # whoever asked the frozen one would wait so long
            await (await reach(address)).close()


async def test_where_no_host_answers_it_says_so(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "HOST_S", 0.1)
    with frozen() as stuck:
        address = _address(dsn, _dead(), stuck)
        with pytest.raises((OSError, TimeoutError)):
            await reach(address)
        with pytest.raises(QuixessError) as unavailable:
            await Database.open(address)
        assert unavailable.value.code == "database_unavailable"
        with pytest.raises(migrate.MigrationError):
            await migrate.run(address)


async def test_sessions_that_only_read_find_the_primary_of_an_address_that_asks_for_read_write(dsn: str) -> None:
    async with at_a_port(dsn) as alive:
        address = _address(dsn, alive, ask="?target_session_attrs=read-write")
        db = await Database.open(address, writers=1, readers=1)
        async with db.reading(UUID(int=1)) as tx:
            assert await tx.rows("SELECT 1")
        async with db.listening("news") as ear:
            assert not ear.lost
        await db.close()


async def test_one_that_is_no_primary_is_passed_over(dsn: str) -> None:
    async with at_a_port(dsn) as alive:
        address = _address(dsn, alive, alive, ask="?target_session_attrs=standby")
        with pytest.raises(asyncpg.exceptions.TargetServerAttributeNotMatched):
            await reach(address)
        with pytest.raises(migrate.MigrationError, match="none of its hosts is the primary"):
            await migrate.run(address)


async def test_a_server_that_is_starting_up_is_waited_for(dsn: str) -> None:
    async with at_a_port(dsn, starts_up_for=2) as host:
        assert await migrate.run(_address(dsn, host, ask="?sslmode=disable")) == []


async def test_one_that_never_gets_ready_is_not_waited_for_without_end(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "STARTS_S", 0.1)
    async with at_a_port(dsn, starts_up_for=1000) as host:
        with pytest.raises(MigrationError, match="the database system is starting up"):
            await migrate.run(_address(dsn, host, ask="?sslmode=disable"))
