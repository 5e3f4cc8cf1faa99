"""Calls: one row, one event for each step, in whatever order Meta tells them."""

import json
from typing import Any

from quixess.database import ids
from tests.messages import hooks
from tests.world import World

AT = 1_700_000_000
CONTACT = {"profile": {"name": "Ann", "username": "@ann"}, "wa_id": hooks.DIGITS, "user_id": "US.13"}


def connect(**more: Any) -> dict[str, Any]:
    told = {"id": "wacid.1", "event": "connect", "from": hooks.DIGITS, "timestamp": str(AT)}
    return told | {"direction": "USER_INITIATED", "session": {"sdp_type": "offer", "sdp": "v=0 secret"}} | more


def terminate(**more: Any) -> dict[str, Any]:
    told = {"id": "wacid.1", "event": "terminate", "from": hooks.DIGITS, "timestamp": str(AT + 60)}
    return told | {"direction": "USER_INITIATED", "status": "Completed"} | more


async def ring(world: World, *calls: dict[str, Any], **more: Any) -> None:
    await hooks.tell(world, field="calls", calls=list(calls), contacts=[CONTACT], **more)


async def test_a_user_who_calls_is_told_once_and_stored_once(world: World) -> None:
    await ring(world, connect(cta_payload="from the button"))
    await ring(world, connect(cta_payload="from the button"), connect())

    (event,) = world.receiver.events
    (row,) = await world.rows("SELECT * FROM message")
    assert event["type"] == "call.received"
    assert event["occurred_at"] == "2023-11-14T22:13:20.000Z"
    assert event["data"] == {
        "wa_call_id": "wacid.1",
        "message_id": ids.show("msg", row["id"]),
        "conversation_id": ids.show("cnv", row["conversation_id"]),
        "from": {
            "phone": hooks.DIGITS,
            "phone_e164": f"+{hooks.DIGITS}",
            "user_id": "US.13",
            "parent_user_id": None,
            "username": "ann",
            "name": "Ann",
        },
        "to": {
            "phone_number_id": world.meta.world["phone_number_id"],
            "waba_id": world.meta.world["waba_id"],
        },
        "event": "connect",
        "direction": "USER_INITIATED",
        "payload": "from the button",
    }
    assert (row["type"], row["direction"], row["wamid"], row["state"]) == ("call", "inbound", "wacid.1", "received")


async def test_what_the_phones_agree_on_is_kept_nowhere_but_in_the_raw_body(world: World) -> None:
    await ring(world, connect())

    (row,) = await world.rows("SELECT content::text || (SELECT data::text FROM event) AS all FROM message")
    assert "secret" not in row["all"]


async def test_the_end_is_told_on_request_with_its_length(world: World) -> None:
    await hooks.hear_everything(world)
    answered = {"start_time": str(AT + 5), "end_time": str(AT + 60), "duration": 55}
    await ring(world, connect(cta_payload="x"))
    for _ in range(2):
        await ring(world, terminate(**answered))

    (ended,) = world.receiver.of_type("call.ended")
    end = {
        "status": "completed",
        "started_at": "2023-11-14T22:13:25.000Z",
        "ended_at": "2023-11-14T22:14:20.000Z",
        "duration_s": 55,
        "missed": False,
    }
    assert {key: ended["data"][key] for key in end} == end
    assert (ended["data"]["event"], ended["data"]["errors"]) == ("terminate", [])
    (row,) = await world.rows("SELECT content, unread FROM message JOIN conversation v ON v.id = conversation_id")
    content = json.loads(row["content"])
    assert content == {"direction": "USER_INITIATED", "payload": "x", "errors": []} | end
    assert row["unread"] == 1
    assert len(world.receiver.of_type("call.received")) == 1


async def test_a_call_that_nobody_answered_was_missed(world: World) -> None:
    await hooks.hear_everything(world)
    failure = {"code": 138000, "message": "Media failed", "error_data": {"details": "no media"}}
    await ring(world, connect())
    await ring(world, terminate(status="FAILED"), errors=[failure])

    (ended,) = world.receiver.of_type("call.ended")
    assert (ended["data"]["status"], ended["data"]["missed"], ended["data"]["duration_s"]) == ("failed", True, None)
    assert ended["data"]["errors"] == [{"code": 138000, "title": "Media failed", "details": "no media"}]


async def test_an_end_told_before_its_beginning_loses_neither(world: World) -> None:
    await hooks.hear_everything(world)
    await ring(world, terminate())
    await ring(world, connect(deeplink_payload="from the link"))

    assert [event["type"] for event in world.receiver.events] == ["call.ended", "call.received"]
    (row,) = await world.rows("SELECT content FROM message")
    content = json.loads(row["content"])
    assert (content["status"], content["missed"], content["payload"]) == ("completed", True, "from the link")
    (row,) = await world.rows("SELECT unread FROM conversation")
    assert row["unread"] == 1


async def test_beginning_and_end_in_one_body_are_both_told(world: World) -> None:
    await hooks.hear_everything(world)
    await ring(world, connect(), terminate(), connect(id="wacid.2"))

    told = [(event["type"], event["data"]["wa_call_id"]) for event in world.receiver.events]
    assert sorted(told) == [("call.ended", "wacid.1"), ("call.received", "wacid.1"), ("call.received", "wacid.2")]
    assert len(await world.rows("SELECT id FROM message")) == 2


async def test_a_call_of_the_business_is_stored_and_never_received(world: World) -> None:
    await hooks.hear_everything(world)
    ours = {"from": "15550783881", "to": hooks.DIGITS, "direction": "BUSINESS_INITIATED"}
    ringing = {"id": "wacid.1", "type": "call", "status": "RINGING", "timestamp": str(AT), "recipient_id": hooks.DIGITS}
    await ring(world, connect(**ours))
    await hooks.tell(world, field="calls", statuses=[ringing, ringing | {"status": "ACCEPTED"}])
    await hooks.tell(world, statuses=[ringing])
    await ring(world, terminate(**ours, duration=5))

    (event,) = world.receiver.events
    assert event["type"] == "call.ended"
    assert event["data"]["to"]["phone"] == hooks.DIGITS
    assert event["data"]["from"]["phone_number_id"] == world.meta.world["phone_number_id"]
    (row,) = await world.rows("SELECT id, direction, state FROM message")
    assert (row["direction"], row["state"]) == ("outbound", "sent")
    steps = await world.rows("SELECT status FROM message_status WHERE message_id = $1 ORDER BY status", row["id"])
    assert [step["status"] for step in steps] == ["accepted", "connect", "ringing", "terminate"]


async def test_a_call_on_a_number_of_nobody_goes_nowhere(world: World) -> None:
    change = hooks.change(world, number="123456", field="calls", calls=[connect()])
    await hooks.post(world, hooks.body(world, [change]))
    await hooks.rest(world)

    assert world.receiver.events == []
    (stray,) = await world.rows("SELECT phone_number_id, items FROM stray")
    assert tuple(stray) == ("123456", 1)


async def test_a_caller_and_a_writer_have_one_conversation(world: World) -> None:
    await ring(world, connect())
    await hooks.tell(world, messages=[hooks.text("Did you call back?")])

    conversations = {event["data"]["conversation_id"] for event in world.receiver.events}
    assert len(conversations) == 1
    assert len(await world.rows("SELECT id FROM contact")) == 1
