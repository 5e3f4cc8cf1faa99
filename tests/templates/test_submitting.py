"""Operators make, edit and delete templates over the management API; Meta reviews, and the tenant is told."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from quixess.templates.presets import PRESETS, App, adapt
from tests.api.templating import send
from tests.templates.drafting import BODY, FOOTER, buttons, code, draft
from tests.templates.managing import Operator, at_meta, broken, operator
from tests.world import World, eventually


@pytest.fixture
async def ops(world: World) -> Operator:
    return await operator(world)


async def test_a_template_is_submitted_reviewed_told_and_sent(world: World, ops: Operator) -> None:
    made = await ops.approved(adapt(PRESETS["delivery"], name="parcel_left", language=None))

    assert made["asked_category"] == made["template"]["category"] == "UTILITY"
    assert made["warnings"] == []

    def approval() -> list[dict[str, Any]]:
        told = world.receiver.of_type("template.status_changed")
        return [one for one in told if (one["data"]["name"], one["data"]["new_status"]) == ("parcel_left", "APPROVED")]

    await eventually(approval)
    variables = {"body": ["Ann", "A-7", "14 May"], "buttons": [{"index": 0, "url_suffix": "A-7"}]}
    answer = await send(world, "parcel_left", variables=variables)
    assert answer.status == 200, answer.json


@pytest.mark.parametrize("preset", [one for one in PRESETS if one != "order_update"])
async def test_meta_takes_every_preset(ops: Operator, preset: str) -> None:
    made = await ops.create(adapt(PRESETS[preset], name=f"our_{preset}", language=None, apps=[App("a.b", "A" * 11)]))

    (there,) = await at_meta(ops.world, f"our_{preset}")
    assert there["id"] == made["template"]["meta_template_id"]
    assert made["template"]["category"] == PRESETS[preset].draft.category


async def test_one_name_has_many_languages(ops: Operator) -> None:
    await ops.create(code())
    await ops.create(msgspec.structs.replace(code(), language="es_ES"))

    listed = (await ops.ask("GET", "/templates?search=login")).json["data"]
    shown = (await ops.ask("GET", "/templates/login_code")).json

    assert [(one["name"], [two["language"] for two in one["languages"]]) for one in listed] == [
        ("login_code", ["en_US", "es_ES"])
    ]
    assert "Tu código" in shown["languages"][1]["components"][0]["text"]


async def test_names_are_listed_page_by_page(ops: Operator) -> None:
    first = (await ops.ask("GET", "/templates?limit=1")).json
    second = (await ops.ask("GET", f"/templates?limit=1&after={first['next_after']}")).json

    assert [one["name"] for one in first["data"] + second["data"]] == ["order_update", "signup_otp"]
    assert second["next_after"] is None
    assert (await ops.ask("GET", "/templates?status=REJECTED")).json["data"] == []


async def test_what_breaks_rules_is_refused_before_meta_is_asked(ops: Operator) -> None:
    spoiled = draft({"type": "BODY", "text": "{{1}} is here."}, FOOTER | {"text": "By {{1}}"}, name="spoiled")

    answer = await ops.ask("POST", "/templates", spoiled)

    assert (answer.status, answer.json["code"]) == (400, "template_rules")
    assert broken(answer) == [
        ("variables_inside", "/components/0/text"),
        ("variables_ratio", "/components/0/text"),
        ("example_required", "/components/0/example"),
        ("footer_variables", "/components/1/text"),
    ]
    assert await at_meta(ops.world, "spoiled") == []


async def test_lint_tells_rules_and_what_stands_in_the_way(ops: Operator) -> None:
    taken = await ops.ask("POST", "/templates/lint", draft(name="order_update"))
    sound = await ops.ask("POST", "/templates/lint", draft())

    assert [(one["rule"], one["blocks"]) for one in taken.json["findings"]] == [("name_taken", True)]
    assert (taken.json["ok"], sound.json) == (False, {"ok": True, "findings": []})


async def test_the_same_words_twice_are_refused(ops: Operator) -> None:
    await ops.create(draft())

    answer = await ops.ask("POST", "/templates", draft(name="another"))

    assert (answer.status, answer.json["code"]) == (409, "template_conflict")
    assert broken(answer) == [("content_repeated", "/components")]
    assert (await ops.ask("POST", "/templates", draft(name="another", language="en_GB"))).status == 201


async def test_a_preview_shows_the_examples(ops: Operator) -> None:
    shown = (await ops.ask("POST", "/templates/preview", PRESETS["delivery"].draft)).json

    assert shown["text"].splitlines() == [
        "On its way",
        "Hello Ann, your parcel A-1001 left our store today and should reach you on 14 May before the evening.",
        "Answer here if something is wrong.",
        "[ Track parcel ]",
    ]
    assert shown["content"]["buttons"][0]["url"] == "https://shop.example/track/A-1001"


async def test_a_preview_of_a_code_has_metas_words_in_its_language(ops: Operator) -> None:
    shown = (await ops.ask("POST", "/templates/preview", msgspec.structs.replace(code(), language="es_ES"))).json

    assert shown["content"]["body"].startswith("Tu código de verificación es *123456*.")
    assert "10" in shown["content"]["footer"]


async def test_a_preview_of_what_breaks_rules_is_refused(ops: Operator) -> None:
    answer = await ops.ask("POST", "/templates/preview", buttons())

    assert (answer.status, answer.json["code"]) == (400, "template_rules")


async def test_an_edit_is_reviewed_again_and_an_approved_template_takes_one_a_day(ops: Operator) -> None:
    await ops.approved(draft())
    await asyncio.sleep(1.1)  # Meta's webhooks count in seconds: two approvals in one second are the same one
    edit = {"components": [BODY, FOOTER]}

    edited = await ops.ask("PATCH", "/templates/order_left/en-US", edit)
    assert edited.status == 200, edited.json
    assert [one["type"] for one in edited.json["template"]["components"]] == ["BODY", "FOOTER"]

    async def approved_again() -> bool:
        return await ops.status("order_left") == "APPROVED"

    await eventually(approved_again)
    again = await ops.ask("PATCH", "/templates/order_left/en_US", edit)
    assert (again.status, broken(again)) == (409, [("edit_pace", "")])


async def test_an_edit_is_held_to_the_rules_and_to_the_templates_state(ops: Operator) -> None:
    await ops.approved(draft())

    spoiled = await ops.ask("PATCH", "/templates/order_left/en_US", {"components": [FOOTER]})
    recast = await ops.ask("PATCH", "/templates/order_left/en_US", {"category": "MARKETING"})
    empty = await ops.ask("PATCH", "/templates/order_left/en_US", {})
    nowhere = await ops.ask("PATCH", "/templates/order_left/de", {"category": "MARKETING"})

    assert (spoiled.status, broken(spoiled)) == (400, [("body_required", "/components")])
    assert (recast.status, broken(recast)) == (409, [("edit_category", "/category")])
    assert (empty.status, broken(empty)) == (409, [("edit_empty", "")])
    assert (nowhere.status, nowhere.json["languages"]) == (404, ["en_US"])


async def test_a_template_is_deleted_told_and_its_name_blocked(world: World, ops: Operator) -> None:
    await ops.approved(draft())

    gone = await ops.ask("DELETE", "/templates/order_left")
    assert (gone.status, gone.json) == (200, {"name": "order_left", "languages": ["en_US"]})
    assert await at_meta(world, "order_left") == []

    def told() -> list[str]:
        return [
            one["data"]["new_status"]
            for one in world.receiver.of_type("template.status_changed")
            if one["data"]["name"] == "order_left" and one["data"]["new_status"] == "DELETED"
        ]

    await eventually(told)
    assert broken(await ops.ask("POST", "/templates", draft())) == [("name_blocked", "/name")]
    await asyncio.wait_for(_forgotten(ops), 20)
    assert broken(await ops.ask("POST", "/templates", draft())) == [("name_blocked", "/name")]
    assert told() == ["DELETED"]


async def _forgotten(ops: Operator) -> None:
    """Wait until the cache has let go of the template: Meta no longer lists it."""

    async def gone() -> bool:
        return await ops.status("order_left") is None

    await eventually(gone)


async def paused(ops: Operator, title: str) -> None:
    await ops.approved(draft())
    await asyncio.sleep(1.1)  # Meta's webhooks count in seconds
    await ops.world.meta.lever("templates/order_left", {"event": "PAUSED", "title": title})

    async def is_so() -> bool:
        return await ops.status("order_left") == "PAUSED"

    await eventually(is_so)


async def test_a_pause_for_its_pace_is_ended_and_told_once(world: World, ops: Operator) -> None:
    await paused(ops, "RATE_LIMITING_PAUSE")

    answer = await ops.ask("POST", "/templates/order_left/en-US/unpause")

    assert (answer.status, answer.json["template"]["status"]) == (200, "APPROVED"), answer.json
    (there,) = await at_meta(world, "order_left")
    assert there["status"] == "APPROVED"

    def told() -> list[tuple[str, str]]:
        listed = [one["data"] for one in world.receiver.of_type("template.status_changed")]
        return [(one["old_status"], one["new_status"]) for one in listed if one["old_status"] == "PAUSED"]

    await eventually(told)
    again = await ops.ask("POST", "/templates/order_left/en_US/unpause", {})
    assert (again.status, broken(again)) == (409, [("unpause_state", "")])
    assert told() == [("PAUSED", "APPROVED")]
    rows = await world.rows("SELECT detail FROM audit WHERE action = 'template.unpaused'")
    assert len(rows) == 1


async def test_a_pause_for_bad_quality_ends_by_its_time_alone(world: World, ops: Operator) -> None:
    await paused(ops, "FIRST_PAUSE")

    answer = await ops.ask("POST", "/templates/order_left/en_US/unpause")
    nowhere = await ops.ask("POST", "/templates/order_left/de/unpause")

    assert (answer.status, answer.json["code"]) == (502, "whatsapp_error")
    assert await ops.status("order_left") == "PAUSED"
    assert (nowhere.status, nowhere.json["code"]) == (404, "template_not_found")


async def test_one_language_goes_alone(ops: Operator) -> None:
    await ops.create(code())
    await ops.create(msgspec.structs.replace(code(), language="es_ES"))

    answer = await ops.ask("DELETE", "/templates/login_code/es_ES")

    assert answer.json["languages"] == ["es_ES"]
    assert [one["language"] for one in await at_meta(ops.world, "login_code")] == ["en_US"]


async def test_a_disabled_template_stays(world: World, ops: Operator) -> None:
    await ops.approved(draft())
    await world.meta.lever("templates/order_left", {"event": "DISABLED"})

    async def disabled() -> bool:
        return await ops.status("order_left") == "DISABLED"

    await eventually(disabled)
    answer = await ops.ask("DELETE", "/templates/order_left")
    assert (answer.status, broken(answer)) == (409, [("delete_state", "")])


async def test_what_meta_refuses_is_told_with_metas_words_and_its_fix(world: World, ops: Operator) -> None:
    await world.meta.lever("settings", {"template_limit": 2})

    answer = await ops.ask("POST", "/templates", draft())

    assert (answer.status, answer.json["code"]) == (502, "whatsapp_error")
    assert answer.json["detail"].startswith("The account holds as many templates as it may")
    assert "error" in answer.json["whatsapp_error"]
    assert await ops.status("order_left") is None


async def test_what_was_done_stands_in_the_audit(ops: Operator) -> None:
    await ops.approved(draft())
    await ops.ask("PATCH", "/templates/order_left/en_US", {"components": [BODY]})
    await ops.ask("DELETE", "/templates/order_left")

    rows = await ops.world.rows("SELECT action, actor FROM audit WHERE action LIKE 'template.%' ORDER BY at")
    assert [row["action"] for row in rows] == ["template.created", "template.edited", "template.deleted"]
    assert all(row["actor"].startswith("opt_") for row in rows)


async def test_templates_are_fetched_on_demand_once_in_a_while(ops: Operator) -> None:
    first, second = await ops.ask("POST", "/templates/sync"), await ops.ask("POST", "/templates/sync")

    assert (first.status, first.json["total"]) == (200, 2)
    assert (second.status, second.json["code"]) == (429, "rate_limited")


async def test_presets_come_ready_to_be_submitted(ops: Operator) -> None:
    listed = (await ops.ask("GET", "/template-presets")).json["data"]

    assert [one["id"] for one in listed] == list(PRESETS)
    checked = [(await ops.ask("POST", "/templates/lint", one["template"])).json for one in listed]
    assert [[two["rule"] for two in one["findings"]] for one in checked] == [[], [], [], ["name_taken"], [], []]


async def test_an_api_key_opens_nothing_here(world: World, ops: Operator) -> None:
    stranger = replace(ops, token=world.key)

    assert (await stranger.ask("POST", "/templates", draft())).status == 401
