"""GET /templates: what a brand can send, what a sender must fill in it, and nothing of another brand."""

from typing import Any

from quixess import access
from quixess.database import ids
from tests.api.catalogues import TEMPLATES, make, refetch
from tests.world import Answer, World, connect


async def listed(world: World, query: str = "") -> list[str]:
    answer = await world.call("GET", f"{TEMPLATES}?{query}" if query else TEMPLATES)
    assert answer.status == 200, answer.json
    return [f"{one['name']} {one['language']}" for one in answer.json["data"]]


def error(answer: Answer) -> tuple[int, dict[str, Any]]:
    return answer.status, answer.json | {"request_id": None}


async def test_a_template_is_shown_whole_with_what_a_sender_must_fill(world: World) -> None:
    answer = await world.call("GET", f"{TEMPLATES}?name=signup_otp")
    (one,) = answer.json["data"]
    (row,) = await world.rows("SELECT * FROM template WHERE name = 'signup_otp'")

    assert answer.json | {"data": []} == {
        "data": [], "next_cursor": None, "has_more": False, "synced_at": answer.json["synced_at"],
    }  # fmt: skip
    assert answer.json["synced_at"].endswith("Z")
    assert ids.parse("tpl", one["id"]) == row["id"]
    assert one | {"components": [], "parameters": {}, "updated_at": ""} == {
        "id": one["id"],
        "meta_template_id": row["meta_id"],
        "name": "signup_otp",
        "language": "en_US",
        "category": "AUTHENTICATION",
        "status": "APPROVED",
        "quality": row["quality"],
        "rejected_reason": None,
        "parameter_format": "POSITIONAL",
        "components": [],
        "parameters": {},
        "updated_at": "",
    }
    assert [part["type"] for part in one["components"]] == ["BODY", "FOOTER", "BUTTONS"]
    assert [part["name"] for part in one["parameters"]["body"]] == ["1"]


async def test_only_what_can_be_sent_is_listed_unless_all_are_asked_for(world: World) -> None:
    await make(world, "late_otp", status="PENDING")
    await make(world, "bad_otp", status="REJECTED", rejected_reason="INVALID_FORMAT")
    await refetch(world)
    await world.rows("UPDATE template SET status = 'FLAGGED' WHERE name = 'order_update'")

    both = ["order_update en_US", "signup_otp en_US"]
    assert sorted(await listed(world)) == both
    assert sorted(await listed(world, "status=APPROVED")) == both
    assert await listed(world, "status=FLAGGED") == ["order_update en_US"]
    assert await listed(world, "status=PENDING") == ["late_otp en_US"]
    assert sorted(await listed(world, "status=all")) == ["bad_otp en_US", "late_otp en_US", *both]
    (bad,) = (await world.call("GET", f"{TEMPLATES}?status=REJECTED")).json["data"]
    assert bad["rejected_reason"] == "INVALID_FORMAT"


async def test_templates_are_found_by_category_language_name_and_a_part_of_it(world: World) -> None:
    for language in ("de", "es"):
        await make(world, "login_otp", language)
    await refetch(world)

    assert await listed(world, "category=UTILITY") == ["order_update en_US"]
    assert sorted(await listed(world, "name=login_otp")) == ["login_otp de", "login_otp es"]
    assert await listed(world, "language=de") == ["login_otp de"]
    for language in ("en_US", "en-US"):
        assert sorted(await listed(world, f"language={language}")) == ["order_update en_US", "signup_otp en_US"]
    assert sorted(await listed(world, "search=_otp")) == ["login_otp de", "login_otp es", "signup_otp en_US"]
    assert sorted(await listed(world, "search=SIGN")) == ["signup_otp en_US"]
    for nothing in ("search=%25", "search=o.p", "name=nobody", "category=MARKETING", "name=signup_otp&language=de"):
        assert await listed(world, nothing) == [], nothing
    for wrong in ("status=approved", "category=utility", "language=English", "name=A", f"search={'a' * 513}"):
        answer = await world.call("GET", f"{TEMPLATES}?{wrong}")
        assert (answer.status, answer.json["errors"][0]["parameter"]) == (400, wrong.partition("=")[0])


