"""Trouble behind the door: a database that is away or stuck, a clock that jumps. No send twice, no lie, no 500.

Numbers in comments are the lines of our list of attacks (tests/hostile/test_index.py). Databases that die or take no
writes are in tests/crash.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from quixess.cli.rooms import Roles
from tests.database import outage
from tests.hostile import asking
from tests.hostile.test_keys import OWN
from tests.messages import hooks
from tests.world import World, building, eventually


# 65
async def test_without_a_database_every_endpoint_says_503_and_when_to_come_back(dsn: str, tmp_path: Path) -> None:
    with outage.road(dsn) as road:
        async with building(road.dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as world:
            await road.cut()
            for one in asking.every(OWN):
                answer = await one.of(world)
                assert (answer.status, answer.json["code"]) == (503, "database_unavailable"), one.endpoint.id
                assert int(answer.headers["Retry-After"]) > 0, one.endpoint.id
            road.mend()
            assert await world.sends() == []
            assert (await world.send_otp()).status == 200


# 65
async def test_a_table_that_is_locked_delays_a_send_or_refuses_it_and_never_doubles_it(world: World) -> None:
    """Slow storage, a long migration: the claim waits for a while, then the send is refused before Meta is asked."""
    stuck = await asyncpg.connect(world.dsn)
    async with stuck.transaction():
        await stuck.execute("LOCK TABLE message IN ACCESS EXCLUSIVE MODE")
        refused = await asyncio.gather(*(world.send_otp(idempotency_key=f"stuck-{n}") for n in range(2)))
        assert {(answer.status, answer.json["code"]) for answer in refused} <= {
            (503, "database_unavailable"),
            (503, "overloaded"),
        }
        assert await world.sends() == []
    await stuck.close()
    for n in range(2):
        assert (await world.send_otp(idempotency_key=f"stuck-{n}")).status == 200
        assert (await world.send_otp(idempotency_key=f"stuck-{n}")).headers["Idempotent-Replayed"] == "true"
    assert len(await world.sends()) == 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the clock of this process, as NTP does with one that was wrong; the database keeps its own."""
    real = time.time

    def jump(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + seconds)

    return jump


# 66
@pytest.mark.parametrize("jump_s", [3600, -3600, 2 * 86_400])
async def test_a_clock_that_jumps_sends_nothing_twice_and_forgets_nothing(
    world: World, clock: Callable[[float], None], jump_s: float
) -> None:
    first = await world.send_otp(idempotency_key="before the jump".replace(" ", "-"))
    clock(jump_s)
    again = await world.send_otp(idempotency_key="before the jump".replace(" ", "-"))
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await world.send_otp(idempotency_key="after-the-jump")).status == 200
    await world.customer_says("Still there?")
    await eventually(lambda: world.receiver.of_type("message.received"))
    await hooks.rest(world)
    assert len(await world.sends()) == 2
    events = [event["id"] for event in world.receiver.events]
    assert len(events) == len(set(events))
