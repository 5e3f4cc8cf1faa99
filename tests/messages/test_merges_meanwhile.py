"""Two contacts prove to be one person while a message to one of them is being written: it stays in sight."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from quixess.database import ids
from quixess.messages import store, threads
from quixess.messages.threads import Person, Thread
from tests.api import replying, templating
from tests.messages import hooks
from tests.world import PHONE, Answer, World, eventually

CONVERSATIONS = "/api/v1/whatsapp/external/conversations"
USER = "US.4711"

Send = Callable[[World, str], Awaitable[Answer]]


async def _code(world: World, _conversation: str) -> Answer:
    return await world.send_otp()


async def _template(world: World, _conversation: str) -> Answer:
    return await templating.send(world, "order_update", variables={"body": ["Frank", "A-1042"]})


async def _reply(world: World, _conversation: str) -> Answer:
    return await replying.reply(world)


async def _reply_in_conversation(world: World, conversation: str) -> Answer:
    return await replying.reply(world, conversation_id=conversation)


@pytest.mark.parametrize("send", [_code, _template, _reply, _reply_in_conversation])
async def test_a_message_of_a_conversation_that_is_taken_up_before_its_claim_ends_is_in_the_one_that_stays(
    world: World, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    stayed = await _find(world, Person(world.brand_id, world.connection_id, None, USER))
    await replying.heard(world)
    gone = await _find(world, Person(world.brand_id, world.connection_id, PHONE[1:]))
    joining = _join_at(monkeypatch, world, "insert_outbound")

    answer = await send(world, ids.show("cnv", gone.conversation_id))
    await joining.wait()
    assert answer.status == 200, answer.json
    await _is_read_in_both(world, answer.json["id"], [stayed, gone])
    assert await _left_behind(world) == []


async def test_what_is_written_to_us_at_that_moment_is_in_the_one_that_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stayed = await _find(world, Person(world.brand_id, world.connection_id, None, USER))
    first = await replying.heard(world)
    gone = await _find(world, Person(world.brand_id, world.connection_id, PHONE[1:]))
    joining = _join_at(monkeypatch, world, "insert_inbound")

    second = await replying.heard(world, "Anybody there?")
    await joining.wait()
    for thread in (stayed, gone):
        assert [one["wa_message_id"] for one in await _thread(world, thread)] == [second, first]
    assert (await replying.reply(world)).status == 200


async def test_a_first_message_on_a_number_goes_with_the_contact_that_is_taken_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The contact is known from another number of the brand; its conversation on this one is made at that moment."""
    stayed = await _find(world, Person(world.brand_id, ids.new(), None, USER))
    await _find(world, Person(world.brand_id, ids.new(), PHONE[1:]))
    joining = _join_at(monkeypatch, world, "insert_outbound")

    answer = await world.send_otp()
    await joining.wait()
    assert answer.status == 200
    later = await _find(world, Person(world.brand_id, world.connection_id, PHONE[1:]))
    assert later.contact_id == stayed.contact_id
    assert ids.show("cnv", later.conversation_id) == answer.json["conversation_id"]
    await _is_read_in_both(world, answer.json["id"], [later])


class _Joining:
    """Another process that learns that two names are one person's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Go as far as it can go now: to the end, or until it must wait for somebody."""
        if self._task is None:
            self._task = asyncio.create_task(self._join())
            await eventually(self._stands)

    async def wait(self) -> None:
        assert self._task is not None
        await self._task

    async def _join(self) -> None:
        world = self._world
        async with world.rooms.db.transaction() as tx:
            await tx.execute("SET LOCAL lock_timeout = '30s'")
            both = Person(world.brand_id, world.connection_id, PHONE[1:], USER, at=datetime.now(UTC))
            await threads.find_threads(tx, [both])

    async def _stands(self) -> bool:
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
        return (self._task is not None and self._task.done()) or bool(await self._world.rows(waiting))


def _join_at(monkeypatch: pytest.MonkeyPatch, world: World, step: str) -> _Joining:
    """Let the two be joined when the next message has found its conversation and is not written yet."""
    joining, write = _Joining(world), getattr(store, step)

    async def written(*arguments: Any, **more: Any) -> None:
        await joining.begin()
        await write(*arguments, **more)

    monkeypatch.setattr(store, step, written)
    return joining


async def _find(world: World, person: Person) -> Thread:
    async with world.rooms.db.transaction() as tx:
        found = await threads.find_threads(tx, [person])
    return found[person.key]


async def _thread(world: World, thread: Thread) -> list[dict[str, Any]]:
    path = f"{CONVERSATIONS}/{ids.show('cnv', thread.conversation_id)}/messages"
    answer = await world.call("GET", path)
    assert answer.status == 200, answer.json
    return list(answer.json["data"])


async def _is_read_in_both(world: World, message_id: str, shown: list[Thread]) -> None:
    await eventually(lambda: world.receiver.of_type("message.read"))
    await hooks.rest(world)
    for thread in shown:
        states = {one["id"]: one["status"] for one in await _thread(world, thread)}
        assert states.get(message_id) == "read"


async def _left_behind(world: World) -> list[Any]:
    return await world.rows(
        """SELECT m.id FROM message m JOIN conversation v ON v.brand_id = m.brand_id AND v.id = m.conversation_id
           WHERE v.merged_into IS NOT NULL"""
    )
