"""A real number is connected by pasted credentials: proved at Meta first, then kept whole, or not at all."""

from pathlib import Path

import pytest

from tests.connections.meta import Office, office
from tests.world import PHONE, eventually, listening


@pytest.fixture
async def desk(dsn: str, tmp_path: Path):
    async with office(dsn, tmp_path) as one:
        await one.free_the_number()
        yield one


async def test_a_pasted_number_sends_and_hears(desk: Office):
    async with listening() as shop:
        webhook = {"url": shop.url, "event_types": ["message.received", "account.updated"]}
        made = await desk.call("POST", "/connections", desk.pasted(webhook=webhook))
        assert made.status == 201, made.json
        assert made.json["endpoint_secret"].startswith("whsec_")
        assert made.json["verify_token"] is None
        assert made.json["templates"] > 0

        await desk.world.customer_says("hello?")

        (event,) = await eventually(lambda: shop.of_type("message.received"))
        assert event["brand_id"] == desk.brand
        (told,) = await eventually(lambda: shop.of_type("account.updated"))
        assert (told["data"]["field"], told["data"]["event"]) == ("quixess_connection", "CONNECTED")
    shown = await desk.call("GET", f"/connections/{made.json['id']}")
    assert shown.json["state"] == "active"
    assert shown.json["verified_name"] == desk.world.meta.world["verified_name"]
    assert shown.json["token_last4"] == desk.world.meta.world["access_token"][-4:]
    assert (await desk.call("GET", "/connections")).json["data"][0]["id"] == made.json["id"]


async def test_no_answer_tells_a_secret(desk: Office):
    made = await desk.call("POST", "/connections", desk.pasted())
    answers = [made, await desk.call("GET", "/connections"), await desk.call("GET", f"/connections/{made.json['id']}")]

    for answer in answers:
        for secret in ("access_token", "app_secret"):
            assert desk.world.meta.world[secret].encode() not in answer.body


async def test_a_number_of_another_brand_is_not_taken(dsn: str, tmp_path: Path):
    async with office(dsn, tmp_path) as desk:
        problem = await desk.refused()

        assert problem["step"] == "phone_number"
        assert "disconnect it there first" in problem["detail"]


@pytest.mark.parametrize(
    ("wrong", "step", "fix"),
    [
        ({"app_secret": "0123456789abcdef0123456789abcdef"}, "app_secret", "page Basic"),
        ({"access_token": "EAAJwrongwrongwrong"}, "token", "make a new one"),
        ({"waba_id": "999999999999999"}, "waba", "WhatsApp Business account"),
        ({"phone_number_id": "999999999999999"}, "phone_number", "phone number id"),
    ],
)
async def test_what_is_not_so_is_named_with_its_step_and_nothing_stays(desk: Office, wrong, step, fix):
    problem = await desk.refused(**wrong)

    assert problem["step"] == step
    assert fix in problem["detail"]
    assert not any(str(value) in problem["detail"] for value in wrong.values())
    assert (await desk.call("GET", "/connections")).json["data"] == []


async def test_an_unknown_app_leaves_nothing_behind(desk: Office):
    await desk.refused(app_id="4242424242424242")

    assert await desk.world.rows("SELECT id FROM meta_app WHERE id = '4242424242424242'") == []


async def test_meta_that_does_not_answer_is_a_503_and_nothing_stays(desk: Office):
    await desk.world.rows("UPDATE meta_app SET graph_url = 'http://127.0.0.1:9'")
    answer = await desk.call("POST", "/connections", desk.pasted(graph_url="http://127.0.0.1:9"))

    assert (answer.status, answer.json["code"]) == (503, "upstream_unavailable")
    assert answer.json["step"] == "app_secret"
    assert (await desk.call("GET", "/connections")).json["data"] == []


async def test_a_webhook_that_cannot_be_is_named_before_meta_is_asked(desk: Office):
    answer = await desk.call("POST", "/connections", desk.pasted(webhook={"url": "ftp://shop.example"}))

    assert answer.status == 400
    assert answer.json["errors"][0]["pointer"] == "/webhook/url"


async def test_without_a_public_url_the_operator_is_told_what_to_enter_by_hand(dsn: str, tmp_path: Path):
    async with office(dsn, tmp_path, public=False) as desk:
        await desk.free_the_number()
        made = await desk.call("POST", "/connections", desk.pasted())

        assert made.status == 201
        assert made.json["callback_url"] == f"/webhooks/meta/{desk.world.meta.world['app_id']}"
        assert made.json["verify_token"] == desk.world.meta.world["verify_token"]


async def test_a_disconnected_number_sends_nothing_keeps_its_history_and_comes_back(desk: Office):
    async with listening() as shop:
        webhook = {"url": shop.url, "event_types": ["account.updated"]}
        made = (await desk.call("POST", "/connections", desk.pasted(webhook=webhook))).json
        key = await desk.world.mint(brand_id=await _brand_id(desk))
        assert (await desk.world.send_otp(PHONE, key=key)).status == 200

        ended = await desk.call("POST", f"/connections/{made['id']}/disconnect")
        assert (ended.status, ended.json["unsubscribed"]) == (200, True)
        assert (await desk.world.send_otp(PHONE, key=key)).json["code"] == "no_active_connection"
        messages = await desk.world.call("GET", "/api/v1/whatsapp/external/messages", key=key)
        assert len(messages.json["data"]) == 1

        again = await desk.call("POST", f"/connections/{made['id']}/reconnect", {})
        assert (again.status, again.json["id"]) == (200, made["id"])
        assert (await desk.world.send_otp(PHONE, key=key)).status == 200
        await eventually(lambda: len(shop.of_type("account.updated")) == 3)
    words = [event["data"]["event"] for event in shop.of_type("account.updated")]
    assert sorted(words) == ["CONNECTED", "DISCONNECTED", "RECONNECTED"]


async def test_what_operators_do_is_in_the_audit(desk: Office):
    made = (await desk.call("POST", "/connections", desk.pasted())).json
    await desk.call("POST", f"/connections/{made['id']}/disconnect")

    rows = await desk.world.rows(
        "SELECT actor, action FROM audit WHERE object = $1 AND action LIKE 'connection.%' ORDER BY id", made["id"]
    )

    assert [row["action"] for row in rows] == ["connection.connected", "connection.disconnected"]
    assert {row["actor"][:4] for row in rows} == {"opt_"}


async def _brand_id(desk: Office):
    from quixess.database import ids  # noqa: PLC0415

    return ids.parse("brd", desk.brand)
