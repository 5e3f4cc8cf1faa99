"""Statuses in any order: a message only moves up, and each fact is told once."""

import json
from typing import Any

from quixess.database import ids
from tests.messages import hooks
from tests.messages.hooks import failure, status
from tests.world import World, eventually, listening

FAILED: dict[str, Any] = {"errors": [failure(131026, "Message undeliverable")]}


def kinds(world: World) -> list[str]:
    return [event["type"] for event in world.receiver.events]


async def parked(world: World) -> int:
    (row,) = await world.rows("SELECT count(*) AS n FROM parked_status")
    return int(row["n"])


async def test_read_then_sent_then_failed_stays_read(world: World) -> None:
    known = await hooks.send_silently(world)
    for word, more in (("read", {}), ("sent", {}), ("failed", FAILED)):
        await hooks.tell(world, statuses=[status(known, word, **more)])

    assert await hooks.state_of(world, known) == "read"
    assert kinds(world) == ["message.delivered", "message.read"]
    rows = await world.rows("SELECT status, inferred FROM message_status ORDER BY status")
    assert [tuple(row) for row in rows] == [("delivered", True), ("failed", False), ("read", False), ("sent", False)]


async def test_the_same_in_one_body_is_the_same(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, "read"), status(known, "sent"), status(known, "failed", **FAILED)])

    assert await hooks.state_of(world, known) == "read"
    assert sorted(kinds(world)) == ["message.delivered", "message.read"]


async def test_a_read_without_a_delivered_implies_one_and_says_so(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, "read", at=1_700_000_000)])
    await hooks.tell(world, statuses=[status(known, "delivered", at=1_699_999_000)])

    told = {event["type"]: event["data"] for event in world.receiver.events}
    assert sorted(kinds(world)) == ["message.delivered", "message.read"]
    assert (told["message.delivered"]["inferred"], told["message.read"]["inferred"]) == (True, False)
    assert told["message.delivered"]["status_at"] == "2023-11-14T22:13:20.000Z"


async def test_a_delivered_in_the_body_of_its_read_is_not_inferred(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, "read"), status(known, "delivered")])

    assert [event["data"]["inferred"] for event in world.receiver.of_type("message.delivered")] == [False]


async def test_delivered_then_failed_stays_delivered(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, "delivered")])
    await hooks.tell(world, statuses=[status(known, "failed", **FAILED)])

    assert await hooks.state_of(world, known) == "delivered"
    assert kinds(world) == ["message.delivered"]
    (row,) = await world.rows("SELECT errors FROM message")
    assert row["errors"] is None


async def test_failed_then_delivered_is_delivered(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, "failed", **FAILED)])
    await hooks.tell(world, statuses=[status(known, "delivered")])

    assert await hooks.state_of(world, known) == "delivered"
    assert kinds(world) == ["message.failed", "message.delivered"]


async def test_played_counts_as_read(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, "played")])

    assert await hooks.state_of(world, known) == "read"
    assert sorted(kinds(world)) == ["message.delivered", "message.read"]


async def test_a_word_of_tomorrow_is_recorded_and_moves_nothing(world: World) -> None:
    known = await hooks.send_silently(world)
    await hooks.tell(world, statuses=[status(known, "pondered")])

    assert await hooks.state_of(world, known) == "accepted"
    assert kinds(world) == []
    rows = await world.rows("SELECT status FROM message_status")
    assert [row["status"] for row in rows] == ["pondered"]


async def test_the_event_of_a_status_is_exactly_the_documented_one(world: World) -> None:
    sent = await world.send_otp(to="+15550100009", metadata={"signup": "s-99"})
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "authentication"}
    told = status(sent.json["wa_message_id"], "delivered", to="15550100009", at=1_700_000_000, pricing=pricing)
    await hooks.tell(world, statuses=[told])

    (event,) = world.receiver.events
    assert event["type"] == "message.delivered"
    assert event["occurred_at"] == "2023-11-14T22:13:20.000Z"
    assert event["data"] == {
        "message_id": sent.json["id"],
        "wa_message_id": sent.json["wa_message_id"],
        "conversation_id": sent.json["conversation_id"],
        "to": {"phone": "15550100009", "phone_e164": "+15550100009", "user_id": None},
        "metadata": {"signup": "s-99"},
        "status": "delivered",
        "status_at": "2023-11-14T22:13:20.000Z",
        "inferred": False,
        "pricing": {"billable": True, "category": "authentication", "model": "PMP", "type": "regular"},
    }


