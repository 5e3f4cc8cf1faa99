"""A server on a free port and a client that sends exactly the bytes it is given, decent or not."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import uvicorn
from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, http: Any = "httptools") -> AsyncIterator[int]:
    """Run an application under uvicorn with httptools, or a protocol made of it, in this process; gives the port.

    Started and stopped without `serve`, which takes the signals and looks up only every tenth of a second.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=http, ws="none", lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield listener.getsockname()[1]
    finally:
        await server.shutdown(sockets=[listener])


class Wire:
    """One connection. What is written goes out as it is."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def answer(self, *, body: bool = True) -> Answer:
        """Read one answer; `body=False` for the answer to a HEAD. Raises EOFError when none comes."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in head[1:] if line]
        headers = {name.lower(): value for name, value in pairs}
        length = int(headers.get("content-length", "0")) if body else 0
        return Answer(int(head[0].split(" ")[1]), headers, await self._reader.readexactly(length))

    async def hung_up(self) -> bool:
        """Wait until the server closes; True when not one more byte came before."""
        try:
            return await self._reader.read() == b""
        except ConnectionError:
            return True


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    """Open a connection to 127.0.0.1 and close it afterwards."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def send(port: int, data: bytes, *, body: bool = True) -> Answer:
    """Send bytes on a connection of their own and read one answer."""
    async with connected(port) as wire:
        await wire.write(data)
        return await wire.answer(body=body)


def request(
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    host: str | None = "127.0.0.1",
) -> bytes:
    """Write a request; Host and (for a body) Content-Length are added, everything else is as given."""
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body
