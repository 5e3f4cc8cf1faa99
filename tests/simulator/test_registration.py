"""A business number's life: added, verified, registered with a PIN, told to the world, deregistered, deleted."""

from typing import Any

import pytest

from tests.simulator import driving
from tests.simulator.driving import DIGITS, Answer, Receiver, Simulator
from tests.simulator.test_tokens import refusal

PIN = "212834"
HOUR_S = 3600


async def add(simulator: Simulator, number: str = "6505551234", **more: str) -> str:
    form = {"cc": "1", "phone_number": number, "verified_name": "Lucky Shrub"} | more
    answer = await simulator.graph("POST", f"{simulator.world['waba_id']}/phone_numbers", json=form)
    assert answer.status == 200, answer.json
    return str(answer.json["id"])


async def verified(simulator: Simulator) -> str:
    number = await add(simulator)
    await simulator.lever(f"numbers/{number}", {"code_verification_status": "VERIFIED"})
    return number


async def register(simulator: Simulator, number: str, pin: str = PIN) -> Answer:
    return await simulator.graph("POST", f"{number}/register", json={"messaging_product": "whatsapp", "pin": pin})


async def waiting_code(simulator: Simulator, number: str) -> str:
    rows = (await simulator.lever("numbers"))["data"]
    return next(str(row["code"]) for row in rows if row["id"] == number)


async def later(simulator: Simulator, seconds: int) -> None:
    await simulator.lever("settings", {"clock_offset_s": seconds})


async def test_a_number_is_added_verified_registered_and_sends(simulator: Simulator) -> None:
    number = await add(simulator)
    fields = {"fields": "display_phone_number,code_verification_status,status,platform_type"}
    assert (await simulator.graph("GET", number, params=fields)).json == {
        "display_phone_number": "+1 650-555-1234",
        "code_verification_status": "NOT_VERIFIED",
        "status": "PENDING",
        "platform_type": "NOT_APPLICABLE",
        "id": number,
    }
    assert refusal(await register(simulator, number)) == (400, 133006, None)
    asked = {"code_method": "SMS", "language": "en_US"}
    assert (await simulator.graph("POST", f"{number}/request_code", params=asked)).json == {"success": True}
    code = await waiting_code(simulator, number)
    answer = await simulator.graph("POST", f"{number}/verify_code", data={"code": code})
    assert answer.json == {"success": True, "id": number}
    sent = await simulator.graph("POST", f"{number}/messages", json=driving.otp())
    assert refusal(sent) == (400, 133010, None)
    assert (await register(simulator, number)).json == {"success": True}
    shown = (await simulator.graph("GET", number, params=fields)).json
    assert (shown["status"], shown["platform_type"]) == ("CONNECTED", "CLOUD_API")
    sent = await simulator.graph("POST", f"{number}/messages", json=driving.otp())
    assert sent.status == 200


async def test_a_code_is_checked_and_lives_for_ten_minutes(simulator: Simulator) -> None:
    number = await add(simulator)

    async def verify(code: str) -> Answer:
        return await simulator.graph("POST", f"{number}/verify_code", json={"code": code})

    assert refusal(await verify("123456"))[1] == 100
    await simulator.graph("POST", f"{number}/request_code", json={"code_method": "VOICE", "language": "de"})
    code = await waiting_code(simulator, number)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert "wrong" in (await verify(wrong)).json["error"]["message"]
    await later(simulator, 601)
    assert "expired" in (await verify(code)).json["error"]["message"]
    unknown = await simulator.graph("POST", f"{number}/request_code", json={"code_method": "FAX", "language": "de"})
    assert refusal(unknown)[1] == 100


async def test_a_wrong_pin_is_refused_and_guessing_is_slowed_down_and_stopped(simulator: Simulator) -> None:
    number = await verified(simulator)
    await register(simulator, number)
    assert refusal(await register(simulator, number, "000000")) == (400, 133005, None)
    assert refusal(await register(simulator, number, "000001")) == (400, 133009, None)
    for guess in range(1, 5):
        await later(simulator, 60 * guess)
        assert refusal(await register(simulator, number, f"00000{guess}")) == (400, 133005, None)
    await later(simulator, 600)
    stopped = await register(simulator, number)
    assert refusal(stopped) == (400, 133008, None)
    assert "minutes" in stopped.json["error"]["error_data"]["details"]
    await later(simulator, 2 * HOUR_S)
    assert (await register(simulator, number)).status == 200


