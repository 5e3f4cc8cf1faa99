"""Order per conversation, for endpoints that ask for it: a failing head blocks its own conversation and no other."""

import json
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from tests.events import tenants
from tests.messages import hooks
from tests.world import World, eventually

ANN, BEN = "12810000001", "12810000002"


async def in_order(world: World) -> None:
    """Ask for order at the brand's endpoint."""
    await world.rows("UPDATE endpoint SET ordered = true WHERE brand_id = $1", world.brand_id)


async def write(world: World, sender: str, texts: Sequence[str]) -> None:
    """Let a customer write these texts, one webhook each, each worked off before the next."""
    for text in texts:
        change = hooks.change(world, messages=[hooks.text(text, sender=sender)])
        assert (await hooks.post(world, hooks.body(world, [change]))).status == 200

        async def told(wanted: str = text) -> bool:
            return bool(await world.rows("SELECT 1 FROM event WHERE data->'content'->>'body' = $1", wanted))

        await eventually(told)


def texts(world: World, sender: str) -> list[str]:
    """What the tenant heard of a customer, in the order of its coming."""
    return [one["data"]["content"]["body"] for one in world.receiver.events if one["data"]["from"]["phone"] == sender]


async def test_a_conversation_arrives_in_the_order_it_was_written(world: World) -> None:
    await in_order(world)
    wanted = [f"line {number}" for number in range(12)]
    await write(world, ANN, wanted)
    await hooks.rest(world)
    assert texts(world, ANN) == wanted


async def test_two_of_one_conversation_are_never_under_way_together(world: World) -> None:
    await in_order(world)
    gate = tenants.Gate()
    world.receiver.answers += [gate.hold] * 8
    await write(world, ANN, ["one", "two", "three"])
    await eventually(lambda: gate.held == 1)
    await write(world, BEN, ["eins", "zwei"])
    await eventually(lambda: gate.held == 2)
    gate.open.set()
    await hooks.rest(world)
    assert gate.most == 2
    assert (texts(world, ANN), texts(world, BEN)) == (["one", "two", "three"], ["eins", "zwei"])


async def test_a_failing_head_blocks_its_conversation_and_no_other(world: World) -> None:
    """Its second attempt is refused only when all of the other conversation has arrived."""
    await in_order(world)
    heard: list[str] = []
    refused = 0

    async def choosy(request: web.Request) -> web.Response:
        nonlocal refused
        said: dict[str, Any] = json.loads(await request.read())
        text = said["data"]["content"]["body"]
        if text == "ann 0" and refused < 2:
            refused += 1
            if refused == 2:
                await eventually(lambda: "ben 1" in heard)
            return web.Response(status=500)
        heard.append(text)
        return web.Response()

    async with tenants.answering(choosy) as url:
        await tenants.move(world, url)
        await write(world, ANN, ["ann 0", "ann 1", "ann 2"])
        await write(world, BEN, ["ben 0", "ben 1"])
        await hooks.rest(world)
    assert heard == ["ben 0", "ben 1", "ann 0", "ann 1", "ann 2"]


async def test_a_head_that_is_exhausted_lets_the_next_one_through(world: World) -> None:
    await in_order(world)
    world.receiver.answers += [500] * 8
    await write(world, ANN, ["given up", "goes on"])
    await hooks.rest(world)
    assert texts(world, ANN)[-1] == "goes on"
    assert sorted(await tenants.outcomes(world)) == [("delivered", 1), ("exhausted", 8)]


async def test_without_asking_there_is_no_order_to_wait_for(world: World) -> None:
    gate = tenants.Gate()
    world.receiver.answers += [gate.hold] * 3
    await write(world, ANN, ["one", "two", "three"])
    await eventually(lambda: gate.held == 3)
    gate.open.set()
    await hooks.rest(world)
    assert await world.rows("SELECT 1 FROM delivery WHERE order_key IS NOT NULL") == []
