"""Tokens, numbers and templates from their making to their end: what the simulated Meta answers on the way."""

from tests.conformance.openapi import OpenApi
from tests.conformance.recording import Heard
from tests.conformance.test_answers import PLAIN
from tests.simulator import driving, test_oauth
from tests.simulator.test_registration import add, register, waiting_code

DAY_S = 86_400
ABOUT = {"messaging_product": "whatsapp", "about": "We sell shoes."}


async def test_signing_up_and_the_life_of_a_token(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    code = (await meta.lever("signup", {"lives_s": 60 * DAY_S}))["code"]
    first = (await test_oauth.ask(meta, "access_token", code=code)).json["access_token"]
    second = (await test_oauth.exchange(meta, first, set_token_expires_in_60_days="true")).json["access_token"]
    for token in (first, second):
        assert (await meta.graph("GET", f"debug_token?input_token={token}")).status == 200
    assert (await test_oauth.ask(meta, "revoke", revoke_token=first, access_token=second)).json == {"success": True}
    assert (await meta.graph("GET", f"debug_token?input_token={first}")).json["data"]["is_valid"] is False
    refused = [
        await test_oauth.ask(meta, "access_token", code=code),
        await test_oauth.exchange(meta, first),
        await meta.graph("GET", meta.world["waba_id"], token=first),
    ]
    assert [one.status < 400 for one in refused] == [False] * 3
    assert recorder.faults(meta_file) == []


async def test_the_life_of_a_number(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    number = await add(meta)
    assert (await register(meta, number)).json["error"]["code"] == 133006
    await meta.graph("POST", f"{number}/request_code", json={"code_method": "SMS", "language": "en_US"})
    await meta.graph("POST", f"{number}/verify_code", json={"code": await waiting_code(meta, number)})
    assert (await register(meta, number)).json == {"success": True}
    assert (await register(meta, number, "000000")).json["error"]["code"] == 133005
    for path in ("whatsapp_business_profile", "message_history"):
        assert (await meta.graph("GET", f"{number}/{path}")).status == 200
    assert (await meta.graph("POST", f"{number}/whatsapp_business_profile", json=ABOUT)).json == {"success": True}
    assert (await meta.graph("POST", number, json={"pin": "150954"})).json == {"success": True}
    assert (await meta.graph("POST", f"{number}/deregister")).json == {"success": True}
    assert recorder.faults(meta_file) == []


async def test_what_became_of_a_send_is_looked_up(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    assert (await meta.send(driving.otp())).status == 200
    path = f"{meta.world['phone_number_id']}/message_history?fields=id,message_id,events"
    assert (await meta.graph("GET", path)).json["data"]
    assert recorder.faults(meta_file) == []


async def test_the_end_of_a_template(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    path = f"{meta.world['waba_id']}/message_templates"
    asked = {"name": "greeting", "language": "de", "category": "MARKETING", "components": PLAIN}
    made = (await meta.graph("POST", path, json=asked)).json
    await meta.lever("templates/greeting", {"language": "de", "event": "APPROVED"})
    assert (await meta.graph("POST", made["id"], json={"components": PLAIN})).json == {"success": True}
    assert (await meta.graph("DELETE", f"{path}?name=greeting")).json == {"success": True}
    assert (await meta.graph("DELETE", f"{path}?name=greeting")).status >= 400
    assert (await meta.graph("POST", path, json=asked)).status >= 400
    assert recorder.faults(meta_file) == []
