"""A backend developer integrates from the reference alone: what people really get wrong is answered with the fix."""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from quixess import api
from quixess.access import Constraints
from quixess.api.endpoint import EXTERNAL
from tests.world import CODE, OTP, PHONE, Answer, World

OTP_FIELDS = "code, language, metadata, template_name, to"
TEMPLATE_FIELDS = "components, language, metadata, recipient, template_name, to, variables"
SOMEBODY = {"to": PHONE}
ID = "01KAR3V6Z6F3N9R5V8X0Z2C4E6"


@dataclass(frozen=True)
class Slip:
    """A wrong request, and the answer that a developer can go on with: its code, what it points at, what it says."""

    asked: str
    code: str
    says: str = ""
    at: str | None = None
    body: Any = None
    sent: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    key: str | None = None

    def __str__(self) -> str:
        return f"{self.asked} {self.sent or json.dumps(self.body, ensure_ascii=False)} {self.headers}"[:120]


def otp(says: str, at: str, *, problem: str = "invalid_request", without: str = "", **more: Any) -> Slip:
    body = {"to": PHONE, "code": CODE, "template_name": "signup_otp"} | more
    return Slip("POST /send/otp", problem, says, at, {name: body[name] for name in body if name != without})


def template(says: str, at: str | None, code: str = "invalid_request", **more: Any) -> Slip:
    return Slip("POST /send/template", code, says, at, SOMEBODY | {"template_name": "order_update"} | more)


def reply(says: str, at: str | None, code: str = "invalid_request", **more: Any) -> Slip:
    return Slip("POST /send/reply", code, says, at, SOMEBODY | more)


def typed(body: str, content_type: str, code: str, says: str, at: str | None = None) -> Slip:
    return Slip("POST /send/otp", code, says, at, sent=body, headers={"Content-Type": content_type})


