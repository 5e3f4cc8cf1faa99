"""A send, as a client of Meta's sees it, and as the phone sees it."""

import base64
import hashlib
import hmac
from typing import Any

import pytest

from tests.simulator import driving
from tests.simulator.driving import CODE, DIGITS, PHONE, Receiver, Simulator

ORDER = [{"type": "body", "parameters": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "A-1"}]}]


async def test_a_code_shows_on_the_phone_and_its_ticks_come_back_signed_and_in_order(
    simulator: Simulator, receiver: Receiver
) -> None:
    answer = await simulator.send(driving.otp(biz_opaque_callback_data="qx1:msg_1:1"))

    wamid = answer.json["messages"][0]["id"]
    assert answer.json == {
        "messaging_product": "whatsapp",
        "contacts": [{"input": PHONE, "wa_id": DIGITS}],
        "messages": [{"id": wamid, "message_status": "accepted"}],
    }
    statuses = await receiver.until_statuses("sent", "delivered", "read")
    assert {one["id"] for one in statuses} == {wamid}
    assert {one["recipient_id"] for one in statuses} == {DIGITS}
    assert {one["biz_opaque_callback_data"] for one in statuses} == {"qx1:msg_1:1"}
    assert [one.get("pricing", {}).get("category") for one in statuses] == ["authentication", "authentication", None]
    for body, headers in receiver.posts:
        assert headers["X-Hub-Signature-256"] == driving.signed(simulator.world["app_secret"], body)
    chat = await simulator.lever(f"phones/{PHONE}/messages")
    bubble = chat["messages"][0]
    expected = f"*{CODE}* is your verification code. For your security, do not share this code."
    assert (bubble["text"], bubble["code"], bubble["status"]) == (expected, CODE, "read")
    assert bubble["buttons"] == [{"type": "copy_code", "text": "Copy code", "url": None}]
    assert bubble["footer"] == "This code expires in 10 minutes."


async def test_a_wamid_has_the_inner_shape_of_metas(simulator: Simulator) -> None:
    answer = await simulator.send(driving.otp())
    raw = base64.b64decode(answer.json["messages"][0]["id"].removeprefix("wamid."))
    assert raw.startswith(b"\x1c\x18\x0b" + DIGITS.encode() + b"\x15\x02\x00\x11\x18")
    assert raw.endswith(b"\x00")


async def test_two_sends_never_share_a_wamid_and_both_are_in_the_ledger(simulator: Simulator) -> None:
    answers = [await simulator.send(driving.otp(biz_opaque_callback_data=mark)) for mark in ("one", "two")]
    ledger = (await simulator.lever("sends"))["data"]
    assert [row["wamid"] for row in ledger] == [one.json["messages"][0]["id"] for one in answers]
    assert [row["opaque"] for row in ledger] == ["one", "two"]
    assert len((await simulator.lever("sends?opaque=two"))["data"]) == 1


async def test_a_utility_template_is_filled_in_order(simulator: Simulator) -> None:
    answer = await simulator.send(driving.template(PHONE, "order_update", ORDER))
    assert answer.status == 200
    chat = await simulator.lever(f"phones/{DIGITS}/messages")
    assert chat["messages"][0]["text"] == "Hello Ann, your order A-1 is on its way."


@pytest.mark.parametrize("path", ["v19.0/", "v25.0/", ""])
async def test_any_version_and_none_is_the_same_api(simulator: Simulator, path: str) -> None:
    url = f"{simulator.base_url}/{path}{simulator.world['phone_number_id']}"
    async with simulator.http.get(url, params={"access_token": simulator.world["access_token"]}) as answer:
        assert (await answer.json())["id"] == simulator.world["phone_number_id"]


def _without_button() -> dict[str, Any]:
    body = driving.otp()
    del body["template"]["components"][1]
    return body


