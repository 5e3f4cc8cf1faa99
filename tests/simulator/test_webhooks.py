"""What arrives at a callback: bytes, signatures, batches, repeats."""

import json

from tests.simulator import driving
from tests.simulator.driving import DIGITS, Receiver, Simulator

TRICKY = "Zoë wrote: 5 < 7 > 3 & 100% @home https://example.org/a 😀"


async def test_what_a_customer_types_arrives_in_metas_shape(simulator: Simulator, receiver: Receiver) -> None:
    wamid = (await simulator.lever(f"phones/{DIGITS}/messages", {"text": "Hello", "name": "Ann"}))["wamid"]
    await receiver.until_posts(1)
    body = json.loads(receiver.posts[0][0])
    message = body["entry"][0]["changes"][0]["value"]["messages"][0]
    assert body == {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": simulator.world["waba_id"],
                "changes": [
                    {
                        "value": {
                            "messaging_product": "whatsapp",
                            "metadata": {
                                "display_phone_number": simulator.world["display_phone_number"],
                                "phone_number_id": simulator.world["phone_number_id"],
                            },
                            "contacts": [{"profile": {"name": "Ann"}, "wa_id": DIGITS}],
                            "messages": [
                                {
                                    "from": DIGITS,
                                    "id": wamid,
                                    "timestamp": message["timestamp"],
                                    "text": {"body": "Hello"},
                                    "type": "text",
                                }
                            ],
                        },
                        "field": "messages",
                    }
                ],
            }
        ],
    }
    assert message["timestamp"].isdigit()


async def test_the_escapes_differ_from_json_dumps_and_the_signature_is_over_the_raw_bytes(
    simulator: Simulator, receiver: Receiver
) -> None:
    await simulator.lever(f"phones/{DIGITS}/messages", {"text": TRICKY})
    await receiver.until_posts(1)
    raw, headers = receiver.posts[0]
    assert rb"Zo\u00eb wrote: 5 \u003C 7 \u003E 3 \u0026 100\u0025 \u0040home https:\/\/example.org\/a" in raw
    assert rb"\ud83d\ude00" in raw
    assert json.loads(raw)["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"] == TRICKY
    secret = simulator.world["app_secret"]
    assert headers["X-Hub-Signature-256"] == driving.signed(secret, raw)
    for again in (json.dumps(json.loads(raw)), json.dumps(json.loads(raw), separators=(",", ":"))):
        assert headers["X-Hub-Signature-256"] != driving.signed(secret, again.encode())


async def test_a_callback_with_the_wrong_echo_is_refused_and_changes_nothing(
    simulator: Simulator, receiver: Receiver
) -> None:
    answer = await simulator.subscribe_app(receiver.url + "?other=1", "wrong token")
    assert (answer.status, answer.json["error"]["code"]) == (400, 2200)
    assert "HTTP Status Code = 403" in answer.json["error"]["message"]
    assert (await simulator.lever("world"))["callback_url"] == receiver.url


async def test_a_callback_nobody_listens_at_is_refused(simulator: Simulator) -> None:
    answer = await simulator.subscribe_app("http://127.0.0.1:1/hook", "token")
    assert answer.json["error"]["code"] == 2200


async def test_nothing_arrives_until_the_waba_is_subscribed(simulator: Simulator, receiver: Receiver) -> None:
    path = f"{simulator.world['waba_id']}/subscribed_apps"
    await simulator.graph("DELETE", path)
    await simulator.lever(f"phones/{DIGITS}/messages", {"text": "lost"})
    await simulator.graph("POST", path)
    listed = await simulator.graph("GET", path)
    assert listed.json["data"][0]["whatsapp_business_api_data"]["id"] == simulator.world["app_id"]
    await simulator.lever(f"phones/{DIGITS}/messages", {"text": "found"})
    await receiver.until_posts(1)
    assert receiver.changes()[0]["value"]["messages"][0]["text"]["body"] == "found"


