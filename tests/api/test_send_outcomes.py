"""What became of a send that Meta answered: accepted, rejected for good, or asked to come again."""

from aiohttp import web

from quixess.database import ids
from tests.api import connecting
from tests.messages import hooks, pauses
from tests.world import World, eventually

REFUSED = [
    10,
    33,
    100,
    368,
    130472,
    130497,
    131005,
    131008,
    131009,
    131021,
    131026,
    131030,
    131031,
    131037,
    131042,
    131047,
    131049,
    131050,
    131051,
    131052,
    131053,
    131062,
    132000,
    132001,
    132005,
    132007,
    132012,
    132015,
    132016,
    132018,
    133010,
    135000,
    137000,
    999999,
]


async def state(world: World) -> str:
    (row,) = await world.rows("SELECT state FROM message ORDER BY id DESC LIMIT 1")
    return str(row["state"])


async def test_every_magic_number_goes_its_documented_way(world: World) -> None:
    fates = {
        "+15550100001": (200, None),
        "+15550100002": (200, None),
        "+15550100003": (502, 132001),
        "+15550100005": (429, 130429),
        "+15550100009": (200, None),
        "+15550100010": (200, None),
        "+15550100011": (200, None),
        "+15550100012": (200, None),
        "+15550100013": (502, 131026),
        "+15550100014": (502, 131008),
        "+15550100004": (502, 190),
    }
    for phone, (status, code) in fates.items():
        answer = await world.send_otp(to=phone)
        assert answer.status == status, phone
        if code is not None:
            assert answer.json["whatsapp_error"]["error"]["code"] == code
        await pauses.end(world)


async def test_a_refusal_carries_metas_own_words_and_what_they_mean(world: World) -> None:
    answer = await world.send_otp(to="+15550100013", idempotency_key="k")

    told = answer.json
    (row,) = await world.rows("SELECT id, state FROM message")
    trace = told["whatsapp_error"]["error"]["fbtrace_id"]
    assert row["state"] == "failed"
    assert answer.status == 502
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert told == {
        "type": "/docs/errors#whatsapp_error",
        "title": "WhatsApp rejected the message",
        "status": 502,
        "code": "whatsapp_error",
        "detail": "The message cannot be delivered: not on WhatsApp, terms not accepted, or too old an app. "
        "Check that the number uses WhatsApp and fall back to another channel.",
        "request_id": answer.headers["X-Request-Id"],
        "message_id": ids.show("msg", row["id"]),
        "retryable": False,
        "whatsapp_error": {
            "error": {
                "message": "(#131026) Message undeliverable",
                "type": "OAuthException",
                "code": 131026,
                "error_data": {"messaging_product": "whatsapp", "details": "Message Undeliverable."},
                "fbtrace_id": trace,
            }
        },
    }
    assert await world.sends() == []


async def test_every_refusal_for_good_is_a_502_with_its_code(world: World) -> None:
    for code in REFUSED:
        await world.meta.lever("faults", {"outcome": str(code)})
        answer = await world.send_otp()
        assert answer.status == 502, code
        assert answer.json["code"] == "whatsapp_error", code
        assert answer.json["whatsapp_error"]["error"]["code"] == code
        assert answer.json["detail"].count(". ") >= 1, code
    rows = await world.rows("SELECT state, count(*) AS n FROM message GROUP BY state")
    assert [(row["state"], row["n"]) for row in rows] == [("failed", len(REFUSED))]
    assert await world.sends() == []


async def test_a_refusal_is_told_as_message_failed(world: World) -> None:
    answer = await world.send_otp(to="+15550100014", metadata={"signup": "s-99"})

    event = (await eventually(lambda: world.receiver.of_type("message.failed")))[0]
    (row,) = await world.rows("SELECT conversation_id FROM message")
    assert event["data"] == {
        "message_id": answer.json["message_id"],
        "wa_message_id": None,
        "conversation_id": ids.show("cnv", row["conversation_id"]),
        "to": {"phone": "15550100014", "phone_e164": "+15550100014", "user_id": None},
        "metadata": {"signup": "s-99"},
        "errors": [
            {
                "code": 131008,
                "title": "(#131008) Required parameter is missing",
                "reason": "A required parameter is missing",
                "details": "(#131008) Required parameter is missing",
                "fix": "Send every parameter the template declares; a one-time code goes into the body and into "
                "the button.",
                "retryable": False,
            }
        ],
    }


