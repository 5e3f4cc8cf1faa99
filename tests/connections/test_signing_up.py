"""Embedded Signup: a code becomes a connection, and nothing that the browser says is believed by itself."""

from pathlib import Path
from typing import Any

import pytest

from quixess.database import ids
from tests.connections.meta import Office, office
from tests.world import PHONE

PIN = "482913"


@pytest.fixture
async def desk(dsn: str, tmp_path: Path):
    async with office(dsn, tmp_path) as one:
        yield one


async def signed_up(desk: Office, **asked: Any) -> dict[str, Any]:
    """What the browser has after a customer went through the sign-up."""
    told = await desk.world.meta.lever("signup", {"name": "Lucky Shrub"} | asked)
    data = told["session_info"]["data"]
    return {
        "app_id": desk.world.meta.world["app_id"],
        "code": told["code"],
        "waba_id": data["waba_id"],
        "phone_number_id": data["phone_number_id"],
        "pin": PIN,
    }


async def number_at_meta(desk: Office, number_id: str) -> dict[str, Any]:
    listed = await desk.world.meta.lever("numbers")
    (found,) = [one for one in listed["data"] if one["id"] == number_id]
    return dict(found)


async def test_a_customer_signs_up_and_sends_a_minute_later(desk: Office):
    asked = await signed_up(desk)

    made = await desk.call("POST", "/connections/embedded-signup", asked)

    assert made.status == 201, made.json
    assert made.json["registered"] is True
    assert made.json["verified_name"] == "Lucky Shrub"
    known = await number_at_meta(desk, asked["phone_number_id"])
    assert (known["registered"], known["pin"]) == (True, PIN)
    brand_id = ids.parse("brd", desk.brand)
    (row,) = await desk.world.rows("SELECT pin, token FROM connection WHERE brand_id = $1", brand_id)
    assert PIN.encode() not in row["pin"]


async def test_a_number_of_the_phone_app_is_never_registered(desk: Office):
    asked = await signed_up(desk, event="FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING")
    del asked["pin"]

    made = await desk.call("POST", "/connections/embedded-signup", asked | {"on_phone": True})

    assert (made.status, made.json["registered"]) == (201, False)


async def test_the_browser_cannot_claim_the_number_of_somebody_else(desk: Office):
    asked, other = await signed_up(desk), await signed_up(desk)

    claimed = asked | {"waba_id": other["waba_id"], "phone_number_id": other["phone_number_id"]}
    answer = await desk.call("POST", "/connections/embedded-signup", claimed)

    assert (answer.status, answer.json["step"]) == (409, "waba")
    assert (await desk.call("GET", "/connections")).json["data"] == []


async def test_nor_a_number_of_another_account_beside_its_own_account(desk: Office):
    asked, other = await signed_up(desk), await signed_up(desk)

    claimed = asked | {"phone_number_id": other["phone_number_id"]}
    answer = await desk.call("POST", "/connections/embedded-signup", claimed)

    assert (answer.status, answer.json["step"]) == (409, "phone_number")


async def test_a_code_works_once(desk: Office):
    asked = await signed_up(desk)
    assert (await desk.call("POST", "/connections/embedded-signup", asked)).status == 201

    answer = await desk.call("POST", "/connections/embedded-signup", asked)

    assert (answer.status, answer.json["step"]) == (409, "code")
    assert "Run the sign-up again" in answer.json["detail"]


async def test_an_app_that_nobody_made_known_cannot_sign_anybody_up(desk: Office):
    asked = await signed_up(desk)

    answer = await desk.call("POST", "/connections/embedded-signup", asked | {"app_id": "4242424242424242"})

    assert (answer.status, answer.json["step"]) == (409, "app")


async def test_an_unregistered_number_without_a_pin_is_told_what_the_pin_is_for(desk: Office):
    asked = await signed_up(desk)
    del asked["pin"]

    answer = await desk.call("POST", "/connections/embedded-signup", asked)

    assert (answer.status, answer.json["step"]) == (409, "registration")
    assert "PIN of six digits" in answer.json["detail"]


async def test_a_wrong_pin_is_named_and_nothing_is_connected(desk: Office):
    asked = await signed_up(desk)
    await desk.world.meta.lever(f"numbers/{asked['phone_number_id']}", {"pin": "111111"})

    answer = await desk.call("POST", "/connections/embedded-signup", asked)

    assert (answer.status, answer.json["step"]) == (409, "registration")
    assert answer.json["meta"]["code"] == 133005
    assert "two-step PIN" in answer.json["detail"]
    assert PIN not in answer.json["detail"]
    assert (await desk.call("GET", "/connections")).json["data"] == []


async def test_an_unverified_number_is_sent_to_whatsapp_manager(desk: Office):
    asked = await signed_up(desk)
    how = {"code_verification_status": "NOT_VERIFIED"}
    await desk.world.meta.lever(f"numbers/{asked['phone_number_id']}", how)

    answer = await desk.call("POST", "/connections/embedded-signup", asked)

    assert (answer.status, answer.json["step"]) == (409, "registration")
    assert "WhatsApp Manager" in answer.json["detail"]


async def test_a_token_without_a_permission_names_it(desk: Office):
    asked = await signed_up(desk, scopes=["whatsapp_business_management"])

    answer = await desk.call("POST", "/connections/embedded-signup", asked)

    assert (answer.status, answer.json["step"]) == (409, "permissions")
    assert "whatsapp_business_messaging" in answer.json["detail"]


async def test_several_numbers_of_one_account_live_side_by_side(desk: Office):
    known = desk.world.meta.world
    second = await desk.world.meta.lever("numbers", {"verified_name": "Bordercart Returns"})
    pasted = desk.pasted(phone_number_id=second["id"])

    made = await desk.call("POST", "/connections", pasted, brand="Bordercart")
    assert made.status == 201, made.json
    listed = (await desk.call("GET", "/connections", brand="Bordercart")).json["data"]
    assert [one["phone_number_id"] for one in listed] == [known["phone_number_id"], second["id"]]

    ended = await desk.call("POST", f"/connections/{made.json['id']}/disconnect", brand="Bordercart")
    assert ended.json["unsubscribed"] is None
    assert (await desk.world.send_otp(PHONE)).status == 200
