"""Everything else Meta tells: calls, templates, accounts, the app beside the API, statuses by hand."""

from typing import Any

import pytest

from tests.simulator import captures, driving
from tests.simulator.driving import DIGITS, Answer, Receiver, Simulator

TEMPLATE = "templates/order_update"
SESSION = {"sdp_type": "answer", "sdp": "v=0"}
CHATS: dict[str, tuple[str, dict[str, Any]]] = {
    "echo": ("phones/15551234567/echoes", {"text": "from the app"}),
    "app_state": ("phones/15551234567/contact", {"full_name": "Ann"}),
    "preferences": ("phones/15551234567/preferences", {"value": "stop"}),
    "history": ("history", {"threads": [{"phone": "15551234567", "messages": [{"text": "old"}]}]}),
    "history_media": (
        "history",
        {
            "media": {
                "phone": "15551234567",
                "messages": [
                    {
                        "type": "image",
                        "image": {
                            "id": "1",
                            "mime_type": "image/png",
                            "sha256": "ZGlnZXN0",
                            "url": "https://a.example",
                        },
                    }
                ],
            }
        },
    ),
    "status_sent": ("statuses", {"status": "sent", "opaque": "m", "pricing": True, "conversation": True}),
    "status_delivered": ("statuses", {"status": "delivered", "pricing": True}),
    "status_read": ("statuses", {"status": "read"}),
    "status_played": ("statuses", {"status": "played"}),
    "status_failed": ("statuses", {"status": "failed", "errors": [131049]}),
    "status_in_group": ("statuses", {"status": "delivered", "group_id": "Y2FwaV9ncm91cA"}),
    "call_connect": ("phones/15551234567/calls", {}),
    "errors_of_the_account": ("account", {"field": "messages"}),
}
MANAGED: dict[str, tuple[str, dict[str, Any]]] = {
    "account_alert": ("account", {"field": "account_alerts"}),
    "account_disabled": ("account", {"field": "account_update", "event": "DISABLED_UPDATE"}),
    "account_partner_uninstalled": ("account", {"field": "account_update", "event": "PARTNER_APP_UNINSTALLED"}),
    "account_review": ("account", {"field": "account_review_update"}),
    "capability": ("account", {"field": "business_capability_update"}),
    "phone_name": ("account", {"field": "phone_number_name_update"}),
    "phone_quality": ("account", {"field": "phone_number_quality_update", "event": "THROUGHPUT_UPGRADE"}),
    "security": ("account", {"field": "security", "event": "PIN_CHANGED"}),
    "template_approved": (TEMPLATE, {"event": "APPROVED"}),
    "template_category": (TEMPLATE, {"category": "MARKETING", "impending": True}),
    "template_components": (
        TEMPLATE,
        {
            "components": [
                {"type": "BODY", "text": "b"},
                {"type": "FOOTER", "text": "f"},
                {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Go", "url": "https://example.org"}]},
            ]
        },
    ),
    "template_disabled": (TEMPLATE, {"event": "DISABLED"}),
    "template_paused": (TEMPLATE, {"event": "PAUSED"}),
    "template_quality": (TEMPLATE, {"quality": "YELLOW"}),
    "template_rejected": (TEMPLATE, {"event": "REJECTED", "reason": "INVALID_FORMAT"}),
}


@pytest.mark.parametrize("name", CHATS | MANAGED)
async def test_a_lever_tells_what_was_captured_from_meta_and_signs_it(
    simulator: Simulator, receiver: Receiver, name: str
) -> None:
    path, body = (CHATS | MANAGED)[name]
    if path == "statuses":
        body = {"wamid": "wamid.OUT0001", "phone": DIGITS} | body
    await simulator.lever("settings", {"ring_ms": 60_000})

    await simulator.lever(path, body)

    await receiver.until_posts(1)
    (told,) = receiver.entries()
    captured = captures.entry(name)
    assert told["changes"][0]["field"] == captured["changes"][0]["field"]
    assert captures.lacking(captured["changes"][0]["value"], told["changes"][0]["value"]) == []
    assert ("time" in told) == ("time" in captured) == (name in MANAGED)
    raw, headers = receiver.posts[0]
    assert headers["X-Hub-Signature-256"] == driving.signed(simulator.world["app_secret"], raw)


async def test_a_missed_call_rings_and_ends_without_times_and_opens_the_window(
    simulator: Simulator, receiver: Receiver
) -> None:
    wacid = await simulator.calls(payload="from-the-button")
    connect, terminate = await called(receiver)
    assert {connect["id"], terminate["id"]} == {wacid}
    assert (connect["event"], connect["from"], connect["direction"]) == ("connect", DIGITS, "USER_INITIATED")
    assert connect["session"]["sdp"].startswith("v=0")
    assert connect["cta_payload"] == "from-the-button"
    assert (terminate["event"], terminate["status"]) == ("terminate", "FAILED")
    assert not {"start_time", "end_time", "duration"} & set(terminate)
    assert (await simulator.lever(f"phones/{DIGITS}/messages"))["window_ends_at"] is not None


async def test_an_answered_call_has_its_times(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.calls(answered=True, duration_s=42)
    _, terminate = await called(receiver)
    assert (terminate["status"], terminate["duration"]) == ("COMPLETED", 42)
    assert int(terminate["end_time"]) - int(terminate["start_time"]) == 42


async def test_the_business_answers_a_call_and_hangs_up(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"ring_ms": 60_000})
    wacid = await simulator.calls()
    await receiver.until(lambda one: bool(one.changes()))
    for action in ("pre_accept", "accept"):
        assert (await answer(simulator, wacid, action, session=SESSION)).json == {
            "messaging_product": "whatsapp",
            "success": True,
        }
    await simulator.lever("settings", {"clock_offset_s": 90})
    assert (await answer(simulator, wacid, "terminate")).status == 200
    _, terminate = await called(receiver)
    assert (terminate["id"], terminate["status"]) == (wacid, "COMPLETED")
    assert terminate["duration"] in {90, 91, 92}
    assert int(terminate["end_time"]) - int(terminate["start_time"]) == terminate["duration"]
    assert (await answer(simulator, wacid, "terminate")).json["error"]["code"] == 100


async def test_a_customer_hangs_up_after_the_talk(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"ring_ms": 500})
    wacid = await simulator.calls(duration_s=42)
    assert (await answer(simulator, wacid, "accept", session=SESSION)).status == 200
    _, terminate = await called(receiver)
    assert (terminate["status"], terminate["duration"]) == ("COMPLETED", 42)