REFUSED: dict[str, tuple[dict[str, Any], int, int, str, str | None]] = {
    "unknown template": (
        driving.template(PHONE, "nothing", []),
        404,
        132001,
        "(#132001) Template name does not exist in the translation",
        "template name (nothing) does not exist in en_US",
    ),
    "another language": (
        driving.template(PHONE, "order_update", ORDER, "en"),
        404,
        132001,
        "(#132001) Template name does not exist in the translation",
        "template name (order_update) does not exist in en",
    ),
    "too few parameters": (
        driving.template(PHONE, "order_update", [{"type": "body", "parameters": [{"type": "text", "text": "A"}]}]),
        400,
        132000,
        "(#132000) Number of parameters does not match the expected number of params",
        "body: number of localizable_params (1) does not match the expected number of params (2)",
    ),
    "no button": (
        _without_button(),
        400,
        131008,
        "(#131008) Required parameter is missing",
        "buttons: Button at index 0 of type Url requires a parameter",
    ),
    "a recipient that is no number": (
        driving.otp("nobody"),
        400,
        131009,
        "(#131009) Parameter value is not valid",
        "Recipient phone number is not valid",
    ),
    "no recipient": (driving.otp(""), 400, 100, "(#100) The parameter to is required.", None),
    "a text too long": (
        driving.text("x" * 4097),
        400,
        100,
        "(#100) Param text['body'] must be at most 4096 characters long.",
        None,
    ),
    "an opaque mark too long": (
        driving.otp(biz_opaque_callback_data="x" * 513),
        400,
        100,
        "(#100) Param biz_opaque_callback_data must be at most 512 characters long.",
        None,
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
async def test_a_wrong_send_is_refused_in_metas_words(simulator: Simulator, fault: str) -> None:
    body, status, code, message, details = REFUSED[fault]
    answer = await simulator.send(body)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["message"]) == (status, code, message)
    assert error.get("error_data", {}).get("details") == details
    assert error["type"] == "OAuthException"
    assert error["fbtrace_id"]
    assert (await simulator.lever("sends"))["data"] == []


async def test_a_refusal_never_repeats_the_code(simulator: Simulator) -> None:
    answer = await simulator.send(driving.otp(code="4938174938174938"))
    assert answer.json["error"]["code"] == 131009
    assert "49381" not in str(answer.json)


async def test_a_template_that_is_not_approved_cannot_be_sent(simulator: Simulator) -> None:
    for status, code in (("REJECTED", 132001), ("PAUSED", 132015), ("DISABLED", 132016)):
        await simulator.lever("templates", {"name": "order_update", "status": status})
        answer = await simulator.send(driving.template(PHONE, "order_update", ORDER))
        assert answer.json["error"]["code"] == code


async def test_tokens_and_ids_are_checked_as_meta_does(simulator: Simulator) -> None:
    number = simulator.world["phone_number_id"]
    async with simulator.http.post(f"{simulator.base_url}/v25.0/{number}/messages") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (401, 2500)
    wrong = await simulator.graph("POST", f"{number}/messages", token="EAAJwrong", json=driving.otp())
    assert (wrong.status, wrong.json["error"]["code"]) == (401, 190)
    stranger = await simulator.graph("POST", "123456789012345/messages", json=driving.otp())
    error = stranger.json["error"]
    assert (error["code"], error["error_subcode"], error["type"]) == (100, 33, "GraphMethodException")
    assert "123456789012345" in error["message"]


async def test_a_wrong_appsecret_proof_is_refused_and_a_right_one_is_not(simulator: Simulator) -> None:
    path = f"{simulator.world['phone_number_id']}/messages"
    key, token = simulator.world["app_secret"].encode(), simulator.world["access_token"].encode()
    proof = hmac.new(key, token, hashlib.sha256).hexdigest()
    right = await simulator.graph("POST", path, params={"appsecret_proof": proof}, json=driving.otp())
    wrong = await simulator.graph("POST", path, params={"appsecret_proof": "0" * 64}, json=driving.otp())
    assert right.status == 200
    assert wrong.json["error"]["message"] == "Invalid appsecret_proof provided in the API argument"


async def test_a_text_outside_the_window_is_accepted_and_then_fails(simulator: Simulator, receiver: Receiver) -> None:
    answer = await simulator.send(driving.text("hello?"))
    assert answer.status == 200
    assert "message_status" not in answer.json["messages"][0]
    (failed,) = await receiver.until_statuses("failed")
    assert failed["errors"][0]["code"] == 131047
    assert failed["errors"][0]["title"] == "Re-engagement message"
    assert "24 hours" in failed["errors"][0]["error_data"]["details"]


async def test_an_answer_from_the_phone_opens_the_window_for_a_day(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(f"phones/{DIGITS}/messages", {"text": "hi"})
    await simulator.send(driving.text("hello"))
    await receiver.until_statuses("sent", "delivered", "read")
    await simulator.lever("settings", {"clock_offset_s": 24 * 3600 + 1})
    await simulator.send(driving.text("still there?"))
    await receiver.until_statuses("sent", "delivered", "read", "failed")


async def test_marking_as_read_turns_the_customers_ticks_blue(simulator: Simulator) -> None:
    wamid = (await simulator.lever(f"phones/{DIGITS}/messages", {"text": "hi"}))["wamid"]
    answer = await simulator.send({"messaging_product": "whatsapp", "status": "read", "message_id": wamid})
    assert answer.json == {"success": True}
    chat = await simulator.lever(f"phones/{DIGITS}/messages")
    assert chat["messages"][0]["status"] == "read"
