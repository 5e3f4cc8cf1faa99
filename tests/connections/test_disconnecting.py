"""A number is disconnected while sends are under way: each send ends as one thing or the other, none is lost."""

import asyncio

from quixess.database import ids
from tests.world import World, eventually


async def test_sends_of_that_moment_are_sent_or_refused_and_never_both(world: World):
    async def send(index: int) -> int:
        answer = await world.send_otp(f"+1281818{4000 + index}", idempotency_key=f"k{index}")
        assert answer.status == 200 or answer.json["code"] == "no_active_connection", answer.json
        return answer.status

    async def part() -> None:
        await eventually(world.sends)
        await world.rooms.parting.disconnect(world.brand_id, world.connection_id, actor="test")

    async def keep_sending(first: int) -> list[int]:
        return [await send(first + index) for index in range(25)]

    *answers, _ = await asyncio.gather(*(keep_sending(25 * one) for one in range(4)), part())

    statuses = [status for four in answers for status in four or ()]
    assert statuses.count(200) == len(await world.sends())
    assert statuses.count(200) > 0
    late = await world.send_otp("+12818184370")
    assert late.json["code"] == "no_active_connection"
    rows = await world.rows("SELECT count(*) AS open FROM message WHERE state = 'sending'")
    assert rows[0]["open"] == 0


async def test_disconnecting_twice_is_told_once(world: World):
    for _ in range(2):
        await world.rooms.parting.disconnect(world.brand_id, world.connection_id, actor="test")

    shown = ids.show("con", world.connection_id)
    rows = await world.rows("SELECT action FROM audit WHERE object = $1 AND action LIKE 'connection.%'", shown)
    assert [row["action"] for row in rows] == ["connection.disconnected"]


async def test_meta_that_is_away_keeps_nobody_from_disconnecting(world: World):
    async with world.rooms.db.transaction() as tx:
        await tx.execute("UPDATE connection SET graph_url = 'http://127.0.0.1:9'")

    ended = await world.rooms.parting.disconnect(world.brand_id, world.connection_id, actor="test")

    assert ended.unsubscribed is False
    assert (await world.send_otp()).json["code"] == "no_active_connection"
