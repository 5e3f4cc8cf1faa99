"""What happens to a number is told to the pages that show it: once when it comes alive, not for every webhook."""

from uuid import UUID

import pytest

from quixess import connections
from quixess.connections import Number
from quixess.database import ids
from quixess.feed import Kind
from tests.world import World

Heard = dict[UUID, Number]


@pytest.fixture
async def numbers(world: World) -> Heard:
    async with world.rooms.db.transaction() as tx:
        found = await connections.find_numbers(tx, [world.meta.world["phone_number_id"]])
    return {one.connection_id: one for one in found.values()}


async def hear(world: World, numbers: Heard) -> list[str]:
    """Note a webhook of the number; returns what is told of it."""
    async with world.rooms.db.transaction() as tx:
        await connections.note_webhooks(tx, numbers)
        return [kind for _, kind, about, _ in tx.news if about == world.connection_id]


async def last(world: World, before: str) -> None:
    await world.rows(
        f"UPDATE connection SET webhook_seen_at = now() - interval '{before}' WHERE id = $1 RETURNING id",
        world.connection_id,
    )


async def test_the_first_webhook_and_the_first_after_a_long_silence_are_told(world: World, numbers: Heard) -> None:
    await world.rows("UPDATE connection SET webhook_seen_at = NULL RETURNING id")
    assert await hear(world, numbers) == [Kind.CONNECTION]
    assert await hear(world, numbers) == []
    await last(world, "30 seconds")
    assert await hear(world, numbers) == []
    await last(world, "2 hours")
    assert await hear(world, numbers) == [Kind.CONNECTION]


async def test_metas_handshake_is_told_to_the_brands_of_its_app(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        await connections.note_handshake(tx, world.meta.world["app_id"])
        assert tx.news == [(world.brand_id, Kind.CONNECTION, world.connection_id, None)]
        await connections.note_handshake(tx, "4242424242424242")
        assert len(tx.news) == 1


async def test_a_number_that_does_not_exist_is_told_of_to_nobody(world: World, numbers: Heard) -> None:
    (known,) = numbers.values()
    stranger = Number(known.phone_number_id, known.app_id, known.waba_id, world.brand_id, ids.new(), known.display)
    async with world.rooms.db.transaction() as tx:
        await connections.note_webhooks(tx, {stranger.connection_id: stranger})
        assert tx.news == []
