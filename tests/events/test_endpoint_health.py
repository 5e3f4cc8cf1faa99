"""Endpoints that fail: parked and probed, back with everything that waited, or switched off by a 410."""

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from quixess.database import ids
from quixess.events import endpoints, health
from tests.events import tenants
from tests.messages import hooks
from tests.world import Receiver, World, building, eventually, listening

SLOW = (0.05, 600.0)
QUICK_PROBES = (0.05, 0.05, 0.05)


async def state(world: World) -> str:
    (row,) = await world.rows("SELECT state FROM endpoint WHERE brand_id = $1 ORDER BY id LIMIT 1", world.brand_id)
    return str(row["state"])


def is_in(world: World, wanted: str) -> Any:
    async def asked() -> bool:
        return await state(world) == wanted

    return asked


async def waiting(world: World) -> list[Any]:
    return await world.rows("SELECT * FROM delivery ORDER BY id")


async def add_listener(world: World, receiver: Receiver, *types: str) -> None:
    """Give the brand a second endpoint that hears only of these types."""
    async with world.rooms.db.transaction() as tx:
        (first,) = (await endpoints.of_brands(tx, world.rooms.keyring, [world.brand_id]))[world.brand_id]
        endpoint_id = ids.new()
        sealed = world.rooms.keyring.seal(
            first.secrets[0].encode(), endpoints._place("secret", world.brand_id, endpoint_id)
        )
        await tx.execute(
            "INSERT INTO endpoint (brand_id, id, url, secret, event_types) VALUES ($1, $2, $3, $4, $5)",
            world.brand_id, endpoint_id, receiver.url, sealed, list(types),
        )  # fmt: skip


async def test_one_event_that_is_refused_goes_up_the_whole_ladder_and_parks_nothing(world: World) -> None:
    world.receiver.answers += [500] * 8
    await tenants.receive(world)
    await hooks.rest(world)

    assert await tenants.outcomes(world) == [("exhausted", 8)]
    assert await state(world) == "healthy"


async def test_an_endpoint_that_fails_ten_times_in_a_row_is_parked_and_the_rest_spends_no_attempts(
    dsn: str, tmp_path: Path
) -> None:
    async with building(dsn, tmp_path, retry_ladder=(600.0, 600.0)) as world:
        world.receiver.answers += [500] * 1000
        await tenants.receive(world, 60)
        await eventually(is_in(world, "failing"))
        await tenants.still(world)

        rows = await waiting(world)
        assert len(rows) == 60
        assert {row["lease"] for row in rows} == {None}
        assert len([row for row in rows if row["attempt"]]) == len(world.receiver.got) < 60
        (endpoint,) = await world.rows("SELECT state_reason, held_until > now() AS held FROM endpoint")
        assert (endpoint["state_reason"], endpoint["held"]) == ("HTTP 500", True)


async def test_new_events_of_a_failing_endpoint_wait_without_a_single_attempt(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, retry_ladder=(600.0,)) as world:
        world.receiver.answers += [500] * 1000
        await tenants.receive(world, 20)
        await eventually(is_in(world, "failing"))
        await tenants.still(world)
        before = len(world.receiver.got)

        await tenants.receive(world, 5)
        await eventually(lambda: _count(world, 25))
        await tenants.still(world)
        assert len(world.receiver.got) == before
        assert [row["attempt"] for row in (await waiting(world))[-5:]] == [0] * 5


async def _count(world: World, wanted: int) -> bool:
    return len(await waiting(world)) == wanted


async def test_a_probe_that_is_answered_brings_it_back_and_fast_forwards_what_waited_for_later(
    dsn: str, tmp_path: Path
) -> None:
    async with building(dsn, tmp_path, retry_ladder=SLOW) as world:
        up = asyncio.Event()

        async def answer() -> int:
            return 200 if up.is_set() else 503

        world.receiver.answers += [answer] * 1000
        await tenants.receive(world, 40)
        await eventually(is_in(world, "failing"))
        assert await tenants.outcomes(world) == []

        up.set()
        await eventually(is_in(world, "healthy"))
        await hooks.rest(world)
        ended = await tenants.outcomes(world)
        assert len(ended) == 40
        assert {outcome for outcome, _ in ended} == {"delivered"}
        assert len({event["id"] for event in world.receiver.events}) == 40


async def test_probes_are_logged_and_take_no_step_of_the_ladder(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, retry_ladder=QUICK_PROBES) as world:
        world.receiver.answers += [500] * 2000
        await tenants.receive(world, 30)
        await eventually(is_in(world, "failing"))

        async def twelve_probes() -> bool:
            return len(await world.rows("SELECT id FROM attempt WHERE probe")) >= 12

        await eventually(twelve_probes)
        rows = await waiting(world)
        ended = await tenants.outcomes(world)
        assert len(rows) + len(ended) == 30
        assert {outcome for outcome, _ in ended} <= {"exhausted"}
        assert max(row["attempt"] for row in rows) <= len(QUICK_PROBES) + 1
        world.receiver.answers.clear()
        await hooks.rest(world)
        assert len(await tenants.outcomes(world)) == 30


