"""Gaps of a brand with two numbers: one that cannot be asked for does not hold up the other one's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from quixess import connections
from quixess.cli.rooms import Roles
from quixess.meta import history
from tests.api import connecting
from tests.messages import test_gaps as one_number
from tests.world import World, building, eventually


@pytest.fixture
async def alone(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world where no worker looks for gaps, and whose webhooks Meta sends to nobody."""
    async with building(dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as one:
        await one.meta.graph("DELETE", f"{one.meta.world['waba_id']}/subscribed_apps")
        yield one


async def leave_many(world: World) -> None:
    """Send more messages that nobody ever tells of than a turn asks for."""
    await world.meta.lever("faults", {"outcome": "no_status", "count": 25})
    for number in range(25):
        assert (await world.send_otp(f"+1281818{number:04}")).status == 200


async def send_by_a_second_number(world: World) -> str:
    """Connect another number of the brand and send by it what Meta knows as read; returns its wamid."""
    made = await world.meta.lever("numbers", {"verified_name": "Bordercart Returns"})
    facts = replace(
        connecting.facts(world, world.meta.base_url),
        phone_number_id=made["id"],
        display_phone=made["display_phone_number"],
    )
    async with world.rooms.db.transaction() as tx:
        second = await connections.connect(tx, world.rooms.keyring, world.brand_id, facts)
        (line,) = await connections.load(tx, world.rooms.keyring, [(world.brand_id, second)])
    await world.rooms.sync.run(line)
    await world.rows("UPDATE connection SET state = 'disconnected' WHERE id <> $1", second)
    sent = await world.send_otp()
    assert (sent.status, sent.json["from"]["phone_number_id"]) == (200, made["id"])
    graph = await world.rooms.lines.to(world.meta.base_url)

    async def known() -> bool:
        told = await history.read(graph, line.credentials, sent.json["wa_message_id"])
        return "read" in {moment.status for moment in told}

    await eventually(known)
    return str(sent.json["wa_message_id"])


async def next_turn(world: World) -> int:
    """Let time pass until the brand's next turn, half a minute at most."""
    await world.rows("UPDATE gap_turn SET next_at = next_at - interval '31 seconds'")
    await world.rows("UPDATE gap SET next_at = next_at - interval '31 seconds'")
    return await one_number.gaps(world).run_once()


async def state_of(world: World, wamid: str) -> str:
    (row,) = await world.rows("SELECT state FROM message WHERE wamid = $1", wamid)
    return str(row["state"])


async def test_what_a_parted_number_left_does_not_hold_up_the_other(alone: World) -> None:
    await leave_many(alone)
    sent = await send_by_a_second_number(alone)

    settled = [await next_turn(alone) for _ in range(2)]

    assert sum(settled) == 1
    assert await state_of(alone, sent) == "read"
    (row,) = await alone.rows("SELECT count(*) AS left, max(tries) AS tries FROM gap")
    assert (row["left"], row["tries"]) == (25, 0)


async def test_nor_does_a_number_of_which_meta_refuses_to_tell(alone: World) -> None:
    asked = 0

    async def refuse(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"error": {"code": 200, "message": "No"}}, status=403)

    await leave_many(alone)
    sent = await send_by_a_second_number(alone)
    async with one_number.history_saying(refuse) as url:
        await alone.rows(
            "UPDATE connection SET state = 'active', graph_url = $1 WHERE id = $2", url, alone.connection_id
        )
        settled = [await next_turn(alone) for _ in range(3)]

    assert (sum(settled), asked) == (1, 1)
    assert await state_of(alone, sent) == "read"
