"""A raw HTTP/1.1 server that plays Meta in every mood, for tests on real sockets."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Mood = Callable[["Meta", asyncio.StreamWriter], Awaitable[None]]

ACCEPTED = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": "+16505551234", "wa_id": "16505551234"}],
    "messages": [{"id": "wamid.OUT0001", "message_status": "accepted"}],
}


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Meta:
    """What the server saw. `moods` are used one a request, the last one again and again."""

    moods: list[Mood]
    base_url: str = ""
    accepts: int = 0
    requests: list[Request] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[asyncio.Task[Any]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepts += 1
        try:
            while request := await read_request(reader):
                self.requests.append(request)
                self.asked.set()
                mood = self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]
                await mood(self, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self.serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def hang_up(self) -> None:
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@asynccontextmanager
async def meta(*moods: Mood, tls: ssl.SSLContext | None = None) -> AsyncIterator[Meta]:
    """Run a Meta on a free port of 127.0.0.1."""
    played = Meta(list(moods))
    server = await asyncio.start_server(played.take, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    played.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield played
    finally:
        server.close()
        await played.hang_up()
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readline()
    if not head:
        return None
    method, target, _ = head.decode().split(" ")
    headers = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Mood:
    """Answer with JSON, or with the bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def mood(_: Meta, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + raw)

    return mood


def error(status: int, code: Any, headers: dict[str, str] | None = None, **more: Any) -> Mood:
    """Answer with a Graph error."""
    return answer(
        status, {"error": {"message": f"(#{code}) No", "type": "OAuthException", "code": code, **more}}, headers
    )


def raw(data: bytes) -> Mood:
    """Write these bytes and close."""

    async def mood(_: Meta, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.close()

    return mood


def stall(data: bytes = b"") -> Mood:
    """Write these bytes and never another."""

    async def mood(_: Meta, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await asyncio.Event().wait()

    return mood


async def reset(_: Meta, writer: asyncio.StreamWriter) -> None:
    """Reset the connection once the request is read: lingering for no time makes it a RST, not a FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
