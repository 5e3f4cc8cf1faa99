"""Templates by the Graph API: what an owner may do with them, what Meta refuses, and how pauses and changes go on."""

from typing import Any

import pytest

from tests.simulator import driving
from tests.simulator.driving import Answer, Receiver, Simulator

DAY_S = 24 * 3600
BODY = [{"type": "BODY", "text": "Your parcel is here."}]


def body(name: str = "parcel", language: str = "en_US", **more: Any) -> dict[str, Any]:
    return {"name": name, "language": language, "category": "UTILITY", "components": BODY} | more


async def create(simulator: Simulator, **how: Any) -> Answer:
    return await simulator.graph("POST", f"{simulator.world['waba_id']}/message_templates", json=body(**how))


async def delete(simulator: Simulator, **how: str) -> Answer:
    return await simulator.graph("DELETE", f"{simulator.world['waba_id']}/message_templates", params=how)


async def rows(simulator: Simulator, **query: str) -> dict[str, Any]:
    answer = await simulator.graph("GET", f"{simulator.world['waba_id']}/message_templates", params=query)
    assert answer.status == 200, answer.json
    return answer.json


def subcode(answer: Answer) -> int | None:
    assert answer.status == 400
    code = answer.json["error"].get("error_subcode")
    return None if code is None else int(code)


async def move_clock(simulator: Simulator, offset_s: float) -> None:
    await simulator.lever("settings", {"clock_offset_s": offset_s})


async def test_a_deleted_name_is_blocked_for_thirty_days_in_its_language(
    simulator: Simulator, receiver: Receiver
) -> None:
    await create(simulator)
    await create(simulator, language="de")
    await receiver.until(lambda one: len(one.changes()) == 2)
    assert (await delete(simulator, name="parcel")).json == {"success": True}
    await receiver.until(lambda one: len(one.changes()) == 4)
    assert {change["value"]["event"] for change in receiver.changes()[2:]} == {"DELETED"}
    assert subcode(await create(simulator)) == 2388023
    assert (await create(simulator, language="fr")).status == 200
    await move_clock(simulator, 30 * DAY_S + 60)
    assert (await create(simulator)).status == 200


async def test_one_language_can_be_deleted_alone(simulator: Simulator) -> None:
    await create(simulator)
    german = (await create(simulator, language="de")).json["id"]
    await delete(simulator, name="parcel", hsm_id=german)
    assert [row["language"] for row in (await rows(simulator, name="parcel"))["data"]] == ["en_US"]


async def test_what_is_not_there_or_disabled_cannot_be_deleted(simulator: Simulator) -> None:
    assert (await delete(simulator, name="nothing")).status == 400
    await simulator.lever("templates/order_update", {"event": "DISABLED"})
    assert (await delete(simulator, name="order_update")).status == 400


async def test_a_template_whose_messages_are_under_way_is_deleted_later(
    simulator: Simulator, receiver: Receiver
) -> None:
    await simulator.lever("settings", {"sent_ms": 60_000})
    parameters = [{"type": "text", "text": "x"}, {"type": "text", "text": "y"}]
    message = driving.template(driving.PHONE, "order_update", [{"type": "body", "parameters": parameters}])
    assert (await simulator.send(message)).status == 200
    await delete(simulator, name="order_update")
    await receiver.until_posts(1)
    told = receiver.changes()[0]["value"]
    assert (told["event"], told["reason"]) == ("PENDING_DELETION", None)


async def test_an_edit_is_reviewed_again_and_comes_once_a_day(simulator: Simulator, receiver: Receiver) -> None:
    made = (await create(simulator)).json["id"]
    await receiver.until_posts(1)
    new = {"components": [{"type": "BODY", "text": "Your parcel waits."}], "category": "UTILITY"}
    assert (await simulator.graph("POST", made, json=new)).json == {"success": True}
    assert (await rows(simulator, name="parcel"))["data"][0]["status"] == "PENDING"
    assert (await simulator.graph("POST", made, json=new)).status == 400
    await receiver.until_posts(2)
    assert (await rows(simulator, name="parcel"))["data"][0]["components"][0]["text"] == "Your parcel waits."
    assert (await simulator.graph("POST", made, json=new)).status == 400
    await move_clock(simulator, DAY_S + 60)
    assert (await simulator.graph("POST", made, json=new)).status == 200


async def test_the_category_of_an_approved_template_stays(simulator: Simulator) -> None:
    known = (await rows(simulator, name="order_update"))["data"][0]["id"]
    assert (await simulator.graph("POST", known, json={"category": "MARKETING"})).status == 400


async def test_there_are_so_many_templates_and_so_many_an_hour(simulator: Simulator) -> None:
    await simulator.lever("settings", {"template_limit": 3})
    assert (await create(simulator, name="third")).status == 200
    assert subcode(await create(simulator, name="fourth")) == 2388019
    await simulator.lever("settings", {"template_limit": 0, "templates_per_hour": 2})
    assert (await create(simulator, name="fourth")).status == 200
    assert (await create(simulator, name="fifth")).json["error"]["code"] == 80007
    summary = (await rows(simulator, summary="message_template_count"))["summary"]
    assert summary == {"message_template_count": 4}


