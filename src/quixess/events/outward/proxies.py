"""The operator's egress proxy: lines that dial nothing else, and whose fault it is when one does not come through.

A proxy that is down, or does not know us, says nothing about a receiver. But most refusals of a tunnel speak of the
receiver: it is down, or its name is gone. Where the proxy says which, it is believed; where it does not, what counts is
whether others come through it.
"""

import math
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from quixess.events.outward import names, wire

_WELL_S = 10.0  # how long an answer that came through vouches for the proxy
_PROXY_STATUS = re.compile(r";\s*error=([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy. `url` is without credentials; `headers` bear them, and are for the proxy alone."""

    url: yarl.URL
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_proxy(url: str) -> Proxy:
    """Read `http://[user:password@]host:port`; other parts are left out of use."""
    whole = yarl.URL(url)
    if whole.user is None:
        return Proxy(whole.origin())
    credentials = aiohttp.encode_basic_auth(whole.user, whole.password or "", encoding="utf-8")
    return Proxy(whole.origin(), {"Proxy-Authorization": credentials})


class Unreachable(aiohttp.ClientError):
    """The proxy cannot be reached or speaks no HTTP: the receiver was not asked."""


class Refusal(aiohttp.ClientError):
    """The proxy opens no tunnel to the receiver.

    `word` is the reason in the terms of RFC 9209 or of Squid, "" without one. `explained`: Smokescreen wrote it, whose
    502 and 504 are the receiver's and whose 407 is a no. `well`: the proxy works for others.
    """

    def __init__(self, status: int, headers: Mapping[str, str], *, well: bool) -> None:
        super().__init__()
        self.status = status
        self.word = _word(headers)
        self.explained = "X-Smokescreen-Error" in headers
        self.well = well


def _word(headers: Mapping[str, str]) -> str:
    standard = _PROXY_STATUS.search(headers.get("Proxy-Status", ""))
    return standard[1] if standard else headers.get("X-Squid-Error", "").partition(" ")[0]


class ProxyLines(wire.Lines):
    """Connections to the proxy and through it. The receivers' addresses are judged before, by the sender."""

    def __init__(self, known: names.Names, **shape: Any) -> None:
        super().__init__(_ProxyResolver(known), _open_socket, **shape)
        self._worked_at = -math.inf

    def note_answer(self) -> None:
        """Take note that somebody answered through the proxy: it is well."""
        self._worked_at = time.monotonic()

    async def _create_proxy_connection(self, req: aiohttp.ClientRequest, *details: Any) -> tuple[Any, ResponseHandler]:
        try:
            transport, line = await super()._create_proxy_connection(req, *details)
        except aiohttp.ClientHttpProxyError as refusal:
            well = time.monotonic() - self._worked_at < _WELL_S
            raise Refusal(refusal.status, refusal.headers or {}, well=well) from refusal
        except aiohttp.ClientConnectorError:
            raise  # TLS with the receiver
        except aiohttp.ClientError as broken:
            raise Unreachable from broken
        self.count(line)
        return transport, line

    async def _create_direct_connection(self, *details: Any, **more: Any) -> tuple[Any, ResponseHandler]:
        """Dial the proxy. The line may go under TLS and be replaced by another, so it is counted later."""
        try:
            transport, line = await super()._create_direct_connection(*details, **more)
        except (aiohttp.ClientConnectorError, TimeoutError) as error:
            raise Unreachable from error
        self.discount(line)
        return transport, line


class _ProxyResolver(AbstractResolver):
    """Finds the proxy, wherever it lives: the operator named it."""

    def __init__(self, known: names.Names) -> None:
        self._known = known

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: int = socket.AF_UNSPEC,  # noqa: ARG002 - any will do
    ) -> list[ResolveResult]:
        return wire.results(host, port, await self._known.addresses(host, asker=""))

    async def close(self) -> None:
        """Nothing is held: the names belong to the sender."""


def _open_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    return socket.socket(*info[:3])
