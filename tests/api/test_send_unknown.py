"""Sends whose outcome nobody knows: 202 `unconfirmed`, never sent again, settled by what the webhooks tell."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from quixess.database import ids
from tests.api import connecting
from tests.messages import hooks, pauses
from tests.world import World, building, eventually

SLOW_PATIENCE_S = 0.15


@pytest.fixture
async def impatient(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that waits little for Meta's answer and not at all for a status."""
    async with building(dsn, tmp_path, send_timeout=SLOW_PATIENCE_S, unknown_wait=0.01) as one:
        await one.meta.lever("settings", {"sent_ms": 86_400_000, "slow_answer_s": 1})
        yield one


async def hear(world: World, answer: Any, word: str = "sent", **more: Any) -> str:
    """Let Meta tell of a message that the gateway has no wamid of yet; returns the wamid."""
    told = hooks.status(hooks.wamid(), word, biz_opaque_callback_data=f"qx1:{answer.json['id']}:1", **more)
    await hooks.tell(world, statuses=[told])
    return str(told["id"])


async def idempotency_state(world: World) -> str:
    (row,) = await world.rows("SELECT state FROM idempotency")
    return str(row["state"])


async def test_every_lost_answer_is_202_and_settled_by_the_status_as_200(impatient: World) -> None:
    for number, fault in enumerate(("slow", "reset_after_accept", "reset_before_accept", "http_500", "html_500")):
        await impatient.meta.lever("faults", {"outcome": fault})
        first = await impatient.send_otp(idempotency_key=fault, metadata={"n": str(number)})
        assert first.status == 202, fault
        assert (first.json["status"], first.json["wa_message_id"]) == ("unconfirmed", None)

        doubt = await impatient.send_otp(idempotency_key=fault, metadata={"n": str(number)})
        assert (doubt.status, doubt.headers["Idempotent-Replayed"]) == (202, "true")
        assert doubt.body == first.body

        wamid = await hear(impatient, first)
        settled = await impatient.send_otp(idempotency_key=fault, metadata={"n": str(number)})
        assert (settled.status, settled.headers["Idempotent-Replayed"]) == (200, "true")
        assert settled.json == first.json | {"status": "accepted", "wa_message_id": wamid}
    assert len(await impatient.sends()) == 2  # slow and reset_after_accept: nothing was ever sent again


async def test_an_answer_without_a_wamid_is_a_doubt(impatient: World) -> None:
    bodies = [b"{}", b'{"messages":[]}', b"OK", b"", b'{"messages":[{"id":""}]}', b"\xff"]

    async def vague(_request: web.Request) -> web.Response:
        return web.Response(body=bodies[0], content_type="application/json")

    async with connecting.meta_saying(vague) as url:
        await connecting.reconnect(impatient, url)
        while bodies:
            answer = await impatient.send_otp()
            assert (answer.status, answer.json["status"]) == (202, "unconfirmed"), bodies[0]
            bodies.pop(0)


async def test_a_status_that_comes_in_time_turns_the_202_into_a_plain_200(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, unknown_wait=20.0) as world:
        await world.meta.lever("settings", {"sent_ms": 400})
        await world.meta.lever("faults", {"outcome": "reset_after_accept"})
        answer = await world.send_otp(idempotency_key="k")

        (sent,) = await world.sends()
        assert answer.status == 200
        assert (answer.json["status"], answer.json["wa_message_id"]) == ("accepted", sent["wamid"])
        assert "Idempotent-Replayed" not in answer.headers
        replay = await world.send_otp(idempotency_key="k")
        assert (replay.status, replay.json) == (200, answer.json)


async def test_a_status_before_the_answer_is_a_plain_200(world: World) -> None:
    answer = await world.send_otp(to="+15550100010", idempotency_key="k")
    await eventually(lambda: world.receiver.of_type("message.read"))

    (sent,) = await world.sends()
    assert (answer.status, answer.json["wa_message_id"]) == (200, sent["wamid"])
    assert [event["type"] for event in world.receiver.events] == ["message.delivered", "message.read"]
    assert (await world.send_otp(to="+15550100010", idempotency_key="k")).json == answer.json


async def test_a_failed_status_settles_a_doubt_too(impatient: World) -> None:
    await impatient.meta.lever("faults", {"outcome": "reset_after_accept"})
    first = await impatient.send_otp(idempotency_key="k")

    wamid = await hear(impatient, first, "failed", errors=[hooks.failure(131026, "Message undeliverable")])
    settled = await impatient.send_otp(idempotency_key="k")
    assert (settled.status, settled.json["wa_message_id"]) == (200, wamid)
    assert await hooks.state_of(impatient, wamid) == "failed"
    assert len(impatient.receiver.of_type("message.failed")) == 1


async def test_a_doubt_without_a_key_is_settled_as_well(impatient: World) -> None:
    await impatient.meta.lever("faults", {"outcome": "reset_after_accept"})
    first = await impatient.send_otp()

    wamid = await hear(impatient, first, "delivered")
    assert await hooks.state_of(impatient, wamid) == "delivered"
    (event,) = impatient.receiver.of_type("message.delivered")
    assert (event["data"]["message_id"], event["data"]["wa_message_id"]) == (first.json["id"], wamid)


