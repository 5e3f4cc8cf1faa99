"""Outward safety in a whole process: from an event to a tenant's server, or not."""

import socket
from pathlib import Path

import pytest
from aiohttp import web

from tests.events import outward_traps as traps
from tests.events import tenants
from tests.world import World, building, eventually


def receivers_port(world: World) -> int:
    return int(world.receiver.url.rsplit(":", 1)[1].partition("/")[0])


async def test_while_the_egress_proxy_is_down_no_attempt_is_spent(dsn: str, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # nobody listens there yet
        proxy_url = f"http://joe:hunter2@127.0.0.1:{bound.getsockname()[1]}"
        async with building(dsn, tmp_path, egress_proxy_url=proxy_url, retry_ladder=(60.0,)) as world:
            await tenants.receive(world)
            await eventually(lambda: world.rows("SELECT 1 FROM delivery WHERE lease IS NULL AND next_at > now()"))
            assert await tenants.attempts(world) == []
            assert world.receiver.got == []

            relay = traps.Relay(receivers_port(world))
            async with traps.trap(relay, bound=bound):
                await eventually(lambda: world.receiver.of_type("message.received"))
                await eventually(lambda: tenants.outcomes(world))
            assert await tenants.outcomes(world) == [("delivered", 1)]
            assert relay.heads[0].startswith(f"POST http://127.0.0.1:{receivers_port(world)}/")


@pytest.mark.parametrize("shown", [False, True])
async def test_a_tenant_reads_what_a_private_server_says_only_where_the_operator_shows_it(
    dsn: str, tmp_path: Path, *, shown: bool
) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=500, text="a secret of the house")

    async with (
        building(dsn, tmp_path, retry_ladder=(60.0,), webhook_private_answers=shown) as world,
        tenants.answering(refuse) as url,
    ):
        await tenants.move(world, url)
        await tenants.receive(world)
        (attempt,) = await eventually(lambda: tenants.attempts(world))
    said = b"a secret of the house" if shown else b""
    assert (attempt["status"], attempt["fault"], attempt["excerpt"]) == (500, "http_status", said)