async def test_ten_registrations_in_three_days_are_enough(simulator: Simulator) -> None:
    number = await verified(simulator)
    for _ in range(5):
        assert (await register(simulator, number)).status == 200
        assert (await simulator.graph("POST", f"{number}/deregister")).json == {"success": True}
    assert refusal(await register(simulator, number)) == (400, 133016, None)
    await later(simulator, 73 * HOUR_S)
    assert (await register(simulator, number)).status == 200


async def test_what_was_not_finished_has_to_be_finished_first(simulator: Simulator) -> None:
    number = await verified(simulator)
    await simulator.lever(f"numbers/{number}", {"deregistering": True})
    assert refusal(await register(simulator, number)) == (500, 133000, None)
    assert (await simulator.graph("POST", f"{number}/deregister")).status == 200
    assert (await register(simulator, number)).status == 200
    await simulator.graph("POST", f"{number}/deregister")
    assert refusal(await simulator.graph("POST", f"{number}/deregister"))[1] == 100


async def test_a_deleted_number_is_gone_and_can_come_back_after_five_minutes(simulator: Simulator) -> None:
    number = await add(simulator)
    await simulator.lever(f"numbers/{number}", {"deleted": True})
    assert refusal(await simulator.graph("GET", number)) == (400, 100, 33)
    form = {"cc": "1", "phone_number": "650-555-1234", "verified_name": "Lucky Shrub"}
    again = await simulator.graph("POST", f"{simulator.world['waba_id']}/phone_numbers", json=form)
    assert refusal(again) == (400, 133015, None)
    await later(simulator, 301)
    assert await add(simulator) != number


@pytest.mark.parametrize("form", [{"pin": PIN}, {"messaging_product": "whatsapp", "pin": "12345"}, {}])
async def test_a_registration_that_is_none_changes_nothing(simulator: Simulator, form: dict[str, str]) -> None:
    number = await verified(simulator)
    answer = await simulator.graph("POST", f"{number}/register", json=form)
    assert refusal(answer) == (400, 100, None)
    assert (await simulator.graph("GET", number, params={"fields": "status"})).json["status"] == "PENDING"


async def test_the_pin_is_changed_by_whoever_holds_a_token(simulator: Simulator) -> None:
    number = simulator.world["phone_number_id"]
    assert (await simulator.graph("POST", number, json={"pin": "150954"})).json == {"success": True}
    assert refusal(await register(simulator, number)) == (400, 133005, None)
    assert (await simulator.graph("GET", number, params={"fields": "is_pin_enabled"})).json["is_pin_enabled"] is True


async def test_settings_are_changed_one_at_a_time(simulator: Simulator) -> None:
    path = f"{simulator.world['phone_number_id']}/settings"
    assert (await simulator.graph("POST", path, json={"calling": {"status": "ENABLED"}})).json == {"success": True}
    shown = (await simulator.graph("GET", path)).json
    assert shown["calling"] == {
        "status": "ENABLED",
        "call_icon_visibility": "DEFAULT",
        "callback_permission_status": "DISABLED",
    }
    two: dict[str, Any] = {"calling": {}, "storage_configuration": {}}
    assert refusal(await simulator.graph("POST", path, json=two))[1] == 100


async def test_the_profile_is_what_customers_see(simulator: Simulator) -> None:
    path = f"{simulator.world['phone_number_id']}/whatsapp_business_profile"
    profile = {"about": "Plants", "websites": ["https://example.org"], "vertical": "RETAIL"}
    changed = await simulator.graph("POST", path, json={"messaging_product": "whatsapp"} | profile)
    assert changed.json == {"success": True}
    assert (await simulator.graph("GET", path)).json == {"data": [profile | {"messaging_product": "whatsapp"}]}
    (one,) = (await simulator.graph("GET", path, params={"fields": "about"})).json["data"]
    assert one == {"about": "Plants", "messaging_product": "whatsapp"}
    long = await simulator.graph("POST", path, json={"messaging_product": "whatsapp", "about": "x" * 140})
    assert refusal(long)[1] == 100


