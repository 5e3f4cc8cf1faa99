"""What the brand's phone app sent, now and in the past: stored and shown, never mistaken for a customer's message."""

import json
from typing import Any

import pytest

from quixess.database import ids
from tests.messages import hooks
from tests.messages.hooks import said, text
from tests.world import World

AT = 1_700_000_000
PICTURE = {"id": "1003383421387256", "mime_type": "image/png", "sha256": "x", "caption": "old"}


def echo(body: str = "Hello from the app", **more: Any) -> dict[str, Any]:
    told = {"from": "15550783881", "to": hooks.DIGITS, "id": hooks.wamid(), "timestamp": str(AT), "type": "text"}
    return told | {"text": {"body": body}} | more


def ours(world: World, status: str, **more: Any) -> dict[str, Any]:
    return echo(**more) | {"from": world.meta.world["display_phone_number"], "history_context": {"status": status}}


async def recall(world: World, *messages: dict[str, Any]) -> None:
    await hooks.tell(world, field="history", history=[{"threads": [{"id": hooks.DIGITS, "messages": list(messages)}]}])


async def test_a_message_from_the_phone_app_is_stored_as_ours_and_told_on_request(world: World) -> None:
    await hooks.hear_everything(world)
    sent = echo()
    for _ in range(2):
        await hooks.tell(world, field="smb_message_echoes", message_echoes=[sent])

    (event,) = world.receiver.events
    (row,) = await world.rows("SELECT * FROM message")
    assert event["type"] == "message.echoed"
    assert event["data"] == {
        "message_id": ids.show("msg", row["id"]),
        "wa_message_id": sent["id"],
        "conversation_id": ids.show("cnv", row["conversation_id"]),
        "from": {
            "phone_number_id": world.meta.world["phone_number_id"],
            "waba_id": world.meta.world["waba_id"],
        },
        "to": {
            "phone": hooks.DIGITS,
            "phone_e164": f"+{hooks.DIGITS}",
            "user_id": None,
            "parent_user_id": None,
            "username": None,
            "name": None,
        },
        "type": "text",
        "content": {"body": "Hello from the app"},
        "reply_to": None,
        "context": None,
        "referral": None,
        "group_id": None,
    }
    assert (row["direction"], row["state"], row["source"]) == ("outbound", "sent", "echo")


async def test_without_the_request_an_echo_tells_nothing(world: World) -> None:
    await hooks.tell(world, field="smb_message_echoes", message_echoes=[echo()])

    assert world.receiver.events == []
    assert await world.rows("SELECT id FROM event") == []


async def test_an_echo_stands_in_the_conversation_of_its_recipient(world: World) -> None:
    await hooks.tell(world, messages=[text("Are you there?")])
    await hooks.tell(world, field="smb_message_echoes", message_echoes=[echo("Yes")])

    rows = await world.rows("SELECT DISTINCT conversation_id FROM message")
    assert len(rows) == 1


async def test_a_message_that_we_sent_is_no_echo(world: World) -> None:
    await hooks.hear_everything(world)
    known = await hooks.send_silently(world)
    await hooks.tell(world, field="smb_message_echoes", message_echoes=[echo(id=known)])

    assert world.receiver.of_type("message.echoed") == []
    assert len(await world.rows("SELECT id FROM message")) == 1


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("READ", "read"),
        ("PLAYED", "read"),
        ("DELIVERED", "delivered"),
        ("SENT", "sent"),
        ("PENDING", "accepted"),
        ("ERROR", "failed"),
        ("PONDERED", "sent"),
    ],
)
async def test_the_past_keeps_what_became_of_each_message(world: World, word: str, state: str) -> None:
    await hooks.hear_everything(world)
    past = [text("old", at=AT, history_context={"status": word}), ours(world, word)]
    for _ in range(2):
        await recall(world, *past)

    rows = await world.rows("SELECT direction, state, source FROM message ORDER BY direction")
    assert [tuple(row) for row in rows] == [("inbound", "received", "history"), ("outbound", state, "history")]
    assert world.receiver.events == []
    (row,) = await world.rows("SELECT unread, last_inbound_at FROM conversation")
    assert tuple(row) == (0, None)


async def test_a_file_of_the_past_takes_the_place_that_was_kept_for_it(world: World) -> None:
    place = said("media_placeholder", None, at=AT)
    picture = said("image", PICTURE, at=AT) | {"id": place["id"]}
    await recall(world, place)
    for _ in range(2):
        await hooks.tell(world, field="history", messages=[picture])

    (row,) = await world.rows("SELECT id, type, content FROM message")
    assert (row["type"], json.loads(row["content"])["caption"]) == ("image", "old")
    (file,) = await world.rows("SELECT message_id, meta_id FROM media")
    assert tuple(file) == (row["id"], PICTURE["id"])


async def test_a_file_and_the_place_kept_for_it_may_come_in_one_body(world: World) -> None:
    place = said("media_placeholder", None, at=AT)
    picture = said("image", PICTURE, at=AT) | {"id": place["id"]}
    past = hooks.change(world, field="history", history=[{"threads": [{"id": hooks.DIGITS, "messages": [place]}]}])
    media = hooks.change(world, field="history", messages=[picture])
    await hooks.post(world, hooks.body(world, [past, media]))
    await hooks.rest(world)

    (row,) = await world.rows("SELECT type FROM message")
    assert row["type"] == "image"
    assert len(await world.rows("SELECT id FROM media")) == 1


async def test_what_came_live_is_not_told_again_by_the_past(world: World) -> None:
    live = text("Hi", at=AT)
    await hooks.tell(world, messages=[live])
    await recall(world, live | {"history_context": {"status": "READ"}})
    await recall(world, live | {"type": "image", "image": PICTURE})

    (row,) = await world.rows("SELECT source, type FROM message")
    assert tuple(row) == ("live", "text")
    assert len(world.receiver.events) == 1
