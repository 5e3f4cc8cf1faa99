"""Streams over several processes: one is killed, one is stopped, a tab comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
from yarl import URL

from quixess import access
from quixess.access import Scope
from quixess.database.core import Database
from quixess.people import Role, accounts, members, sessions
from quixess.people.members import Hand
from quixess.vault import Keyring
from tests import processes
from tests.dashboard import streaming
from tests.dashboard.streaming import Stream
from tests.processes import Program

ME = "/api/v1/whatsapp/external/me"


@dataclass
class Office:
    """Two gateways over one database, and Anna, who is signed in to both."""

    first: Program
    second: Program
    db: Database
    keyring: Keyring
    brand_id: UUID
    http: aiohttp.ClientSession

    @asynccontextmanager
    async def listening(self, gateway: Program, last_id: str = "") -> AsyncIterator[Stream]:
        async with streaming.streaming(self.http, gateway.url, "keys", self.brand_id, last_id=last_id) as stream:
            yield stream

    async def use_a_key(self, gateway: Program) -> None:
        """Change something in another process: when a key was last used."""
        async with self.db.transaction() as tx:
            secret, _ = await access.mint_key(
                tx, self.keyring, self.brand_id, name="test", scopes=tuple(Scope), actor="test"
            )
        async with self.http.get(gateway.url + ME, headers={"X-API-Key": secret}) as answer:
            assert answer.status == 200


@pytest.fixture
async def office(dsn: str, tmp_path: Path, db: Database) -> AsyncIterator[Office]:
    keyring, folders = Keyring.make(), (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    async with db.transaction() as tx:
        brand = await access.create_brand(tx, "Bordercart")
        anna = await accounts.create(tx, email="anna@bordercart.example", name="Anna", password_hash="none fits")
        await members.add(tx, brand.id, anna, Role.OWNER, inbox=False, hand=Hand("test", Role.OWNER))
        token = await sessions.open_session(tx, keyring, anna.id, address=None, agent=None)
    async with (
        processes.running(dsn, folders[0], "serve", keyring=keyring.dumps()) as first,
        processes.running(dsn, folders[1], "serve", keyring=keyring.dumps()) as second,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        for gateway in (first, second):
            url = URL(gateway.url)
            http.cookie_jar.update_cookies({f"quixess-{url.port}": token}, url)
        yield Office(first, second, db, keyring, brand.id, http)


@pytest.mark.crash
async def test_a_page_hears_of_another_process_and_misses_nothing_when_its_own_is_killed(office: Office) -> None:
    async with office.listening(office.first) as stream:
        await stream.until("resync")  # by now every process tells
        await stream.until("live-keys")
        await office.use_a_key(office.second)
        last = await stream.id_after("live-keys")
        await office.first.kill()
        with suppress(aiohttp.ClientError):
            while await stream.frame():
                pass
    await office.use_a_key(office.second)

    async with office.listening(office.second, last) as stream:
        assert await stream.frame() == streaming.Frame("live", "")
        assert await stream.frame() == streaming.Frame("live-keys", "")  # and no `resync`: it is all there


async def test_a_process_that_stops_ends_its_streams_in_order(office: Office) -> None:
    """One that were waited for would be cut off in the end, without the last chunk."""
    async with office.listening(office.first) as stream:
        await stream.until("live")
        stopping = asyncio.create_task(office.first.stop())

        while await stream.frame():
            pass
        assert await stopping == 0


async def test_a_tab_that_was_hidden_for_hours_looks_again(office: Office) -> None:
    async with office.listening(office.first) as stream:
        last = await stream.id_after("live")
    async with office.db.transaction() as tx:  # three hours go by, and the brand was watched all the time
        await tx.execute("UPDATE feed_watch SET whole_from = now() - interval '5 hours'")

    async with office.listening(office.second, str(int(last) - 10_800_000_000)) as stream:
        await stream.until("resync")
        await stream.until("live-keys")
