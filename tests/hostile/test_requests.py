"""Requests that are no decent HTTP, at the real gateway over raw sockets: a 4xx, and never a second request.

Numbers in comments are the lines of our list of attacks (tests/hostile/test_index.py). The edge by itself is tried in
tests/api/test_edge.py and test_edge_bodies.py; here it is shown that it stands before every endpoint.
"""

import asyncio
import contextlib
import json
from urllib.parse import urlsplit

import pytest

from quixess import api
from tests.api import raw
from tests.hostile import asking
from tests.hostile.asking import Ask
from tests.hostile.test_keys import OWN, expect_nothing_happened
from tests.world import World

ASKS = list({one.endpoint.id: one for one in asking.every(OWN)}.values())


@pytest.fixture
def port(world: World) -> int:
    found = urlsplit(world.url).port
    assert found is not None
    return found


def written(world: World, one: Ask, *headers: tuple[str, str], target: str | None = None) -> bytes:
    """Write a good request down, with more headers or another target."""
    body = b"" if one.body is None else json.dumps(one.body).encode()
    typed = [("Content-Type", "application/json")] if body else []
    every = [("X-API-Key", world.key), *typed, *headers]
    return raw.request(one.endpoint.method, target or one.target, every, body)


# 31
async def test_headers_and_addresses_without_measure_are_refused(world: World, port: int) -> None:
    crowds = [[(f"X-{n}", "1") for n in range(5000)], [("X-Big", "a" * 100_000)]]
    for one in ASKS:
        for headers in crowds:
            assert (await raw.send(port, written(world, one, *headers))).status == 431, one.endpoint.id
        for target in (one.target + "?a=" + "a" * 64_000, "/" + "a" * 64_000):
            assert (await raw.send(port, written(world, one, target=target))).status in {400, 404, 414}, one.endpoint.id
    await expect_nothing_happened(world)


# 31
async def test_a_request_without_one_good_host_is_refused(world: World, port: int) -> None:
    for one in ASKS:
        good = written(world, one)
        for host in (b"", b"Host: a\r\nHost: b\r\n", b"Host: a/evil\r\n", b"Host: a@evil\r\n", b"Host:\r\n"):
            answer = await raw.send(port, good.replace(b"Host: 127.0.0.1\r\n", host))
            assert answer.status == 400, (one.endpoint.id, host)
    await expect_nothing_happened(world)


HIDDEN_BEHIND = (
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Transfer-Encoding: \x0bchunked\r\n",
    b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n",
    b"Content-Length: 5\r\nContent-Length: 6\r\n",
    b"Content-Length: +5\r\n",
    b"Content-Length: 5, 6\r\n",
    b"X-Folded: a\r\n b\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
)


# 33
async def test_no_second_request_hides_behind_a_first(world: World, port: int) -> None:
    send = next(one for one in ASKS if one.endpoint.id == "send_otp")
    hidden = written(world, send)
    for one in ASKS:
        for head in HIDDEN_BEHIND:
            line = f"{one.endpoint.method} {one.target} HTTP/1.1\r\nHost: a\r\nX-API-Key: {world.key}\r\n".encode()
            async with raw.connected(port) as wire:
                await wire.write(line + head + b"\r\n0\r\n\r\n" + hidden)
                answer = await wire.answer()
                assert answer.status == 400, (one.endpoint.id, head)
                assert await wire.hung_up(), (one.endpoint.id, head)
    await expect_nothing_happened(world)


# 34
async def test_an_address_written_in_another_way_is_no_address(world: World, port: int) -> None:
    for one in ASKS:
        path = one.target
        head, _, tail = path.rpartition("/")
        for target in (
            f"{head}/%2e%2e/{tail}",
            f"{head}/./{tail}",
            f"/{path}",
            f"{head}//{tail}",
            f"{path};x=1",
            f"{path}%00",
            f"{path}%0d%0aX-Evil:%201",
            f"{path}\\",
            f"{path}/",
            path.upper(),
            path.replace("/api/", "/API/"),
            f"{path}%20",
            path.replace("whatsapp", "%77hatsapp%2f.."),
        ):
            answer = await raw.send(port, written(world, one, target=target))
            assert answer.status in {400, 404, 405}, (one.endpoint.id, target, answer.status)
            assert "x-evil" not in answer.headers
    await expect_nothing_happened(world)


# 34
async def test_another_method_reaches_no_handler(world: World, port: int) -> None:
    """HEAD goes where GET goes; what an address knows stands in Allow."""
    known = {(endpoint.method, endpoint.route) for endpoint in api.ENDPOINTS}
    for one in ASKS:
        route = one.endpoint.route
        good = {method for method, path in known if path == route} | ({"HEAD"} if ("GET", route) in known else set())
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "post", "Post"):
            others = {found for found, path in known if path != route and matches(path, one.target)}
            if method not in good | others:
                answer = await raw.send(port, raw.request(method, one.target, [("X-API-Key", world.key)]))
                assert answer.status in {400, 405}, (one.endpoint.id, method)
    await expect_nothing_happened(world)


def matches(route: str, target: str) -> bool:
    """Tell whether an address with a parameter takes this target too."""
    ours, theirs = route.split("/"), target.partition("?")[0].split("/")
    return len(ours) == len(theirs) and all(a == b or a.startswith("{") for a, b in zip(ours, theirs, strict=True))


# 33
async def test_two_requests_on_one_connection_are_two_requests(world: World, port: int) -> None:
    """The control of the smuggling tests: what is asked decently one after the other is answered."""
    one = next(one for one in ASKS if one.endpoint.id == "send_otp")
    async with raw.connected(port) as wire:
        await wire.write(written(world, one) + written(world, one))
        with contextlib.suppress(asyncio.IncompleteReadError):
            assert [(await wire.answer()).status for _ in range(2)] == [200, 200]
    assert len(await world.sends()) == 2


# 39
async def test_a_line_break_in_any_header_starts_no_header_of_ours(world: World, port: int) -> None:
    for one in ASKS:
        for name in ("X-Request-Id", "Accept-Language", "User-Agent", "Idempotency-Key", "X-Forwarded-For", "Accept"):
            for broken in ("abcdefgh\r\nX-Evil: 1", "abcdefgh\nX-Evil: 1", "abcdefgh\rX-Evil: 1", "abc\r\n X-Evil: 1"):
                answer = await raw.send(port, written(world, one, (name, broken)))
                assert "x-evil" not in answer.headers, (one.endpoint.id, name)
                assert b"X-Evil" not in answer.body, (one.endpoint.id, name)
                assert answer.status < 500, (one.endpoint.id, name)