async def test_a_status_of_an_unknown_message_is_parked_and_applied_when_it_becomes_known(world: World) -> None:
    known = await hooks.send_silently(world)
    (bound,) = await world.rows("DELETE FROM wamid RETURNING connection_id, wamid, brand_id, message_id")
    await hooks.tell(world, statuses=[status(known, "delivered")])
    assert (await parked(world), kinds(world)) == (1, [])

    await world.rows("INSERT INTO wamid VALUES ($1, $2, $3, $4)", *bound)
    await eventually(lambda: kinds(world) == ["message.delivered"])
    assert await parked(world) == 0
    assert await hooks.state_of(world, known) == "delivered"


async def test_a_parked_status_that_nobody_claims_is_dropped(world: World) -> None:
    await hooks.tell(world, statuses=[status(hooks.wamid(), "delivered")])
    assert await parked(world) == 1
    await world.rows("UPDATE parked_status SET parked_at = now() - interval '11 minutes'")

    async def dropped() -> bool:
        return await parked(world) == 0

    await eventually(dropped)
    assert kinds(world) == []


async def test_marks_of_other_apps_and_broken_ones_are_ignored(world: World) -> None:
    known = await hooks.send_silently(world)
    marks: list[Any] = [
        "",
        "order 4711",
        "qx1:",
        "qx1:msg_1",
        f"qx1:{ids.show('msg', ids.new())}:1",
        "qx1:" + "9" * 500,
    ]
    marks += [7, None, {"a": 1}, f"qx2:{ids.show('msg', ids.new())}:1"]
    strangers = [status(hooks.wamid(), "read", biz_opaque_callback_data=mark) for mark in marks]
    await hooks.tell(world, statuses=strangers)
    assert await parked(world) == len(marks)
    assert kinds(world) == []

    ours = [status(known, "delivered", biz_opaque_callback_data=mark) for mark in marks]
    await hooks.tell(world, statuses=ours)
    assert await hooks.state_of(world, known) == "delivered"
    assert kinds(world) == ["message.delivered"]


async def test_our_mark_in_the_status_of_another_message_proves_nothing(world: World) -> None:
    await world.meta.lever("faults", {"outcome": "no_status"})
    sent = await world.send_otp()
    stolen: dict[str, Any] = {"biz_opaque_callback_data": f"qx1:{sent.json['id']}:1"}

    await hooks.tell(world, statuses=[status(hooks.wamid(), "read", **stolen)])
    assert await hooks.state_of(world, sent.json["wa_message_id"]) == "accepted"
    assert kinds(world) == []


async def test_our_mark_for_another_recipient_settles_no_doubt(world: World) -> None:
    await world.meta.lever("settings", {"sent_ms": 86_400_000})
    await world.meta.lever("faults", {"outcome": "reset_after_accept"})
    sent = await world.send_otp(idempotency_key="k")
    stolen: dict[str, Any] = {"biz_opaque_callback_data": f"qx1:{sent.json['id']}:1"}

    await hooks.tell(world, statuses=[status(hooks.wamid(), "read", to="4915112345678", **stolen)])
    assert (await world.send_otp(idempotency_key="k")).status == 202
    assert kinds(world) == []


async def test_the_mark_of_one_brand_on_the_number_of_another_settles_nothing(world: World) -> None:
    await world.meta.lever("settings", {"sent_ms": 86_400_000})
    await world.meta.lever("faults", {"outcome": "reset_after_accept"})
    sent = await world.send_otp(idempotency_key="k")
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
        mark: dict[str, Any] = {"biz_opaque_callback_data": f"qx1:{sent.json['id']}:1"}
        change = hooks.change(world, number=rival.number, statuses=[status(hooks.wamid(), "read", **mark)])
        answer = await hooks.post(world, hooks.body(world, [change]), app_id=rival.app_id, secret=rival.app_secret)
        assert answer.status == 200
        await hooks.rest(world)

        assert (await world.send_otp(idempotency_key="k")).status == 202
        assert receiver.events == []
    assert kinds(world) == []


