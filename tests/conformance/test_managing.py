"""What our Graph client asks beside sends: signing up, subscribing, registering, tokens, templates, histories."""

import io

from quixess.meta import history, onboarding, samples, templates, tokens
from quixess.meta.graph import Credentials, Graph
from tests.conformance.openapi import OpenApi
from tests.conformance.recording import Heard
from tests.conformance.test_answers import PLAIN, PNG, PRESET
from tests.simulator import driving
from tests.simulator.driving import FIELDS, Receiver, Simulator

PIN = "212834"


def credentials(meta: Simulator, **other: str) -> Credentials:
    known = meta.world
    names = {"phone_number_id": "phone_number_id", "waba_id": "waba_id", "token": "access_token"}
    ours = {name: str(known[theirs]) for name, theirs in names.items()} | other
    return Credentials(**ours, app_secret=known["app_secret"])


async def test_connecting_asks_in_metas_shape(heard: Heard, meta_file: OpenApi, receiver: Receiver) -> None:
    meta, recorder = heard
    app = meta.world["app_id"], meta.world["app_secret"]
    signed = await meta.lever("signup", {})
    told = signed["session_info"]["data"]
    async with Graph(base_url=meta.base_url) as graph:
        token = await onboarding.exchange_code(graph, *app, signed["code"])
        await onboarding.look_at_token(graph, *app, token)
        theirs = credentials(meta, token=token, waba_id=told["waba_id"], phone_number_id=told["phone_number_id"])
        await onboarding.list_numbers(graph, theirs)
        await onboarding.register(graph, theirs, PIN)
        await onboarding.change_pin(graph, theirs, "139254")
        await onboarding.subscribe_app(graph, *app, receiver.url, receiver.verify_token, FIELDS)
        await onboarding.subscribe_waba(graph, theirs)
        await graph.phone_number(theirs)
        await onboarding.unsubscribe_waba(graph, theirs)
    assert recorder.asked() >= {
        *(("GET", "access_token"), ("GET", "debug_token"), ("GET", "phone_numbers"), ("POST", "register")),
        ("POST", theirs.phone_number_id),
        *(("POST", "subscriptions"), ("POST", "subscribed_apps"), ("DELETE", "subscribed_apps")),
    }
    assert recorder.faults(meta_file) == []


async def test_tokens_are_turned_over_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    app = meta.world["app_id"], meta.world["app_secret"]
    old = meta.world["access_token"]
    async with Graph(base_url=meta.base_url) as graph:
        new = await tokens.exchange(graph, *app, old)
        await tokens.look(graph, *app, new)
        await tokens.revoke(graph, *app, old, asking=new)
    assert recorder.asked() == {("GET", "access_token"), ("GET", "debug_token"), ("GET", "revoke")}
    assert recorder.faults(meta_file) == []


async def test_templates_are_managed_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    known = credentials(meta)
    plain = {"name": "greeting", "language": "de", "category": "MARKETING", "components": PLAIN}
    preset = {"name": "code", "language": "en_US", "category": "AUTHENTICATION", "components": PRESET}
    async with Graph(base_url=meta.base_url) as graph:
        made = await templates.create(graph, known, plain)
        await templates.create(graph, known, preset)
        await meta.lever("templates/greeting", {"language": "de", "event": "APPROVED"})
        await templates.edit(graph, known, made.id, {"components": PLAIN})
        await templates.read(graph, known, made.id)
        await templates.list_all(graph, known)
        await templates.preview_codes(graph, known, ["en_US", "es_ES"], warned=True, minutes=10)
        await templates.delete(graph, known, "greeting", made.id)
    assert recorder.asked() >= {("POST", "message_templates"), ("DELETE", "message_templates")}
    assert recorder.faults(meta_file) == []


async def test_the_sample_of_a_header_is_given_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    known, size = credentials(meta), len(PNG)
    async with Graph(base_url=meta.base_url) as graph:
        handle = await samples.upload(
            graph, known, meta.world["app_id"], io.BytesIO(PNG), mime_type="image/png", filename="a.png", size=size
        )
        header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": [handle]}}
        shown = {"name": "picture", "language": "de", "category": "MARKETING", "components": [header, *PLAIN]}
        await templates.create(graph, known, shown)
    assert ("POST", "uploads") in recorder.asked()
    assert recorder.faults(meta_file) == []


async def test_a_history_is_asked_for_in_metas_shape(heard: Heard, meta_file: OpenApi) -> None:
    meta, recorder = heard
    wamid = (await meta.send(driving.otp())).json["messages"][0]["id"]
    async with Graph(base_url=meta.base_url) as graph:
        await history.read(graph, credentials(meta), wamid)
    assert ("GET", "message_history") in recorder.asked()
    assert recorder.faults(meta_file) == []
