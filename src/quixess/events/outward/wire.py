"""The connections to receivers: who may be dialled, and how much of a hostile answer is heard out.

aiohttp calls its resolver for names only, so the guard stands in two places: in `_CheckedResolver` for every
answer of DNS, and in the socket factory for every address that is really dialled, literals included.
"""

import asyncio
import errno
import functools
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

from quixess.events.outward import addresses

HEAD_LIMIT = 16 * 1024  # bytes of status line and headers of one answer
_MOST_INTERIM = 8  # 1xx answers before the final one; more is a flood
_MOST_DIALLED = 4  # every answer of DNS is judged, this many are tried
_IDLE_S = 15.0


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


class Resolver(Protocol):
    """Turns a DNS name into all its IPv4 and IPv6 addresses. Raises OSError when there are none."""

    async def addresses(self, host: str) -> Sequence[str]: ...


class SystemResolver:
    """`getaddrinfo` on threads of its own: names that hang must not fill the threads others work on."""

    def __init__(self, threads: int = 32) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="quixess-dns")

    async def addresses(self, host: str) -> list[str]:
        ask = functools.partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM)
        answers = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


class Lines(aiohttp.TCPConnector):
    """Dials only what the policy allows, and keeps at most `kept` connections open between requests."""

    def __init__(
        self, policy: addresses.Policy, resolver: Resolver, *, dns_timeout_s: float, tls: ssl.SSLContext, kept: int
    ) -> None:
        super().__init__(
            resolver=_CheckedResolver(policy, resolver, dns_timeout_s),
            socket_factory=functools.partial(_open_socket, policy),
            ssl=tls,
            keepalive_timeout=_IDLE_S,
            limit=0,  # the sender counts, before the clock of a request starts
        )
        self._factory = functools.partial(_new_line, set(), kept, self._loop)


class Line(ResponseHandler):
    """One connection to a receiver, bounded where aiohttp bounds nothing.

    That is: all headers of an answer together, the number of 1xx answers, bytes that nobody asked for, a close
    that waits for the peer, and how many connections are kept for later.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, open_lines: set["Line"], kept: int) -> None:
        super().__init__(loop)
        self._open_lines = open_lines
        self._kept = kept
        self._reused = False
        self._bytes = 0
        self._interim = 0
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open_lines.add(self)
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


def _new_line(open_lines: set[Line], kept: int, loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Line(loop, open_lines, kept)


class _CheckedResolver(AbstractResolver):
    def __init__(self, policy: addresses.Policy, resolver: Resolver, timeout_s: float) -> None:
        self._policy = policy
        self._resolver = resolver
        self._timeout_s = timeout_s

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = socket.AF_UNSPEC,  # noqa: ARG002 - all families are judged
    ) -> list[ResolveResult]:
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._resolver.addresses(host)
        except TimeoutError as slow:
            raise socket.gaierror(socket.EAI_AGAIN, "DNS did not answer in time") from slow
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        if any(addresses.forbidden(address, self._policy) for address in found):
            raise BlockedError
        return [_result(host, address, port) for address in found[:_MOST_DIALLED]]

    async def close(self) -> None:
        """Nothing is held: the resolver given belongs to the sender."""


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)


def _open_socket(policy: addresses.Policy, info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, proto, _, target = info
    if addresses.forbidden(str(target[0]), policy):
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