BODIES = (
    otp(OTP_FIELDS, "/phone", without="to", phone=PHONE),
    otp(OTP_FIELDS, "/template", without="template_name", template="signup_otp"),
    otp(OTP_FIELDS, "/messaging_product", messaging_product="whatsapp"),
    otp(OTP_FIELDS, "", To=PHONE),
    otp("comes from the API key", "/brand_id", brand_id="brd_1"),
    otp("a plus, the country code", "/to", problem="invalid_phone", to="12818184370"),
    otp("a plus, the country code", "/to", problem="invalid_phone", to="0012818184370"),
    otp("a plus, the country code", "/to", problem="invalid_phone", to="030 1234567"),
    otp("a plus, the country code", "/to", problem="invalid_phone", to="whatsapp:+12818184370"),
    otp("must be a string", "/to", to=12818184370),
    otp("must be a string", "/code", code=482913),
    otp("4 to 15 letters and digits", "/code", code="482-913"),
    otp("4 to 15 letters and digits", "/code", code="123"),
    otp("a-z, 0-9 and _", "/template_name", template_name="Signup_OTP"),
    otp("such as en_US", "/language", language="en-us"),
    otp("such as en_US", "/language", language="English"),
    otp("such as en_US", "/language", language={"code": "en_US"}),
    otp("must be a string", "/metadata", metadata={"order": 17}),
    otp("512 bytes", "/metadata", metadata={"order": "x" * 600}),
    template(TEMPLATE_FIELDS, "/parameters", parameters=["Frank", "A-1"]),
    template(TEMPLATE_FIELDS, "/template", template={"name": "order_update", "language": {"code": "en_US"}}),
    template("must be an object", "/variables", variables=["Frank", "A-1"]),
    template("not both", "/components", variables={"body": ["Frank", "A-1"]}, components=[]),
    template("body.1, body.2", "/variables/body/1", "template_parameters"),
    template("body.2", "/variables/body/2", "template_parameters", variables={"body": ["Frank"]}),
    template("a person who hides the number", "/recipient", recipient="+12818184370"),
    Slip("POST /send/template", "invalid_request", "`to` or `recipient`", "/to", {"template_name": "order_update"}),
    reply("`type` is required", "/type", text={"body": "Hello"}),
    reply("must be an object", "/text", type="text", text="Hello"),
    reply("media", "/image", type="image", image={"link": "https://shop.example/a.jpg"}),
    reply("audio, contacts, document, image", "/type", type="photo"),
    reply("leave it out", "/media", type="text", text={"body": "Hello"}, media={"id": "med_" + ID}),
    reply("reply_to", "/context", type="text", text={"body": "Hello"}, context={"message_id": "wamid.X"}),
    reply("at most 4096 characters", "/text/body", type="text", text={"body": "x" * 4097}),
    reply("/send/template", None, "window_closed", type="text", text={"body": "Hello"}),
    Slip("POST /webhook-events/replay", "invalid_request", "Say since when", "/since", {}),
    Slip("POST /webhook-events/replay", "invalid_request", "`evt_…` id", "/event_ids/0", {"event_ids": ["17"]}),
    Slip("POST /webhook-events/test", "invalid_request", "endpoint_id", "/url", {"url": "https://shop.example"}),
    Slip("POST /templates/sync", "invalid_request", "There are none: leave it out", "/name", {"name": "order_update"}),
    Slip("POST /media", "unsupported_media_type", "multipart/form-data", None, {"link": "https://shop.example/a.jpg"}),
)
TYPES = (
    typed('{"to":"+1"}', "application/x-www-form-urlencoded", "unsupported_media_type", "application/json"),
    typed('{"to":"+1"}', "text/plain", "unsupported_media_type", "application/json"),
    typed("", "application/json", "invalid_json", "The body is empty"),
    typed("{'to': '+1'}", "application/json", "invalid_json", "single quotes"),
    typed('{"to":"+1",}', "application/json", "invalid_json", "a comma too many"),
    typed("[]", "application/json", "invalid_request", "must be an object", ""),
)
QUERIES = (
    Slip("GET /messages?page=2", "invalid_request", "cursor, direction", "page"),
    Slip("GET /messages?limit=1000", "invalid_request", "at most 100", "limit"),
    Slip("GET /messages?limit=all", "invalid_request", "whole number", "limit"),
    Slip("GET /messages?status=SENT", "invalid_request", "accepted, delivered", "status"),
    Slip("GET /messages?since=yesterday", "invalid_request", "2026-05-15T10:30:00Z", "since"),
    Slip("GET /messages?since=2026-05-15T10:30:00", "invalid_request", "its zone, such as Z", "since"),
    Slip("GET /messages?has_media=1", "invalid_request", "true or false", "has_media"),
    Slip("GET /messages?metadata=A-1042", "invalid_request", "metadata[…]", "metadata"),
    Slip("GET /messages?conversation_id=17", "invalid_request", "`cnv_…` id", "conversation_id"),
    Slip("GET /messages?status=sent&status=read", "invalid_request", "given twice", "status"),
    Slip("GET /messages?cursor=2", "invalid_cursor", "`next_cursor`", "cursor"),
    Slip("GET /conversations?cursor=2", "invalid_cursor", "`next_cursor`", "cursor"),
    Slip("GET /templates?cursor=2", "invalid_cursor", "`next_cursor`", "cursor"),
    Slip("GET /webhook-events?cursor=2", "invalid_cursor", "`next_cursor`", "cursor"),
    Slip("GET /conversations?window=yes", "invalid_request", "closed, open", "window"),
    Slip("GET /templates?status=approved", "invalid_request", "in capitals", "status"),
    Slip("GET /templates/order_update?lang=de", "invalid_request", "language", "lang"),
    Slip("GET /webhook-events?type=message", "invalid_request", "message.received", "type"),
    Slip("GET /webhook-events?message_id=17", "invalid_request", "`msg_…`", "message_id"),
    Slip("GET /me?verbose=true", "invalid_request", "takes no query"),
    Slip(f"GET /messages/msg_{ID}?include=timeline", "invalid_request", "takes no query"),
)
PLACES = (
    Slip("GET /messages/", "not_found", "none ends in a slash"),
    Slip("POST /send/otp/", "not_found", "none ends in a slash"),
    Slip("GET /Messages", "not_found", "/docs"),
    Slip("POST /send/text", "not_found", "/docs"),
    Slip("GET /", "not_found", "/docs"),
    Slip(f"GET /messages/msg_{ID.lower()}", "message_not_found", "upper and lower case matter"),
    Slip("GET /messages/17", "message_not_found", "`msg_…` id or a wamid"),
    Slip("GET /conversations/17", "conversation_not_found", "`cnv_…` id"),
    Slip(f"GET /conversations/cnv_{ID}/messages", "conversation_not_found", "`cnv_…` id"),
    Slip("GET /webhook-events/17", "event_not_found", "`GET /webhook-events`"),
    Slip("GET /media/4490709327384033", "media_not_found", "content"),
    Slip("GET /templates/Order-Update", "template_not_found", "check its name"),
    Slip("GET /templates/order_update?language=de", "template_not_found", "en_US"),
)
KEYS = (
    Slip("GET /me", "missing_api_key", "X-API-Key", key=""),
    Slip("GET /me?api_key=qxs_krjeBHRpC6k4x7cbeIS8kgUEMlM65JieUAa7hbJk49JcHJ", "missing_api_key", "X-API-Key", key=""),
    Slip("GET /me", "missing_api_key", "X-API-Key", key="", headers={"Authorization": "Basic c2hvcA=="}),
    Slip("GET /me", "invalid_api_key", "full qxs_… secret", key="qxs_abc"),
    Slip("GET /me", "conflicting_credentials", "one of them", headers={"Authorization": "Bearer qxs_abc"}),
)