async def test_silence_proves_nothing_while_no_webhook_comes(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, unknown_wait=0.01, unknown_after=0.01) as world:
        await world.meta.lever("faults", {"outcome": "reset_before_accept"})
        first = await world.send_otp(idempotency_key="k")
        assert world.rooms.settling is not None
        await world.rooms.settling.run_once()

        assert (await world.send_otp(idempotency_key="k")).body == first.body
        assert await idempotency_state(world) == "unknown"


async def test_silence_while_webhooks_come_ends_as_outcome_unknown_and_a_late_status_still_wins(
    dsn: str, tmp_path: Path
) -> None:
    async with building(
        dsn, tmp_path, unknown_wait=0.01, unknown_after=0.01, send_timeout=0.5, send_lease=1.0
    ) as world:
        await world.meta.lever("faults", {"outcome": "reset_after_accept"})
        await world.meta.lever("settings", {"sent_ms": 86_400_000})
        first = await world.send_otp(idempotency_key="k")
        await world.rows("UPDATE connection SET webhook_seen_at = now() + interval '1 minute'")

        event = (await eventually(lambda: world.receiver.of_type("message.failed")))[0]
        assert event["data"]["errors"][0]["code"] == "outcome_unknown"
        assert event["data"]["errors"][0]["retryable"] is True
        lost = await world.send_otp(idempotency_key="k")
        assert (lost.status, lost.json["code"]) == (502, "outcome_unknown")
        assert lost.json["message_id"] == first.json["id"]

        wamid = await hear(world, first)
        settled = await world.send_otp(idempotency_key="k")
        assert (settled.status, settled.json["wa_message_id"]) == (200, wamid)
        assert await hooks.state_of(world, wamid) == "sent"
        assert len(await world.sends()) == 1


async def test_a_claim_whose_process_died_is_named_unconfirmed_and_waits_for_evidence(world: World) -> None:
    await world.meta.lever("faults", {"outcome": "no_status"})
    await world.send_otp(idempotency_key="k")
    await world.rows("DELETE FROM wamid")
    aged = ids.floor(datetime.now(UTC) - timedelta(hours=1))
    await world.rows("UPDATE message SET id = $1, state = 'sending', rank = 0, wamid = NULL", aged)
    await world.rows(
        """UPDATE idempotency SET state = 'dispatching', status = NULL, body = NULL, message_id = $1,
             locked_until = now() - interval '1 minute'""",
        aged,
    )
    await world.rows("INSERT INTO unsettled (id, brand_id, next_at) VALUES ($1, $2, now())", aged, world.brand_id)

    await eventually(lambda: _is(world, "unknown"))
    doubt = await world.send_otp(idempotency_key="k")
    assert (doubt.status, doubt.json["id"]) == (202, ids.show("msg", aged))
    wamid = await hear(world, doubt)
    settled = await world.send_otp(idempotency_key="k")
    assert (settled.status, settled.json["wa_message_id"]) == (200, wamid)
    assert len(await world.sends()) == 1


async def test_a_doubt_named_while_the_process_was_held_up_ends_when_that_finds_that_nothing_was_sent(
    dsn: str, tmp_path: Path
) -> None:
    """A lease that ended too early, by a freeze or a step of the clock; Meta refuses for haste after it."""
    doubted = asyncio.Event()

    async def too_fast(_request: web.Request) -> web.Response:
        await doubted.wait()
        return web.json_response({"error": {"code": 130429, "message": "slow down", "type": "E"}}, status=429)

    async with building(dsn, tmp_path, unknown_wait=0.01) as world, connecting.meta_saying(too_fast) as url:
        await connecting.reconnect(world, url)
        under_way = asyncio.create_task(world.send_otp(idempotency_key="k"))
        await eventually(lambda: world.rows("SELECT id FROM unsettled"))
        await world.rows("UPDATE idempotency SET locked_until = now()")
        await world.rows("UPDATE unsettled SET next_at = now()")
        await eventually(lambda: _is(world, "unknown"))
        promised = await world.send_otp(idempotency_key="k")
        assert (promised.status, promised.json["status"]) == (202, "unconfirmed")

        doubted.set()
        assert (await under_way).status == 429
        (event,) = await eventually(lambda: world.receiver.of_type("message.failed"))
        assert event["data"]["message_id"] == promised.json["id"]
        assert [error["code"] for error in event["data"]["errors"]] == ["not_sent"]
        assert [row["state"] for row in await world.rows("SELECT state FROM message")] == ["not_sent"]
        assert await world.rows("SELECT id FROM unsettled") == []

        await pauses.end(world)
        await connecting.reconnect(world, world.meta.base_url)
        again = await world.send_otp(idempotency_key="k")
        assert (again.status, len(await world.sends())) == (200, 1)


async def _is(world: World, state: str) -> bool:
    return await idempotency_state(world) == state


async def test_a_caller_that_hangs_up_changes_nothing(world: World) -> None:
    await world.meta.lever("settings", {"slow_answer_s": 0.5, "sent_ms": 86_400_000})
    await world.meta.lever("faults", {"outcome": "slow"})
    gone = asyncio.create_task(world.send_otp(idempotency_key="k"))

    async def sent() -> bool:
        return bool(await world.sends())

    await eventually(sent)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)

    async def settled() -> bool:
        return await idempotency_state(world) == "final"

    await eventually(settled)
    answer = await world.send_otp(idempotency_key="k")
    assert (answer.status, answer.headers["Idempotent-Replayed"]) == (200, "true")
    assert len(await world.sends()) == 1
