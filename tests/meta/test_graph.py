import asyncio
import hashlib
import hmac
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from quixess.meta import graph, onboarding, templates
from tests.meta import wire

CREDENTIALS = graph.Credentials("106540352242922", "102290129340398", "EAAtoken", "app-secret")
BARE = graph.Credentials("106540352242922", "102290129340398", "EAAtoken")
PROOF = hmac.new(b"app-secret", b"EAAtoken", hashlib.sha256).hexdigest()


def query(request: wire.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}


def page(*names: str, after: str | None = None, goes_on: bool = False) -> wire.Mood:
    data = [
        {"id": f"{n}", "name": n, "language": "en", "status": "APPROVED", "category": "UTILITY", "components": [{}]}
        for n in names
    ]
    paging: dict[str, Any] = {"cursors": {"after": after}} if after else {}
    if goes_on:
        paging["next"] = "https://evil.example/?access_token=EAAtoken"
    return wire.answer(200, {"data": data, "paging": paging})


async def test_a_send_is_one_post_with_bearer_and_proof_and_nothing_more() -> None:
    async with (
        wire.meta(wire.answer(200, wire.ACCEPTED)) as meta,
        graph.Graph(base_url=meta.base_url + "/", version="v24.0") as client,
    ):
        await client.send(CREDENTIALS, b'{"a":1}')
    (request,) = meta.requests
    assert request.method == "POST"
    assert request.target == f"/v24.0/106540352242922/messages?appsecret_proof={PROOF}"
    assert request.body == b'{"a":1}'
    assert request.headers.pop("user-agent").startswith("Quixess/")
    assert request.headers == {
        "host": meta.base_url.removeprefix("http://"),
        "authorization": "Bearer EAAtoken",
        "content-type": "application/json",
        "content-length": "7",
        "accept": "application/json",
        "accept-encoding": "identity",
    }


async def test_without_an_app_secret_there_is_no_proof() -> None:
    async with wire.meta(wire.answer(200, wire.ACCEPTED)) as meta, graph.Graph(base_url=meta.base_url) as client:
        await client.send(BARE, b"{}")
    assert meta.requests[0].target == "/v25.0/106540352242922/messages"


async def test_two_connections_never_share_a_token() -> None:
    other = graph.Credentials("2", "3", "EAAother", "app-secret")
    async with wire.meta(wire.answer(200, wire.ACCEPTED)) as meta, graph.Graph(base_url=meta.base_url) as client:
        await asyncio.gather(*(client.send(one, b"{}") for one in (CREDENTIALS, other) * 20))
    seen = {(r.headers["authorization"], urlsplit(r.target).path, query(r)["appsecret_proof"]) for r in meta.requests}
    other_proof = hmac.new(b"app-secret", b"EAAother", hashlib.sha256).hexdigest()
    assert seen == {
        ("Bearer EAAtoken", "/v25.0/106540352242922/messages", PROOF),
        ("Bearer EAAother", "/v25.0/2/messages", other_proof),
    }


async def test_one_connection_serves_many_sends_in_a_row() -> None:
    async with wire.meta(wire.answer(200, wire.ACCEPTED)) as meta, graph.Graph(base_url=meta.base_url) as client:
        for _ in range(20):
            await client.send(CREDENTIALS, b"{}")
        assert (meta.accepts, len(meta.requests)) == (1, 20)


async def test_a_refusal_does_not_cost_the_connection() -> None:
    moods = (wire.error(400, 131008), wire.answer(500, b"<html>"), wire.answer(200, wire.ACCEPTED))
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Rejected):
            await client.send(CREDENTIALS, b"{}")
        with pytest.raises(graph.Unknown):
            await client.send(CREDENTIALS, b"{}")
        await client.send(CREDENTIALS, b"{}")
        assert meta.accepts == 1


async def test_proxies_in_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with wire.meta(wire.answer(200, wire.ACCEPTED)) as meta, graph.Graph(base_url=meta.base_url) as client:
        await client.send(CREDENTIALS, b"{}")
        assert len(meta.requests) == 1


