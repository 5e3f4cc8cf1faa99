"""The connections to receivers: who may be dialled, and how much of a hostile answer is heard out.

aiohttp calls its resolver for names only, so the guard stands in two places: in `_CheckedResolver` for every
answer of DNS, and in the socket factory for every address that is really dialled, literals included.
"""

import asyncio
import errno
import functools
import socket
import ssl
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

from quixess.events.outward import addresses, names

HEAD_LIMIT = 16 * 1024  # bytes of status line and headers of one answer
PIECE = 64 * 1024  # bytes of a request body that the socket gets at once
_MOST_INTERIM = 8  # 1xx answers before the final one; more is a flood
_MOST_DIALLED = 4  # every answer of DNS is judged, this many are tried
_IDLE_S = 15.0

asker: ContextVar[str] = ContextVar("asker", default="")  # who the request at hand is made for: see Sender.post


class BlockedError(OSError):
    """This address may not be dialled."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "the address is not allowed")


class Stale(aiohttp.ServerDisconnectedError):
    """A kept connection turned out closed before one byte of the answer came."""


class HeadTooLarge(aiohttp.ClientError):
    """Status line and headers exceed HEAD_LIMIT."""


class TooManyInterim(aiohttp.ClientError):
    """The receiver answers 1xx and never comes to the point."""


class BrokenBody(aiohttp.ClientError):
    """The body breaks its own framing."""


class Lines(aiohttp.TCPConnector):
    """Connections, at most `kept` of them kept open between requests."""

    def __init__(
        self,
        resolver: AbstractResolver,
        socket_factory: Callable[[aiohttp.AddrInfoType], socket.socket],
        *,
        tls: ssl.SSLContext,
        kept: int,
    ) -> None:
        super().__init__(
            resolver=resolver,
            socket_factory=socket_factory,
            ssl=tls,
            use_dns_cache=False,  # Names keeps its own, for everyone who asks
            keepalive_timeout=_IDLE_S,
            limit=0,  # the sender counts, before the clock of a request starts
        )
        self._open_lines: set[ResponseHandler] = set()
        self._factory = functools.partial(_new_line, self._open_lines, kept, self._loop)

    def count(self, line: ResponseHandler) -> None:
        """Count a line as open, until its connection is lost."""
        self._open_lines.add(line)

    def discount(self, line: ResponseHandler) -> None:
        """Count a line no more, because another may take over its connection."""
        self._open_lines.discard(line)


def guarded(policy: addresses.Policy, known: names.Names, *, tls: ssl.SSLContext, kept: int) -> Lines:
    """Make lines that dial only what the policy allows."""
    resolver, socket_factory = _CheckedResolver(policy, known), functools.partial(_open_socket, policy)
    return Lines(resolver, socket_factory, tls=tls, kept=kept)


async def judge(policy: addresses.Policy, known: names.Names, host: str, port: int) -> Sequence[str]:
    """Give the addresses of a name or literal, all of them allowed. Raises BlockedError, or OSError from DNS."""
    found = [host] if addresses.is_literal(host) else await known.addresses(host, asker.get())
    if any(addresses.forbidden(address, policy, port) for address in found):
        raise BlockedError
    return found


class Request(aiohttp.ClientRequest):
    """A request that shares kept connections only with requests of the same asker, whatever the host."""

    @property
    def connection_key(self) -> ConnectionKey:
        key = super().connection_key
        return ConnectionKey._make((f"{key.host} {asker.get()}", *key[1:]))


class Reply(aiohttp.ClientResponse):
    """An answer that remembers whether the other end of its connection had a public address."""

    public: bool

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        line = connection.protocol
        self.public = isinstance(line, Line) and line.public
        return await super().start(connection)


class Body(aiohttp.Payload):
    """A large request body, handed to the socket piece by piece as the receiver takes it."""

    _autoclose = True

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._size = len(data)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return bytes(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        data = memoryview(self._value)
        for start in range(0, len(data), PIECE):
            await writer.write(data[start : start + PIECE])


class Line(ResponseHandler):
    """One connection to a receiver, bounded where aiohttp bounds nothing.

    That is: all headers of an answer together, the number of 1xx answers, bytes that nobody asked for, a close
    that waits for the peer, and how many connections are kept for later.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, open_lines: set[ResponseHandler], kept: int) -> None:
        super().__init__(loop)
        self._open_lines = open_lines
        self._kept = kept
        self._reused = False
        self._bytes = 0
        self._interim = 0
        self._answered = False
        self.public = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open_lines.add(self)
        peer = transport.get_extra_info("peername")
        self.public = peer is not None and addresses.is_public(str(peer[0]))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._open_lines.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if data and self._answered and (self._payload is None or self._payload.is_eof()):
            self.abort()  # an answer to a question not asked yet
            return
        super().data_received(data)
        if self._exception is not None and self._payload is not None:
            self._payload.set_exception(BrokenBody())  # aiohttp would let its reader wait for the deadline
        self._bytes += len(data)
        if self._bytes > HEAD_LIMIT and not self._answered and not len(self):
            self.abort()
            self.set_exception(HeadTooLarge())

    async def read(self) -> tuple[RawResponseMessage, StreamReader]:
        if self._answered:
            self._reuse()
        try:
            message, payload = await super().read()
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as gone:
            if self._reused and not self._bytes:
                raise Stale from gone
            raise
        if message.code < 200 and message.code != 101:
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise TooManyInterim
        else:
            self._answered = True
        if self._bytes > HEAD_LIMIT and _size(message) > HEAD_LIMIT:
            raise HeadTooLarge
        return message, payload

    def _reuse(self) -> None:
        self._reused = True
        self._answered = False
        self._bytes = self._interim = 0

    @property
    def should_close(self) -> bool:
        return super().should_close or len(self._open_lines) > self._kept

    def close(self) -> None:
        # A polite close waits for a peer that does not read (TLS: 30 s, a full buffer: for ever).
        self.abort()


def _size(message: RawResponseMessage) -> int:
    return sum(len(name) + len(value) + 4 for name, value in message.raw_headers)


def _new_line(open_lines: set[ResponseHandler], kept: int, loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Line(loop, open_lines, kept)


class _CheckedResolver(AbstractResolver):
    def __init__(self, policy: addresses.Policy, known: names.Names) -> None:
        self._policy = policy
        self._known = known

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = socket.AF_UNSPEC,  # noqa: ARG002 - all families are judged
    ) -> list[ResolveResult]:
        found = await judge(self._policy, self._known, host, port)
        return results(host, port, found)

    async def close(self) -> None:
        """Nothing is held: the names belong to the sender."""


def results(host: str, port: int, found: Sequence[str]) -> list[ResolveResult]:
    """Put addresses as aiohttp wants them: the first few, in the order DNS gave them."""
    return [_result(host, address, port) for address in found[:_MOST_DIALLED]]


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)


def _open_socket(policy: addresses.Policy, info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, proto, _, target = info
    if addresses.forbidden(str(target[0]), policy, int(target[1])):
        raise BlockedError
    return socket.socket(family, kind, proto)


def trusted() -> ssl.SSLContext:
    """TLS 1.2 or newer, verified against the system's roots where OpenSSL was built to look for them.

    SSL_CERT_FILE and SSL_CERT_DIR are not read, unless that leaves no roots at all (some portable Pythons).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    built = ssl.get_default_verify_paths()
    file = built.openssl_cafile if Path(built.openssl_cafile).is_file() else None
    folder = built.openssl_capath if Path(built.openssl_capath).is_dir() else None
    if file or folder:
        context.load_verify_locations(file, folder)
    else:
        context.load_default_certs()
    return context
