"""Tokens and app secrets change, and Meta's clock runs on, while sends and webhooks go on: nobody notices."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from tests.connections import test_rotation as tokens
from tests.messages import hooks
from tests.world import Answer, World, eventually

DAY_S = 86_400


async def meanwhile(world: World, change: Callable[[], Awaitable[object]]) -> list[Answer]:
    """Send without a pause, before, during and after a change; returns every answer."""
    done = asyncio.Event()

    async def keep_sending(first: int) -> list[Answer]:
        answers: list[Answer] = []
        while not done.is_set() or len(answers) < 5:
            answers.append(await world.send_otp(f"+1281818{first + len(answers) % 1000:04}"))
        return answers

    async def work() -> None:
        await eventually(world.sends)
        try:
            await change()
        finally:
            done.set()

    *answers, _ = await asyncio.gather(*(keep_sending(2000 * one) for one in range(3)), work())
    return [one for three in answers for one in three or ()]


async def test_no_send_fails_while_the_worker_exchanges_the_token(world: World) -> None:
    await tokens.connect_with(world, await tokens.token_of_age(world, 41))

    answers = await meanwhile(world, lambda: eventually(lambda: tokens.rotated(world)))

    assert {one.status for one in answers} == {200}
    assert len(await world.sends()) == len(answers)


async def test_the_old_token_serves_until_its_own_end_when_the_new_one_is_taken_away(world: World) -> None:
    """The one send that meets the refusal is told so; those after it go out by the token before."""
    old = await tokens.token_of_age(world, 41)
    await tokens.connect_with(world, old)
    await eventually(lambda: tokens.rotated(world))
    new = await tokens.current(world)

    answers = await meanwhile(world, lambda: _kill_and_wait(world, new, old))

    refused = [one for one in answers if one.status != 200]
    assert {one.json["code"] for one in refused} <= {"whatsapp_connection_unauthorized"}
    assert len(refused) <= 3  # one for each that was under way
    assert (await world.send_otp()).status == 200


async def test_a_token_that_expires_on_metas_clock_ends_the_sends_and_a_new_one_takes_them_up(world: World) -> None:
    """Nobody exchanged it: the worker learns of its end from Meta, and the owner from us."""
    await hooks.hear_everything(world)
    await tokens.connect_with(world, await tokens.token_of_age(world, 1))
    assert (await world.send_otp()).status == 200

    await world.meta.lever("settings", {"clock_offset_s": 60 * DAY_S})
    await world.rows("UPDATE connection SET token_due_at = now()")

    async def told() -> list[dict[str, Any]]:
        return [one for one in world.receiver.of_type("account.updated") if one["data"]["event"] == "TOKEN_REFUSED"]

    await eventually(told)
    refused = await world.send_otp()
    assert (refused.status, refused.json["code"]) == (404, "no_active_connection")
    assert "reconnect the number with a new token" in refused.json["detail"]
    made = await world.meta.lever("tokens", {"kind": "system_user"})
    await tokens.connect_with(world, made["access_token"])
    assert (await world.send_otp()).status == 200


async def test_no_webhook_is_lost_and_no_send_fails_while_an_apps_secret_changes_with_an_overlap(world: World) -> None:
    app_id = world.meta.world["app_id"]
    said = [await world.customer_says(f"before {index}") for index in range(5)]

    async def change() -> None:
        told = await world.meta.lever(f"apps/{app_id}", {"reset_secret": True, "overlap": True})
        said.extend([await world.customer_says(f"signed by the new one {index}") for index in range(5)])
        await world.rooms.parting.rotate_secret(app_id, told["secret"], overlap=timedelta(hours=1), actor="test")

    answers = await meanwhile(world, change)
    said.append(await world.customer_says("after"))

    assert {one.status for one in answers} == {200}
    await eventually(lambda: len(world.receiver.of_type("message.received")) >= len(said))
    heard = [one["data"]["wa_message_id"] for one in world.receiver.of_type("message.received")]
    assert sorted(heard) == sorted(said)


async def _kill_and_wait(world: World, new: str, old: str) -> None:
    await tokens.kill(world, new)

    async def fell_back() -> bool:
        return await tokens.current(world) == old

    await eventually(fell_back)
