"""POST /templates/sync: Meta's list now, what it changed, and what is answered when it is not to be had."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from quixess import access
from tests.api import connecting
from tests.api.catalogues import forget, make
from tests.messages import hooks
from tests.world import World, eventually

BRIEF = "/api/v1/whatsapp/templates/sync"
EXTERNAL = "/api/v1/whatsapp/external/templates/sync"


@asynccontextmanager
async def meta_listing(status: int, body: Any) -> AsyncIterator[str]:
    """A Graph API that answers every GET like this."""

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_sync_tells_what_came_what_went_and_what_is_another(world: World) -> None:
    await world.rows("UPDATE template SET status = 'PENDING' WHERE name = 'signup_otp'")
    await world.rows("UPDATE template SET category = 'MARKETING' WHERE name = 'order_update'")
    await world.rows(
        """INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components)
           SELECT brand_id, gen_random_uuid(), connection_id, '1', 'old_otp', 'de', category, 'PAUSED', '[]'
           FROM template LIMIT 1"""
    )
    await make(world, "fresh_otp", "es", status="PENDING")
    answer = await world.call("POST", BRIEF)

    assert answer.status == 200
    assert answer.json | {"synced_at": ""} == {
        "synced_at": "",
        "total": 3,
        "added": 1,
        "updated": 2,
        "removed": 1,
        "changes": [
            {"name": "fresh_otp", "language": "es", "from": None, "to": "PENDING"},
            {"name": "old_otp", "language": "de", "from": "PAUSED", "to": None},
            {"name": "signup_otp", "language": "en_US", "from": "PENDING", "to": "APPROVED"},
        ],
    }
    shown = await world.call("GET", "/api/v1/whatsapp/external/templates?status=all")
    assert shown.json["synced_at"] == answer.json["synced_at"]
    assert len(shown.json["data"]) == 3

    def told() -> bool:
        return len(world.receiver.of_type("template.status_changed")) == 2

    await eventually(told)
    await hooks.rest(world)
    news = {event["data"]["name"]: event["data"]["new_status"] for event in world.receiver.events}
    assert news == {"signup_otp": "APPROVED", "old_otp": "DELETED"}


async def test_a_sync_that_finds_nothing_new_says_so_at_either_address_with_or_without_a_body(world: World) -> None:
    for path, body in ((EXTERNAL, None), (BRIEF, {})):
        await forget(world)
        answer = await world.call("POST", path, body=body)
        assert answer.status == 200, answer.json
        assert {name: answer.json[name] for name in ("total", "added", "updated", "removed", "changes")} == {
            "total": 2, "added": 0, "updated": 0, "removed": 0, "changes": [],
        }  # fmt: skip
    refused = await world.call("POST", EXTERNAL, body={"brand_id": "brd_01KAR3TZW4D1K7P3S6V8X0A2C4"})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (400, "/brand_id")


async def test_a_second_sync_within_30_seconds_waits(world: World) -> None:
    answers = await asyncio.gather(*(world.call("POST", path) for path in (BRIEF, EXTERNAL) for _ in range(5)))

    assert sorted(answer.status for answer in answers) == [200] + [429] * 9
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.json["code"] == "rate_limited"
    assert 1 <= int(refused.headers["Retry-After"]) <= 36  # the 30 s and what is added to spread tries
    (row,) = await world.rows("SELECT actor, object FROM audit WHERE action = 'templates.synced'")
    assert row["actor"].startswith("key_")

    async with world.rooms.db.transaction() as tx:
        other = await access.create_brand(tx, "Other")
    refused = await world.call("POST", BRIEF, key=await world.mint(brand_id=other.id))
    assert (refused.status, refused.json["code"]) == (404, "no_active_connection")
    await forget(world)
    assert (await world.call("POST", BRIEF)).status == 200


async def test_while_meta_is_away_it_is_503_and_the_cache_stays(world: World) -> None:
    await connecting.reconnect(world, connecting.nobody())
    answer = await world.call("POST", BRIEF)

    assert (answer.status, answer.json["code"]) == (503, "upstream_unavailable")
    assert "Retry-After" in answer.headers
    assert len(await world.rows("SELECT 1 FROM template")) == 2


async def test_what_meta_refuses_is_502_with_metas_own_words(world: World) -> None:
    said = {"message": "Unsupported get request.", "type": "GraphMethodException", "code": 100, "error_subcode": 33}
    async with meta_listing(400, {"error": said}) as url:
        await connecting.reconnect(world, url)
        answer = await world.call("POST", BRIEF)

    assert (answer.status, answer.json["code"]) == (502, "whatsapp_error")
    assert answer.json["whatsapp_error"] == {"error": said}
    assert "Check the phone number id" in answer.json["detail"]
    assert answer.json["retryable"] is False


async def test_every_end_of_the_call_to_meta_has_its_answer(world: World) -> None:
    dead = {"error": {"message": "expired", "code": 190}}
    slow = {"error": {"message": "limit", "code": 80007}}
    down = {"error": {"message": "down", "code": 2, "is_transient": True}}
    for status, body, expected in (
        (401, dead, (502, "whatsapp_connection_unauthorized")),
        (400, slow, (429, "whatsapp_rate_limited")),
        (500, down, (502, "whatsapp_error")),
        (500, "no JSON of theirs", (503, "upstream_unavailable")),
        (200, {"no": "data"}, (503, "upstream_unavailable")),
    ):
        await forget(world)
        async with meta_listing(status, body) as url:
            await connecting.reconnect(world, url)
            answer = await world.call("POST", BRIEF)
        assert (answer.status, answer.json["code"]) == expected
        assert ("Retry-After" in answer.headers) == (answer.status in {429, 503})
    assert len(await world.rows("SELECT 1 FROM template")) == 2
