"""Tokens and secrets are told to Meta's Graph API and to those that the settings name; nobody talks us into another."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from quixess.cli import ground
from quixess.settings import Settings
from tests.connections.meta import Office, office
from tests.world import serving


@pytest.fixture
async def desk(dsn: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(dsn, tmp_path) as one:
        await one.free_the_number()
        yield one


@pytest.fixture
async def thief() -> AsyncIterator[tuple[str, list[str]]]:
    """Somebody who would like to be told a token: his address, and what he was asked."""
    heard: list[str] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append(request.path_qs)
        return web.json_response({"data": {"is_valid": True}})

    async with serving(listen, "/{path:.*}", method="*") as url:
        yield url, heard


@pytest.mark.parametrize(
    "form",
    [
        "{thief}",
        "{thief}/v25.0",
        "{sim}@{host}",
        "{sim}/../../{host}",
        "{sim}.{host}",
        "{sim}#@{host}",
        "{sim}?x={host}",
        "{sim}\\\\@{host}",
        "https://graph.facebook.com@{host}",
        "https://graph.facebook.com:443@{host}",
        "https://graph.facebook.com.{host}",
        "https://graph.facebook.com%2f@{host}",
        "https://graph.facebook.com/?{host}",
        "https://graph.facebook.com:8443",
        "http://graph.facebook.com",
        "https://graph.facebook.com./",
        "http://169.254.169.254",
        "http://localhost:5432",
        "http://[::1]:8800",
    ],
)
async def test_another_graph_api_is_refused_before_anybody_is_asked(
    desk: Office, thief: tuple[str, list[str]], form: str
) -> None:
    url, heard = thief
    named = form.format(thief=url, host=url.removeprefix("http://"), sim=desk.world.meta.base_url)

    answer = await desk.call("POST", "/connections", desk.pasted(graph_url=named))

    assert (answer.status, answer.json["code"]) == (400, "invalid_request"), answer.json
    assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [("/graph_url", "not_allowed")]
    assert "QUIXESS_GRAPH_URLS" in answer.json["errors"][0]["detail"]
    assert url.removeprefix("http://") not in answer.body.decode()
    assert heard == []
    assert (await desk.call("GET", "/connections")).json["data"] == []


async def test_a_slash_at_the_end_makes_no_difference(desk: Office) -> None:
    answer = await desk.call("POST", "/connections", desk.pasted(graph_url=f"{desk.world.meta.base_url}/"))

    assert answer.status == 201, answer.json
    (row,) = await desk.world.rows("SELECT graph_url FROM connection WHERE state = 'active'")
    assert row["graph_url"] == desk.world.meta.base_url


async def test_a_graph_api_that_an_app_is_known_by_is_trusted_for_this_app_only(
    desk: Office, thief: tuple[str, list[str]]
) -> None:
    url, heard = thief
    await desk.world.rows("UPDATE meta_app SET graph_url = $1 RETURNING id", url)

    assert (await desk.call("POST", "/connections", desk.pasted(graph_url=url))).status == 409
    assert heard != []
    heard.clear()
    refused = await desk.call("POST", "/connections", desk.pasted(graph_url=url, app_id="4242424242424242"))

    assert refused.status == 400
    assert heard == []


def test_a_laptop_trusts_the_simulator_that_runs_beside() -> None:
    assert ground.local(Settings(simulator_port=8801)).graph_urls == ("http://127.0.0.1:8801",)
    assert ground.local(Settings(simulator_port=0, graph_urls=("http://sim",))).graph_urls == ("http://sim",)


async def test_nothing_else_that_operators_send_names_a_graph_api(desk: Office) -> None:
    made = (await desk.call("POST", "/connections", desk.pasted())).json
    pasted = desk.pasted()
    signed_up = {name: pasted[name] for name in ("app_id", "waba_id", "phone_number_id")} | {"code": "AQ_a_code"}

    for path, body in (
        ("/connections/embedded-signup", signed_up),
        (f"/connections/{made['id']}/reconnect", {}),
        (f"/connections/{made['id']}/app-secret", {"app_secret": pasted["app_secret"]}),
    ):
        answer = await desk.call("POST", path, body | {"graph_url": "http://127.0.0.1:9"})
        assert [one["code"] for one in answer.json["errors"]] == ["unknown_field"], path
