"""POST bytes to a URL that a stranger chose: one deadline over all of it, nothing followed, nothing decoded."""

import asyncio
import functools
import math
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Self

import aiohttp
import yarl

from quixess.events.outward import addresses, answers, names, proxies, urls, wire

_BODY_LIMIT = 16 * 1024  # bytes read of an answer before the connection is closed
_URLS_REMEMBERED = 4096
_PLAIN = re.compile(r"[\t -~]*")
_trusted = functools.cache(wire.trusted)  # the system's roots, 20 ms to read, for all senders of a process


class Sender:
    """Sends events out. Open it inside the event loop that uses it; one is enough for a process.

    `connections` bounds the requests in flight; as many more sockets may idle for 15 s to be used again.
    `total_timeout_s` covers DNS, connecting, sending and the whole answer. `tls` replaces the system's roots,
    for receivers behind a private authority. Through a `proxy` go all requests; the receivers' addresses are judged
    here all the same, by our own DNS. `dns_kept_s` is how long an answer of DNS is used again.
    """

    def __init__(
        self,
        policy: addresses.Policy,
        *,
        connect_timeout_s: float = 3.0,
        total_timeout_s: float = 15.0,
        dns_timeout_s: float = 5.0,
        dns_kept_s: float = 10.0,
        connections: int = 1024,
        user_agent: str = "Quixess (webhooks)",
        resolver: names.Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: proxies.Proxy | None = None,
    ) -> None:
        self._policy = policy
        self._total_timeout_s = total_timeout_s
        self._timeout_within = functools.partial(
            aiohttp.ClientTimeout,
            connect=dns_timeout_s + connect_timeout_s,
            sock_connect=connect_timeout_s,
            ceil_threshold=math.inf,
        )
        self._whole = self._timeout_within(total_timeout_s)
        self._dns = functools.partial(
            names.Names, resolver or names.SystemResolver(), timeout_s=dns_timeout_s, kept_s=dns_kept_s
        )
        self._connections = connections
        self._slots = asyncio.Semaphore(connections)
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "identity"}
        self._tls = tls
        self._proxy = proxy
        self._target = functools.lru_cache(_URLS_REMEMBERED)(functools.partial(urls.check_url, policy=policy))

    async def open(self) -> None:
        """Make the connection pool. Must run in the event loop that will call `post`."""
        self._names = self._dns()
        shape: dict[str, Any] = {"tls": self._tls or _trusted(), "kept": self._connections}
        self._route: Callable[[yarl.URL, bytes, dict[str, str], float], Awaitable[answers.Answer]]
        if self._proxy is None:
            lines, self._route = wire.guarded(self._policy, self._names, **shape), self._exchange
        else:
            lines = through = proxies.ProxyLines(self._names, **shape)
            self._route = functools.partial(self._relay, through, self._proxy)
        self._session = aiohttp.ClientSession(
            connector=lines,
            request_class=wire.Request,
            response_class=wire.Reply,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            proxy=None if self._proxy is None else self._proxy.url,
        )

    async def close(self) -> None:
        """Drop every connection. Posts still under way end as `reset`, so let them finish first."""
        await self._session.close()
        await self._names.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, pool: str = "") -> answers.Answer:
        """Send one request and hear its answer out, within the deadline. The receiver's faults never raise.

        The deadline starts when one of the `connections` is free. `headers` are in printable ASCII; ValueError
        otherwise, since a CR or LF in a value would be a second header. `pool` names whose request it is (a brand):
        connections are kept and questions to DNS are counted for each apart.
        """
        if not _PLAIN.fullmatch("".join((*headers, *headers.values()))):
            raise ValueError("A header may hold printable ASCII only.")
        try:
            target = self._target(url)
        except urls.ForbiddenUrl:
            return answers.Answer(None, answers.Fault.blocked, 0)
        async with self._slots:
            asker = wire.asker.set(pool)
            try:
                return await self._route(target, body, {**self._headers, **headers}, time.monotonic())
            finally:
                wire.asker.reset(asker)

    async def _relay(
        self,
        through: proxies.ProxyLines,
        proxy: proxies.Proxy,
        target: yarl.URL,
        body: bytes,
        headers: dict[str, str],
        started: float,
    ) -> answers.Answer:
        """Judge the receiver here, since the lines cannot, and ask it by way of the proxy."""
        try:
            async with asyncio.timeout(self._total_timeout_s):
                found = await wire.judge(self._policy, self._names, target.raw_host or "", target.port or 0)
        except OSError as error:
            return answers.Answer(None, answers.fault_of_lookup(error), _ms_since(started))
        public = all(map(addresses.is_public, found))
        if target.scheme == "https":
            answer = await self._exchange(target, body, headers, started, public=public)
            if answer.status is not None:
                through.note_answer()
            return answer
        # What answers now may be the proxy: its page is nobody's business, and its 407 not the receiver's.
        answer = await self._exchange(target, body, {**headers, **proxy.headers}, started, public=False)
        return replace(answer, fault=answers.Fault.proxy_error) if answer.status == 407 else answer

    async def _exchange(
        self, target: yarl.URL, body: bytes, headers: dict[str, str], started: float, *, public: bool | None = None
    ) -> answers.Answer:
        """Ask and hear. `public` says whether the receiver's address is, None when the connection tells."""
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
        if public is None:
            public = isinstance(response, wire.Reply) and response.public
        excerpt = bytes(heard[: answers.EXCERPT_LIMIT]) if public or self._policy.show_private_answers else b""
        return answers.Answer(response.status, fault, _ms_since(started), excerpt, wish, public)

    async def _ask(
        self, target: yarl.URL, body: bytes, headers: dict[str, str], started: float
    ) -> aiohttp.ClientResponse:
        """Send the request, and once more if a kept connection was closed before any byte of an answer."""
        try:
            return await self._post(target, body, headers, self._whole if self._proxy is None else self._left(started))
        except wire.Stale:
            return await self._post(target, body, headers, self._left(started))

    def _left(self, started: float) -> aiohttp.ClientTimeout:
        return self._timeout_within(max(started + self._total_timeout_s - time.monotonic(), 0.001))

    async def _post(
        self, target: yarl.URL, body: bytes, headers: dict[str, str], limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        return await self._session.post(
            target,
            data=body if len(body) <= wire.PIECE else wire.Body(body),
            headers=headers,
            allow_redirects=False,
            proxy_headers=None if self._proxy is None else self._proxy.headers,
            timeout=limits,
        )


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