async def test_templates_are_read_to_the_last_page_without_following_metas_links() -> None:
    moods = (page("a", "b", after="A1", goes_on=True), page("c", after="A2", goes_on=True), page("d", after="A3"))
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        found = await templates.list_all(client, CREDENTIALS)
    assert [(one.id, one.name, one.status) for one in found] == [(n, n, "APPROVED") for n in "abcd"]
    assert found[0].components == [{}]
    assert [query(request).get("after") for request in meta.requests] == [None, "A1", "A2"]
    assert all(query(request)["appsecret_proof"] == PROOF for request in meta.requests)
    assert all(request.target.startswith("/v25.0/102290129340398/message_templates?") for request in meta.requests)


@pytest.mark.parametrize(
    "mood",
    [page("a", after="A1", goes_on=True), page("a", goes_on=True), wire.answer(200, {}), wire.answer(200, b"[]")],
)
async def test_a_list_of_templates_that_cannot_be_read_to_its_end_is_no_list(mood: wire.Mood) -> None:
    async with wire.meta(mood) as meta, graph.Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await templates.list_all(client, CREDENTIALS)
        assert len(meta.requests) <= 2


async def test_a_list_of_templates_without_an_end_is_given_up() -> None:
    moods = [page("a", after=f"A{n}", goes_on=True) for n in range(1000)]
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        with pytest.raises(graph.Unknown):
            await templates.list_all(client, CREDENTIALS)
        assert len(meta.requests) == 200


async def test_a_bad_token_shows_when_the_phone_number_is_read() -> None:
    moods = (wire.answer(200, {"id": "106540352242922", "status": "CONNECTED"}), wire.error(401, 190))
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        assert (await client.phone_number(CREDENTIALS))["status"] == "CONNECTED"
        with pytest.raises(graph.Rejected) as refused:
            await client.phone_number(CREDENTIALS)
    assert refused.value.error.code == 190
    assert "quality_rating" in query(meta.requests[0])["fields"]


async def test_a_token_can_be_asked_what_it_is() -> None:
    moods = (wire.answer(200, {"data": {"is_valid": True, "expires_at": 0}}), wire.answer(200, {}))
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        assert await client.debug_token(CREDENTIALS) == {"is_valid": True, "expires_at": 0}
        with pytest.raises(graph.Unknown):
            await client.debug_token(CREDENTIALS)
    assert query(meta.requests[0])["input_token"] == "EAAtoken"


async def test_the_apps_webhook_is_set_with_the_apps_own_token() -> None:
    async with wire.meta(wire.answer(200, {"success": True})) as meta, graph.Graph(base_url=meta.base_url) as client:
        await onboarding.subscribe_app(
            client, "77", "app-secret", "https://q.example/w?a=b&c", "v t", ["messages", "calls"]
        )
    (request,) = meta.requests
    assert (request.method, request.target) == ("POST", "/v25.0/77/subscriptions")
    assert request.headers["authorization"] == "Bearer 77|app-secret"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode()) == {
        "object": ["whatsapp_business_account"],
        "callback_url": ["https://q.example/w?a=b&c"],
        "verify_token": ["v t"],
        "fields": ["messages,calls"],
    }


async def test_a_waba_is_subscribed_only_when_meta_says_so() -> None:
    moods = (wire.answer(200, {"success": True}), wire.answer(200, {"success": False}))
    async with wire.meta(*moods) as meta, graph.Graph(base_url=meta.base_url) as client:
        await onboarding.subscribe_waba(client, CREDENTIALS)
        with pytest.raises(graph.Unknown):
            await onboarding.subscribe_waba(client, CREDENTIALS)
    request = meta.requests[0]
    assert (request.method, request.body) == ("POST", b"")
    assert request.target == f"/v25.0/102290129340398/subscribed_apps?appsecret_proof={PROOF}"


def test_credentials_do_not_show_their_secrets() -> None:
    assert "EAAtoken" not in repr(CREDENTIALS)
    assert "app-secret" not in repr(CREDENTIALS)


@pytest.mark.parametrize(
    ("phone_number_id", "waba_id", "token"),
    [
        ("1/../2", "1", "t"),
        ("1?x=", "1", "t"),
        ("", "1", "t"),
        ("١", "1", "t"),
        ("1", "1\n", "t"),
        ("1", "1", ""),
        ("1", "1", "t\r\nX: y"),
        ("1", "1", "té"),
    ],
)
def test_ids_and_tokens_that_could_break_out_of_a_path_or_header_are_refused(
    phone_number_id: str, waba_id: str, token: str
) -> None:
    with pytest.raises(ValueError, match="must be"):
        graph.Credentials(phone_number_id, waba_id, token)
