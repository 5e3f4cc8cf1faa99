"""Tenants' servers with manners of their own, and what the database says of their deliveries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

from quixess import access
from quixess.database.core import Database
from quixess.events import directory, listing, replays
from quixess.events.forgotten import Forgotten
from quixess.events.listing import Filter
from quixess.events.replays import Verdict
from quixess.vault import Keyring
from tests.messages import hooks
from tests.world import Receiver, World, eventually, serving


@dataclass
class Gate:
    """Holds every delivery until it is opened; use `hold` as a Receiver's answer."""

    status: int = 200
    held: int = 0
    most: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self) -> int:
        self.held += 1
        self.most = max(self.most, self.held)
        await self.open.wait()
        self.held -= 1
        return self.status


@asynccontextmanager
async def answering(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A tenant's server that answers as it likes; gives its URL."""
    async with serving(answer, "/hook") as url:
        yield f"{url}/hook"


async def move(world: World, url: str) -> None:
    """Send the brand's events to another URL."""
    async with world.rooms.db.transaction() as tx:
        await directory.set_url(tx, world.rooms.keyring, world.brand_id, url)


async def receive(world: World, count: int = 1) -> None:
    """Let so many users write, in one body, and do not wait for what comes of it."""
    messages = [hooks.text(f"message {number}", sender=str(12810000000 + number)) for number in range(count)]
    assert (await hooks.post(world, hooks.body(world, [hooks.change(world, messages=messages)]))).status == 200


async def still(world: World) -> None:
    """Wait until no attempt is under way, and another claim has found nothing to start."""
    deliveries = world.rooms.deliveries
    assert deliveries is not None
    for _ in range(2):
        await eventually(lambda: deliveries.in_flight == 0)
        await asyncio.sleep(0.3)  # longer than a claim loop rests


async def attempts(world: World) -> list[Any]:
    """The attempts log, oldest first."""
    return await world.rows("SELECT * FROM attempt ORDER BY id")


async def outcomes(world: World) -> list[tuple[str, int]]:
    rows = await world.rows("SELECT state, attempts FROM outcome ORDER BY delivery_id")
    return [(row["state"], row["attempts"]) for row in rows]


async def listed(world: World) -> list[tuple[str, int]]:
    """What an operator sees: the state of each event and its attempts, newest first."""
    async with world.rooms.db.transaction() as tx:
        found = await listing.list_events(tx, world.brand_id, Filter())
    return [(one.state, one.attempts) for one in found]


async def find_forgotten(world: World) -> None:
    """Look once around all endpoints for work that nobody looks at, as every worker does."""
    assert world.rooms.deliveries is not None
    await Forgotten(world.rooms.db, world.rooms.deliveries.wake).look()


async def replay(world: World, event_id: UUID, brand_id: UUID | None = None) -> list[UUID] | None:
    """Deliver one event again; gives the ids of the new deliveries, None when there is no such event."""
    async with world.rooms.db.transaction() as tx:
        verdict, made = await replays.replay_event(tx, world.rooms.keyring, brand_id or world.brand_id, event_id)
    return None if verdict is Verdict.UNKNOWN else made


async def found_brand(db: Database, keyring: Keyring, receiver: Receiver, name: str = "Bordercart") -> UUID:
    """Make a brand whose events go to `receiver`; returns the brand's id."""
    async with db.transaction() as tx:
        brand = await access.create_brand(tx, name)
        await directory.set_url(tx, keyring, brand.id, receiver.url)
    return brand.id
