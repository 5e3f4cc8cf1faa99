"""A brand without a worker: what is queued for it stays to be counted, and the test ends it as it likes."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from quixess.database.core import Database
from quixess.events import replays
from quixess.events.replaying import Replays
from quixess.events.replays import State
from quixess.vault import Keyring
from tests.events import past, tenants
from tests.world import Receiver


@dataclass
class Shop:
    """A brand over a bare database."""

    db: Database
    keyring: Keyring
    brand_id: UUID
    endpoint_id: UUID

    async def queued(self) -> list[UUID]:
        """The events that wait, by id."""
        return [row["event_id"] for row in await self.rows("SELECT event_id FROM delivery ORDER BY event_id")]

    async def rows(self, sql: str, *arguments: Any) -> list[Any]:
        async with self.db.statement() as tx:
            return await tx.rows(sql, *arguments)

    async def deliver(self, state: str = "delivered") -> int:
        """End all that waits; gives how many."""
        rows = await self.rows(
            """WITH gone AS (DELETE FROM delivery RETURNING *)
               INSERT INTO outcome (brand_id, delivery_id, event_id, endpoint_id, state, attempts, replay_id)
               SELECT brand_id, id, event_id, endpoint_id, $1, 1, replay_id FROM gone RETURNING event_id""",
            state,
        )
        return len(rows)

    async def work_off(self, replay_id: UUID, workers: int = 1) -> None:
        """Let so many workers take the job's steps at once, and a tenant who takes everything, until it is done."""
        crew = [Replays(self.db, self.keyring) for _ in range(workers)]
        while (await self.look(replay_id)).replay.state is State.RUNNING:
            await asyncio.gather(*(one.run_once() for one in crew))
            await self.deliver()
            await self.rows("UPDATE replay SET next_at = now()")

    async def look(self, replay_id: UUID) -> replays.Progress:
        found = await past.look(self.db, self.brand_id, replay_id)
        assert found is not None
        return found


async def found_shop(db: Database, keyring: Keyring, name: str) -> Shop:
    brand_id = await tenants.found_brand(db, keyring, Receiver(url="http://127.0.0.1:1/hook"), name)
    async with db.statement() as tx:
        (row,) = await tx.rows("SELECT id FROM endpoint WHERE brand_id = $1", brand_id)
    return Shop(db, keyring, brand_id, row["id"])