async def test_a_list_is_leafed_through_without_gaps_and_repeats(world: World) -> None:
    for number in range(8):
        await make(world, f"otp_{number}")
    await refetch(world)
    whole = await listed(world)
    seen: list[str] = []
    path = f"{TEMPLATES}?limit=3"
    while True:
        page = (await world.call("GET", path)).json
        seen += [f"{one['name']} {one['language']}" for one in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            break
        assert len(page["data"]) == 3
        path = f"{TEMPLATES}?limit=3&cursor={page['next_cursor']}"

    assert len(whole) == 10
    assert seen == whole


async def test_one_name_is_answered_in_all_its_languages_or_in_one(world: World) -> None:
    await make(world, "login_otp", "es", status="PENDING")
    await make(world, "login_otp", "de")
    await refetch(world)

    both = (await world.call("GET", f"{TEMPLATES}/login_otp")).json
    assert list(both) == ["data"]
    assert [(one["language"], one["status"]) for one in both["data"]] == [("de", "APPROVED"), ("es", "PENDING")]
    one = await world.call("GET", f"{TEMPLATES}/login_otp?language=es")
    assert (one.status, one.json) == (200, both["data"][1])
    assert (await world.call("GET", f"{TEMPLATES}/signup_otp?language=en-US")).json["language"] == "en_US"


async def test_a_template_that_is_not_there_is_404_and_its_languages_are_named(world: World) -> None:
    missing = await world.call("GET", f"{TEMPLATES}/no_such_otp")
    assert (missing.status, missing.json["code"], missing.json["languages"]) == (404, "template_not_found", [])
    other = await world.call("GET", f"{TEMPLATES}/signup_otp?language=fr")
    assert (other.status, other.json["code"], other.json["languages"]) == (404, "template_not_found", ["en_US"])
    for odd in ("a%27b", "%F0%9F%98%80", "x" * 600, "sync", "SIGNUP_OTP", "%25"):
        answer = await world.call("GET", f"{TEMPLATES}/{odd}")
        assert (answer.status, answer.json["code"]) == (404, "template_not_found"), odd


async def test_a_brand_without_a_connection_has_no_templates(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        fresh = await access.create_brand(tx, "Fresh")
    key = await world.mint(brand_id=fresh.id)

    empty = await world.call("GET", TEMPLATES, key=key)
    assert empty.json == {"data": [], "next_cursor": None, "has_more": False, "synced_at": None}
    assert (await world.call("GET", f"{TEMPLATES}/signup_otp", key=key)).status == 404


async def test_templates_of_a_number_that_sends_do_not_go_by_are_not_shown(world: World) -> None:
    await world.rows("UPDATE connection SET state = 'disconnected', closed_by = 'DELETED_ACCOUNT'")
    assert sorted(await listed(world)) == ["order_update en_US", "signup_otp en_US"]

    second = ids.new()
    await world.rows(
        """INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, graph_url, token,
                                   token_last4)
           SELECT brand_id, $1, app_id, '77', '88', '15550000088', graph_url, token, token_last4 FROM connection""",
        second,
    )
    assert await listed(world) == []


async def test_templates_of_another_brand_are_like_templates_of_nobody(world: World) -> None:
    """Hostile 16: another brand's template answers exactly like one that nobody has."""
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    key = await world.mint(brand_id=rival.id)
    await world.rows("UPDATE number SET phone_number_id = phone_number_id || '0'")
    await connect(world.rooms, world.meta, rival.id, world.url)
    await world.rows("UPDATE template SET name = 'theirs' WHERE brand_id = $1 AND name = 'signup_otp'", rival.id)

    assert sorted(await listed(world)) == ["order_update en_US", "signup_otp en_US"]
    theirs = await world.call("GET", f"{TEMPLATES}/theirs")
    assert error(theirs) == error(await world.call("GET", f"{TEMPLATES}/nobodys"))
    assert await listed(world, "search=theirs&status=all") == []
    assert (await world.call("GET", f"{TEMPLATES}/theirs", key=key)).status == 200


async def test_templates_need_their_scope(world: World) -> None:
    key = await world.mint("whatsapp:manage_webhooks", "whatsapp:read_messages", "whatsapp:send_otp")
    for method, path in (("GET", TEMPLATES), ("GET", f"{TEMPLATES}/signup_otp"), ("POST", f"{TEMPLATES}/sync")):
        answer = await world.call(method, path, key=key)
        assert (answer.status, answer.json["required_scope"]) == (403, "whatsapp:read_templates")
