"""Bodies that are passed on as they come: counted, never gathered, and never waited for without end.

Numbers in comments are the lines of our list of attacks.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quixess.api import ENDPOINTS, edge
from quixess.api.doors import Doors
from quixess.api.manage import MANAGEMENT
from quixess.api.streams import STREAMS, Stream
from quixess.dashboard import PAGES
from tests.api import raw

LIMIT = 1_000_000


async def _count(request: Request) -> Response:
    pieces = [len(piece) async for piece in request.stream()]
    return JSONResponse({"length": sum(pieces), "longest": max(pieces)})


async def _refuse(request: Request) -> Response:
    raise ValueError("never read")


ROUTES = [
    Route("/count", _count, methods=["POST", "PUT"]),
    Route("/count/more", _count, methods=["POST"]),
    Route("/of/{name}/count", _count, methods=["POST"]),
    Route("/of/{name}/{more}/count", _count, methods=["POST"]),
    Route("/refuse", _refuse, methods=["POST"]),
]


def guarded(*, idle_s: float = 5.0, total_s: float = 5.0) -> edge.Edge:
    inner = Doors(ROUTES)
    stream = Stream(LIMIT, idle_s=idle_s, total_s=total_s)
    return edge.Edge(inner, streams={"/count": stream, "/of/{name}/count": stream, "/refuse": stream})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with raw.serving(guarded()) as port:
        yield port


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_a_body_up_to_the_limit_comes_in_pieces(port: int) -> None:
    answer = await raw.send(port, raw.request("POST", "/count", body=b"x" * LIMIT))
    assert answer.json()["length"] == LIMIT
    assert answer.json()["longest"] < LIMIT


async def test_one_part_of_a_streamed_path_may_be_anything(port: int) -> None:
    body = b"x" * (edge.BODY_LIMIT + 1)
    for path in ("/of/Bordercart/count", "/of/brd_1/count"):
        assert (await raw.send(port, raw.request("POST", path, body=body))).json()["length"] == len(body)
    beside = await raw.send(port, raw.request("POST", "/of/a/b/count", body=body))
    assert beside.json()["code"] == "payload_too_large"


async def test_an_empty_body_is_an_empty_stream(port: int) -> None:
    assert (await raw.send(port, raw.request("POST", "/count"))).json() == {"length": 0, "longest": 0}


async def test_a_length_over_the_limit_is_refused_before_a_byte_of_it_came(port: int) -> None:
    # 25
    answer = await raw.send(port, raw.request("POST", "/count", [("Content-Length", str(LIMIT + 1))]))
    assert (answer.status, answer.json()["code"]) == (413, "payload_too_large")


async def test_chunks_are_counted_as_they_come(port: int) -> None:
    # 25
    async with raw.connected(port) as wire:
        await wire.write(raw.request("POST", "/count", [("Transfer-Encoding", "chunked")]))
        await wire.write(b"".join([chunk(b"x" * 10_000)] * 101) + chunk(b""))
        answer = await wire.answer()
        assert (answer.status, answer.json()["code"]) == (413, "payload_too_large")
        assert await wire.hung_up()


@pytest.mark.parametrize(("method", "path"), [("POST", "/count/more"), ("PUT", "/count")])
async def test_only_that_path_and_method_takes_so_much(port: int, method: str, path: str) -> None:
    answer = await raw.send(port, raw.request(method, path, body=b"x" * (edge.BODY_LIMIT + 1)))
    assert answer.status == 413


async def test_a_body_that_pauses_too_long_times_out(port: int) -> None:
    # 25
    async with raw.serving(guarded(idle_s=0.2)) as hasty, raw.connected(hasty) as wire:
        await wire.write(raw.request("POST", "/count", [("Content-Length", "90")]) + b"x")
        answer = await wire.answer()
        assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
        assert await wire.hung_up()


async def test_a_body_that_drips_without_a_pause_times_out_in_the_end(port: int) -> None:
    # 25
    async with raw.serving(guarded(idle_s=5, total_s=0.4)) as hasty, raw.connected(hasty) as wire:
        await wire.write(raw.request("POST", "/count", [("Content-Length", "9000")]))

        async def drip() -> None:
            while True:
                await wire.write(b"x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        answer = await wire.answer()
        dripping.cancel()
        assert (answer.status, answer.json()["code"]) == (408, "request_timeout")


async def test_a_handler_that_reads_nothing_answers_at_once_and_the_next_request_is_served(port: int) -> None:
    async with raw.connected(port) as wire:
        await wire.write(raw.request("POST", "/refuse", [("Content-Length", "90")]))
        assert (await wire.answer()).status == 500
        await wire.write(b"x" * 90 + raw.request("POST", "/count", body=b"four"))
        assert (await wire.answer()).json() == {"length": 4, "longest": 4}


async def test_a_client_that_will_hang_up_after_the_answer_can_send_the_rest_before_it_reads(port: int) -> None:
    """Such are proxies that speak HTTP/1.0: a reset by unread bytes would take the answer away from them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = 200_000
    writer.write(raw.request("POST", "/refuse", [("Content-Length", str(length)), ("Connection", "close")]))
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 500 " in head
    for _ in range(length // 1000):
        writer.write(b"x" * 1000)
        await writer.drain()
    assert b"internal_error" in await reader.read()
    writer.close()
    await writer.wait_closed()


def test_every_endpoint_that_takes_a_file_is_streamed_and_no_other() -> None:
    tenants = {one.route for one in ENDPOINTS if one.upload}
    operators = {one.route for one in MANAGEMENT if one.upload}
    people = {one.path for one in PAGES if one.takes_file}

    assert set(STREAMS) == tenants | operators | people
    assert all((tenants, operators, people))