async def test_only_one_probe_at_a_time_is_under_way(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, retry_ladder=QUICK_PROBES) as world:
        gate = tenants.Gate(status=500)
        world.receiver.answers += [500] * 1000
        await tenants.receive(world, 30)

        async def nothing_but_probes() -> bool:
            return len(await world.rows("SELECT id FROM attempt WHERE probe")) >= 3

        await eventually(nothing_but_probes)
        world.receiver.answers[:] = [gate.hold] * 30
        await eventually(lambda: gate.held)
        await asyncio.sleep(1)  # many claims and many probes' waits
        assert gate.most == 1
        gate.open.set()
        world.receiver.answers.clear()
        await hooks.rest(world)


async def test_410_disables_and_keeps_everything_until_somebody_enables_it(world: World) -> None:
    world.receiver.answers.append(410)
    await tenants.receive(world, 1)
    await eventually(is_in(world, "disabled"))
    await tenants.receive(world, 6)
    await eventually(lambda: _count(world, 7))
    await tenants.still(world)
    assert len(world.receiver.got) == 1
    assert await tenants.listed(world) == [("pending", 0)] * 7

    async with world.rooms.db.transaction() as tx:
        await tx.execute("UPDATE endpoint SET state = 'healthy', state_since = now()")
        (row,) = await tx.rows("SELECT id FROM endpoint")
        await health.resume(tx, world.brand_id, row["id"])
    await hooks.rest(world)
    assert await tenants.outcomes(world) == [("delivered", 1)] * 7


async def test_retry_after_holds_the_whole_endpoint(world: World) -> None:
    async def later(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "600"})

    async with tenants.answering(later) as url:
        await tenants.move(world, url)
        await tenants.receive(world, 1)

        async def held() -> bool:
            return bool(await world.rows("SELECT id FROM endpoint WHERE held_until > now() + interval '9 minutes'"))

        await eventually(held)
        await tenants.receive(world, 3)
        await eventually(lambda: _count(world, 4))
        await tenants.still(world)
    assert len(await tenants.attempts(world)) == 1
    assert await state(world) == "healthy"


async def test_retry_after_of_a_500_is_no_wish_we_follow(world: World) -> None:
    asked = []

    async def broken(_: web.Request) -> web.Response:
        asked.append(1)
        return web.Response(status=500 if len(asked) == 1 else 200, headers={"Retry-After": "600"})

    async with tenants.answering(broken) as url:
        await tenants.move(world, url)
        await tenants.receive(world, 1)
        await hooks.rest(world)
    assert await tenants.outcomes(world) == [("delivered", 2)]


async def test_the_others_of_a_brand_hear_that_an_endpoint_fails_recovers_and_gives_up(
    dsn: str, tmp_path: Path
) -> None:
    wanted = ("endpoint.failing", "endpoint.recovered", "delivery.exhausted")
    async with building(dsn, tmp_path, retry_ladder=QUICK_PROBES) as world, listening() as watcher:
        await add_listener(world, watcher, *wanted)
        world.receiver.answers += [500] * 4
        await tenants.receive(world, 1)
        await eventually(lambda: watcher.of_type("delivery.exhausted"))
        world.receiver.answers += [500] * 5000
        await tenants.receive(world, 40)
        await eventually(lambda: watcher.of_type("endpoint.failing"))
        world.receiver.answers.clear()
        await eventually(lambda: watcher.of_type("endpoint.recovered"))
        await hooks.rest(world)

        (row,) = await world.rows("SELECT id FROM endpoint ORDER BY id LIMIT 1")
        shown = ids.show("end", row["id"])
        (failing,), (recovered,) = watcher.of_type("endpoint.failing"), watcher.of_type("endpoint.recovered")
        assert failing["data"] == {
            "endpoint_id": shown, "name": "", "url": world.receiver.url, "reason": "HTTP 500",
        }  # fmt: skip
        assert recovered["data"]["endpoint_id"] == shown
        exhausted = watcher.of_type("delivery.exhausted")[0]["data"]
        assert (exhausted["attempts"], exhausted["last_status"]) == (4, 500)
        assert exhausted["event_type"] == "message.received"
        assert not set(wanted) & {event["type"] for event in world.receiver.events}


async def test_an_endpoint_that_nobody_looks_at_is_found_again(world: World) -> None:
    gate = tenants.Gate()
    world.receiver.answers += [gate.hold] * 4
    await tenants.receive(world, 6)
    await eventually(lambda: gate.held == 4)
    await world.rows("DELETE FROM endpoint_due")
    await tenants.find_forgotten(world)
    (row,) = await world.rows("SELECT next_at <= now() AS due FROM endpoint_due")
    assert row["due"]
    gate.open.set()
    await hooks.rest(world)
    assert len(world.receiver.got) == 6
