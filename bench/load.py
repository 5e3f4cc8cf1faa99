"""The load generator: so many keep-alive connections, each asks again as soon as it has its answer (closed loop).

It runs as a process of its own (`python -m bench.load`): each line of JSON on its input is a round, the line it
answers is what came of it. It also listens as a tenant's server: in a round that `awaits` deliveries a connection asks
again only when its message has come back as an event, and latency is measured from the POST to that arrival.
"""

import asyncio
import json
import re
import time
from collections import Counter
from typing import Any, Self, cast

import uvloop

from bench import peers, traffic

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_MARK = re.compile(rb"line=(\d+) at=(\d+)")
_PATIENCE_S = 20


class Round:
    """One round: when it is over, what it has counted. Latencies are microseconds."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.write = traffic.writer(asked["kind"], asked["facts"])
        self.awaits = bool(asked["awaits"])
        self.number = int(asked["start"])
        self.answers: Counter[int] = Counter()
        self.first_bad = ""
        self.latencies: list[int] = []
        self.deliveries = 0
        self.over = asyncio.Event()
        self.running = 0
        self._last = self.number + int(asked["count"])
        self._until = time.monotonic() + float(asked["seconds"])

    def next_number(self) -> int | None:
        """Give the number of the next request, None when the round is over."""
        if self.number >= self._last or time.monotonic() >= self._until:
            return None
        self.number += 1
        return self.number

    def count(self, status: int, answer: bytes) -> None:
        self.answers[status] += 1
        if status != 200 and not self.first_bad:
            self.first_bad = answer.decode(errors="replace")


class Line(asyncio.Protocol):
    """One connection: asks, hears the answer out, asks again."""

    def __init__(self, at: Round, index: int) -> None:
        self._round = at
        self._index = index
        self._heard = b""
        self._unanswered = False
        self._unarrived = False

    def itself(self) -> Self:
        """Be the protocol of the connection that is made for it."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._round.running += 1
        self._ask()

    def _ask(self) -> None:
        number = self._round.next_number()
        if number is None:
            self._transport.close()
            return
        self._unanswered, self._unarrived = True, self._round.awaits
        self._asked_ns = time.monotonic_ns()
        self._transport.write(self._round.write(number, self._index))

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head = self._heard.find(b"\r\n\r\n")
        length = _LENGTH.search(self._heard, 0, head) if head > 0 else None
        if length is None or len(self._heard) < head + 4 + int(length[1]):
            return
        answer, self._heard = self._heard, b""
        self._round.count(int(answer[9:12]), answer)
        if not self._round.awaits:
            self._round.latencies.append((time.monotonic_ns() - self._asked_ns) // 1000)
        self._unanswered = False
        self._go_on()

    def arrive(self, sent_ns: int) -> None:
        """Hear that the message of the request under way has arrived at its receiver."""
        if self._unarrived and sent_ns >= self._asked_ns:  # else it is one that was delivered twice
            self._round.latencies.append((time.monotonic_ns() - sent_ns) // 1000)
            self._round.deliveries += 1
            self._unarrived = False
            self._go_on()

    def _go_on(self) -> None:
        if not self._unanswered and not self._unarrived:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None or self._unanswered or self._unarrived:
            self._round.count(0, repr(exc).encode())
        self._round.running -= 1
        if self._round.running == 0:
            self._round.over.set()


class Generator:
    """Runs rounds, one after the other, and hears the deliveries of the one under way."""

    def __init__(self) -> None:
        self._lines: list[Line] = []

    def deliver(self, body: bytes) -> None:
        """Tell the connection that wrote a message that it has arrived."""
        mark = _MARK.search(body)
        if mark is not None and int(mark[1]) < len(self._lines):
            self._lines[int(mark[1])].arrive(int(mark[2]))

    async def run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Run one round and tell what came of it."""
        at = Round(asked)
        self._lines = [Line(at, index) for index in range(asked["connections"])]
        started = time.monotonic()
        ports = asked["port"] if isinstance(asked["port"], list) else [asked["port"]]
        for index, line in enumerate(self._lines):
            await asyncio.get_running_loop().create_connection(line.itself, "127.0.0.1", ports[index % len(ports)])
        try:
            await asyncio.wait_for(at.over.wait(), asked["seconds"] + _PATIENCE_S)
        except TimeoutError:
            at.count(0, f"{at.running} requests had no answer or delivery for {_PATIENCE_S} s".encode())
        return {
            "seconds": time.monotonic() - started,
            "answers": at.answers,
            "deliveries": at.deliveries,
            "first_bad": at.first_bad,
            "latencies": sorted(at.latencies),
            "next": at.number,
        }


async def _run() -> None:
    generator = Generator()
    sink = peers.Sink(generator.deliver)
    servers = await peers.listen(sink.answer, 1)
    peers.say({"ports": peers.ports_of(servers)})
    asked = await peers.orders()
    while line := await asked.readline():
        peers.say(await generator.run(json.loads(line)) | {"sink": sink.report()})
    for server in servers:
        server.close()


if __name__ == "__main__":
    uvloop.run(_run())