async def test_a_first_sent_is_told_on_request(world: World) -> None:
    await hooks.hear_everything(world)
    known = await hooks.send_silently(world)
    for _ in range(2):
        await hooks.tell(world, statuses=[status(known, "sent"), status(known, "delivered")])

    assert kinds(world) == ["message.sent", "message.delivered"]
    assert world.receiver.of_type("message.sent")[0]["data"]["status"] == "sent"


async def test_the_price_of_the_latest_status_is_kept_with_the_message(world: World) -> None:
    known = await hooks.send_silently(world)
    regular = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    free = regular | {"billable": False, "type": "free_customer_service"}
    await hooks.tell(world, statuses=[status(known, "delivered", pricing=free)])
    late: list[dict[str, Any]] = [{"status": "sent", "pricing": regular}, {"status": "read"}]
    for told in late:
        await hooks.tell(world, statuses=[status(known, "") | told])

    (row,) = await world.rows("SELECT pricing FROM message")
    assert json.loads(row["pricing"])["type"] == "free_customer_service"


async def test_a_failure_with_several_reasons_tells_them_all(world: World) -> None:
    known = await hooks.send_silently(world)
    reasons = [failure(131026, "Message undeliverable"), failure(131049, "Healthy ecosystem")]
    await hooks.tell(world, statuses=[status(known, "failed", errors=reasons)])

    (event,) = world.receiver.of_type("message.failed")
    assert [error["code"] for error in event["data"]["errors"]] == [131026, 131049]
    (row,) = await world.rows("SELECT errors FROM message")
    assert [error["code"] for error in json.loads(row["errors"])] == [131026, 131049]


async def test_in_a_group_each_participant_counts_once(world: World) -> None:
    known = await hooks.send_silently(world)
    group: dict[str, Any] = {"recipient_type": "group"}
    ann = status(known, "read", to="group-1", recipient_participant_id="111", **group)
    bob = status(known, "delivered", to="group-1", recipient_participant_id="222", **group)
    for _ in range(2):
        await hooks.tell(world, statuses=[ann, bob])
    await hooks.tell(world, statuses=[bob | {"status": "failed"} | FAILED, ann | {"status": "failed"} | FAILED])

    told = [(event["type"], event["data"]["to"]["phone"]) for event in world.receiver.events]
    assert sorted(told[:3]) == [("message.delivered", "111"), ("message.delivered", "222"), ("message.read", "111")]
    assert await hooks.state_of(world, known) == "read"
    rows = await world.rows("SELECT status, participant FROM message_status ORDER BY status, participant")
    assert [tuple(row) for row in rows] == [
        ("delivered", "111"), ("delivered", "222"), ("failed", "111"), ("failed", "222"), ("read", "111"),
    ]  # fmt: skip


async def test_a_status_teaches_who_is_behind_a_phone_before_the_answer_comes(world: World) -> None:
    sent = await world.send_otp(to="+15550100009")
    known = sent.json["wa_message_id"]
    await hooks.tell(world, statuses=[status(known, "sent", to="15550100009", recipient_user_id="US.13")])
    nameless = hooks.text("It is me", from_user_id="US.13")
    del nameless["from"]
    await hooks.tell(world, messages=[nameless])

    (event,) = world.receiver.of_type("message.received")
    assert event["data"]["conversation_id"] == sent.json["conversation_id"]
    (row,) = await world.rows("SELECT phone, user_id FROM contact")
    assert tuple(row) == ("15550100009", "US.13")


async def test_a_status_teaches_how_meta_writes_a_number_when_the_answer_was_lost(world: World) -> None:
    known = await hooks.send_silently(world, to="+5511987654321")
    await world.rows("DELETE FROM phone_alias")
    await hooks.tell(world, statuses=[status(known, "sent", to="551187654321")])
    await hooks.tell(world, messages=[hooks.text("Oi", sender="551187654321")])

    assert len(await world.rows("SELECT id FROM contact")) == 1
    assert len(await world.rows("SELECT DISTINCT conversation_id FROM message")) == 1
