"""Receivers that misbehave, on real sockets of 127.0.0.1, and a DNS that says what a test wants."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from quixess.events import outward

LOOPBACK = (ipaddress.IPv4Network("127.0.0.0/8"),)
LOCAL = outward.Policy(allow_http=True, ports=None, networks=LOOPBACK, show_private_answers=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Play = Callable[["Visit"], Awaitable[None]]


class Visit:
    """One connection that a receiver sees."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def hear(self) -> tuple[str, bytes] | None:
        """Read one request: its head and its body, or None when the peer hung up."""
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        length = next(line for line in head.lower().split("\r\n") if line.startswith("content-length:"))
        return head, await self.reader.readexactly(int(length.split(":")[1]))

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def say_for_ever(self, data: bytes, pause_s: float = 0.0) -> None:
        with contextlib.suppress(ConnectionError):
            while not self.writer.is_closing():
                self.writer.write(data)
                await self.writer.drain()
                await asyncio.sleep(pause_s)

    async def hang(self) -> None:
        await asyncio.Event().wait()


class Trap:
    """A running receiver: how it is reached, and what it saw."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.port = 0
        self.visits: list[Visit] = []
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def url_of(self, host: str, scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/hook"

    async def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        visit = Visit(reader, writer)
        self.visits.append(visit)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self.play(visit)
        finally:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def trap(
    play: Play, host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None, bound: socket.socket | None = None
) -> AsyncIterator[Trap]:
    """Run a receiver that plays `play` on every connection, and end all of it afterwards.

    It listens on a free port of `host`, or on a socket that was `bound` before.
    """
    it = Trap(play)
    if bound is None:
        server = await asyncio.start_server(it.welcome, host, 0, ssl=tls)
    else:
        server = await asyncio.start_server(it.welcome, sock=bound, ssl=tls)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
        for task in it.tasks:
            task.cancel()
        await asyncio.gather(*it.tasks, return_exceptions=True)


async def answer_well(visit: Visit) -> None:
    while await visit.hear():
        visit.say(OK)


def saying(data: bytes) -> Play:
    """A receiver that hears one request, says `data`, and then waits until the other side hangs up."""

    async def play(visit: Visit) -> None:
        await visit.hear()
        visit.say(data)
        await visit.reader.read()

    return play


class Names:
    """A DNS. Each question takes the next answer; the last one stays. An exception is raised."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def addresses(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class HangingNames:
    """A DNS that never answers."""

    async def addresses(self, host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []


class PatchyNames:
    """A DNS that answers with 127.0.0.1, except for names that begin with `hang`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.heal = asyncio.Event()

    async def addresses(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host.startswith("hang"):
            await self.heal.wait()
        return ["127.0.0.1"]


class Relay:
    """A proxy for CONNECT and for absolute URLs. Every host leads to `port` on this machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heads: list[str] = []

    async def __call__(self, visit: Visit) -> None:
        head = await visit.reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            if head.startswith(b"CONNECT "):
                visit.say(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                writer.write(head)
            await asyncio.gather(_pump(visit.reader, writer), _pump(reader, visit.writer))
        finally:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()
    writer.transport.abort()
