"""The management door: operator tokens open it, API keys never do, and every endpoint asks first."""

from pathlib import Path

import pytest

from quixess.api.manage import MANAGEMENT
from quixess.errors import CATALOGUE
from tests.connections.meta import Office, office


@pytest.fixture
async def desk(dsn: str, tmp_path: Path):
    async with office(dsn, tmp_path, public=False) as one:
        yield one


def addressed(path: str) -> str:
    return path.replace("{id}", "con_01KAR3TZW4F3N9R5V8X0Z2C4E6").replace("{name}", "signup_otp")


async def test_no_endpoint_answers_without_an_operator_token(desk: Office):
    for endpoint in MANAGEMENT:
        answer = await desk.call(endpoint.method, addressed(endpoint.path), token="")
        assert (answer.status, answer.json["code"]) == (401, "missing_operator_token"), endpoint.id


async def test_an_api_key_is_no_operator_token(desk: Office):
    for endpoint in MANAGEMENT:
        answer = await desk.call(endpoint.method, addressed(endpoint.path), token=desk.world.key)
        assert (answer.status, answer.json["code"]) == (401, "invalid_operator_token"), endpoint.id
    by_header = await desk.world.call("GET", f"/api/v1/whatsapp/brands/{desk.brand}/connections")
    assert by_header.json["code"] == "missing_operator_token"


async def test_an_operator_token_is_no_api_key(desk: Office):
    answer = await desk.world.call("GET", "/api/v1/whatsapp/external/me", key=desk.token)

    assert (answer.status, answer.json["code"]) == (401, "invalid_api_key")


async def test_a_token_with_a_wrong_letter_is_refused(desk: Office):
    wrong = desk.token[:-1] + ("a" if desk.token[-1] != "a" else "b")

    answer = await desk.call("GET", "/connections", token=wrong)

    assert (answer.status, answer.json["code"]) == (401, "invalid_operator_token")
    assert wrong not in answer.body.decode()


async def test_brands_are_named_by_id_or_name_and_strangers_are_404(desk: Office):
    assert (await desk.call("GET", "/connections", brand="Bordercart")).status == 200
    assert (await desk.call("GET", "/connections")).status == 200
    answer = await desk.call("GET", "/connections", brand="Nobody")
    assert (answer.status, answer.json["code"]) == (404, "brand_not_found")
    assert "Nobody" not in answer.json["detail"]


async def test_a_connection_of_another_brand_is_not_there(desk: Office):
    theirs = (await desk.call("GET", "/connections", brand="Bordercart")).json["data"][0]["id"]

    for method, path, body in (
        ("GET", f"/connections/{theirs}", None),
        ("POST", f"/connections/{theirs}/disconnect", None),
        ("POST", f"/connections/{theirs}/reconnect", {}),
        ("POST", f"/connections/{theirs}/pin", {"pin": "482913"}),
        ("POST", f"/connections/{theirs}/app-secret", {"app_secret": "0" * 32}),
    ):
        answer = await desk.call(method, path, body)
        assert (answer.status, answer.json["code"]) == (404, "connection_not_found"), path
    assert (await desk.call("GET", "/connections/con_1")).status == 404


async def test_bodies_are_strict_and_errors_echo_nothing(desk: Office):
    answer = await desk.call("POST", "/connections", desk.pasted(access_token="bad token", extra=1))

    assert answer.status == 400
    assert "bad token" not in answer.body.decode()
    assert (await desk.call("GET", "/connections?x=1")).json["code"] == "invalid_request"
    wrong = await desk.call("DELETE", "/connections")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_the_table_is_sound():
    assert len({(one.method, one.route) for one in MANAGEMENT}) == len(MANAGEMENT)
    assert len({one.id for one in MANAGEMENT}) == len(MANAGEMENT)
    assert {code for one in MANAGEMENT for code in one.errors} <= set(CATALOGUE)
