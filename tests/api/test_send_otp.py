"""POST /send/otp: what is taken, what is answered, what is kept."""

import json
import re
from typing import Any

from quixess.database import ids
from tests.world import CODE, OTP, PHONE, World

ID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


async def test_the_answer_is_exactly_the_documented_one(world: World) -> None:
    answer = await world.send_otp(metadata={"signup": "s-99"})

    told = answer.json
    (sent,) = await world.sends()
    number = world.meta.world
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert re.fullmatch(f"msg_{ID}", told["id"])
    assert re.fullmatch(f"cnv_{ID}", told["conversation_id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", told["created_at"])
    assert told == {
        "id": told["id"],
        "wa_message_id": sent["wamid"],
        "status": "accepted",
        "type": "template",
        "to": {"phone": "+12818184370", "wa_id": "12818184370", "user_id": None},
        "from": {
            "phone_number_id": number["phone_number_id"],
            "display_phone": "+" + re.sub(r"\D", "", number["display_phone_number"]),
        },
        "conversation_id": told["conversation_id"],
        "brand_id": ids.show("brd", world.brand_id),
        "metadata": {"signup": "s-99"},
        "created_at": told["created_at"],
        "template": {"name": "signup_otp", "language": "en_US", "category": "AUTHENTICATION"},
        "request_id": answer.headers["X-Request-Id"],
    }


async def test_meta_gets_one_message_with_our_mark_and_the_code_in_body_and_button(world: World) -> None:
    answer = await world.send_otp()

    (sent,) = await world.sends()
    assert sent["opaque"] == f"qx1:{answer.json['id']}:1"
    assert sent["to"] == PHONE
    chat = await world.meta.lever(f"phones/{PHONE[1:]}/messages")
    assert chat["messages"][0]["code"] == CODE
    assert chat["messages"][0]["text"].startswith(f"*{CODE}* is your verification code.")


async def test_the_history_keeps_the_text_with_the_code_hidden(world: World) -> None:
    await world.send_otp(metadata={"signup": "s-99"})

    (row,) = await world.rows("SELECT * FROM message")
    assert json.loads(row["content"]) == {
        "body": "*••••••* is your verification code. For your security, do not share this code.",
        "redacted": True,
    }
    assert json.loads(row["metadata"]) == {"signup": "s-99"}
    assert row["phone"] == PHONE[1:]


async def test_a_code_is_4_to_15_letters_and_digits(world: World) -> None:
    codes = ["4829", "ABC123", "A1b2C3d4E5f6G7h"]

    assert [(await world.send_otp(code=code)).status for code in codes] == [200, 200, 200]
    chat = await world.meta.lever(f"phones/{PHONE[1:]}/messages")
    assert [message["code"] for message in chat["messages"]] == codes


async def test_metadata_comes_back_and_holds_512_bytes(world: World) -> None:
    fits, too_long = {"k": "v" * 504}, {"k": "v" * 505}
    assert len(json.dumps(fits, separators=(",", ":"))) == 512

    assert (await world.send_otp(metadata=fits)).json["metadata"] == fits
    refused = await world.send_otp(metadata=too_long)
    assert refused.status == 400
    assert refused.json["errors"][0]["pointer"] == "/metadata"
    assert refused.json["errors"][0]["code"] == "too_long"
    assert len(await world.sends()) == 1


async def test_metadata_is_an_object_of_texts(world: World) -> None:
    others: list[Any] = [{"n": 1}, {"deep": {"er": "x"}}, ["a"], "text", None, {"k": None}]

    for metadata in others:
        refused = await world.send_otp(metadata=metadata)
        assert refused.status == 400, metadata
        assert refused.json["errors"][0]["pointer"].startswith("/metadata"), metadata
    assert await world.sends() == []


async def test_a_missing_field_is_named(world: World) -> None:
    for missing in ("to", "code", "template_name"):
        body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"}
        del body[missing]
        refused = await world.call("POST", OTP, body=body)
        assert refused.status == 400
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json["code"] == "invalid_request"
        assert refused.json["errors"][0]["pointer"] == f"/{missing}"
        assert refused.json["errors"][0]["code"] == "required"
        assert CODE not in refused.body.decode()
    assert await world.sends() == []


async def test_a_good_request_id_is_kept_and_a_bad_one_is_replaced(world: World) -> None:
    body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"}

    kept = await world.call("POST", OTP, body=body, headers={"X-Request-Id": "shop-4711_abc"})
    assert kept.headers["X-Request-Id"] == kept.json["request_id"] == "shop-4711_abc"
    rows = await world.rows("SELECT request_id FROM message")
    assert [row["request_id"] for row in rows] == ["shop-4711_abc"]
    for bad in ("short", "x" * 65, 'a"} {"level":"error', "${jndi:ldap://x}"):
        replaced = await world.call("POST", OTP, body=body, headers={"X-Request-Id": bad})
        assert re.fullmatch(f"req_{ID}", replaced.headers["X-Request-Id"])
        assert replaced.json["request_id"] == replaced.headers["X-Request-Id"]


async def test_a_refusal_carries_the_request_id_too(world: World) -> None:
    refused = await world.send_otp(to="nobody")

    assert refused.json["request_id"] == refused.headers["X-Request-Id"]
    assert refused.json == {
        "type": "/docs/errors#invalid_phone",
        "title": "The phone number is not valid",
        "status": 400,
        "code": "invalid_phone",
        "detail": refused.json["detail"],
        "request_id": refused.headers["X-Request-Id"],
        "errors": [{"pointer": "/to", "code": "invalid_phone", "detail": refused.json["detail"]}],
    }


async def test_a_brand_without_a_connection_is_told_so(world: World) -> None:
    await world.rows("UPDATE connection SET state = 'disconnected'")

    refused = await world.send_otp()
    assert (refused.status, refused.json["code"]) == (404, "no_active_connection")
    assert await world.rows("SELECT id FROM message") == []


async def test_two_sends_to_one_person_share_a_conversation(world: World) -> None:
    first, second = await world.send_otp(), await world.send_otp(to="+1 (281) 818-4370", code="771204")

    assert first.json["conversation_id"] == second.json["conversation_id"]
    assert first.json["id"] != second.json["id"]
    assert len(await world.sends()) == 2
