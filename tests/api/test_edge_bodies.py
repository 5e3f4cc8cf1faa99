"""The edge and bodies: counted as they come, timed, whole when a handler sees them, and never a second request.

Numbers in comments are the lines of our list of attacks.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from tests.api import door, raw

LIMIT = 256 * 1024


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with raw.serving(door.guarded()) as port:
        yield port


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


# Framing


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"X-Folded: a\r\n b\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"X-Bare: a\nContent-Length: 4\r\n",
    ],
)
async def test_a_second_request_hidden_in_a_body_is_never_answered(port: int, head: bytes):
    # 33: the server's parser refuses these; this holds it to that
    hidden = b"0\r\n\r\n" + raw.request("GET", "/hello")
    async with raw.connected(port) as wire:
        await wire.write(b"POST /length HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n" + hidden)
        answer = await wire.answer()
        assert answer.status == 400
        assert await wire.hung_up()


async def test_two_hundred_clients_that_never_finish_their_headers_keep_nobody_out(port: int):
    # 32
    async with contextlib.AsyncExitStack() as slow:
        for _ in range(200):
            wire = await slow.enter_async_context(raw.connected(port))
            await wire.write(b"GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert (await raw.send(port, raw.request("GET", "/hello"))).status == 200


# Bodies


@pytest.mark.parametrize("path", ["/length", "/starlette"])
async def test_a_body_arrives_whole_however_it_was_cut(port: int, path: str):
    async with raw.connected(port) as wire:
        await wire.write(raw.request("POST", path, [("Transfer-Encoding", "chunked")]))
        for _ in range(5):
            await wire.write(_chunk(b"x" * 1000))
            await asyncio.sleep(0.01)
        await wire.write(_chunk(b""))
        answer = await wire.answer()
    assert answer.json() == {"length": 5000}


async def test_a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not(port: int):
    assert (await raw.send(port, raw.request("POST", "/length", body=b"x" * LIMIT))).json() == {"length": LIMIT}
    answer = await raw.send(port, raw.request("POST", "/length", body=b"x" * (LIMIT + 1)))
    assert (answer.status, answer.json()["code"]) == (413, "payload_too_large")


async def test_a_length_over_the_limit_is_refused_before_a_byte_of_it_came(port: int):
    # 25
    answer = await raw.send(port, raw.request("POST", "/length", [("Content-Length", "10000000")]))
    assert answer.status == 413
    assert answer.headers["connection"] == "close"


async def test_a_length_over_the_limit_is_refused_on_unknown_addresses_too(port: int):
    answer = await raw.send(port, raw.request("GET", "/nowhere", [("Content-Length", "10000000")]))
    assert answer.status == 413


async def test_ten_megabytes_that_announced_themselves_meet_a_readable_answer(port: int):
    # 25
    answer = await raw.send(port, raw.request("POST", "/length", body=b"x" * 10_000_000))
    assert answer.status == 413


async def test_ten_megabytes_in_chunks_are_counted_as_they_come(port: int):
    # 25
    async with raw.connected(port) as wire:
        await wire.write(raw.request("POST", "/length", [("Transfer-Encoding", "chunked")]))
        await wire.write(b"".join([_chunk(b"x" * 65_536)] * 160) + _chunk(b""))
        answer = await wire.answer()
        assert answer.status == 413
        assert await wire.hung_up()


async def test_metas_door_takes_larger_bodies_but_not_any(port: int):
    answer = await raw.send(port, raw.request("POST", "/webhooks/meta/1", body=b"x" * 4 * 1024 * 1024))
    assert answer.json() == {"length": 4 * 1024 * 1024}
    answer = await raw.send(port, raw.request("POST", "/webhooks/meta/1", [("Content-Length", "4194305")]))
    assert answer.status == 413


@pytest.mark.parametrize("part", [b"", b"x"])
async def test_a_body_that_drips_times_out_and_the_connection_closes(part: bytes):
    # 25
    async with raw.serving(door.guarded(body_timeout_s=0.2)) as port, raw.connected(port) as wire:
        await wire.write(raw.request("POST", "/length", [("Content-Length", "90")]) + part)
        answer = await wire.answer()
        assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
        assert await wire.hung_up()


async def test_a_body_longer_than_it_said_is_never_taken_for_a_second_request(port: int):
    # 25
    async with raw.connected(port) as wire:
        await wire.write(raw.request("POST", "/length", [("Content-Length", "2")]) + b"{}" + b"x" * 90)
        first = await wire.answer()
        assert first.status in {200, 400}
        with contextlib.suppress(asyncio.IncompleteReadError):
            assert (await wire.answer()).status == 400


async def test_a_client_that_hangs_up_in_mid_body_leaves_no_trace(caplog: pytest.LogCaptureFixture):
    served = asyncio.Event()

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        await door.guarded()(scope, receive, send)
        served.set()

    with caplog.at_level(logging.WARNING), capture_logs() as lines:
        async with raw.serving(watched) as port:
            async with raw.connected(port) as wire:
                await wire.write(raw.request("POST", "/length", [("Content-Length", "90")]) + b"half of")
            await asyncio.wait_for(served.wait(), 5)
    assert lines == []
    assert caplog.records == []


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity", "zstd", ""])
async def test_a_compressed_body_is_refused_unopened(port: int, coding: str):
    # 27
    answer = await raw.send(port, raw.request("POST", "/length", [("Content-Encoding", coding)], b"bomb"))
    assert (answer.status, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_an_identity_body_is_as_good_as_a_plain_one(port: int):
    answer = await raw.send(port, raw.request("POST", "/length", [("Content-Encoding", "identity")], b"{}"))
    assert answer.json() == {"length": 2}


async def test_a_client_that_asks_before_it_sends_is_told_no_before_it_sends(port: int):
    headers = [("Content-Length", "10000000"), ("Expect", "100-continue")]
    answer = await raw.send(port, raw.request("POST", "/length", headers))
    assert answer.status == 413
