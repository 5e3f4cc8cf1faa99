"""Pacing: what Meta asks to wait for is waited for without asking it again, by every process and for nobody else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quixess import connections
from quixess.cli.rooms import Roles
from quixess.connections import Connection
from quixess.database.core import Database
from quixess.messages import pacing
from quixess.messages.pacing import Pacing
from quixess.messages.throughput import Throughput
from quixess.meta.graph import GraphError, NotSent
from tests.api import connecting
from tests.messages import pauses
from tests.world import Answer, World, building

ANOTHER = "+12818184371"


async def throttle(world: World, code: int, **more: Any) -> Answer:
    await world.meta.lever("faults", {"outcome": str(code)})
    return await world.send_otp(**more)


def waits(answer: Answer) -> int:
    assert (answer.status, answer.json["code"]) == (429, "whatsapp_rate_limited")
    return int(answer.headers["Retry-After"])


async def asked(world: World) -> int:
    """How many sends Meta has taken."""
    return len(await world.sends())


async def line_of(world: World) -> Connection:
    async with world.rooms.db.statement() as tx:
        return (await connections.active(tx, world.rooms.keyring, [world.brand_id]))[world.brand_id]


@pytest.fixture
async def alone(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world without a worker: nobody else asks Meta for anything."""
    async with building(dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as one:
        yield one


@asynccontextmanager
async def number_like(facts: dict[str, Any]) -> AsyncIterator[str]:
    """A Graph API that knows one number by these fields, and refuses to show others."""

    async def show(request: web.Request) -> web.Response:
        (field,) = request.query["fields"].split(",")
        if field not in facts:
            return web.json_response({"error": {"code": 100, "message": "nonexisting field"}}, status=400)
        return web.json_response({"id": "1", field: facts[field]})

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", show)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def ask(world: World, url: str) -> None:
    """Ask the Graph API at `url` for the number's throughput."""
    await connecting.reconnect(world, url)
    await world.rows("UPDATE connection SET pace_due_at = now()")
    await Throughput(world.rooms.db, world.rooms.keyring, world.rooms.lines).run_once()


async def per_second_of(world: World) -> int | None:
    (row,) = await world.rows("SELECT messages_per_s FROM connection")
    found: int | None = row["messages_per_s"]
    return found


async def test_a_pair_that_is_too_fast_waits_longer_each_time_and_nobody_else_waits(world: World) -> None:
    pauses_of_one = []
    for _ in range(5):
        pauses_of_one.append(waits(await throttle(world, 131056)))
        assert waits(await world.send_otp()) >= 1
        assert (await world.send_otp(to=ANOTHER)).status == 200
        await pauses.end(world)

    assert pauses_of_one == [6, 6, 16, 64, 256]  # 4^n, and never under the 6 s of Meta's rate
    assert await asked(world) == 5


async def test_a_success_makes_the_next_pause_short_again(world: World) -> None:
    for _ in range(4):
        await throttle(world, 131056)
        await pauses.end(world)
    assert (await world.send_otp()).status == 200

    assert waits(await throttle(world, 131056)) == 6


async def test_a_paused_send_asks_nothing_of_meta_costs_nothing_and_leaves_its_key_free(world: World) -> None:
    key = await world.mint("whatsapp:send_otp", constraints={"messages_per_day": 2})
    assert waits(await throttle(world, 130429, key=key)) == 1
    await world.rows("UPDATE pause SET until = now() + interval '1 hour'")

    for _ in range(3):
        refused = await world.send_otp(key=key, idempotency_key="k")
        assert 3500 < waits(refused) <= ceil(3600 * 1.2)
        assert "Nothing was sent" in refused.json["detail"]
    messages = await world.rows("SELECT state FROM message")
    assert [row["state"] for row in messages] == ["not_sent"]

    await pauses.end(world)
    assert (await world.send_otp(key=key, idempotency_key="k")).status == 200
    assert (await world.send_otp(key=key)).status == 200
    assert (await world.send_otp(key=key)).json["code"] == "rate_limited"


@pytest.mark.parametrize("code", [4, 613, 80007, 130429])
async def test_haste_of_the_number_and_its_accounts_stops_every_send_until_it_is_over(world: World, code: int) -> None:
    assert waits(await throttle(world, code)) == 1
    await world.rows("UPDATE pause SET until = until + interval '1 hour'")
    assert waits(await world.send_otp(to=ANOTHER)) > 1
    assert await asked(world) == 0

    await pauses.end(world)
    assert (await world.send_otp(to=ANOTHER)).status == 200
    assert await world.rows("SELECT key FROM pause") == []


async def test_a_stored_answer_is_given_during_a_pause(world: World) -> None:
    first = await world.send_otp(idempotency_key="k")
    await throttle(world, 130429)
    await world.rows("UPDATE pause SET until = now() + interval '1 hour'")

    again = await world.send_otp(idempotency_key="k")
    assert (again.status, again.body) == (200, first.body)


async def test_a_pause_holds_for_every_process(world: World) -> None:
    await throttle(world, 130429)
    await world.rows("UPDATE pause SET until = now() + interval '1 hour'")

    other = await Database.open(world.dsn, writers=1, readers=1)
    try:
        elsewhere = Pacing(other, world.rooms.keyring)
        async with other.transaction() as tx:
            (refused,) = await elsewhere.look(tx, [elsewhere.places(await line_of(world), "12818184372", None)])
    finally:
        await other.close()
    assert refused is not None
    assert refused.code == "whatsapp_rate_limited"


async def test_what_is_refused_during_a_pause_does_not_make_it_longer(world: World) -> None:
    ours = Pacing(world.rooms.db, world.rooms.keyring)
    places = ours.places(await line_of(world), "12818184370", None)
    refusals = [NotSent("haste", GraphError(400, 131056, None, "", None, b""), None) for _ in range(20)]

    assert {await ours.heed(places, refused) for refused in refusals} == {1}
    (row,) = await world.rows("SELECT tries FROM pause")
    assert row["tries"] == 1


async def test_metas_own_pause_counts_where_it_is_longer(world: World) -> None:
    ours = Pacing(world.rooms.db, world.rooms.keyring)
    places = ours.places(await line_of(world), "12818184370", None)
    slow = NotSent("haste", GraphError(400, 80007, None, "", None, b""), 300)

    assert await ours.heed(places, NotSent("haste", slow.error, None)) == 1
    assert await ours.heed(places, slow) == 300


async def test_nobody_can_read_from_the_pauses_who_is_written_to(world: World) -> None:
    await throttle(world, 131056)

    (row,) = await world.rows("SELECT key FROM pause")
    assert "2818184370" not in row["key"]


async def test_old_pauses_are_swept(world: World) -> None:
    await throttle(world, 131056)
    await world.rows("UPDATE pause SET until = now() - interval '2 days'")
    async with world.rooms.db.transaction() as tx:
        assert await pacing.sweep(tx, 100) == 1


async def test_a_number_sends_as_many_a_second_as_meta_takes(alone: World) -> None:
    world = alone
    await world.rows("UPDATE connection SET messages_per_s = 3")
    answers = [await world.send_otp(to=f"+1281818{number:04}") for number in range(4370, 4450)]

    refused = [answer for answer in answers if answer.status != 200]
    assert {waits(answer) for answer in refused} <= {1, 2}
    assert len(answers) - len(refused) == await asked(world)
    bucket = await world.rows("SELECT key FROM rate_bucket WHERE key LIKE 'number_throughput:%'")
    assert len(bucket) == 1


@pytest.mark.parametrize(
    ("level", "shared", "per_second"),
    [
        ("STANDARD", False, 80),
        ("HIGH", False, 1000),
        ("STANDARD", True, 20),
        ("NOT_APPLICABLE", False, None),
        (None, False, None),
    ],
)
async def test_the_throughput_of_a_number_is_what_meta_says(
    alone: World, level: str | None, shared: bool, per_second: int | None
) -> None:
    async with number_like({"throughput": {"level": level}, "is_on_biz_app": shared}) as url:
        await ask(alone, url)
    assert await per_second_of(alone) == per_second


async def test_a_graph_that_does_not_know_shared_numbers_is_asked_in_vain(alone: World) -> None:
    async with number_like({"throughput": {"level": "STANDARD"}}) as url:
        await ask(alone, url)
    assert await per_second_of(alone) == 80


async def test_a_meta_that_does_not_answer_leaves_the_throughput_as_it_was(alone: World) -> None:
    await alone.rows("UPDATE connection SET messages_per_s = 80")
    await ask(alone, connecting.nobody())

    assert await per_second_of(alone) == 80
    assert await alone.rows("SELECT id FROM connection WHERE pace_due_at > now() + interval '50 minutes'") != []
