"""An event's way to the tenant: up the ladder, to one visible end."""

import hashlib
import hmac
from pathlib import Path

from aiohttp import web

from quixess.database import ids
from tests.events import tenants
from tests.messages import hooks
from tests.world import World, building, eventually, listening


async def test_eight_refusals_end_as_exhausted_and_each_is_in_the_log(world: World) -> None:
    world.receiver.answers += [500] * 8
    await tenants.receive(world)
    await hooks.rest(world)

    log = await tenants.attempts(world)
    assert await tenants.outcomes(world) == [("exhausted", 8)]
    assert await tenants.listed(world) == [("exhausted", 8)]
    assert [row["number"] for row in log] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert {(row["status"], row["fault"]) for row in log} == {(500, "http_status")}
    assert all(row["duration_ms"] >= 0 for row in log)
    assert len({row["delivery_id"] for row in log}) == 1
    assert len(world.receiver.got) == 8


async def test_every_attempt_has_the_same_id_a_new_time_and_its_own_signature(world: World) -> None:
    world.receiver.answers += [500] * 4
    await tenants.receive(world)
    await hooks.rest(world)

    events = world.receiver.events
    assert len(events) == 5
    assert len({event["id"] for event in events}) == 1
    assert len({event["occurred_at"] for event in events}) == 1
    assert len({event["delivered_at"] for event in events}) == 5
    for headers, body in world.receiver.got:
        mark = hmac.new(world.endpoint_secret.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-Quixess-Signature-256"] == f"sha256={mark}"
        assert headers["X-Quixess-Event-Id"] == headers["webhook-id"] == events[0]["id"]


async def test_success_on_the_last_attempt_is_a_success(world: World) -> None:
    world.receiver.answers += [503] * 7
    await tenants.receive(world)
    await hooks.rest(world)

    assert await tenants.outcomes(world) == [("delivered", 8)]
    assert [row["status"] for row in await tenants.attempts(world)] == [503] * 7 + [200]


async def test_any_2xx_ends_it_and_nothing_else_does(world: World) -> None:
    world.receiver.answers += [201, 204, 299]
    await tenants.receive(world, 3)
    await hooks.rest(world)
    assert await tenants.outcomes(world) == [("delivered", 1)] * 3

    world.receiver.answers += [301, 307, 400, 404, 429, 304]
    await tenants.receive(world)
    await hooks.rest(world)
    faults = [(row["status"], row["fault"]) for row in (await tenants.attempts(world))[3:]]
    assert faults == [
        (301, "redirect"),
        (307, "redirect"),
        (400, "http_status"),
        (404, "http_status"),
        (429, "http_status"),
        (304, "redirect"),
        (200, None),
    ]
    assert (await tenants.outcomes(world))[3:] == [("delivered", 7)]


async def test_a_tenant_that_is_away_or_too_slow_is_tried_again(dsn: str, tmp_path: Path) -> None:
    gate = tenants.Gate()
    async with building(dsn, tmp_path, delivery_timeout=0.2) as world:
        await tenants.move(world, "http://127.0.0.1:1/hook")
        await tenants.receive(world)
        await eventually(lambda: tenants.attempts(world))
        world.receiver.answers.append(gate.hold)
        await tenants.move(world, world.receiver.url)
        await hooks.rest(world)
        gate.open.set()

        faults = [row["fault"] for row in await tenants.attempts(world)]
    assert set(faults[:-2]) == {"connect_error"}
    assert faults[-2:] == ["timeout", None]


async def test_the_waits_are_those_of_the_ladder_give_or_take_a_fifth(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, retry_ladder=(1000.0,)) as world:
        world.receiver.answers += [500] * 9  # one more in a row, and the endpoint would be parked
        await tenants.receive(world, 9)

        async def waits() -> list[float]:
            rows = await world.rows(
                """SELECT extract(epoch FROM d.next_at - a.started_at)::float8 AS wait
                   FROM delivery d JOIN attempt a ON a.delivery_id = d.id WHERE d.lease IS NULL AND d.attempt = 1"""
            )
            return [row["wait"] for row in rows] if len(rows) == 9 else []

        found = await eventually(waits)
        (due,) = await world.rows("SELECT next_at FROM endpoint_due")
        (first,) = await world.rows("SELECT min(next_at) AS next_at FROM delivery")
    assert min(found) >= 800
    assert max(found) < 1200 + 60
    assert max(found) - min(found) > 20
    assert due["next_at"] <= first["next_at"]


async def test_retry_after_lengthens_a_wait_and_never_shortens_it(dsn: str, tmp_path: Path) -> None:
    wishes = ["3000", "999999999", "1", "soon", "-5"]

    async def answer(request: web.Request) -> web.Response:
        number = int((await request.json())["data"]["content"]["body"].removeprefix("message "))
        return web.Response(status=503, headers={"Retry-After": wishes[number]})

    async with building(dsn, tmp_path, retry_ladder=(1000.0,)) as world, tenants.answering(answer) as url:
        await tenants.move(world, url)
        await tenants.receive(world, len(wishes))

        async def waits() -> list[float]:
            rows = await world.rows(
                """SELECT extract(epoch FROM d.next_at - a.started_at)::float8 AS wait
                   FROM delivery d JOIN attempt a ON a.delivery_id = d.id JOIN event e ON e.id = d.event_id
                   WHERE d.lease IS NULL ORDER BY e.data #>> '{content,body}'"""
            )
            return [row["wait"] for row in rows] if len(rows) == len(wishes) else []

        found = await eventually(waits)
    assert 3000 <= found[0] < 3060
    assert 3600 <= found[1] < 3660
    assert all(800 <= wait < 1260 for wait in found[2:])


async def test_a_new_url_counts_from_the_next_attempt_on_with_the_old_secret(world: World) -> None:
    world.receiver.answers += [500] * 100
    async with listening() as elsewhere:
        await tenants.receive(world)
        await eventually(lambda: world.receiver.got)
        await tenants.move(world, elsewhere.url)
        await hooks.rest(world)

        assert [event["id"] for event in elsewhere.events] == [world.receiver.events[0]["id"]]
        headers, body = elsewhere.got[0]
        mark = hmac.new(world.endpoint_secret.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-Quixess-Signature-256"] == f"sha256={mark}"


async def test_without_an_endpoint_events_are_kept_and_a_replay_delivers_them_later(world: World) -> None:
    await world.rows("UPDATE endpoint SET url = NULL")
    await tenants.receive(world)
    await eventually(lambda: tenants.listed(world))
    assert await tenants.listed(world) == [("no_endpoint", 0)]
    assert await world.rows("SELECT id FROM delivery") == []

    await tenants.move(world, world.receiver.url)
    (event,) = await world.rows("SELECT id FROM event")
    assert len(await tenants.replay(world, event["id"]) or []) == 1
    await hooks.rest(world)
    assert [told["id"] for told in world.receiver.events] == [ids.show("evt", event["id"])]
    assert await tenants.listed(world) == [("delivered", 1)]


async def test_a_replay_is_the_same_event_delivered_anew(world: World) -> None:
    await tenants.receive(world)
    await hooks.rest(world)
    (event,) = await world.rows("SELECT id FROM event")

    assert len(await tenants.replay(world, event["id"]) or []) == 1
    await hooks.rest(world)
    first, again = world.receiver.events
    assert first["delivered_at"] < again["delivered_at"]
    assert first | {"delivered_at": None} == again | {"delivered_at": None}
    assert await tenants.outcomes(world) == [("delivered", 1), ("delivered", 1)]


async def test_a_replay_of_what_is_exhausted_starts_the_ladder_anew(world: World) -> None:
    world.receiver.answers += [500] * 10
    await tenants.receive(world)
    await hooks.rest(world)
    (event,) = await world.rows("SELECT id FROM event")

    await tenants.replay(world, event["id"])
    await hooks.rest(world)
    assert await tenants.outcomes(world) == [("exhausted", 8), ("delivered", 3)]
    assert await tenants.listed(world) == [("delivered", 3)]


async def test_ten_replays_of_a_waiting_event_are_one(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, retry_ladder=(1000.0,)) as world:
        world.receiver.answers.append(500)
        await tenants.receive(world)
        await eventually(lambda: tenants.attempts(world))
        (event,) = await world.rows("SELECT id FROM event")

        assert [await tenants.replay(world, event["id"]) for _ in range(10)] == [[]] * 10
        assert len(await world.rows("SELECT id FROM delivery")) == 1


async def test_nobody_replays_an_event_of_another_brand(world: World) -> None:
    await tenants.receive(world)
    await hooks.rest(world)
    (event,) = await world.rows("SELECT id FROM event")
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)

        assert await tenants.replay(world, event["id"], rival.brand_id) is None
        assert await tenants.replay(world, ids.new()) is None
        await hooks.rest(world)
        assert receiver.events == []
    assert len(world.receiver.events) == 1


async def test_an_endpoint_gets_only_the_types_it_wants(world: World) -> None:
    await world.rows("UPDATE endpoint SET event_types = '{message.read}'")
    await world.send_otp()
    await eventually(lambda: world.receiver.events)
    await hooks.rest(world)

    assert [event["type"] for event in world.receiver.events] == ["message.read"]
    assert sorted(await tenants.listed(world)) == [("delivered", 1), ("no_endpoint", 0)]