async def test_numbers_are_listed_in_pages_with_the_asked_fields(simulator: Simulator) -> None:
    made = [await add(simulator, f"650555123{tail}") for tail in range(3)]
    path = f"{simulator.world['waba_id']}/phone_numbers"
    first = await simulator.graph("GET", path, params={"fields": "id,name_status", "limit": "2"})
    assert [row["id"] for row in first.json["data"]] == [simulator.world["phone_number_id"], made[0]]
    assert first.json["data"][0]["name_status"] == "APPROVED"
    after = first.json["paging"]["cursors"]["after"]
    rest = await simulator.graph("GET", path, params={"after": after, "limit": "2"})
    assert [row["id"] for row in rest.json["data"]] == made[1:]


async def test_health_is_as_bad_as_its_worst_part(simulator: Simulator) -> None:
    number, waba = simulator.world["phone_number_id"], simulator.world["waba_id"]

    async def health(node: str) -> dict[str, Any]:
        answer = await simulator.graph("GET", node, params={"fields": "health_status"})
        return dict(answer.json["health_status"])

    assert (await health(number))["can_send_message"] == "AVAILABLE"
    error = {"error_code": 141010, "error_description": "Not verified.", "possible_solution": "Verify the business."}
    await simulator.lever(f"wabas/{waba}", {"health": {"can_send_message": "LIMITED", "errors": [error]}})
    told = await health(number)
    assert told["can_send_message"] == "LIMITED"
    kinds = {entity["entity_type"]: entity for entity in told["entities"]}
    assert set(kinds) == {"PHONE_NUMBER", "WABA", "BUSINESS", "APP"}
    assert kinds["WABA"]["errors"] == [error]
    await simulator.lever(f"numbers/{number}", {"registered": False, "quality_rating": "RED"})
    assert (await health(number))["can_send_message"] == "BLOCKED"
    assert (await health(waba))["can_send_message"] == "LIMITED"
    assert (await simulator.graph("GET", number, params={"fields": "quality_rating"})).json["quality_rating"] == "RED"


async def test_each_number_has_its_own_window_and_tells_its_own_id(simulator: Simulator, receiver: Receiver) -> None:
    other = await simulator.lever("numbers", {"display_phone_number": "+15550783999"})
    await simulator.writes({"text": "Hello", "phone_number_id": other["id"]})
    await receiver.until_posts(1)
    value = receiver.changes()[0]["value"]
    assert value["metadata"] == {"display_phone_number": "15550783999", "phone_number_id": other["id"]}
    inside = await simulator.graph("POST", f"{other['id']}/messages", json=driving.text("Yes?"))
    assert inside.status == 200
    statuses = await receiver.until_statuses("sent", "delivered", "read")
    assert {one["id"] for one in statuses} == {inside.json["messages"][0]["id"]}
    assert receiver.changes()[-1]["value"]["metadata"]["phone_number_id"] == other["id"]
    receiver.posts.clear()
    outside = await simulator.send(driving.text("And here?"))
    assert outside.status == 200
    (failed,) = await receiver.until_statuses("failed")
    assert failed["errors"][0]["code"] == 131047


async def test_a_customer_calls_one_of_several_numbers(simulator: Simulator, receiver: Receiver) -> None:
    other = await simulator.lever("numbers", {})
    await simulator.calls(phone_number_id=other["id"])
    await receiver.until_posts(2)
    assert {change["value"]["metadata"]["phone_number_id"] for change in receiver.changes()} == {other["id"]}
    assert "number" in await simulator.refused(f"phones/{DIGITS}/calls", {"phone_number_id": "1"})
    assert "number" in await simulator.refused(f"phones/{DIGITS}/messages", {"text": "x", "phone_number_id": ["1"]})


async def test_only_the_number_that_was_written_to_can_mark_it_read(simulator: Simulator) -> None:
    other = await simulator.lever("numbers", {})
    wamid = await simulator.writes({"text": "Hello", "phone_number_id": other["id"]})
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    assert refusal(await simulator.send(read)) == (400, 131009, None)
    assert (await simulator.graph("POST", f"{other['id']}/messages", json=read)).json == {"success": True}
    (bubble,) = (await simulator.lever(f"phones/{DIGITS}/messages"))["messages"]
    assert (bubble["status"], bubble["number_id"]) == ("read", other["id"])
