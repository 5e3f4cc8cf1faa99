"""A secret that does not open is one number's trouble: the tokens, templates and sends of all others go on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from quixess.cli.rooms import Roles
from quixess.messages.throughput import Throughput
from tests.messages import hooks
from tests.world import World, building, listening


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world whose worker rests, and in which the stranger's token does not open and is looked at first."""
    parts = Roles(gateway=True, worker=False)
    async with listening() as receiver, building(dsn, tmp_path, roles=parts) as one:
        rival = await hooks.found_rival(one, receiver)
        await one.rows(
            """UPDATE connection SET token = overlay(token PLACING '\\x0000'::bytea FROM 100),
                 token_due_at = now() - interval '1 day', pace_due_at = now() - interval '1 day',
                 templates_due_at = now() - interval '1 day'
               WHERE brand_id = $1""",
            rival.brand_id,
        )
        await one.rows(
            """UPDATE connection SET token_due_at = now(), pace_due_at = now(), templates_due_at = now(),
                 templates_synced_at = NULL WHERE brand_id = $1""",
            one.brand_id,
        )
        yield one


async def ours(world: World, column: str) -> Any:
    (row,) = await world.rows("SELECT * FROM connection WHERE brand_id = $1", world.brand_id)
    return row[column]


async def test_tokens_of_others_are_looked_after(world: World) -> None:
    await world.rooms.rotation.run_once()

    assert await ours(world, "token_checked_at") is not None


async def test_the_throughput_of_others_is_asked_for(world: World) -> None:
    await Throughput(world.rooms.db, world.rooms.keyring, world.rooms.lines).run_once()

    assert await ours(world, "messages_per_s") is not None


async def test_templates_of_others_are_polled(world: World) -> None:
    await world.rooms.sync.poll()

    assert await ours(world, "templates_synced_at") is not None


async def test_others_send(world: World) -> None:
    assert (await world.send_otp()).status == 200