@pytest.mark.parametrize("slip", [*BODIES, *TYPES, *QUERIES, *PLACES, *KEYS], ids=str)
async def test_a_slip_is_answered_with_its_place_and_its_fix(world: World, slip: Slip) -> None:
    answer = await ask(world, slip)
    told = answer.json

    assert told["code"] == slip.code
    assert slip.says in told["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == told["request_id"]
    assert [one.get("pointer", one.get("parameter")) for one in told.get("errors", [])][:1] in ([], [slip.at])
    assert slip.at is None or told["errors"]
    assert "\\Z" not in told["detail"]
    assert await world.sends() == []


async def test_a_slip_never_comes_back_in_the_answer(world: World) -> None:
    for slip in (otp("", "/code", code="482-913"), otp("", "/to", to="+999482913"), otp("", "/x", x="482913")):
        assert "482" not in (await ask(world, slip)).body.decode()


async def test_a_code_sent_by_a_template_of_another_kind_is_told_what_to_do(world: World) -> None:
    answer = await world.send_otp(template_name="order_update")

    assert (answer.status, answer.json["code"]) == (400, "not_authentication_template")
    assert "/send/template" in answer.json["detail"]


async def test_a_language_that_is_not_there_is_answered_with_those_that_are(world: World) -> None:
    answer = await world.send_otp(language="de")

    assert (answer.status, answer.json["code"], answer.json["languages"]) == (404, "template_not_found", ["en_US"])
    assert "en_US" in answer.json["detail"]


# Methods


@pytest.mark.parametrize("endpoint", api.ENDPOINTS, ids=lambda one: one.id)
async def test_a_wrong_method_is_told_the_right_ones(world: World, endpoint: api.Endpoint) -> None:
    path = endpoint.route.replace("{name}", "order_update").replace("{id}", "17")
    there = {one.method for one in api.ENDPOINTS if takes(one, path)}
    right = there | ({"HEAD"} if "GET" in there else set())

    for method in {"OPTIONS", "PUT", "PATCH", "DELETE", "HEAD", "GET", "POST"} - right:
        answer = await world.call(method, path)
        assert answer.status == 405, method
        assert answer.headers["Allow"] == ", ".join(sorted(right)), method


def takes(endpoint: api.Endpoint, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", endpoint.route), path) is not None


async def test_a_page_of_another_site_is_never_let_in(world: World) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    for method, path in (("OPTIONS", OTP), ("GET", f"{EXTERNAL}/me"), ("OPTIONS", f"{EXTERNAL}/messages")):
        answer = await world.call(method, path, headers=asked)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")], path


async def test_head_answers_like_get_without_a_body(world: World) -> None:
    for endpoint in (one for one in api.ENDPOINTS if one.method == "GET" and not one.parameters):
        known, empty = await world.call("GET", endpoint.route), await world.call("HEAD", endpoint.route)
        assert (empty.status, empty.body) == (known.status, b""), endpoint.id
        assert empty.headers["Content-Type"] == known.headers["Content-Type"], endpoint.id


# Caches


async def test_no_cache_keeps_what_a_key_may_read(world: World) -> None:
    sent = (await world.send_otp()).json
    paths = [one.route for one in api.ENDPOINTS if one.method == "GET" and not one.parameters]
    paths += [f"{EXTERNAL}/messages/{sent['id']}", f"{EXTERNAL}/conversations/{sent['conversation_id']}"]

    for path in [*paths, f"{EXTERNAL}/messages/msg_{ID}", f"{EXTERNAL}/nowhere"]:
        answer = await world.call("GET", path)
        assert answer.headers["Cache-Control"] == "no-store", path
    refused = await world.call("GET", f"{EXTERNAL}/me", key="qxs_abc")
    assert refused.headers["Cache-Control"] == "no-store"


async def test_a_file_is_asked_for_anew_each_time_also_after_a_304(world: World) -> None:
    form = aiohttp.FormData()
    form.add_field("file", b"hello", filename="a.txt", content_type="text/plain")
    file = (await world.call("POST", f"{EXTERNAL}/media", data=form)).json

    path = f"{EXTERNAL}/media/{file['id']}"
    first = await world.call("GET", path)
    again = await world.call("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status) == (200, 304)
    assert first.headers["Cache-Control"] == again.headers["Cache-Control"] == "private, no-cache"


# Keys


async def test_a_key_that_is_over_is_one_that_never_was(world: World) -> None:
    over = await world.mint(expires_in=timedelta(days=-1))
    answers = [await world.call("GET", f"{EXTERNAL}/me", key=key) for key in (over, "qxs_" + "a" * 46)]

    told = [{name: value for name, value in one.json.items() if name != "request_id"} for one in answers]
    assert told[0] == told[1]
    assert answers[0].status == 401


async def test_a_key_with_a_quota_is_told_what_is_left_in_errors_too(world: World) -> None:
    key = await world.mint(constraints=Constraints(requests_per_minute=60))

    for path, status in (("/me", 200), ("/messages?page=2", 400), (f"/messages/msg_{ID}", 404), ("/me?x=1", 400)):
        answer = await world.call("GET", EXTERNAL + path, key=key)
        assert answer.status == status, path
        assert answer.headers["RateLimit-Policy"] == '"requests";q=60;w=60', path
        assert answer.headers["RateLimit"].startswith('"requests";r='), path


async def ask(world: World, slip: Slip) -> Answer:
    method, _, path = slip.asked.partition(" ")
    if slip.sent is None:
        return await world.call(method, EXTERNAL + path, key=slip.key, body=slip.body, headers=slip.headers)
    headers = {"X-API-Key": world.key} | slip.headers
    async with world.http.request(
        method, world.url + EXTERNAL + path, data=slip.sent.encode(), headers=headers
    ) as answer:
        return Answer(answer.status, answer.headers, await answer.read())