async def test_meta_may_answer_with_another_category(simulator: Simulator) -> None:
    await simulator.lever("settings", {"review_category": "MARKETING"})
    assert (await create(simulator)).json["category"] == "MARKETING"


async def test_pages_go_on_from_a_template_and_back(simulator: Simulator) -> None:
    for n in range(5):
        await create(simulator, name=f"n{n}")
    first = await rows(simulator, limit="3", fields="name")
    assert "next" in first["paging"]
    assert "previous" not in first["paging"]
    second = await rows(simulator, limit="3", after=first["paging"]["cursors"]["after"])
    back = await rows(simulator, limit="3", before=second["paging"]["cursors"]["before"])
    assert [row["id"] for row in back["data"]] == [row["id"] for row in first["data"]]


async def test_a_cursor_is_stale_when_its_template_is_gone(simulator: Simulator) -> None:
    page = await rows(simulator, limit="2")
    await delete(simulator, name=page["data"][-1]["name"])
    stale = {"after": page["paging"]["cursors"]["after"]}
    answer = await simulator.graph("GET", f"{simulator.world['waba_id']}/message_templates", params=stale)
    assert answer.json["error"]["code"] == 131059


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name_or_content": "on its way"}, ["order_update"]),
        ({"name_or_content": "signup"}, ["signup_otp"]),
        ({"quality_score": "GREEN"}, []),
        ({"quality_score": "UNKNOWN", "category": "UTILITY"}, ["order_update"]),
    ],
)
async def test_a_list_can_be_searched(simulator: Simulator, query: dict[str, str], names: list[str]) -> None:
    assert [row["name"] for row in (await rows(simulator, **query))["data"]] == names


async def test_pauses_go_from_three_hours_to_six_and_then_for_ever(simulator: Simulator, receiver: Receiver) -> None:
    clock = 0
    for hours in (3, 6):
        await simulator.lever("templates/order_update", {"event": "PAUSED"})
        clock += hours * 3600 + 1
        await move_clock(simulator, clock)
    await receiver.until_posts(4)
    await simulator.lever("templates/order_update", {"event": "PAUSED"})
    await receiver.until_posts(5)
    told = [(c["value"]["event"], c["value"]["other_info"]["title"]) for c in receiver.changes()]
    steps = ["FIRST_PAUSE", "UNPAUSE", "SECOND_PAUSE", "UNPAUSE", "DISABLED"]
    assert sorted(title for _, title in told) == sorted(steps)
    assert told[-1] == ("DISABLED", "DISABLED")


async def test_a_pause_for_its_rate_lasts_until_somebody_ends_it(simulator: Simulator) -> None:
    known = (await rows(simulator, name="order_update"))["data"][0]["id"]
    assert (await simulator.graph("POST", f"{known}/unpause")).status == 400
    await simulator.lever("templates/order_update", {"event": "PAUSED", "title": "RATE_LIMITING_PAUSE"})
    assert (await simulator.graph("POST", f"{known}/unpause")).json == {"success": True}
    assert (await rows(simulator, name="order_update"))["data"][0]["status"] == "APPROVED"


async def test_an_announced_category_comes_a_day_later(simulator: Simulator, receiver: Receiver) -> None:
    await simulator.lever("templates/order_update", {"category": "MARKETING", "impending": True})
    await receiver.until_posts(1)
    assert (await rows(simulator, name="order_update"))["data"][0]["category"] == "UTILITY"
    await move_clock(simulator, DAY_S + 1)
    await receiver.until_posts(2)
    announced, done = [change["value"] for change in receiver.changes()]
    assert (announced["new_category"], announced["correct_category"]) == ("UTILITY", "MARKETING")
    assert (done["previous_category"], done["new_category"]) == ("UTILITY", "MARKETING")
    row = (await rows(simulator, name="order_update"))["data"][0]
    assert (row["category"], row["previous_category"]) == ("MARKETING", "UTILITY")


async def test_a_preset_is_made_in_several_languages_at_once(simulator: Simulator) -> None:
    waba = simulator.world["waba_id"]
    parts = [{"type": "BODY", "add_security_recommendation": True}, {"type": "BUTTONS", "buttons": [{"type": "OTP"}]}]
    asked = {"name": "verify", "category": "AUTHENTICATION", "languages": ["en_US", "es_ES"], "components": parts}
    for _ in range(2):
        made = await simulator.graph("POST", f"{waba}/upsert_message_templates", json=asked)
        assert [(one["language"], one["status"]) for one in made.json["data"]] == [
            ("en_US", "APPROVED"),
            ("es_ES", "APPROVED"),
        ]
    query = {"category": "AUTHENTICATION", "languages": "es_ES", "code_expiration_minutes": "10"}
    shown = await simulator.graph("GET", f"{waba}/message_template_previews", params=query)
    assert shown.json["data"][0]["footer"] == "Este código caduca en 10 minutos."
