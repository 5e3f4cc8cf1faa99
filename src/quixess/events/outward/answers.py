"""What came of one POST, in words that tell a tenant what to fix and nothing about our network."""

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

import aiohttp
from aiohttp.http_exceptions import LineTooLong

from quixess.events.outward import wire

EXCERPT_LIMIT = 1024  # bytes
_RETRY_AFTER_LIMIT_S = 3600.0
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})


class Fault(StrEnum):
    """Why a POST failed. All but `local_error` are the receiver's."""

    dns_error = "dns_error"
    blocked = "blocked"  # the URL or an address behind it is not allowed
    connect_timeout = "connect_timeout"
    connect_error = "connect_error"
    tls_error = "tls_error"
    timeout = "timeout"  # connected, but not answered in full by the deadline
    reset = "reset"  # closed before the answer was complete
    invalid_response = "invalid_response"
    too_large = "too_large"  # the headers; a long body is cut and judged by its status
    redirect = "redirect"
    http_status = "http_status"
    local_error = "local_error"  # we ran out of sockets, ports or memory: not an attempt to count


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one POST. `status` may stand beside a fault: a 200 whose body never ended is a `timeout`.

    `duration_ms` counts from the moment a connection slot was free. `excerpt` is at most the first 1024 bytes
    of the body as they came, never decompressed: escape it before showing it. `retry_after_s` is the
    receiver's wish, 0 to 3600.
    """

    status: int | None
    fault: Fault | None
    duration_ms: int
    excerpt: bytes = b""
    retry_after_s: float | None = None

    @property
    def ok(self) -> bool:
        """Whether a complete 2xx answer came."""
        return self.fault is None


def fault_of_status(status: int) -> Fault | None:
    """Judge a complete answer by its status alone."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Fault.redirect
    return Fault.http_status if status >= 400 else Fault.invalid_response


def fault_of_error(error: BaseException) -> Fault:
    """Name what aiohttp raised."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return _fault_of_connecting(error)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Fault.connect_timeout
    if isinstance(error, TimeoutError):
        return Fault.timeout
    if isinstance(error, wire.HeadTooLarge) or _is_line_too_long(error):
        return Fault.too_large
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientConnectionError):
        return Fault.reset
    return Fault.invalid_response


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read `Retry-After` (RFC 9110 §10.2.3): seconds or an HTTP date, capped at an hour; else None."""
    wish = headers.get("Retry-After")
    if wish is None:
        return None
    wish = wish.strip()
    seconds = float(wish) if _SECONDS.fullmatch(wish) else _seconds_until(wish)
    return None if seconds is None else min(seconds, _RETRY_AFTER_LIMIT_S)


def _seconds_until(date: str) -> float | None:
    if len(date) > 40:
        return None
    try:
        then = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    seconds = (then - datetime.now(UTC)).total_seconds()
    return seconds if seconds > 0 else None


def _fault_of_connecting(error: aiohttp.ClientConnectorError) -> Fault:
    if isinstance(error, aiohttp.ClientSSLError):
        return Fault.tls_error
    if isinstance(error.os_error, wire.BlockedError):
        return Fault.blocked
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Fault.dns_error
    return Fault.local_error if error.os_error.errno in _OURS else Fault.connect_error


def _is_line_too_long(error: BaseException) -> bool:
    cause = error.__cause__
    return cause is not None and (isinstance(cause, LineTooLong) or isinstance(cause.__cause__, LineTooLong))
