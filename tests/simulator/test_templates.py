"""Templates as Meta lists, makes and reviews them; numbers, accounts and tokens beside them."""

from typing import Any

import pytest

from tests.simulator import driving
from tests.simulator.driving import Receiver, Simulator

NEWS: dict[str, Any] = {
    "name": "news",
    "language": "en_US",
    "category": "marketing",
    "components": [
        {"type": "body", "text": "Hello {{1}}, see what is new.", "example": {"body_text": [["Ann"]]}},
    ],
}


async def _templates(simulator: Simulator, **query: str) -> dict[str, Any]:
    answer = await simulator.graph("GET", f"{simulator.world['waba_id']}/message_templates", params=query)
    return answer.json


async def test_the_code_template_is_listed_with_metas_words_and_a_url_button(simulator: Simulator) -> None:
    (row,) = (await _templates(simulator, name="signup_otp"))["data"]
    body, footer, buttons = row["components"]
    assert (row["status"], row["category"], row["language"]) == ("APPROVED", "AUTHENTICATION", "en_US")
    assert body["text"] == "*{{1}}* is your verification code. For your security, do not share this code."
    assert footer == {"type": "FOOTER", "text": "This code expires in 10 minutes."}
    (button,) = buttons["buttons"]
    assert (button["type"], button["text"]) == ("URL", "Copy code")
    assert button["url"] == "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}"


async def test_pages_are_walked_by_cursor_until_there_is_no_next(simulator: Simulator) -> None:
    for number in range(5):
        await simulator.lever("templates", NEWS | {"name": f"news_{number}", "category": "MARKETING"})
    names, query = [], {"limit": "3"}
    while True:
        page = await _templates(simulator, **query)
        names += [row["name"] for row in page["data"]]
        if "next" not in page["paging"]:
            break
        query["after"] = page["paging"]["cursors"]["after"]
    assert sorted(names) == sorted(["signup_otp", "order_update"] + [f"news_{number}" for number in range(5)])


async def test_a_broken_cursor_is_131059_and_status_filters(simulator: Simulator) -> None:
    assert (await _templates(simulator, after="!!"))["error"]["code"] == 131059
    await simulator.lever("templates", {"name": "order_update", "status": "PAUSED"})
    assert [row["name"] for row in (await _templates(simulator, status="PAUSED"))["data"]] == ["order_update"]


async def test_a_new_template_waits_and_is_then_approved_by_webhook(simulator: Simulator, receiver: Receiver) -> None:
    answer = await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=NEWS)
    assert (answer.json["status"], answer.json["category"]) == ("PENDING", "MARKETING")
    await receiver.until_posts(1)
    (change,) = receiver.changes()
    assert change["field"] == "message_template_status_update"
    assert change["value"] == {
        "event": "APPROVED",
        "message_template_id": int(answer.json["id"]),
        "message_template_name": "news",
        "message_template_language": "en-US",
        "reason": "NONE",
        "message_template_category": "MARKETING",
    }
    one = await simulator.graph("GET", answer.json["id"])
    assert one.json["status"] == "APPROVED"


async def test_a_code_preset_is_approved_at_once_in_its_language(simulator: Simulator) -> None:
    preset = {
        "name": "codigo",
        "language": "es_ES",
        "category": "authentication",
        "components": [
            {"type": "body", "add_security_recommendation": True},
            {"type": "buttons", "buttons": [{"type": "otp", "otp_type": "copy_code"}]},
        ],
    }
    answer = await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=preset)
    assert answer.json["status"] == "APPROVED"
    (row,) = (await _templates(simulator, name="codigo"))["data"]
    assert row["components"][0]["text"] == "Tu código de verificación es *{{1}}*. Por tu seguridad, no lo compartas."


@pytest.mark.parametrize(
    "change", [{"name": "Bad Name"}, {"category": "SPAM"}, {"components": "none"}, {"language": ""}]
)
async def test_a_template_that_breaks_the_rules_is_refused(simulator: Simulator, change: dict[str, Any]) -> None:
    answer = await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=NEWS | change)
    assert (answer.status, answer.json["error"]["code"]) == (400, 100)


async def test_the_same_name_and_language_twice_is_refused(simulator: Simulator) -> None:
    body = NEWS | {"name": "order_update"}
    answer = await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=body)
    assert answer.json["error"]["error_subcode"] == 2388024


async def test_named_parameters_come_in_any_order(simulator: Simulator) -> None:
    named = {
        "name": "greet",
        "language": "en_US",
        "category": "UTILITY",
        "parameter_format": "named",
        "components": [
            {
                "type": "BODY",
                "text": "Hi {{first}}, it is {{day}} today and so we are open.",
                "example": {
                    "body_text_named_params": [
                        {"param_name": "first", "example": "Ann"},
                        {"param_name": "day", "example": "Monday"},
                    ]
                },
            }
        ],
    }
    await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=named)
    await simulator.lever("templates", {"name": "greet", "status": "APPROVED"})
    parameters = [
        {"type": "text", "parameter_name": "day", "text": "Monday"},
        {"type": "text", "parameter_name": "first", "text": "Ann"},
    ]
    body = driving.template(driving.PHONE, "greet", [{"type": "body", "parameters": parameters}])
    assert (await simulator.send(body)).status == 200
    chat = await simulator.lever(f"phones/{driving.DIGITS}/messages")
    assert chat["messages"][0]["text"] == "Hi Ann, it is Monday today and so we are open."


async def test_a_media_header_must_be_supplied(simulator: Simulator) -> None:
    components = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Look."}]
    await simulator.lever("templates", {"name": "look", "components": components})
    bare = await simulator.send(driving.template(driving.PHONE, "look", []))
    assert bare.json["error"]["error_data"]["details"] == "header: Format mismatch, expected IMAGE, received UNKNOWN"
    header = {"type": "header", "parameters": [{"type": "image", "image": {"link": "https://example.org/a.png"}}]}
    assert (await simulator.send(driving.template(driving.PHONE, "look", [header]))).status == 200


async def test_a_token_is_debugged_with_its_scopes_and_waba(simulator: Simulator) -> None:
    good = await simulator.graph("GET", "debug_token", params={"input_token": simulator.world["access_token"]})
    assert good.json["data"]["is_valid"] is True
    assert good.json["data"]["granular_scopes"][0]["target_ids"] == [simulator.world["waba_id"]]
    bad = await simulator.graph("GET", "debug_token", params={"input_token": "nonsense"})
    assert bad.json["data"]["is_valid"] is False


async def test_the_number_and_the_account_show_the_asked_fields(simulator: Simulator) -> None:
    number, waba = simulator.world["phone_number_id"], simulator.world["waba_id"]
    one = await simulator.graph("GET", number, params={"fields": "verified_name,status"})
    assert one.json == {"verified_name": simulator.world["verified_name"], "status": "CONNECTED", "id": number}
    listed = await simulator.graph("GET", f"{waba}/phone_numbers")
    assert [row["id"] for row in listed.json["data"]] == [number]
    assert (await simulator.graph("GET", waba)).json["id"] == waba


async def test_a_user_token_cannot_subscribe_the_app(simulator: Simulator) -> None:
    answer = await simulator.graph("POST", f"{simulator.world['app_id']}/subscriptions")
    assert answer.json["error"]["code"] == 15


async def test_an_unknown_path_is_a_graph_error(simulator: Simulator) -> None:
    answer = await simulator.graph("GET", "a/b/c")
    assert (answer.status, answer.json["error"]["code"]) == (400, 2500)
