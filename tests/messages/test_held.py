"""Messages that Meta takes and does not send at once: the answer and the timeline say so, and the end is told."""

from typing import Any

import pytest

from tests.world import World, eventually

PATH = "/api/v1/whatsapp/external/messages/"


async def story(world: World, message_id: str) -> dict[str, Any]:
    answer = await world.call("GET", PATH + message_id)
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


async def send(world: World, fate: str, **more: Any) -> dict[str, Any]:
    await world.meta.lever("faults", {"outcome": fate})
    answer = await world.send_otp(**more)
    assert answer.status == 200
    sent: dict[str, Any] = answer.json
    return sent


async def test_a_message_that_meta_sends_at_once_says_nothing_of_being_held(world: World) -> None:
    assert "meta_status" not in await send(world, "ok")


async def test_a_held_message_is_accepted_says_so_and_is_sent_later(world: World) -> None:
    await world.meta.lever("settings", {"held_ms": 400})
    sent = await send(world, "held", idempotency_key="k")

    assert (sent["status"], sent["meta_status"]) == ("accepted", "held_for_quality_assessment")
    before = await story(world, sent["id"])
    assert before["status"] == "accepted"
    assert [step["status"] for step in before["timeline"]] == ["accepted", "held_for_quality_assessment"]

    await eventually(lambda: world.receiver.of_type("message.delivered"))
    after = await eventually(lambda: until_read(world, sent["id"]))
    assert [step["status"] for step in after["timeline"]] == [
        "accepted",
        "held_for_quality_assessment",
        "sent",
        "delivered",
        "read",
    ]
    assert all(step["at"] is not None for step in after["timeline"])


async def until_read(world: World, message_id: str) -> dict[str, Any] | None:
    found = await story(world, message_id)
    return found if found["status"] == "read" else None


@pytest.mark.parametrize(("fate", "word"), [("held_then_dropped", "held_for_quality_assessment"), ("paused", "paused")])
async def test_a_held_message_that_meta_drops_is_told_as_failed(world: World, fate: str, word: str) -> None:
    sent = await send(world, fate)
    assert sent["meta_status"] == word

    (event,) = await eventually(lambda: world.receiver.of_type("message.failed"))
    assert event["data"]["message_id"] == sent["id"]
    (error,) = event["data"]["errors"]
    assert (error["code"], error["retryable"]) == (132015, True)
    found = await story(world, sent["id"])
    assert found["status"] == "failed"
    assert [step["status"] for step in found["timeline"]] == ["accepted", word, "failed"]


async def test_the_same_key_tells_again_that_the_message_was_held(world: World) -> None:
    sent = await send(world, "held", idempotency_key="k")

    again = await world.send_otp(idempotency_key="k")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json == sent
