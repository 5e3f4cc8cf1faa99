"""OAuth as Embedded Signup and token rotation use it: codes, exchange, revocation, system users' tokens."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

from quixess import simulator as simulators
from tests.simulator import driving
from tests.simulator.driving import Answer, Simulator
from tests.simulator.test_tokens import debugged, looks, make, refusal

DAY_S = 86_400


async def ask(simulator: Simulator, path: str, **query: str) -> Answer:
    """Call `/oauth/…` as the app, which takes no bearer token."""
    client = {"client_id": simulator.world["app_id"], "client_secret": simulator.world["app_secret"]}
    url = f"{simulator.base_url}/v25.0/oauth/{path}"
    async with simulator.http.get(url, params=client | query) as answer:
        return Answer(answer.status, await answer.json())


async def exchange(simulator: Simulator, token: str, **query: str) -> Answer:
    return await ask(simulator, "access_token", grant_type="fb_exchange_token", fb_exchange_token=token, **query)


async def test_embedded_signup_ends_with_a_token_that_reaches_the_customer_and_nobody_else(
    simulator: Simulator,
) -> None:
    signed = await simulator.lever("signup", {"name": "Lucky Shrub"})
    told = signed["session_info"]
    assert (told["type"], told["event"]) == ("WA_EMBEDDED_SIGNUP", "FINISH")
    waba, number = told["data"]["waba_id"], told["data"]["phone_number_id"]
    answer = await ask(simulator, "access_token", code=signed["code"])
    assert answer.json["token_type"] == "bearer"
    token = answer.json["access_token"]
    assert (await debugged(simulator, token))["granular_scopes"][0]["target_ids"] == [waba]
    listed = await simulator.graph("GET", f"{waba}/phone_numbers", token=token)
    assert [row["id"] for row in listed.json["data"]] == [number]
    assert refusal(await looks(simulator, token)) == (400, 100, 33)


async def test_a_code_is_good_once_and_for_thirty_seconds(simulator: Simulator) -> None:
    once, late = [(await simulator.lever("signup", {}))["code"] for _ in range(2)]
    assert (await ask(simulator, "access_token", code=once)).status == 200
    assert refusal(await ask(simulator, "access_token", code=once)) == (400, 100, 36009)
    await simulator.lever("settings", {"clock_offset_s": 31})
    assert refusal(await ask(simulator, "access_token", code=late)) == (400, 100, 36007)
    assert refusal(await ask(simulator, "access_token", code="AQ")) == (400, 100, 36008)


async def test_a_customer_may_have_a_token_of_sixty_days_and_only_a_waba(simulator: Simulator) -> None:
    signed = await simulator.lever("signup", {"event": "FINISH_ONLY_WABA", "lives_s": 60 * DAY_S})
    assert "phone_number_id" not in signed["session_info"]["data"]
    answer = await ask(simulator, "access_token", code=signed["code"])
    assert 60 * DAY_S - 60 < answer.json["expires_in"] <= 60 * DAY_S


async def test_the_app_must_prove_itself(simulator: Simulator) -> None:
    code = (await simulator.lever("signup", {}))["code"]
    wrong = await ask(simulator, "access_token", code=code, client_secret="no")
    assert (wrong.status, wrong.json["error"]["message"]) == (400, "Error validating client secret.")
    assert refusal(await ask(simulator, "access_token", code=code, client_id="1")) == (400, 101, None)
    other = await simulator.lever("apps", {})
    theirs = await ask(simulator, "access_token", code=code, client_id=other["id"], client_secret=other["secret"])
    assert refusal(theirs) == (400, 100, 36008)
    assert (await ask(simulator, "access_token", code=code)).status == 200


async def test_a_token_is_renewed_before_it_dies_and_the_old_one_lives_on_to_its_own_end(simulator: Simulator) -> None:
    old = await make(simulator, lives_s=60 * DAY_S)
    await simulator.lever("settings", {"clock_offset_s": 40 * DAY_S})
    answer = await exchange(simulator, old, set_token_expires_in_60_days="true")
    new = answer.json["access_token"]
    assert new != old
    assert 60 * DAY_S - 60 < answer.json["expires_in"] <= 60 * DAY_S
    assert [(await looks(simulator, token)).status for token in (old, new)] == [200, 200]
    await simulator.lever("settings", {"clock_offset_s": 61 * DAY_S})
    assert [(await looks(simulator, token)).status for token in (old, new)] == [401, 200]
    assert refusal(await exchange(simulator, old)) == (401, 190, 463)


async def test_a_short_user_token_becomes_a_long_lived_one(simulator: Simulator) -> None:
    answer = await exchange(simulator, await make(simulator, kind="user"))
    data = await debugged(simulator, answer.json["access_token"])
    assert (data["type"], data["expires_at"] - data["issued_at"]) == ("USER", 60 * DAY_S)


async def test_a_token_that_never_expires_stays_so_unless_sixty_days_are_asked_for(simulator: Simulator) -> None:
    forever = await exchange(simulator, simulator.world["access_token"])
    assert "expires_in" not in forever.json
    limited = await exchange(simulator, simulator.world["access_token"], set_token_expires_in_60_days="true")
    assert limited.json["expires_in"] > 59 * DAY_S


async def test_a_token_is_revoked_by_the_word_of_another(simulator: Simulator) -> None:
    old = simulator.world["access_token"]
    new = (await exchange(simulator, old)).json["access_token"]
    answer = await ask(simulator, "revoke", revoke_token=old, access_token=new)
    assert answer.json == {"success": True}
    assert refusal(await looks(simulator, old)) == (401, 190, 467)
    assert (await looks(simulator, new)).status == 200
    assert refusal(await ask(simulator, "revoke", revoke_token=new, access_token=old)) == (401, 190, 467)


async def test_a_system_user_makes_more_tokens_for_itself(simulator: Simulator) -> None:
    known = simulator.world
    proof = hmac.new(known["app_secret"].encode(), known["access_token"].encode(), hashlib.sha256).hexdigest()
    form = {
        "business_app": known["app_id"],
        "scope": "whatsapp_business_messaging",
        "appsecret_proof": proof,
        "access_token": known["access_token"],
        "set_token_expires_in_60_days": "true",
    }

    async def made(**more: Any) -> Answer:
        url = f"{simulator.base_url}/v25.0/{known['system_user_id']}/access_tokens"
        async with simulator.http.post(url, data=form | more) as answer:
            return Answer(answer.status, await answer.json())

    data = await debugged(simulator, (await made()).json["access_token"])
    assert data["scopes"] == ["whatsapp_business_messaging"]
    assert data["expires_at"] - data["issued_at"] == 60 * DAY_S
    assert (await made(scope="pages_show_list")).json["error"]["code"] == 100
    assert (await made(appsecret_proof="0")).json["error"]["code"] == 100


async def test_the_app_asks_for_its_own_token(simulator: Simulator) -> None:
    answer = await ask(simulator, "access_token", grant_type="client_credentials")
    assert answer.json["access_token"] == simulator.world["app_access_token"]


async def test_a_restart_keeps_tokens_customers_and_numbers_but_no_code(tmp_path: Path) -> None:
    options = simulators.Options(state_path=tmp_path / "state.json", settings=driving.QUICK)
    async with driving.running(options) as first:
        signed, unused = await first.lever("signup", {}), await first.lever("signup", {})
        token = (await ask(first, "access_token", code=signed["code"])).json["access_token"]
        number = signed["session_info"]["data"]["phone_number_id"]
        form = {"messaging_product": "whatsapp", "pin": "212834"}
        assert (await first.graph("POST", f"{number}/register", token=token, json=form)).status == 200
    async with driving.running(options) as second:
        shown = await second.graph("GET", number, token=token, params={"fields": "is_pin_enabled,status"})
        assert shown.json == {"is_pin_enabled": True, "status": "CONNECTED", "id": number}
        assert refusal(await ask(second, "access_token", code=unused["code"])) == (400, 100, 36008)