async def test_a_webhook_that_met_a_500_comes_again_byte_for_byte(simulator: Simulator, receiver: Receiver) -> None:
    receiver.statuses = [500, 302]
    await simulator.lever(f"phones/{DIGITS}/messages", {"text": "again"})
    await receiver.until_posts(3)
    assert len({body for body, _ in receiver.posts}) == 1


async def test_a_batch_holds_several_entries_changes_and_statuses(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"batch_size": 6, "batch_wait_ms": 60_000, "sent_ms": 0, "delivered_ms": 0})
    await simulator.lever("faults", {"outcome": "async:131026", "count": 3})
    for number in range(3):
        await simulator.send(driving.otp(f"+1555000000{number}"))
        await simulator.lever(f"phones/{DIGITS}/messages", {"text": f"text {number}"})
    await receiver.until_posts(1)
    body = json.loads(receiver.posts[0][0])
    assert len(body["entry"]) > 1
    assert max(len(entry["changes"]) for entry in body["entry"]) == 2
    assert len(receiver.status_entries()) == 3
    assert sum(len(change["value"].get("messages", [])) for change in receiver.changes()) == 3


async def test_neighbouring_statuses_share_one_value(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"batch_size": 4, "batch_wait_ms": 60_000})
    await simulator.lever("faults", {"outcome": "async:131026", "count": 4})
    for number in range(4):
        await simulator.send(driving.otp(f"+1555000000{number}"))
    await receiver.until_posts(1)
    assert [len(change["value"]["statuses"]) for change in receiver.changes()] == [2, 2]


async def test_a_batch_that_does_not_fill_goes_out_after_its_wait(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"batch_size": 100, "batch_wait_ms": 5})
    await simulator.lever(f"phones/{DIGITS}/messages", {"text": "alone"})
    await receiver.until_posts(1)
    assert receiver.changes()[0]["value"]["messages"][0]["text"]["body"] == "alone"


async def test_old_webhooks_can_be_sent_again_as_they_were_or_in_one_body(
    simulator: Simulator, receiver: Receiver
) -> None:
    for number in (1, 2):
        await simulator.lever(f"phones/{DIGITS}/messages", {"text": f"text {number}"})
        await receiver.until_posts(number)
    again = await simulator.lever("webhooks/redeliver", {"last": 2})
    assert again == {"statuses": [200, 200]}
    assert [body for body, _ in receiver.posts[2:]] == [body for body, _ in receiver.posts[:2]]
    assert await simulator.lever("webhooks/redeliver", {"last": 2, "rebatch": True}) == {"statuses": [200]}
    assert len(json.loads(receiver.posts[4][0])["entry"][0]["changes"]) == 2


async def test_any_payload_and_any_bytes_can_be_scripted_and_are_signed(
    simulator: Simulator, receiver: Receiver
) -> None:
    receiver.statuses = [200, 418]
    weird = await simulator.lever("webhooks", {"field": "account_update", "value": {"event": "ÄCCOUNT"}})
    raw = await simulator.lever("webhooks", {"raw": "{not json"})
    assert (weird, raw) == ({"status": 200}, {"status": 418})
    assert receiver.posts[1][0] == b"{not json"
    first = json.loads(receiver.posts[0][0])["entry"][0]
    assert first["changes"] == [{"value": {"event": "ÄCCOUNT"}, "field": "account_update"}]
    assert isinstance(first["time"], int)
    for body, headers in receiver.posts:
        assert headers["X-Hub-Signature-256"] == driving.signed(simulator.world["app_secret"], body)


async def test_message_webhooks_follow_an_override_and_template_webhooks_do_not(
    simulator: Simulator, receiver: Receiver
) -> None:
    async with driving.receiving() as other:
        override = {"override_callback_uri": other.url, "verify_token": other.verify_token}
        await simulator.graph("POST", f"{simulator.world['waba_id']}/subscribed_apps", json=override)
        await simulator.lever(f"phones/{DIGITS}/messages", {"text": "hi"})
        await other.until_posts(1)
        await simulator.lever("templates", {"name": "order_update", "status": "PAUSED", "notify": True})
        await receiver.until_posts(1)
    assert receiver.changes()[0]["field"] == "message_template_status_update"
