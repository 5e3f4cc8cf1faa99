"""The edge: what is not a decent request ends here, and everything that goes wrong becomes one answer.

Numbers in comments are the lines of our list of attacks.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from tests.api import door, raw


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with raw.serving(door.guarded()) as port:
        yield port


# Decent requests


async def test_a_decent_request_passes_with_its_headers_at_hand(port: int):
    answer = await raw.send(port, raw.request("GET", "/hello"))
    assert answer.status == 200
    assert answer.json()["key"] == "127.0.0.1"


async def test_every_answer_carries_a_request_id_of_ours_that_the_handler_knows_too(port: int):
    answer = await raw.send(port, raw.request("GET", "/hello"))
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-request-id"].startswith("req_")
    assert len(answer.headers["x-request-id"]) == 4 + 26


async def test_a_callers_request_id_is_kept_when_it_is_plain(port: int):
    answer = await raw.send(port, raw.request("GET", "/hello", [("X-Request-Id", "shop_42-abc")]))
    assert answer.headers["x-request-id"] == "shop_42-abc"


@pytest.mark.parametrize(
    "given",
    ["short", "a" * 65, "with space", 'x"}{"level":"error"', "${jndi:ldap://x}", "caf\xe9-caf\xe9", "a\tbcdefgh"],
)
async def test_a_callers_request_id_is_replaced_when_it_could_forge_a_header_or_a_log_line(port: int, given: str):
    # 39, 40
    answer = await raw.send(port, raw.request("GET", "/hello", [("X-Request-Id", given)]))
    assert answer.status == 200
    assert answer.headers["x-request-id"].startswith("req_")


async def test_two_request_ids_are_worth_none(port: int):
    twice = [("X-Request-Id", "first-one"), ("X-Request-Id", "second-one")]
    answer = await raw.send(port, raw.request("GET", "/hello", twice))
    assert answer.headers["x-request-id"].startswith("req_")


async def test_a_line_break_inside_a_request_id_starts_no_header(port: int):
    # 39
    answer = await raw.send(port, raw.request("GET", "/hello", [("X-Request-Id", "abcdefgh\r\n evil: 1")]))
    assert answer.status in {200, 400}
    assert "evil" not in answer.headers


async def test_two_requests_on_one_connection_get_two_ids(port: int):
    async with raw.connected(port) as wire:
        await wire.write(raw.request("GET", "/hello"))
        first = await wire.answer()
        await wire.write(raw.request("GET", "/hello"))
        second = await wire.answer()
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


# Host, headers, path


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "a/evil?x",
        "a@evil",
        "a#b",
        "a\\b",
        "a b",
        "a:b",
        "a:80:80",
        ":80",
        "http://a",
        "[::1",
        "a,b",
        "\xe9.de",
    ],
)
async def test_a_host_that_is_no_host_is_refused(port: int, host: str | None):
    # 31
    answer = await raw.send(port, raw.request("GET", "/hello", host=host))
    assert answer.status == 400


async def test_two_hosts_are_refused_even_when_equal(port: int):
    # 31
    answer = await raw.send(port, raw.request("GET", "/hello", [("Host", "127.0.0.1")]))
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("host", ["api.example.com", "API.example.com:8443", "[::1]:80", "quixess_api:8080"])
async def test_any_well_formed_host_passes_where_no_list_is_set(port: int, host: str):
    answer = await raw.send(port, raw.request("GET", "/hello", host=host))
    assert answer.status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("api.example.com", 200),
        ("API.EXAMPLE.COM:1", 200),
        ("only.example.com:8443", 200),
        ("only.example.com", 400),
        ("evil.example", 400),
        ("api.example.com.evil.example", 400),
    ],
)
async def test_only_listed_hosts_pass_where_a_list_is_set(host: str, status: int):
    hosts = frozenset({"api.example.com", "only.example.com:8443"})
    async with raw.serving(door.guarded(allowed_hosts=hosts)) as port:
        answer = await raw.send(port, raw.request("GET", "/hello", host=host))
    assert answer.status == status


@pytest.mark.parametrize(
    "headers",
    [[(f"X-{n}", "1") for n in range(5000)], [("X-Big", "a" * 100_000)], [(f"X-{n}", "a" * 400) for n in range(50)]],
)
async def test_too_many_or_too_long_headers_are_refused(port: int, headers: list[tuple[str, str]]):
    # 31
    answer = await raw.send(port, raw.request("GET", "/hello", headers))
    assert (answer.status, answer.json()["code"]) == (431, "headers_too_large")


@pytest.mark.parametrize("target", ["/" + "a" * 64_000, "/hello?" + "a" * 64_000])
async def test_an_address_of_64_kilobytes_is_not_found(port: int, target: str):
    # 31
    answer = await raw.send(port, raw.request("GET", target))
    assert (answer.status, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%2e%2e/hello",
        "/%2E/hello",
        "/../hello",
        "/./hello",
        "/hello/..",
        "//hello",
        "/x//hello",
        "/hello;x=1",
        "/hello%00",
        "/hello%0d%0aSet-Cookie:x",
        "/hello%0D",
        "/hello%1b[31m",
        "/hello%7F",
        "/%2fhello",
        "/x%5Chello",
        "/x\\hello",
        "/hello%",
        "/hello%zz",
        "*",
        "http://127.0.0.1//hello",
    ],
)
async def test_a_path_that_means_something_else_once_decoded_is_not_found(port: int, path: str):
    # 34
    answer = await raw.send(port, raw.request("GET", path))
    assert answer.status in {400, 404}


@pytest.mark.parametrize("method", ["get", "Get", "GE T", "BREW", "CONNECT", "PRI"])
async def test_an_odd_method_reaches_no_handler(port: int, method: str):
    # 34
    answer = await raw.send(port, raw.request(method, "/hello"))
    assert answer.status in {400, 404, 405}


@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
@pytest.mark.parametrize("values", [("good", "bad"), ("bad", "good"), ("good", "good")])
async def test_two_api_keys_are_no_api_key(port: int, name: str, values: tuple[str, str]):
    # 5
    answer = await raw.send(port, raw.request("GET", "/hello", [(name, value) for value in values]))
    assert (answer.status, answer.json()["code"]) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"] == 'ApiKey realm="api"'


@pytest.mark.parametrize("value", ["k\xe9y", "k\x00y", "k\ny", "k\r\n y"])
async def test_an_api_key_of_odd_bytes_never_breaks_anything(port: int, value: str):
    # 7: whether it is a key is for the gate to say
    answer = await raw.send(port, raw.request("GET", "/hello", [("X-API-Key", value)]))
    assert answer.status in {200, 400}


@pytest.mark.parametrize("name", ["Content-Type", "Content-Length", "Idempotency-Key"])
async def test_headers_that_must_be_single_are_refused_when_sent_twice(port: int, name: str):
    answer = await raw.send(port, raw.request("POST", "/length", [(name, "2"), (name, "2")]) + b"{}")
    assert answer.status == 400


async def test_headers_that_may_repeat_may_repeat(port: int):
    answer = await raw.send(port, raw.request("GET", "/hello", [("Accept", "a/b"), ("Accept", "*/*")]))
    assert answer.status == 200


# Errors


async def test_an_unknown_address_is_a_problem(port: int):
    answer = await raw.send(port, raw.request("GET", "/nowhere"))
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem == {
        "type": "/docs/errors#not_found",
        "title": "There is nothing here",
        "status": 404,
        "code": "not_found",
        "detail": problem["detail"],
        "request_id": answer.headers["x-request-id"],
    }


async def test_a_wrong_method_is_a_problem_that_names_the_right_ones(port: int):
    answer = await raw.send(port, raw.request("DELETE", "/length"))
    assert (answer.status, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_a_head_request_to_nowhere_gets_headers_only(port: int):
    async with raw.connected(port) as wire:
        await wire.write(raw.request("HEAD", "/nowhere"))
        assert (await wire.answer(body=False)).status == 404
        await wire.write(raw.request("GET", "/hello"))
        assert (await wire.answer()).status == 200


async def test_an_error_of_ours_says_when_to_come_back_and_its_extras_replace_nothing(port: int):
    answer = await raw.send(port, raw.request("GET", "/limited"))
    assert answer.status == 429
    assert answer.headers["retry-after"] == "7"
    assert answer.json()["policy"] == "otp"
    assert answer.json()["status"] == 429


async def test_a_401_says_how_to_authenticate_and_keeps_the_connection(port: int):
    answer = await raw.send(port, raw.request("GET", "/stranger"))
    assert answer.headers["www-authenticate"] == 'ApiKey realm="api"'
    assert "connection" not in answer.headers


async def test_a_field_at_fault_is_pointed_at(port: int):
    answer = await raw.send(port, raw.request("GET", "/field"))
    assert answer.json()["errors"] == [{"pointer": "/to", "code": "required", "detail": "`to` is required."}]


async def test_a_crash_tells_the_caller_only_its_id_and_the_log_only_where_it_was(port: int):
    with capture_logs() as lines:
        answer = await raw.send(port, raw.request("POST", "/break", body=door.SECRET.encode()))
    assert (answer.status, answer.json()["code"]) == (500, "internal_error")
    assert door.SECRET.encode() not in answer.body
    assert [line["event"] for line in lines] == ["request_crashed"]
    assert lines[0]["request_id"] == answer.headers["x-request-id"]
    assert lines[0]["error"] == "RuntimeError"
    assert "_break" in lines[0]["frames"][-1]
    assert door.SECRET not in str(lines)


async def test_a_crash_in_mid_answer_only_closes_the_connection(port: int):
    with capture_logs() as lines:
        async with raw.connected(port) as wire:
            await wire.write(raw.request("GET", "/half"))
            with pytest.raises(asyncio.IncompleteReadError) as cut:
                await wire.answer()
    assert cut.value.partial == b"first half"
    assert [line["event"] for line in lines] == ["request_crashed"]


async def test_a_websocket_is_closed_before_it_opens():
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await door.guarded()({"type": "websocket", "path": "/hello", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