async def test_a_failure_after_acceptance_is_told_once(world: World) -> None:
    answer = await world.send_otp(to="+15550100001")
    await eventually(lambda: world.receiver.of_type("message.failed"))
    await hooks.rest(world)

    assert answer.status == 200
    assert [event["type"] for event in world.receiver.events] == ["message.failed"]
    told = world.receiver.events[0]["data"]
    assert told["wa_message_id"] == answer.json["wa_message_id"]
    assert [error["code"] for error in told["errors"]] == [131026]
    assert await state(world) == "failed"


async def test_a_dead_token_ends_the_connection_until_it_is_connected_again(world: World) -> None:
    refused = await world.send_otp(to="+15550100004", idempotency_key="dead")
    assert (refused.status, refused.json["code"]) == (502, "whatsapp_connection_unauthorized")
    assert refused.json["whatsapp_error"]["error"]["error_subcode"] == 463

    (row,) = await world.rows("SELECT state, state_reason FROM connection")
    assert (row["state"], row["state_reason"]) == ("unauthorized", "Meta no longer accepts the token")
    next_one = await world.send_otp(idempotency_key="next")
    assert (next_one.status, next_one.json["code"]) == (404, "no_active_connection")

    await connecting.reconnect(world, world.meta.base_url)
    assert (await world.send_otp(idempotency_key="next")).status == 200
    replay = await world.send_otp(to="+15550100004", idempotency_key="dead")
    assert (replay.status, replay.headers["Idempotent-Replayed"]) == (502, "true")
    assert replay.body == refused.body


async def test_throttled_is_429_with_a_pause_and_the_key_may_run_again(world: World) -> None:
    waits = {4: "1", 613: "1", 80007: "1", 130429: "1", 131056: "6"}
    for code, pause in waits.items():
        await world.meta.lever("faults", {"outcome": str(code)})
        refused = await world.send_otp(idempotency_key=f"key-{code}")
        assert (refused.status, refused.json["code"]) == (429, "whatsapp_rate_limited"), code
        assert refused.headers["Retry-After"] == pause, code
        assert refused.json["whatsapp_error"]["error"]["code"] == code
        assert await state(world) == "not_sent"

        await pauses.end(world)
        again = await world.send_otp(idempotency_key=f"key-{code}")
        assert again.status == 200, code
        assert "Idempotent-Replayed" not in again.headers
    assert len(await world.sends()) == len(waits)
    assert world.receiver.of_type("message.failed") == []


async def test_a_meta_that_cannot_be_reached_is_503_and_the_key_may_run_again(world: World) -> None:
    await connecting.reconnect(world, connecting.nobody())

    refused = await world.send_otp(idempotency_key="k")
    assert (refused.status, refused.json["code"]) == (503, "upstream_unavailable")
    assert refused.headers["Retry-After"] == "2"
    assert await state(world) == "not_sent"

    await connecting.reconnect(world, world.meta.base_url)
    again = await world.send_otp(idempotency_key="k")
    assert again.status == 200
    assert [sent["opaque"] for sent in await world.sends()] == [f"qx1:{again.json['id']}:1"]


async def test_who_answers_from_metas_other_digits_is_in_the_same_conversation(world: World) -> None:
    others = {"+5511987654321": "551187654321", "+525512345678": "5215512345678"}

    async def accept(request: web.Request) -> web.Response:
        to = (await request.json())["to"]
        return web.json_response({"messages": [{"id": hooks.wamid()}], "contacts": [{"wa_id": others[to]}]})

    async with connecting.meta_saying(accept) as url:
        await connecting.reconnect(world, url)
        sent = {phone: await world.send_otp(to=phone) for phone in others}
    for phone, wa_id in others.items():
        assert sent[phone].json["to"] == {"phone": phone, "wa_id": wa_id, "user_id": None}
        await hooks.tell(world, messages=[hooks.text("Oi", sender=wa_id)])
        data = world.receiver.of_type("message.received")[-1]["data"]
        assert data["conversation_id"] == sent[phone].json["conversation_id"]
        assert data["from"]["phone"] == wa_id
    assert len(await world.rows("SELECT id FROM contact")) == 2
    assert len(await world.rows("SELECT id FROM conversation")) == 2
