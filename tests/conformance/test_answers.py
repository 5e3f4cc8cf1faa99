"""What the simulated Graph API answers, good and bad, against Meta's schemas and what Meta's pages tell."""

from typing import Any

import aiohttp

from quixess.simulator.errors import CATALOGUE
from tests.conformance.openapi import OpenApi
from tests.conformance.recording import Heard
from tests.simulator import driving, test_levers, test_uploads
from tests.simulator.driving import Receiver

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
FIELDS = "id,name,language,status,category,components,quality_score,rejected_reason,parameter_format"
NUMBER_FIELDS = "display_phone_number,verified_name,status,quality_rating,throughput,account_mode,health_status"
PRESET: list[dict[str, Any]] = [
    {"type": "BODY", "add_security_recommendation": True},
    {"type": "FOOTER", "code_expiration_minutes": 10},
    {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
]
PLAIN = [{"type": "BODY", "text": "Hello {{1}}, how are you?", "example": {"body_text": [["Ann"]]}}]


async def test_numbers_accounts_and_tokens_are_shown_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    known = meta.world
    for path in (
        known["phone_number_id"],
        f"{known['phone_number_id']}?fields={NUMBER_FIELDS}",
        known["waba_id"],
        f"{known['waba_id']}?fields=name,health_status,account_review_status",
        f"{known['waba_id']}/phone_numbers",
        f"{known['waba_id']}/phone_numbers?fields={NUMBER_FIELDS}",
        f"debug_token?input_token={known['access_token']}",
        f"debug_token?input_token={known['app_access_token'].replace('|', '%7C')}",
        "debug_token?input_token=EAAunknown",
    ):
        answer = await meta.graph("GET", path)
        assert answer.status == 200, (path, answer.json)
    assert recorder.faults(meta_file) == []


async def test_subscriptions_and_overrides_are_shown_in_metas_shape(
    heard: Heard, meta_file: OpenApi, receiver: Receiver
) -> None:
    meta, recorder = heard
    apps = f"{meta.world['waba_id']}/subscribed_apps"
    override = {"override_callback_uri": receiver.url, "verify_token": receiver.verify_token}
    assert (await meta.subscribe(receiver)).status == 200
    for method, more in (("GET", None), ("POST", override), ("GET", None), ("POST", {}), ("DELETE", None)):
        answer = await meta.graph(method, apps, json=more) if more is not None else await meta.graph(method, apps)
        assert answer.status == 200, answer.json
    token = meta.world["app_access_token"]
    assert (await meta.graph("GET", f"{meta.world['app_id']}/subscriptions", token=token)).status == 200
    assert recorder.faults(meta_file) == []


async def test_templates_are_made_listed_and_turned_over_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    path = f"{meta.world['waba_id']}/message_templates"
    made = [
        {"name": "code", "language": "en_US", "category": "authentication", "components": PRESET},
        {"name": "greeting", "language": "de", "category": "MARKETING", "components": PLAIN},
    ]
    answers = [await meta.graph("POST", path, json=one) for one in made]
    assert [answer.status for answer in answers] == [200, 200], answers
    node = answers[0].json["id"]
    page = (await meta.graph("GET", f"{path}?limit=1")).json
    for query in (f"fields={FIELDS}", "name=code", f"limit=1&after={page['paging']['cursors']['after']}"):
        assert (await meta.graph("GET", f"{path}?{query}")).status == 200
    assert (await meta.graph("GET", f"{node}?fields={FIELDS}")).status == 200
    assert recorder.faults(meta_file) == []


async def test_files_are_kept_told_of_and_forgotten_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": "image/png"})
    form.add_field("file", PNG, filename="a.png", content_type="image/png")
    kept = await meta.graph("POST", f"{meta.world['phone_number_id']}/media", data=form)
    assert kept.status == 200, kept.json
    for method in ("GET", "DELETE", "GET"):
        await meta.graph(method, kept.json["id"])
    assert [one.status for one in recorder.exchanges] == [200, 200, 200, 400]
    assert recorder.faults(meta_file) == []


async def test_samples_are_taken_in_pieces_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    session = await test_uploads.begin(meta)
    await test_uploads.push(meta, session, test_uploads.PNG[:9])
    assert (await test_uploads.ask(meta, "GET", session)).status == 200
    handle = (await test_uploads.push(meta, session, test_uploads.PNG[9:], 9)).json["h"]
    assert (await test_uploads.create(meta, handle)).status == 200
    assert (await test_uploads.create(meta, "4::unknown", name="other")).status == 400
    assert recorder.faults(meta_file) == []


async def test_calls_are_answered_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    await meta.lever("settings", {"ring_ms": 60_000})
    wacid = await meta.calls()
    for action in ("pre_accept", "accept", "terminate"):
        more = {} if action == "terminate" else {"session": test_levers.SESSION}
        assert (await test_levers.answer(meta, wacid, action, **more)).status == 200
    assert recorder.faults(meta_file) == []


async def test_every_refusal_of_a_send_has_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    for code in CATALOGUE:
        await meta.lever("faults", {"outcome": str(code)})
        answer = await meta.send(driving.otp())
        assert (answer.status >= 400, answer.json["error"]["code"]) == (True, code)
    assert recorder.faults(meta_file) == []


async def test_mistakes_of_every_sort_are_refused_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    templates = f"{meta.world['waba_id']}/message_templates"
    duplicate = {"name": "signup_otp", "language": "en_US", "category": "AUTHENTICATION", "components": PRESET}
    refused = [
        await meta.graph("GET", meta.world["waba_id"], token="EAAwrong"),
        await meta.graph("GET", "123456789"),
        await meta.graph("GET", f"{templates}?after=nonsense"),
        await meta.graph("GET", f"{templates}?limit=0"),
        await meta.graph("POST", templates, json=duplicate),
        await meta.graph("GET", f"{meta.world['app_id']}/subscriptions"),
        await meta.send({}),
        await meta.send(driving.text("", DIALLED)),
        await meta.send(driving.template(DIALLED, "no_such", [])),
        await meta.send(driving.template(DIALLED, "order_update", [])),
    ]
    assert [one.status for one in refused if one.status < 400] == []
    spoilt = [fault for fault in recorder.faults(meta_file) if ": asked: " not in fault]
    assert spoilt == []


DIALLED = driving.PHONE
