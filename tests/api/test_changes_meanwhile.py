"""What changes between two steps of a send: it ends as documented, never as a 500, and never as a second message."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from quixess import access
from quixess.access import Scope
from quixess.database import ids
from quixess.messages import store, windows
from quixess.meta import payloads
from tests.api import replying, templating
from tests.world import Answer, World, eventually

KEY = "changing-4711"
ORDER = {"variables": {"body": ["Frank", "A-1042"]}}

Send = Callable[..., Awaitable[Answer]]


async def _template(world: World, **more: Any) -> Answer:
    body = {"to": "+12818184370", "template_name": "order_update"} | ORDER
    headers = {"Idempotency-Key": KEY}
    return await world.call("POST", templating.PATH, body=body, headers=headers, **more)


async def _reply(world: World, **more: Any) -> Answer:
    return await replying.reply(world, idempotency_key=KEY, **more)


SENDS = [_template, _reply]


def before(patch: pytest.MonkeyPatch, room: ModuleType, step: str, change: Callable[[], Awaitable[Any]]) -> None:
    """Let something change when a step is reached, right before it is done."""
    done = getattr(room, step)

    async def changed(*arguments: Any, **more: Any) -> Any:
        await change()
        return await done(*arguments, **more)

    patch.setattr(room, step, changed)


async def nothing_claimed(world: World) -> None:
    assert await world.sends() == []
    assert await world.rows("SELECT 1 FROM message WHERE direction = 'outbound'") == []
    assert await world.rows("SELECT 1 FROM idempotency") == []


async def test_a_reply_in_a_conversation_whose_number_was_disconnected_meanwhile_is_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await replying.heard(world)
    (talk,) = await world.rows("SELECT id FROM conversation")
    shown = ids.show("cnv", talk["id"])
    with monkeypatch.context() as patch:
        before(patch, windows, "find_talks", lambda: world.rows("UPDATE connection SET state = 'disconnected'"))
        gone = await _reply(world, conversation_id=shown)
    assert (gone.status, gone.json["code"]) == (404, "no_active_connection")
    await nothing_claimed(world)

    await world.rows("UPDATE connection SET state = 'active'")
    assert (await _reply(world, conversation_id=shown)).status == 200


@pytest.mark.parametrize(
    "change", ["UPDATE connection SET state = 'disconnected'", "UPDATE brand SET state = 'suspended'"]
)
@pytest.mark.parametrize("send", SENDS)
async def test_what_is_claimed_already_goes_out_and_what_comes_later_does_not(
    world: World, monkeypatch: pytest.MonkeyPatch, send: Send, change: str
) -> None:
    await replying.heard(world)
    with monkeypatch.context() as patch:
        before(patch, store, "insert_outbound", lambda: world.rows(change))
        first = await send(world)
    assert first.status == 200
    later = await world.send_otp()
    assert later.json["code"] in {"no_active_connection", "brand_suspended"}
    assert len(await world.sends()) == 1


async def test_a_template_that_meta_disabled_after_the_look_up_is_metas_refusal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def disable() -> None:
        await world.rows("UPDATE template SET status = 'DISABLED'")
        await world.meta.lever("faults", {"outcome": "132016"})

    with monkeypatch.context() as patch:
        before(patch, store, "insert_outbound", disable)
        refused = await _template(world)
    assert (refused.status, refused.json["code"]) == (502, "whatsapp_error")
    assert refused.json["whatsapp_error"]["error"]["code"] == 132016
    again = await _template(world)
    assert (again.status, again.body) == (502, refused.body)
    failed = await eventually(lambda: world.receiver.of_type("message.failed"))
    assert failed[0]["data"]["errors"][0]["code"] == 132016


@pytest.mark.parametrize("send", SENDS)
async def test_what_a_key_sent_is_told_to_the_keys_of_its_lineage_and_to_no_other(world: World, send: Send) -> None:
    await replying.heard(world)
    old = await world.mint(*Scope)
    first = await send(world, key=old)
    assert first.status == 200
    (row,) = await world.rows("SELECT id FROM api_key ORDER BY id DESC LIMIT 1")
    async with world.rooms.db.transaction() as tx:
        new, _ = await access.rotate_key(tx, world.rooms.keyring, row["id"], timedelta(), actor="test")

    ended = await send(world, key=old)
    assert (ended.status, ended.json["code"]) == (401, "invalid_api_key")
    replayed = await send(world, key=new)
    assert (replayed.status, replayed.body) == (200, first.body)
    assert len(await world.sends()) == 1
    other = await send(world, key=await world.mint(*Scope))
    assert (other.status, "Idempotent-Replayed" in other.headers) == (200, False)
    assert len(await world.sends()) == 2

    await world.rows("UPDATE api_key SET revoked_at = now() WHERE lineage_id = $1", row["id"])
    assert (await send(world, key=new)).status == 401
    await world.rows("UPDATE brand SET state = 'suspended'")
    assert (await send(world)).json["code"] == "brand_suspended"


async def test_a_mark_that_cannot_be_written_keeps_no_answer_from_going(world: World) -> None:
    await replying.heard(world)
    async with world.rooms.db.transaction() as tx:
        await tx.rows("SELECT 1 FROM conversation FOR NO KEY UPDATE")
        answer = await _reply(world, mark_read=True)
        assert answer.status == 200, answer.json
    (row,) = await world.rows("SELECT unread FROM conversation")
    assert row["unread"] == 1
    assert len(await world.sends()) == 1


@pytest.mark.parametrize("send", SENDS)
async def test_what_breaks_in_us_between_claim_and_call_gives_key_and_tokens_back(
    world: World, monkeypatch: pytest.MonkeyPatch, send: Send
) -> None:
    await replying.heard(world)
    key = await world.mint(*Scope, constraints=access.Constraints(messages_per_day=1))

    def broken(*_arguments: Any, **_more: Any) -> bytes:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patch:
        patch.setattr(payloads, "template" if send is _template else "freeform", broken)
        failed = await send(world, key=key)
    assert (failed.status, failed.json["code"]) == (500, "internal_error")
    assert [row["state"] for row in await world.rows("SELECT state FROM message WHERE direction = 'outbound'")] == [
        "not_sent"
    ]
    assert (await send(world, key=key)).status == 200
    assert len(await world.sends()) == 1
