"""The main job, told once from end to end: a code to the phone, an answer back, a signed event at a real server."""

import hashlib
import hmac

from standardwebhooks.webhooks import Webhook

from quixess.database import ids
from tests.world import CODE, PHONE, World, eventually


async def test_a_code_reaches_the_phone_and_the_answer_comes_back_as_a_signed_event(world: World) -> None:
    sent = await world.send_otp(metadata={"signup": "s-99"})

    assert sent.status == 200
    assert sent.json["status"] == "accepted"
    assert sent.json["to"] == {"phone": PHONE, "wa_id": PHONE[1:], "user_id": None}
    assert sent.json["template"] == {"name": "signup_otp", "language": "en_US", "category": "AUTHENTICATION"}
    assert sent.json["metadata"] == {"signup": "s-99"}
    chat = await world.meta.lever(f"phones/{PHONE[1:]}/messages")
    assert CODE in str(chat)

    wamid = await world.customer_says("Hi there")
    await eventually(lambda: world.receiver.of_type("message.received"))
    received = world.receiver.of_type("message.received")[0]
    assert received["brand_id"] == ids.show("brd", world.brand_id)
    assert received["version"] == "1"
    assert received["data"]["wa_message_id"] == wamid
    assert received["data"]["from"]["phone"] == PHONE[1:]
    assert received["data"]["from"]["name"] == "Frank"
    assert received["data"]["content"] == {"body": "Hi there"}
    assert received["data"]["to"]["phone_number_id"] == world.meta.world["phone_number_id"]
    assert received["data"]["conversation_id"] == sent.json["conversation_id"]


async def test_every_event_carries_both_signatures_and_each_verifies(world: World) -> None:
    await world.customer_says("sign this: ünïcode / @ 😀")
    await eventually(lambda: world.receiver.got)

    headers, body = world.receiver.got[0]
    expected = "sha256=" + hmac.new(world.endpoint_secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Quixess-Signature-256"] == expected
    assert headers["X-Quixess-Event-Id"] == world.receiver.events[0]["id"]
    assert headers["X-Quixess-Event-Type"] == "message.received"
    verified = Webhook(world.endpoint_secret).verify(body, {name.lower(): value for name, value in headers.items()})
    assert verified["data"]["content"]["body"] == "sign this: ünïcode / @ 😀"


async def test_delivered_and_read_are_told_once_each_and_in_their_rank(world: World) -> None:
    sent = await world.send_otp()
    await eventually(lambda: world.receiver.of_type("message.read"))

    assert [event["type"] for event in world.receiver.events] == ["message.delivered", "message.read"]
    told = world.receiver.events[0]["data"]
    assert told["message_id"] == sent.json["id"]
    assert told["wa_message_id"] == sent.json["wa_message_id"]
    assert told["status"] == "delivered"
    rows = await world.rows("SELECT state FROM message")
    assert [row["state"] for row in rows] == ["read"]
