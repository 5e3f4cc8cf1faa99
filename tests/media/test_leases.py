"""A file is held while its bytes come, however slowly, and let go of when its process stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quixess.cli.rooms import Roles
from quixess.connections import Lines
from quixess.media.fetching import Fetching
from quixess.media.store import Disk
from tests.media import files
from tests.world import World, building, eventually


@dataclass
class SlowMeta:
    """A Meta that begins to send a file and waits in the middle until it is told to go on."""

    url: str = ""
    downloads: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def tell(self, request: web.Request) -> web.Response:
        return web.json_response({"url": f"{self.url}/bytes", "mime_type": "image/jpeg"})

    async def send(self, request: web.Request) -> web.StreamResponse:
        self.downloads += 1
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(files.JPEG[:100])
        await self.go_on.wait()
        await answer.write(files.JPEG[100:])
        return answer


@asynccontextmanager
async def slow_meta() -> AsyncIterator[SlowMeta]:
    slow = SlowMeta()
    app = web.Application()
    app.add_routes([web.get("/v25.0/{id}", slow.tell), web.get("/bytes", slow.send)])
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slow.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield slow
    finally:
        slow.go_on.set()
        await runner.cleanup()


@pytest.fixture
async def slow() -> AsyncIterator[SlowMeta]:
    async with slow_meta() as one:
        yield one


async def todo(world: World) -> Any:
    (row,) = await world.rows("SELECT *, next_at > now() AS held FROM media_todo")
    return row


async def test_a_slow_download_keeps_its_lease_and_is_done_once(dsn: str, tmp_path: Path, slow: SlowMeta) -> None:
    async with building(dsn, tmp_path, delivery_lease=0.6) as world:
        await world.rows("UPDATE connection SET graph_url = $1", slow.url)
        photo = await files.expect(world, "123")
        await eventually(lambda: slow.downloads)
        begun = await todo(world)

        async def renewed_thrice() -> bool:
            return bool(((await todo(world))["next_at"] - begun["next_at"]).total_seconds() > 0.6)

        await eventually(renewed_thrice)
        slow.go_on.set()
        assert (await files.ended(world, photo))["state"] == "stored"
        assert slow.downloads == 1


async def test_a_process_that_stops_gives_back_what_it_was_fetching(dsn: str, tmp_path: Path, slow: SlowMeta) -> None:
    async with building(dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as world:
        await world.rows("UPDATE connection SET graph_url = $1", slow.url)
        lines = Lines(version="v25.0", timeout_s=5)
        one, two = (
            Fetching(
                world.rooms.db, world.rooms.keyring, lines, Disk(files.folder(world)),
                lease_s=60, ladder=(1,), keep_days=90,
            )
            for _ in range(2)
        )  # fmt: skip
        first = asyncio.create_task(one.run())
        photo = await files.expect(world, "123")
        await eventually(lambda: slow.downloads)
        assert ((await todo(world))["tries"], (await todo(world))["held"]) == (1, True)
        await _end(first, one)
        assert ((await todo(world))["tries"], (await todo(world))["lease"], (await todo(world))["held"]) == (
            0, None, False,
        )  # fmt: skip
        assert files.drafts(world) == []

        slow.go_on.set()
        second = asyncio.create_task(two.run())
        assert (await files.ended(world, photo))["state"] == "stored"
        await _end(second, two)
        await lines.close()


async def _end(loop: asyncio.Task[None], fetching: Fetching) -> None:
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await fetching.stop()
