"""Peers: which address a request comes from, and how many bad keys an address has shown lately.

The address is that of the socket. Only when that is a trusted proxy, X-Forwarded-For is believed, from the right, hop
by hop, as far as the hops are trusted too: what a caller writes into the header itself is never reached.
"""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import Scope

from quixess.access import Address

Network = IPv4Network | IPv6Network

_MINUTE_S = 60.0
_KNOWN = 10_000
_FORWARDED = b"x-forwarded-for"


class Peers:
    """Tells callers' addresses. `trusted` are the networks of this installation's own proxies."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def address(self, scope: Scope) -> Address | None:
        """Tell where a request comes from; None when the socket has no address.

        A hop that is no address ends the way: then the last trusted hop counts.
        """
        client = scope.get("client")
        peer = _read(client[0]) if client else None
        if peer is None or not self._trusts(peer):
            return peer
        for hop in reversed(_hops(scope["headers"])):
            found = _read(hop)
            if found is None:
                break
            peer = found
            if not self._trusts(peer):
                break
        return peer

    def show(self, scope: Scope) -> str | None:
        """Write the address a request comes from, for people."""
        if self._trusted:
            address = self.address(scope)
            return None if address is None else str(address)
        client = scope.get("client")
        return _show(client[0]) if client else None

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


class Strikes:
    """Bad keys by address, in the memory of one process: `quota` a minute, IPv6 by its /64."""

    def __init__(self, quota: int) -> None:
        self._step_s = _MINUTE_S / quota
        self._until: OrderedDict[Address | IPv6Network | None, float] = OrderedDict()

    def count(self, address: Address | None) -> float:
        """Count a bad key. Returns 0, or how many seconds to wait when they were too many."""
        now, peer = time.monotonic(), _house(address)
        until = max(self._until.pop(peer, now), now) + self._step_s
        over = until - now - _MINUTE_S
        self._until[peer] = until if over <= 0 else until - self._step_s
        if len(self._until) > _KNOWN:
            self._until.popitem(last=False)
        return max(over, 0.0)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """List the hops of every X-Forwarded-For in the order in which they were written."""
    values = [value for name, value in headers if name == _FORWARDED]
    return b",".join(values).decode("latin-1").split(",") if values else []


@lru_cache(maxsize=4096)
def _read(text: str) -> Address | None:
    try:
        address = ip_address(text.strip(" \t"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))  # without a zone, which is this machine's own word
    return address


@lru_cache(maxsize=4096)
def _show(text: str) -> str | None:
    address = _read(text)
    return None if address is None else str(address)


def _house(address: Address | None) -> Address | IPv6Network | None:
    return IPv6Network((address, 64), strict=False) if isinstance(address, IPv6Address) else address
