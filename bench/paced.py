"""Tenants in daily business: each gets so many webhooks a second, evenly, whatever becomes of them (open loop).

A process of its own (`python -m bench.paced`). Each line of JSON on its input is a round: `facts` of one number a
tenant, `port` of the gateway, `every_s` and `seconds`. It hears the events of all, and answers with the latencies from
POST to the arrival of the signed event, a list for each tenant, and how many never came.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import uvloop

from bench import peers, traffic

_MARK = re.compile(rb"line=(\d+) at=(\d+)")
_PATIENCE_S = 15.0


class Line(asyncio.Protocol):
    """A keep-alive connection to the gateway; its answers are counted by their status lines."""

    def __init__(self, refused: Callable[[int], None]) -> None:
        self._refused = refused

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._refused(data.count(b"HTTP/1.1 ") - data.count(b"HTTP/1.1 200 "))


class Daily:
    """Writes at the pace asked for and hears what arrives. Latencies are microseconds."""

    def __init__(self) -> None:
        self._latencies: list[list[int]] = []
        self._under_way: set[bytes] = set()
        self._refused = 0
        self._number = 0
        self._quiet = asyncio.Event()

    def deliver(self, body: bytes) -> None:
        """Hear an event; a second one of the same message counts for nothing."""
        mark = _MARK.search(body)
        if mark is not None and mark[0] in self._under_way:
            self._under_way.discard(mark[0])
            if not self._under_way:
                self._quiet.set()
            self._latencies[int(mark[1])].append((time.monotonic_ns() - int(mark[2])) // 1000)

    def refused(self, answers: int) -> None:
        """Hear answers that are not 200."""
        self._refused += answers

    async def run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Run one round and tell what came of it."""
        self._latencies, self._under_way, self._refused = [[] for _ in asked["facts"]], set(), 0
        writers = [traffic.writer("webhook", facts) for facts in asked["facts"]]
        count, every_s = len(writers), float(asked["every_s"])
        started = time.monotonic()
        async with asyncio.TaskGroup() as tenants:
            for index, write in enumerate(writers):
                first = started + every_s * index / count  # not all at the same moment
                tenants.create_task(self._write(asked, write, index, first))
        return {
            "latencies": self._latencies,
            "missing": len(self._under_way),
            "refused": self._refused,
        }

    async def _write(self, asked: dict[str, Any], write: traffic.Write, index: int, first: float) -> None:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_connection(lambda: Line(self.refused), "127.0.0.1", asked["port"])
        for turn in range(int(asked["seconds"] / asked["every_s"])):
            await asyncio.sleep(max(first + turn * asked["every_s"] - time.monotonic(), 0))
            self._number += 1
            request = write(self._number, index)
            mark = _MARK.search(request)
            if mark is not None:
                self._under_way.add(mark[0])
                self._quiet.clear()
            line.transport.write(request)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), _PATIENCE_S)
        line.transport.close()


async def _run() -> None:
    daily = Daily()
    sink = peers.Sink(daily.deliver)
    servers = await peers.listen(sink.answer, 1)
    peers.say({"ports": peers.ports_of(servers)})
    asked = await peers.orders()
    while line := await asked.readline():
        peers.say(await daily.run(json.loads(line)) | {"sink": sink.report()})
    for server in servers:
        server.close()


if __name__ == "__main__":
    uvloop.run(_run())
