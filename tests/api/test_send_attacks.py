"""What a hostile or careless caller puts into POST /send/otp. Nothing of it reaches Meta, nothing is a 500."""

from urllib.parse import quote

from tests.messages import hooks
from tests.world import CODE, OTP, PHONE, World, listening


async def expect_nothing_sent(world: World) -> None:
    assert await world.sends() == []
    assert await world.rows("SELECT id FROM message") == []
    assert await world.rows("SELECT key FROM idempotency") == []


PHONES = {
    "arabic digits": "+\u0661\u0662\u0668\u0661\u0668\u0661\u0668\u0664\u0663\u0667\u0660",
    "full-width digits": "\uff0b\uff11\uff12\uff18\uff11\uff18\uff11\uff18\uff14\uff13\uff17\uff10",
    "premium rate": "+19002345678",
    "international premium rate": "+979123456789",
    "toll-free": "+18002345678",
    "an extension": "+12818184370;ext=7",
    "a URI": "tel:+12818184370",
    "16 digits": "+1281818437012345",
    "too short": "+12345",
    "a zero first": "+02818184370",
    "a trailing newline": "+12818184370\n",
    "a leading tab": "\t+12818184370",
    "no plus": "12818184370",
    "two zeros for the plus": "0012818184370",
    "two numbers": "+12818184370,+12818184371",
    "no country": "+9991234567",
    "letters": "+1281TAXI370",
    "empty": "",
    "a NUL": "+1281818\x004370",
    "SQL": "+1' OR '1'='1",
    "a long text": "+1" + "2" * 300,
    "a right-to-left mark": "+12818184370\u200f",
    "a wamid": "wamid.HBgLMTI4MTgxODQzNzA",
}


async def test_a_phone_that_is_none_is_refused(world: World) -> None:
    for name, phone in PHONES.items():
        refused = await world.send_otp(to=phone, idempotency_key="phone")
        assert refused.status == 400, name
        assert refused.json["errors"][0]["pointer"] == "/to", name
        assert refused.json["code"] in {"invalid_phone", "invalid_request"}, name
    await expect_nothing_sent(world)


async def test_a_field_that_is_no_text_is_refused_and_never_echoed(world: World) -> None:
    for pointer in ("to", "code", "template_name", "language"):
        for value in (4829137, ["4829137"], {"is": "4829137"}, True):
            body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"} | {pointer: value}
            refused = await world.call("POST", OTP, body=body)
            assert refused.status == 400, (pointer, value)
            assert refused.json["errors"][0]["pointer"] == f"/{pointer}", value
            assert "4829137" not in refused.body.decode()
    await expect_nothing_sent(world)


async def test_the_brands_own_number_is_no_recipient(world: World) -> None:
    own = "+" + "".join(letter for letter in world.meta.world["display_phone_number"] if letter.isdigit())

    refused = await world.send_otp(to=own, idempotency_key="own")
    assert (refused.status, refused.json["code"]) == (400, "invalid_phone")
    assert refused.json["errors"][0]["pointer"] == "/to"
    await expect_nothing_sent(world)


CODES = {
    "empty": "",
    "3 letters": "482",
    "16 letters": "A" * 16,
    "a space": "482 913",
    "an emoji": "4829\U0001f600",
    "a placeholder": "{{1}}",
    "a newline": "482913\n",
    "a URL": "https://x.io",
    "arabic digits": "\u0664\u0668\u0662\u0669\u0661\u0663",
    "a dash": "482-913",
    "a NUL": "4829\x0013",
    "a zero-width space": "482\u200b913",
}


async def test_a_code_that_is_none_is_refused_and_never_echoed(world: World) -> None:
    for name, code in CODES.items():
        refused = await world.send_otp(code=code, idempotency_key="code")
        assert refused.status == 400, name
        assert refused.json["errors"][0]["pointer"] == "/code", name
        assert len(code) < 4 or code.strip() not in refused.body.decode(), name
    await expect_nothing_sent(world)


TEMPLATES = {
    "a path": "../../x",
    "an escaped path": "a%2fb",
    "a slash": "a/b",
    "too long": "a" * 600,
    "a newline": "signup_otp\n",
    "a placeholder": "{{1}}",
    "a brace": "{{",
    "SQL": "x'; DROP TABLE message; --",
    "JSON": '{"name":"signup_otp"}',
    "upper case": "SIGNUP_OTP",
    "a space": "signup otp",
    "empty": "",
    "a query": "signup_otp?limit=1",
    "a wildcard": "signup%",
    "a NUL": "signup\x00otp",
}


async def test_a_template_name_that_is_none_is_refused(world: World) -> None:
    for name, template in TEMPLATES.items():
        refused = await world.send_otp(template_name=template, idempotency_key="template")
        assert refused.status == 400, name
        assert refused.json["errors"][0]["pointer"] == "/template_name", name
    await expect_nothing_sent(world)


async def test_a_template_of_another_brand_is_not_found(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
    await world.rows(
        """INSERT INTO template (brand_id, id, connection_id, meta_id, name, language, category, status, components)
           SELECT $1, gen_random_uuid(), c.id, '1', 'rivals_own_otp', 'en_US', 'AUTHENTICATION', 'APPROVED', '[]'
           FROM connection c WHERE c.brand_id = $1""",
        rival.brand_id,
    )

    refused = await world.send_otp(template_name="rivals_own_otp")
    assert (refused.status, refused.json["code"]) == (404, "template_not_found")
    await expect_nothing_sent(world)


async def test_a_language_that_is_none_is_refused(world: World) -> None:
    for language in ("", "english", "EN", "en_us", "en_US\n", "../en", "{{1}}", "en_USA", "e", "zxx_"):
        refused = await world.send_otp(language=language)
        assert refused.status == 400, language
        assert refused.json["errors"][0]["pointer"] == "/language", language
    await expect_nothing_sent(world)


async def test_a_brand_in_the_body_is_refused(world: World) -> None:
    refused = await world.send_otp(brand_id="brd_00000000000000000000000000")

    assert refused.status == 400
    assert refused.json["errors"] == [
        {
            "pointer": "/brand_id",
            "code": "unknown_field",
            "detail": "The brand comes from the API key. Leave `brand_id` out.",
        }
    ]
    await expect_nothing_sent(world)


async def test_a_brand_in_query_or_headers_never_counts(world: World) -> None:
    async with listening() as receiver:
        rival = await hooks.found_rival(world, receiver)
    body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"}
    headers = {"X-Brand-Id": str(rival.brand_id), "Brand-Id": str(rival.brand_id)}

    refused = await world.call("POST", f"{OTP}?brand_id={quote(str(rival.brand_id))}", body=body, headers=headers)
    assert (refused.status, refused.json["code"]) == (400, "invalid_request")
    await expect_nothing_sent(world)

    answer = await world.call("POST", OTP, body=body, headers=headers)
    assert answer.status == 200
    rows = await world.rows("SELECT brand_id FROM message")
    assert [row["brand_id"] for row in rows] == [world.brand_id]


async def test_an_unknown_field_is_named(world: World) -> None:
    refused = await world.send_otp(on_unknown="resend_once")

    assert refused.status == 400
    assert refused.json["errors"][0]["pointer"] == "/on_unknown"
    assert CODE not in refused.body.decode()
    await expect_nothing_sent(world)
