"""What the management API answers, held against /openapi.json: each endpoint once, as in an operator's day."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from quixess.api.openapi import Operated
from tests.api.test_openapi import OPERATED, faults, operation
from tests.connections.meta import Office, office
from tests.media import files, uploads
from tests.world import Answer, eventually

BODY = {
    "type": "BODY",
    "text": "Hello {{1}}, we have put your parcel aside for you.",
    "example": {"body_text": [["Ann"]]},
}
DRAFT = {"name": "parcel_aside", "language": "en_US", "category": "UTILITY", "components": [BODY]}


@pytest.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(dsn, tmp_path) as one:
        yield one


async def _call(desk: Office, endpoint: Operated, path: str, body: Any) -> Answer:
    if endpoint.upload is None:
        return await desk.call(endpoint.method, path, body)
    where = f"/api/v1/whatsapp/brands/{desk.brand}{path}"
    headers = {"Authorization": f"Bearer {desk.token}"}
    return await desk.world.call(endpoint.method, where, key="", data=body, headers=headers)


async def _is(desk: Office, status: str) -> bool:
    found = await desk.world.rows("SELECT id FROM template WHERE name = 'parcel_aside' AND status = $1", status)
    return bool(found)


class Day:
    """An operator's calls, each checked against the document as it comes back."""

    def __init__(self, desk: Office) -> None:
        self._desk = desk
        self._left = {one.id: one for one in OPERATED}

    @property
    def left(self) -> list[str]:
        return list(self._left)

    async def ask(self, name: str, body: Any = None, /, **path: str) -> Any:
        """Call an endpoint by its id, and give the answer once it is seen to be a documented one."""
        endpoint = self._left.pop(name)
        answer = await _call(self._desk, endpoint, _below(endpoint, path), body)
        assert answer.status in endpoint.statuses, (name, answer.json)
        told = operation(endpoint)["responses"][str(answer.status)]
        assert faults(told["content"]["application/json"]["schema"], answer.json) == [], name
        assert set(told["headers"]) == {"X-Request-Id"}
        assert "X-Request-Id" in answer.headers
        return answer.json


def _below(endpoint: Operated, path: dict[str, str]) -> str:
    where = endpoint.route.partition("{brand}")[2]
    for name, value in path.items():
        where = where.replace("{" + name + "}", value)
    return where


async def test_each_endpoint_answers_as_documented(desk: Office) -> None:
    await desk.free_the_number()
    day = Day(desk)

    number = (await day.ask("connect", desk.pasted(webhook={"url": desk.world.receiver.url})))["id"]
    await day.ask("list_connections")
    await day.ask("show_connection", id=number)
    await day.ask("connection_health", id=number)
    await day.ask("change_pin", {"pin": "139254"}, id=number)
    await day.ask("send_from", {}, id=number)
    await day.ask("rotate_app_secret", {"app_secret": desk.world.meta.world["app_secret"]}, id=number)
    await day.ask("manage_list_templates")
    await day.ask("manage_get_template", name="signup_otp")
    await day.ask("manage_sync_templates", {})
    for preset in (await day.ask("list_template_presets"))["data"]:
        assert preset["template"]["name"]
    assert (await day.ask("check_template", DRAFT))["ok"]
    await day.ask("preview_template", DRAFT)
    await day.ask("create_template", DRAFT)
    await eventually(lambda: _is(desk, "APPROVED"))  # else the news of both may overtake each other
    await desk.world.meta.lever("templates/parcel_aside", {"event": "PAUSED", "title": "RATE_LIMITING_PAUSE"})
    await eventually(lambda: _is(desk, "PAUSED"))
    await day.ask("unpause_template", {}, name="parcel_aside", language="en_US")
    await day.ask("upload_header_sample", uploads.form(files.JPEG))
    await day.ask("edit_template", {"message_send_ttl_seconds": 300}, name="signup_otp", language="en_US")
    await day.ask("delete_template_language", name="signup_otp", language="en_US")
    await day.ask("delete_template", name="parcel_aside")
    await day.ask("disconnect", id=number)
    await day.ask("reconnect", {}, id=number)

    assert day.left == ["sign_up"]  # its code comes from a browser: the next test, and tests/connections


async def test_refusals_are_documented_ones(desk: Office) -> None:
    await desk.free_the_number()
    pasted, unknown = desk.pasted(), {"id": "con_01KAR3TZW4F3N9R5V8X0Z2C4E6"}
    signed_up = {name: pasted[name] for name in ("app_id", "waba_id", "phone_number_id")}
    for name, path, body, code in (
        ("connect", {}, pasted | {"access_token": "EAAG_wrong_token"}, "not_connectable"),
        ("connect", {}, pasted | {"more": 1}, "invalid_request"),
        ("sign_up", {}, signed_up | {"code": "AQ_wrong_code"}, "not_connectable"),
        ("show_connection", unknown, None, "connection_not_found"),
        ("reconnect", unknown, {}, "connection_not_found"),
        ("change_pin", unknown, {"pin": "139254"}, "connection_not_found"),
        ("manage_get_template", {"name": "nothing"}, None, "template_not_found"),
        ("create_template", {}, DRAFT | {"name": "Not a name"}, "template_rules"),
        ("create_template", {}, DRAFT, "no_active_connection"),
    ):
        endpoint = next(one for one in OPERATED if one.id == name)
        answer = await desk.call(endpoint.method, _below(endpoint, path), body)
        assert answer.json["code"] == code, (name, answer.json)
        told = operation(endpoint)["responses"][str(answer.status)]["content"]["application/problem+json"]
        assert faults(told["schema"], answer.json) == [], name
        assert code in told["examples"], name


async def test_without_a_token_the_answer_is_a_documented_one_too(desk: Office) -> None:
    endpoint = next(one for one in OPERATED if one.id == "list_connections")
    for token, brand, code in (
        ("", desk.brand, "missing_operator_token"),
        ("qxo_0", desk.brand, "invalid_operator_token"),
        (desk.token, "Nobody", "brand_not_found"),
    ):
        answer = await desk.call("GET", "/connections", token=token, brand=brand)
        told = operation(endpoint)["responses"][str(answer.status)]["content"]["application/problem+json"]
        assert answer.json["code"] == code
        assert faults(told["schema"], answer.json) == []
