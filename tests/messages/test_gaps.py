"""Gaps: webhooks that never came are made good from Meta's message history, as if they had come."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quixess.cli.rooms import Roles
from quixess.messages.gaps import Gaps
from quixess.meta import history
from quixess.meta.graph import Credentials
from tests.api import connecting
from tests.messages import hooks
from tests.world import World, building, eventually

Handler = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture
async def alone(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A world where no worker looks for gaps, and whose webhooks Meta sends to nobody."""
    async with building(dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as one:
        await one.meta.graph("DELETE", f"{one.meta.world['waba_id']}/subscribed_apps")
        yield one


@asynccontextmanager
async def history_saying(answer: Handler) -> AsyncIterator[str]:
    """A Graph API whose message history says what a test wants; gives its base URL."""
    app = web.Application()
    app.add_routes([web.get("/{version}/{number}/message_history", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def gaps(world: World, *, after_s: float = 0.001) -> Gaps:
    return Gaps(world.rooms.db, world.rooms.keyring, world.rooms.lines, None, after_s=after_s)


async def turn(world: World, **more: Any) -> int:
    """Let it be the brand's turn, now."""
    await world.rows("UPDATE gap_turn SET next_at = now()")
    await world.rows("UPDATE gap SET next_at = now()")
    return await gaps(world, **more).run_once()


async def send(world: World, fate: str = "ok") -> dict[str, Any]:
    await world.meta.lever("faults", {"outcome": fate})
    answer = await world.send_otp()
    assert answer.status == 200
    sent: dict[str, Any] = answer.json
    return sent


async def states(world: World) -> list[str]:
    return [row["state"] for row in await world.rows("SELECT state FROM message ORDER BY id")]


async def told(world: World) -> list[str]:
    return [row["type"] for row in await world.rows("SELECT type FROM event ORDER BY id")]


def credentials(world: World) -> Credentials:
    known = world.meta.world
    return Credentials(known["phone_number_id"], known["waba_id"], known["access_token"], known["app_secret"])


async def refuse(_: web.Request, status: int = 400, code: int = 100, **more: Any) -> web.Response:
    return web.json_response({"error": {"code": code, "message": "No"} | more}, status=status)


async def test_lost_webhooks_are_made_good(alone: World) -> None:
    sent = await send(alone)
    assert await states(alone) == ["accepted"]

    await eventually(lambda: known_as(alone, sent["wa_message_id"], "read"))
    assert await turn(alone) == 1
    found = await alone.call("GET", f"/api/v1/whatsapp/external/messages/{sent['id']}")
    assert found.json["status"] == "read"
    assert [step["status"] for step in found.json["timeline"]] == ["accepted", "sent", "delivered", "read"]
    assert await told(alone) == ["message.delivered", "message.read"]
    assert await alone.rows("SELECT id FROM gap") == []


async def known_as(world: World, wamid: str, word: str) -> bool:
    """Whether Meta's history has that status of a message."""
    graph = await world.rooms.lines.to(world.meta.base_url)
    return word in {moment.status for moment in await history.read(graph, credentials(world), wamid)}


async def test_a_failure_that_no_webhook_told_is_told_with_its_reason(alone: World) -> None:
    sent = await send(alone, "async:131026")

    await eventually(lambda: known_as(alone, sent["wa_message_id"], "failed"))
    assert await turn(alone) == 1
    assert await states(alone) == ["failed"]
    (row,) = await alone.rows("SELECT errors FROM message")
    assert "Message undeliverable" in row["errors"]
    assert "authenticate" not in row["errors"]
    assert "message.failed" in await told(alone)


async def test_what_the_webhooks_tell_later_is_not_told_twice(world: World) -> None:
    await hooks.hear_everything(world)
    await world.meta.graph("DELETE", f"{world.meta.world['waba_id']}/subscribed_apps")
    sent = await send(world)
    await eventually(lambda: known_as(world, sent["wa_message_id"], "read"))

    async def settled() -> bool:
        await turn(world)
        return await states(world) == ["read"]

    await eventually(settled)
    before = await told(world)
    words = ("sent", "delivered", "read")
    await hooks.tell(world, statuses=[hooks.status(sent["wa_message_id"], word) for word in words])

    assert await told(world) == before
    assert before.count("message.sent") == 1


async def test_a_message_of_which_meta_knows_nothing_is_asked_for_ever_more_seldom_and_then_let_be(
    alone: World,
) -> None:
    await send(alone, "no_status")
    assert await turn(alone) == 0

    waits = []
    while rows := await alone.rows("SELECT tries, extract(epoch FROM next_at - now())::float8 AS wait_s FROM gap"):
        waits.append((rows[0]["tries"], round(rows[0]["wait_s"])))
        assert await turn(alone, after_s=100) == 0
    assert [tries for tries, _ in waits] == [1, 2, 3, 4]
    assert [wait_s for _, wait_s in waits[1:]] == [900, 2700, 8100]
    assert await states(alone) == ["accepted"]


async def test_a_young_message_is_left_to_its_webhooks(alone: World) -> None:
    await send(alone)

    assert await turn(alone, after_s=3600) == 0
    assert await alone.rows("SELECT id FROM gap") == []


async def test_a_message_with_a_status_is_never_asked_for(world: World) -> None:
    await send(world)
    await eventually(lambda: world.receiver.of_type("message.read"))

    assert await turn(world) == 0
    assert await world.rows("SELECT id FROM gap") == []


async def test_each_message_is_walked_over_once(alone: World) -> None:
    asked: list[str] = []

    async def remember(request: web.Request) -> web.Response:
        asked.append(request.query["message_id"])
        return web.json_response({"data": []})

    sent = [await send(alone, "no_status") for _ in range(3)]
    async with history_saying(remember) as url:
        await connecting.reconnect(alone, url)
        for _ in range(3):
            await alone.rows("UPDATE gap_turn SET next_at = now()")
            await gaps(alone, after_s=0.001).run_once()
            await alone.rows("UPDATE gap SET next_at = now() + interval '1 hour'")
    assert sorted(asked) == sorted(one["wa_message_id"] for one in sent)


async def test_a_brand_is_the_work_of_one_process_at_a_time(alone: World) -> None:
    asked = 0

    async def count(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        assert await gaps(alone).run_once() == 0  # while we are at it, another process finds nothing to do
        return web.json_response({"data": []})

    await send(alone, "no_status")
    async with history_saying(count) as url:
        await connecting.reconnect(alone, url)
        await turn(alone)
    assert asked == 1


async def test_a_turn_asks_for_a_few_and_the_next_turn_for_the_rest(alone: World) -> None:
    for _ in range(25):
        await send(alone, "no_status")
    asked: list[str] = []

    async def remember(request: web.Request) -> web.Response:
        asked.append(request.query["message_id"])
        return web.json_response({"data": []})

    async with history_saying(remember) as url:
        await connecting.reconnect(alone, url)
        await turn(alone)
        assert len(asked) == 20
        (row,) = await alone.rows("SELECT extract(epoch FROM next_at - now())::float8 AS wait_s FROM gap_turn")
        assert 20 < row["wait_s"] <= 30
        await alone.rows("UPDATE gap_turn SET next_at = now()")
        await gaps(alone, after_s=1000).run_once()
    assert len(set(asked)) == 25


@pytest.mark.parametrize(
    ("status", "body", "headers", "pause_s"),
    [
        (400, {"code": 4}, {"Retry-After": "90"}, 90),
        (400, {"code": 80007}, {}, 60),
        (403, {"code": 200}, {}, 3600),
        (400, {"code": 100, "error_subcode": 33}, {}, 3600),
        (500, {"code": 2}, {}, 60),
    ],
)
async def test_a_meta_that_refuses_is_left_alone_and_asked_again_later(
    alone: World, status: int, body: dict[str, Any], headers: dict[str, str], pause_s: int
) -> None:
    asked = 0

    async def no(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({"error": {"message": "No"} | body}, status=status, headers=headers)

    await send(alone, "no_status")
    await send(alone, "no_status")
    async with history_saying(no) as url:
        await connecting.reconnect(alone, url)
        assert await turn(alone) == 0
    assert asked == 1
    rows = await alone.rows("SELECT tries, extract(epoch FROM next_at - now())::float8 AS wait_s FROM gap")
    assert [row["tries"] for row in rows] == [0, 0]
    (row,) = await alone.rows("SELECT extract(epoch FROM next_at - now())::float8 AS wait_s FROM gap_turn")
    assert all(pause_s - 10 < one["wait_s"] <= pause_s for one in (*rows, row))


async def test_a_token_that_is_dead_is_found_here_too(alone: World) -> None:
    async def expired(request: web.Request) -> web.Response:
        return await refuse(request, 401, 190, error_subcode=463)

    await send(alone, "no_status")
    async with history_saying(expired) as url:
        await connecting.reconnect(alone, url)
        assert await turn(alone) == 0
    (row,) = await alone.rows("SELECT state FROM connection")
    assert row["state"] == "unauthorized"


async def test_a_number_that_is_disconnected_is_not_asked(alone: World) -> None:
    await send(alone, "no_status")
    await alone.rows("INSERT INTO gap_turn (id, walked_to) VALUES ($1, $2)", alone.brand_id, alone.brand_id)
    await alone.rows("UPDATE connection SET state = 'disconnected'")

    assert await turn(alone) == 0
    (row,) = await alone.rows("SELECT tries FROM gap")
    assert row["tries"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"data": []},
        {"data": [None, 7, {}, {"message_id": "another"}]},
        {"data": [{"message_id": "wamid.X"}]},
        {"data": [{"message_id": "wamid.X", "events": None}]},
        {"data": [{"message_id": "wamid.X", "events": {"data": [None, {}, {"delivery_status": "SENT"}]}}]},
        {"data": [{"message_id": "wamid.X", "events": {"data": [{"delivery_status": 7, "timestamp": 1}]}}]},
        {"data": [{"message_id": "wamid.X", "events": {"data": [{"delivery_status": "SENT", "timestamp": 1e9}]}}]},
    ],
)
async def test_a_history_that_tells_nothing_is_read_as_nothing(alone: World, body: dict[str, Any]) -> None:
    async def say(_: web.Request) -> web.Response:
        return web.json_response(body)

    async with history_saying(say) as url:
        graph = await alone.rooms.lines.to(url)
        assert await history.read(graph, credentials(alone), "wamid.X") == []


@pytest.mark.parametrize(("status", "code"), [(422, 100), (404, 803)])
async def test_a_message_that_meta_does_not_find_is_read_as_nothing(alone: World, status: int, code: int) -> None:
    async def say(request: web.Request) -> web.Response:
        return await refuse(request, status, code)

    async with history_saying(say) as url:
        graph = await alone.rooms.lines.to(url)
        assert await history.read(graph, credentials(alone), "wamid.X") == []
