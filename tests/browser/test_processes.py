"""A page over two gateways at one port: what either does shows on it, and when its own is killed, the other goes on."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect
from yarl import URL

from quixess import access
from quixess.access import Scope
from quixess.database.core import Database
from quixess.people import Role, accounts, members, sessions
from quixess.people.members import Hand
from quixess.vault import Keyring
from tests import processes
from tests.browser import chromium
from tests.browser.chromium import Guard
from tests.processes import Program
from tests.world import free_port

PATIENCE_MS = 20_000
_PIECE = 64 * 1024


@dataclass
class Port:
    """One port for several gateways: each connection goes to the first that runs, and to none while it is `shut`."""

    gateways: tuple[Program, ...]
    number: int = field(default_factory=free_port)
    shut: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.number}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._take, "127.0.0.1", self.number):
            yield

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        alive = [one for one in self.gateways if one.process is not None and one.process.returncode is None]
        with suppress(OSError):
            if alive and not self.shut:
                there = await asyncio.open_connection("127.0.0.1", URL(alive[0].url).port)
                ways = (_pass_on(reader, there[1]), _pass_on(there[0], writer))
                await asyncio.wait([asyncio.create_task(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
                there[1].close()
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()


@dataclass
class Office:
    """Two gateways over one database; Anna looks at what the first one serves."""

    first: Program
    second: Program
    port: Port
    db: Database
    keyring: Keyring
    brand_id: UUID
    key: str

    async def use_the_key(self, gateway: Program) -> None:
        url = f"{gateway.url}/api/v1/whatsapp/external/me"
        async with aiohttp.ClientSession() as http, http.get(url, headers={"X-API-Key": self.key}) as answer:
            assert answer.status == 200


@pytest_asyncio.fixture(loop_scope="session")
async def office(dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    keyring, folders = Keyring.make(), (tmp_path / "first", tmp_path / "second")
    for folder in folders:
        folder.mkdir()
    db = await Database.open(dsn, writers=2, readers=1)
    async with db.transaction() as tx:
        brand = await access.create_brand(tx, "Bordercart")
        key, _ = await access.mint_key(
            tx, keyring, brand.id, name="Signup service", scopes=(Scope.SEND_OTP,), actor="anna"
        )
    async with (
        processes.running(dsn, folders[0], "serve", keyring=keyring.dumps()) as first,
        processes.running(dsn, folders[1], "serve", keyring=keyring.dumps()) as second,
    ):
        port = Port((first, second))
        async with port.open():
            yield Office(first, second, port, db, keyring, brand.id, key)
    await db.close()


async def sign_in(office: Office, context: BrowserContext) -> None:
    async with office.db.transaction() as tx:
        anna = await accounts.create(tx, email="anna@bordercart.example", name="Anna", password_hash="none fits")
        await members.add(tx, office.brand_id, anna, Role.OWNER, inbox=False, hand=Hand("test", Role.OWNER))
        token = await sessions.open_session(tx, office.keyring, anna.id, address=None, agent=None)
    name = f"quixess-{office.port.number}"
    await context.add_cookies([{"name": name, "value": token, "url": office.port.url, "httpOnly": True}])


@pytest.mark.crash
async def test_calls_at_two_processes_are_counted_and_one_that_is_killed_is_not_missed(
    office: Office, browser: Browser
) -> None:
    """Journeys 4 and 8."""
    lost = ["ERR_CONNECTION", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_SOCKET", "sse:error"]
    guard = Guard(office.port.url, allowed=lost)
    context = await browser.new_context(base_url=office.port.url, viewport=chromium.WIDE)
    await guard.watch(context)
    await sign_in(office, context)
    page = await context.new_page()
    await page.goto("/app/settings/api-keys")
    dot, row = page.locator("#live-dot"), page.get_by_role("row", name="Signup service")
    await expect(dot).to_have_text("Live")
    for gateway in (office.first, office.second) * 4:
        await office.use_the_key(gateway)
    await expect(row.locator(".num")).to_have_text("8", timeout=PATIENCE_MS)
    await expect(row.locator("time-ago")).to_have_text(re.compile("just now|sec"))

    office.port.shut = True
    await office.first.kill()
    await expect(dot).to_have_text("Reconnecting", timeout=PATIENCE_MS)
    await office.use_the_key(office.second)
    office.port.shut = False

    await expect(dot).to_have_text("Live", timeout=PATIENCE_MS)
    await expect(row.locator(".num")).to_have_text("9", timeout=PATIENCE_MS)
    with suppress(Exception):
        await context.close()
    guard.check()
