"""Other ends for the brand's connection: nobody at all, or a Meta that says what a test wants it to say."""

import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import web

from quixess import connections
from quixess.connections import Facts
from tests.world import World, serving


def facts(world: World, graph_url: str) -> Facts:
    """What an operator would paste for the simulated number, with another base URL."""
    known = world.meta.world
    return Facts(
        app_id=known["app_id"],
        app_secret=known["app_secret"],
        verify_token=known["verify_token"],
        waba_id=known["waba_id"],
        phone_number_id=known["phone_number_id"],
        display_phone=known["display_phone_number"],
        token=known["access_token"],
        graph_url=graph_url,
    )


async def reconnect(world: World, graph_url: str) -> None:
    """Point the brand's connection at another Graph API; its templates stay."""
    async with world.rooms.db.transaction() as tx:
        await connections.connect(tx, world.rooms.keyring, world.brand_id, facts(world, graph_url))


def nobody() -> str:
    """The base URL of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def meta_saying(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AbstractAsyncContextManager[str]:
    """A Graph API that answers every POST with `answer`; gives its base URL."""
    return serving(answer, "/{path:.*}")
