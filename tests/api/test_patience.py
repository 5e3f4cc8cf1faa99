"""Heads that are never finished, and bodies that outlive their answers: nobody waits for them for ever.

Numbers in comments are the lines of our list of attacks.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from quixess.cli.protocol import PatientProtocol
from tests.api import door, raw


class Hasty(PatientProtocol):
    """The same, with less patience than any test has."""

    first_s = 0.5
    head_s = 0.3
    rest_s = 0.3
    read_s = 0.3


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with raw.serving(door.guarded(), http=Hasty) as port:
        yield port


HEAD = b"GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: "


async def is_told_and_left(wire: raw.Wire) -> None:
    answer = await wire.answer()
    assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/problem+json"
    assert await wire.hung_up()


@pytest.mark.parametrize("begun", [b"", b"G", b"\r\n", HEAD, HEAD + b"a\r\n"])
async def test_a_head_that_stops_is_told_so_and_the_connection_closes(port: int, begun: bytes) -> None:
    async with raw.connected(port) as wire:
        await wire.write(begun)
        await is_told_and_left(wire)


@pytest.mark.parametrize("drop", [b"x", b"\r\n"])
async def test_a_head_that_drips_gets_no_longer(port: int, drop: bytes) -> None:
    async with raw.connected(port) as wire:
        await wire.write(HEAD if drop == b"x" else b"\r\n")

        async def drip() -> None:
            while True:
                await wire.write(drop)
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            assert (await wire.answer()).status == 408
        dripping.cancel()


async def test_the_second_head_on_a_connection_must_end_too(port: int) -> None:
    async with raw.connected(port) as wire:
        for _ in range(2):
            await wire.write(raw.request("GET", "/hello"))
            assert (await wire.answer()).status == 200
        await wire.write(HEAD)
        await is_told_and_left(wire)


async def test_a_second_head_that_came_with_the_first_request_must_end_too(port: int) -> None:
    async with raw.connected(port) as wire:
        await wire.write(raw.request("GET", "/hello") + HEAD)
        assert (await wire.answer()).status == 200
        await is_told_and_left(wire)


async def test_a_connection_that_rests_between_two_requests_is_left_alone(port: int) -> None:
    async with raw.connected(port) as wire:
        await wire.write(raw.request("GET", "/hello"))
        assert (await wire.answer()).status == 200
        await asyncio.sleep(Hasty.first_s + Hasty.head_s)
        await wire.write(raw.request("GET", "/hello"))
        assert (await wire.answer()).status == 200


async def test_a_body_takes_longer_than_a_head_may(port: int) -> None:
    async with raw.connected(port) as wire:
        await wire.write(raw.request("POST", "/length", [("Content-Length", "4")]) + b"fo")
        await asyncio.sleep(Hasty.first_s + Hasty.head_s)
        await wire.write(b"ur")
        assert (await wire.answer()).json() == {"length": 4}


async def test_a_body_that_goes_on_after_its_answer_is_cut_off(port: int) -> None:
    async with raw.connected(port) as wire:
        await wire.write(raw.request("POST", "/nowhere", [("Content-Length", "9000")]))
        assert (await wire.answer()).status == 404

        async def drip() -> None:
            while True:
                await wire.write(b"x")
                await asyncio.sleep(0.02)

        dripping = asyncio.create_task(drip())
        assert await wire.hung_up()
        dripping.cancel()


async def test_five_hundred_that_never_finish_their_heads_keep_nobody_out_and_are_all_let_go(port: int) -> None:
    # 32
    async with contextlib.AsyncExitStack() as slow:
        wires = [await slow.enter_async_context(raw.connected(port)) for _ in range(500)]
        for wire in wires:
            await wire.write(HEAD)
        assert (await raw.send(port, raw.request("GET", "/hello"))).status == 200
        for wire in wires:
            assert (await wire.answer()).status == 408
            assert await wire.hung_up()


class Endless:
    """An answer without an end: a stream, or a file. `left` is set when there is nobody any more to write to."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        writing = asyncio.create_task(self._write(send))
        while (await receive())["type"] != "http.disconnect":
            pass
        writing.cancel()
        self.left.set()

    async def _write(self, send: Send) -> None:
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)


async def test_who_asks_and_never_reads_is_let_go() -> None:
    endless = Endless()
    async with raw.serving(endless, http=Hasty) as port, raw.connected(port) as wire:
        await wire.write(raw.request("GET", "/"))

        async with asyncio.timeout(20):
            await endless.left.wait()


async def test_who_reads_gets_it_all() -> None:
    endless = Endless()
    async with raw.serving(endless, http=Hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw.request("GET", "/"))
        for _ in range(8):
            await reader.readexactly(4_000_000)
            await asyncio.sleep(Hasty.read_s / 4)
        assert not endless.left.is_set()
        writer.close()
