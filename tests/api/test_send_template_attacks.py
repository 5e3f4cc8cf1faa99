"""What a hostile or careless caller puts into POST /send/template: hostile lines 14, 36, 37 and 38."""

from typing import Any

from tests.api import templating
from tests.messages import hooks
from tests.world import CODE, World, listening

TEXT = {"type": "text", "text": "x"}
FINE: dict[str, Any] = {"variables": {"body": ["Frank", "A-1"]}}


async def expect_nothing_sent(world: World) -> None:
    assert await world.sends() == []
    assert await world.rows("SELECT id FROM message") == []
    assert await world.rows("SELECT key FROM idempotency") == []


async def test_14_a_brand_anywhere_in_the_parameters_is_refused_or_never_counts(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
    brand, body = str(rival.brand_id), {"type": "body", "parameters": [TEXT, TEXT]}
    refused: list[dict[str, Any]] = [
        FINE | {"brand_id": brand},
        {"variables": FINE["variables"] | {"brand_id": brand}},
        {"variables": {"body": {"1": "Frank", "2": "A-1", "brand_id": brand}}},
        {"variables": FINE["variables"] | {"header": {"brand_id": brand}}},
        {"variables": FINE["variables"] | {"buttons": [{"index": 0, "brand_id": brand}]}},
        {"components": [body | {"brand_id": brand}]},
        {"components": [body | {"parameters": [TEXT, TEXT | {"brand_id": brand}]}]},
        {"components": [body, {"type": "button", "index": 0, "sub_type": "url", "brand_id": brand}]},
    ]

    for more in refused:
        answer = await templating.send(world, "order_update", idempotency_key="brand", **more)
        assert answer.status == 400, more
        assert any("brand_id" in one["pointer"] for one in answer.json["errors"]), answer.json
        assert brand not in answer.body.decode()
    await expect_nothing_sent(world)

    ignored = await templating.send(world, "order_update", metadata={"brand_id": brand}, **FINE)
    assert ignored.status == 200
    rows = await world.rows("SELECT brand_id FROM message")
    assert [row["brand_id"] for row in rows] == [world.brand_id]


CODES = ["", "A" * 16, "482 913", "4829\U0001f600", "{{1}}", "482913\n", "https://x.io", "\u0664\u0668\u0662\u0669"]


async def test_36_a_code_that_is_none_is_refused_and_never_echoed(world: World) -> None:
    for code in CODES:
        refused = await templating.send(world, "signup_otp", idempotency_key="code", variables={"body": [code]})
        assert (refused.status, refused.json["code"]) == (400, "template_parameters"), code
        assert not code.strip() or code.strip() not in refused.body.decode()
    await expect_nothing_sent(world)


NAMES = [
    "../../x",
    "a%2fb",
    "a" * 600,
    "order_update\n",
    "{{",
    "x'; DROP TABLE message; --",
    '{"a":1}',
    "ORDER_UPDATE",
    "",
]


async def test_37_a_template_name_that_is_none_is_refused(world: World) -> None:
    for name in NAMES:
        refused = await templating.send(world, name, idempotency_key="name", **FINE)
        assert refused.status == 400, name
        assert refused.json["errors"][0]["pointer"] == "/template_name", name
    for language in ("../en", "en_US\n", "{{1}}", "zz_ZZ"):
        refused = await templating.send(world, "order_update", language=language, **FINE)
        assert refused.json["code"] in {"invalid_request", "template_not_found"}, language
    await expect_nothing_sent(world)


async def test_37_a_template_of_another_brand_is_not_found(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
    await world.rows(
        """INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components)
           SELECT $1, gen_random_uuid(), c.id, '1', 'rivals_own', 'en_US', 'UTILITY', 'APPROVED', '[]'
           FROM connection c WHERE c.brand_id = $1""",
        rival.brand_id,
    )

    theirs = await templating.send(world, "rivals_own")
    nobodys = await templating.send(world, "nobodys_own")
    assert (theirs.status, theirs.json["code"]) == (404, "template_not_found")
    assert {**theirs.json, "request_id": ""} == {**nobodys.json, "request_id": ""}
    await expect_nothing_sent(world)


async def test_38_parameters_are_literal_or_refused(world: World) -> None:
    for bad in ("a     b", "a\nb", "a\tb", "x" * 2000, "", "   ", "\u2028"):
        refused = await templating.send(world, "order_update", idempotency_key="p", variables={"body": ["x", bad]})
        assert (refused.status, refused.json["code"]) == (400, "template_parameters"), bad
    for bad in ("a\x00b", "a\x1bb", "a\r\nb"):
        refused = await templating.send(world, "order_update", idempotency_key="p", variables={"body": ["x", bad]})
        assert refused.json["errors"][0]["code"] == "control_character"
    await expect_nothing_sent(world)

    literal = ["{{2}}", "{{1}}", "\u202eevil", "a\u200bb", "<img onerror=1>", "\\n", "%00", "${jndi:x}", "a" * 980]
    for value in literal:
        answer = await templating.send(world, "order_update", variables={"body": [value, "{{1}}"]})
        assert answer.status == 200, value
    shown = [one["text"] for one in await templating.bubbles(world)]
    assert shown == [f"Hello {value}, your order {{{{1}}}} is on its way." for value in literal]


async def test_a_value_of_another_type_is_refused_and_never_echoed(world: World) -> None:
    for value in (4829137, 4829137.5, True, None, ["4829137"], {"4829137": 1}, {"type": "text", "text": "4829137"}):
        friendly = await templating.send(world, "order_update", variables={"body": ["x", value]})
        raw = {"type": "body", "parameters": [TEXT, {"type": "text", "text": value}]}
        metas = await templating.send(world, "order_update", components=[raw])
        assert (friendly.status, metas.status) == (400, 400), value
        assert "4829137" not in friendly.body.decode() + metas.body.decode()
    await expect_nothing_sent(world)


async def test_a_send_needs_its_own_scope(world: World) -> None:
    body = {"to": "+12818184370", "template_name": "signup_otp", "variables": {"body": [CODE]}}
    key = await world.mint("whatsapp:send_otp", "whatsapp:reply", "whatsapp:read_templates")

    refused = await world.call("POST", templating.PATH, key=key, body=body)
    assert (refused.status, refused.json["required_scope"]) == (403, "whatsapp:send_template")
    await expect_nothing_sent(world)