async def test_a_call_that_is_refused_ends_at_once_without_times(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"ring_ms": 60_000})
    wacid = await simulator.calls(answered=True)
    assert (await answer(simulator, wacid, "reject")).status == 200
    _, terminate = await called(receiver)
    assert (terminate["status"], "duration" in terminate) == ("FAILED", False)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"action": "accept"}, 131008),
        ({"action": "shout"}, 100),
        ({"action": "accept", "call_id": "wacid.X", "session": {"sdp_type": "answer", "sdp": "v=0"}}, 100),
        ({"action": "reject", "messaging_product": "telegram"}, 100),
    ],
)
async def test_an_answer_to_a_call_that_is_wrong_is_refused(
    simulator: Simulator, asked: dict[str, Any], code: int
) -> None:
    await simulator.lever("settings", {"ring_ms": 60_000})
    wacid = await simulator.calls()
    assert (await answer(simulator, wacid, **asked)).json["error"]["code"] == code


async def answer(simulator: Simulator, wacid: str, action: str, **more: Any) -> Answer:
    body = {"messaging_product": "whatsapp", "call_id": wacid, "action": action} | more
    return await simulator.graph("POST", f"{simulator.world['phone_number_id']}/calls", json=body)


async def test_a_caller_without_a_number_is_told_by_user_id(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(f"phones/{DIGITS}", {"user_id": "US.1", "hide_phone": True})
    await simulator.calls()
    connect, _ = await called(receiver)
    assert connect["from_user_id"] == "US.1"
    assert "from" not in connect


async def called(receiver: Receiver) -> list[dict[str, Any]]:
    await receiver.until_posts(2)
    assert {change["field"] for change in receiver.changes()} == {"calls"}
    return [call for change in receiver.changes() for call in change["value"]["calls"]]


@pytest.mark.parametrize(("event", "code"), [("PAUSED", 132015), ("DISABLED", 132016), ("REJECTED", 132001)])
async def test_a_template_that_fell_from_grace_is_listed_so_and_refused(
    simulator: Simulator, receiver: Receiver, event: str, code: int
) -> None:
    listed = await simulator.lever("templates/signup_otp", {"event": event})
    assert listed["status"] == event
    node = await simulator.graph("GET", listed["id"])
    assert node.json["status"] == event
    answer = await simulator.send(driving.otp())
    assert answer.json["error"]["code"] == code
    await receiver.until_posts(1)
    value = receiver.changes()[0]["value"]
    assert (value["message_template_id"], value["message_template_language"]) == (int(listed["id"]), "en-US")


@pytest.mark.parametrize(
    ("event", "status"),
    [("FLAGGED", "APPROVED"), ("LOCKED", "APPROVED"), ("ARCHIVED", "ARCHIVED"), ("UNARCHIVED", "APPROVED"),
     ("REINSTATED", "APPROVED"), ("IN_APPEAL", "IN_APPEAL"), ("LIMIT_EXCEEDED", "LIMIT_EXCEEDED"),
     ("PENDING", "PENDING"), ("PENDING_DELETION", "PENDING_DELETION")],
)  # fmt: skip
async def test_every_event_of_a_template_is_told_by_its_name(
    simulator: Simulator, receiver: Receiver, event: str, status: str
) -> None:
    assert (await simulator.lever(TEMPLATE, {"event": event}))["status"] == status
    await receiver.until_posts(1)
    assert receiver.changes()[0]["value"]["event"] == event


async def test_a_deleted_template_is_gone(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(TEMPLATE, {"event": "DELETED"})
    listed = await simulator.graph("GET", f"{simulator.world['waba_id']}/message_templates")
    assert [row["name"] for row in listed.json["data"]] == ["signup_otp"]
    assert "no template order_update" in await simulator.refused(TEMPLATE, {"event": "APPROVED"})


async def test_a_pause_that_ends_says_so(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(TEMPLATE, {"event": "PAUSED", "title": "SECOND_PAUSE"})
    await receiver.until_posts(1)
    await simulator.lever(TEMPLATE, {"event": "APPROVED", "title": "UNPAUSE"})
    await receiver.until_posts(2)
    titles = [change["value"]["other_info"]["title"] for change in receiver.changes()]
    assert titles == ["SECOND_PAUSE", "UNPAUSE"]


async def test_a_category_is_announced_under_its_present_name_and_then_changed(
    simulator: Simulator, receiver: Receiver
) -> None:
    listed = await simulator.lever(TEMPLATE, {"category": "MARKETING", "impending": True})
    assert (listed["category"], listed["correct_category"]) == ("UTILITY", "MARKETING")
    await receiver.until_posts(1)
    listed = await simulator.lever(TEMPLATE, {"category": "MARKETING"})
    assert listed["category"] == "MARKETING"
    assert "correct_category" not in listed
    await receiver.until_posts(2)
    impending, done = (change["value"] for change in receiver.changes())
    assert (impending["new_category"], impending["correct_category"]) == ("UTILITY", "MARKETING")
    assert (done["previous_category"], done["new_category"]) == ("UTILITY", "MARKETING")


async def test_quality_and_components_show_in_the_list(simulator: Simulator, receiver: Receiver) -> None:
    assert (await simulator.lever(TEMPLATE, {"quality": "RED"}))["quality_score"]["score"] == "RED"
    body = [{"type": "BODY", "text": "New {{1}} {{2}} words"}]
    assert (await simulator.lever(TEMPLATE, {"components": body}))["components"] == body
    await receiver.until_posts(2)
    told = {change["field"]: change["value"] for change in receiver.changes()}
    assert told["message_template_quality_update"]["previous_quality_score"] == "UNKNOWN"
    assert told["message_template_components_update"]["message_template_element"] == "New {{1}} {{2}} words"
    assert told["message_template_components_update"]["message_template_language"] == "en_US"


async def test_a_review_can_end_badly(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"review_rejects": "PROMOTIONAL"})
    listed = await simulator.lever("templates", {"name": "order_update", "review": True})
    assert listed["status"] == "PENDING"
    await receiver.until_posts(1)
    value = receiver.changes()[0]["value"]
    assert (value["event"], value["reason"], "rejection_info" in value) == ("REJECTED", "PROMOTIONAL", False)


@pytest.mark.parametrize("body", [{}, {"event": "APPROVED", "quality": "RED"}, {"event": "BURNT"}, {"language": "de"}])
async def test_a_verdict_that_says_nothing_or_two_things_is_refused(simulator: Simulator, body: dict[str, Any]) -> None:
    assert await simulator.refused(TEMPLATE, body)


async def test_what_concerns_a_partner_has_the_business_as_its_entry(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"batch_size": 3, "batch_wait_ms": 60_000})
    for event in ("ACCOUNT_VIOLATION", "PARTNER_ADDED", "ACCOUNT_DELETED"):
        await simulator.lever("account", {"field": "account_update", "event": event})
    await receiver.until_posts(1)
    waba, business = simulator.world["waba_id"], simulator.world["business_id"]
    assert [one["id"] for one in receiver.entries()] == [waba, business, waba]
    assert receiver.changes()[1]["value"]["waba_info"]["waba_id"] == waba


async def test_an_example_can_be_changed_and_a_word_of_tomorrow_be_told(
    simulator: Simulator, receiver: Receiver
) -> None:
    news = {"field": "account_update", "event": "ACCOUNT_MOVED", "value": {"country": "MT"}}
    answer = await simulator.lever("account", news)
    assert answer == {
        "field": "account_update",
        "value": {"event": "ACCOUNT_MOVED", "country": "MT"},
        "subscribed": True,
    }
    renamed = await simulator.lever("account", {"field": "phone_number_name_update", "event": "REJECTED"})
    assert renamed["value"]["decision"] == "REJECTED"
    await receiver.until_posts(2)


async def test_a_field_nobody_subscribed_to_is_not_sent_and_the_lever_says_so(simulator: Simulator) -> None:
    answer = await simulator.lever("account", {"field": "flows", "value": {"event": "FLOW_STATUS_CHANGE"}})
    assert answer["subscribed"] is False
    assert "no example" in await simulator.refused("account", {"field": "flows"})


async def test_what_the_business_writes_in_its_app_is_an_echo_and_no_send(
    simulator: Simulator, receiver: Receiver
) -> None:
    wamid = (await simulator.lever(f"phones/{DIGITS}/echoes", {"text": "on my way"}))["wamid"]
    await receiver.until_posts(1)
    (echo,) = receiver.changes()[0]["value"]["message_echoes"]
    assert (echo["id"], echo["from"], echo["to"]) == (wamid, simulator.world["display_phone_number"], DIGITS)
    assert (await simulator.lever("sends"))["data"] == []


async def test_what_happens_in_the_app_can_be_of_another_number(simulator: Simulator, receiver: Receiver) -> None:
    other = (await simulator.lever("numbers", {"display_phone_number": "+15550783999"}))["id"]
    named = {"phone_number_id": other}
    old = {"phone": DIGITS, "messages": [{"text": "Yes", "from_business": True}]}
    await simulator.lever(f"phones/{DIGITS}/echoes", {"text": "on my way"} | named)
    await simulator.lever(f"phones/{DIGITS}/contact", {"action": "remove"} | named)
    await simulator.lever(f"phones/{DIGITS}/preferences", {"value": "stop"} | named)
    await simulator.lever("history", {"threads": [old]} | named)
    await receiver.until_posts(4)
    values = {change["field"]: change["value"] for change in receiver.changes()}
    assert {value["metadata"]["phone_number_id"] for value in values.values()} == {other}
    assert values["smb_message_echoes"]["message_echoes"][0]["from"] == "15550783999"
    assert values["history"]["history"][0]["threads"][0]["messages"][0]["from"] == "15550783999"
    for path in (f"phones/{DIGITS}/echoes", "history"):
        assert "no number" in await simulator.refused(
            path,
            {"text": "x", "phone_number_id": ["1"]} if "echoes" in path else {"declined": True, "phone_number_id": "1"},
        )


async def test_history_has_both_sides_and_their_ages(simulator: Simulator, receiver: Receiver) -> None:
    messages = [{"text": "Hello?"}, {"text": "Yes", "from_business": True, "history_status": "DELIVERED", "age_s": 5}]
    await simulator.lever("history", {"threads": [{"phone": driving.PHONE, "messages": messages}], "progress": 55})
    await receiver.until_posts(1)
    (chunk,) = receiver.changes()[0]["value"]["history"]
    theirs, ours = chunk["threads"][0]["messages"]
    assert (chunk["metadata"]["progress"], chunk["threads"][0]["id"]) == (55, DIGITS)
    assert (theirs["from"], ours["from"], ours["to"]) == (DIGITS, simulator.world["display_phone_number"], DIGITS)
    assert ours["history_context"] == {"status": "DELIVERED"}
    assert int(theirs["timestamp"]) < int(ours["timestamp"])


async def test_a_business_can_keep_its_history_to_itself(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("history", {"declined": True})
    await receiver.until_posts(1)
    assert receiver.changes()[0]["value"]["history"][0]["errors"][0]["code"] == 2593109
    assert "exactly one" in await simulator.refused("history", {})


async def test_a_wish_has_a_number_as_its_timestamp(simulator: Simulator, receiver: Receiver) -> None:
    for wish in ("resume", "signup"):
        assert isinstance((await simulator.lever(f"phones/{DIGITS}/preferences", {"value": wish}))["timestamp"], int)
    assert await simulator.refused(f"phones/{DIGITS}/preferences", {"value": "maybe"})


async def test_a_status_by_hand_carries_the_mark_of_its_send_and_moves_the_ticks(
    simulator: Simulator, receiver: Receiver
) -> None:
    await simulator.lever("faults", {"outcome": "no_status"})
    sent = await simulator.send(driving.otp(biz_opaque_callback_data="mark"))
    wamid = sent.json["messages"][0]["id"]
    for status in ("played", "delivered", "warped"):
        await simulator.lever("statuses", {"wamid": wamid, "status": status, "pricing": True})
    await receiver.until(lambda one: len(one.status_entries()) == 3)
    assert {one["status"] for one in receiver.status_entries()} == {"played", "delivered", "warped"}
    assert {one["biz_opaque_callback_data"] for one in receiver.status_entries()} == {"mark"}
    assert {one["pricing"]["category"] for one in receiver.status_entries()} == {"authentication"}
    chat = await simulator.lever(f"phones/{DIGITS}/messages")
    assert chat["messages"][0]["status"] == "played"


async def test_a_failure_can_have_several_reasons(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever(
        "statuses", {"wamid": "wamid.X", "phone": DIGITS, "status": "failed", "errors": [131026, 131049]}
    )
    (failed,) = await receiver.until_statuses("failed")
    assert [one["code"] for one in failed["errors"]] == [131026, 131049]


async def test_a_status_of_nobodys_message_needs_a_phone(simulator: Simulator) -> None:
    assert "give the phone" in await simulator.refused("statuses", {"wamid": "wamid.X", "status": "read"})


@pytest.mark.parametrize(
    ("outcome", "statuses"),
    [("played", ["sent", "delivered", "read", "played"]), ("backwards", ["read", "delivered", "sent"])],
)
async def test_statuses_can_go_further_or_backwards_by_themselves(
    simulator: Simulator, receiver: Receiver, outcome: str, statuses: list[str]
) -> None:
    await simulator.lever("faults", {"outcome": outcome})
    await simulator.send(driving.otp())
    await receiver.until_statuses(*statuses)


async def test_statuses_that_share_a_value_share_their_contacts(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("settings", {"batch_size": 2, "batch_wait_ms": 60_000})
    for number in (1, 2):
        await simulator.lever(f"phones/1555000000{number}", {"user_id": f"US.{number}"})
        await simulator.lever(
            "statuses", {"wamid": f"wamid.{number}", "status": "read", "phone": f"1555000000{number}"}
        )
    await receiver.until_posts(1)
    (change,) = receiver.changes()
    assert [one["user_id"] for one in change["value"]["contacts"]] == ["US.1", "US.2"]
