"""POST bytes to a URL that a stranger chose: one deadline over all of it, nothing followed, nothing decoded."""

import asyncio
import functools
import math
import re
import ssl
import time
from collections.abc import Mapping
from typing import Self

import aiohttp
import yarl

from quixess.events.outward import addresses, answers, urls, wire

_BODY_LIMIT = 16 * 1024  # bytes read of an answer before the connection is closed
_URLS_REMEMBERED = 4096
_PLAIN = re.compile(r"[\t -~]*")


class Sender:
    """Sends events out. Open it inside the event loop that uses it; one is enough for a process.

    `connections` bounds the requests in flight; as many more sockets may idle for 15 s to be used again.
    `total_timeout_s` covers DNS, connecting, sending and the whole answer. `tls` replaces the system's roots,
    for receivers behind a private authority.
    """

    def __init__(
        self,
        policy: addresses.Policy,
        *,
        connect_timeout_s: float = 3.0,
        total_timeout_s: float = 15.0,
        dns_timeout_s: float = 5.0,
        connections: int = 512,
        user_agent: str = "Quixess (webhooks)",
        resolver: wire.Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._total_timeout_s = total_timeout_s
        self._timeout_within = functools.partial(
            aiohttp.ClientTimeout,
            connect=dns_timeout_s + connect_timeout_s,
            sock_connect=connect_timeout_s,
            ceil_threshold=math.inf,
        )
        self._dns_timeout_s = dns_timeout_s
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._resolver = resolver or wire.SystemResolver()
        self._tls = tls
        self._target = functools.lru_cache(_URLS_REMEMBERED)(functools.partial(urls.check_url, policy=policy))

    async def open(self) -> None:
        """Make the connection pool. Must run in the event loop that will call `post`."""
        lines = wire.Lines(
            self._policy,
            self._resolver,
            dns_timeout_s=self._dns_timeout_s,
            tls=self._tls or wire.trusted(),
            kept=self._connections,
        )
        self._session = aiohttp.ClientSession(
            connector=lines,
            timeout=self._timeout_within(self._total_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Drop every connection. Posts still under way end as `reset`, so let them finish first."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> answers.Answer:
        """Send one request and hear its answer out, within the deadline. The receiver's faults never raise.

        The deadline starts when one of the `connections` is free. `headers` are our own, in printable ASCII;
        ValueError otherwise, since a CR or LF in a value would be a second header.
        """
        if not _PLAIN.fullmatch("".join((*headers, *headers.values()))):
            raise ValueError("A header may hold printable ASCII only.")
        try:
            target = self._target(url)
        except urls.ForbiddenUrl:
            return answers.Answer(None, answers.Fault.blocked, 0)
        async with self._slots:
            return await self._exchange(target, body, self._headers | dict(headers))

    async def _exchange(self, target: yarl.URL, body: bytes, headers: dict[str, str]) -> answers.Answer:
        started = time.monotonic()
        try:
            response = await self._ask(target, body, headers, started)
        except (aiohttp.ClientError, TimeoutError) as error:
            return answers.Answer(None, answers.fault_of_error(error), _ms_since(started))
        heard = bytearray()
        try:
            fault = await _hear_out(response, heard)
        finally:
            if not response.closed:  # not all was heard, so the connection cannot be used again
                response.close()
        wish = None if fault is None else answers.retry_after(response.headers)
        excerpt = bytes(heard[: answers.EXCERPT_LIMIT])
        return answers.Answer(response.status, fault, _ms_since(started), excerpt, wish)

    async def _ask(
        self, target: yarl.URL, body: bytes, headers: dict[str, str], started: float
    ) -> aiohttp.ClientResponse:
        """Send the request, and once more if a kept connection was closed before any byte of an answer."""
        post = self._session.post
        try:
            return await post(target, data=body, headers=headers, allow_redirects=False)
        except wire.Stale:
            left_s = max(self._total_timeout_s - (time.monotonic() - started), 0.001)
            rest = self._timeout_within(left_s)
            return await post(target, data=body, headers=headers, allow_redirects=False, timeout=rest)


async def _hear_out(response: aiohttp.ClientResponse, heard: bytearray) -> answers.Fault | None:
    content = response.content
    try:
        while len(heard) < _BODY_LIMIT:
            heard += await content.read(_BODY_LIMIT - len(heard))
            if content.at_eof():
                break
    except (aiohttp.ClientError, TimeoutError) as error:
        return answers.fault_of_error(error)
    return answers.fault_of_status(response.status)


def _ms_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
