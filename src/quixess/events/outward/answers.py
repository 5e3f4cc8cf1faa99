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

from quixess.events.outward import proxies, wire

EXCERPT_LIMIT = 1024  # bytes
_RETRY_AFTER_LIMIT_S = 3600.0
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
_OUR_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL})


class Fault(StrEnum):
    """Why a POST failed. All but those in OURS are the receiver's."""

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
    local_error = "local_error"  # we ran out of sockets, ports or memory
    proxy_error = "proxy_error"  # the operator's proxy is down or does not let us through


OURS = frozenset({Fault.local_error, Fault.proxy_error})  # the receiver was not asked: not an attempt to count

_RAISED: tuple[tuple[type[BaseException], Fault], ...] = (
    (aiohttp.ConnectionTimeoutError, Fault.connect_timeout),
    (TimeoutError, Fault.timeout),
    (wire.HeadTooLarge, Fault.too_large),
    (aiohttp.ClientPayloadError, Fault.reset),
    (aiohttp.ClientConnectionError, Fault.reset),
)

_MEANT_BY_PROXIES = {
    # RFC 9209 §2.3: the error types that speak of the receiver
    "dns_timeout": Fault.dns_error,
    "dns_error": Fault.dns_error,
    "destination_unavailable": Fault.connect_error,
    "destination_ip_prohibited": Fault.blocked,
    "destination_ip_unroutable": Fault.connect_error,
    "connection_refused": Fault.connect_error,
    "connection_terminated": Fault.connect_error,
    "connection_timeout": Fault.connect_timeout,
    "http_request_denied": Fault.blocked,
    # Squid
    "ERR_DNS_FAIL": Fault.dns_error,
    "ERR_CONNECT_FAIL": Fault.connect_error,
}


"""The faults that are not the receiver's: it was never asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one POST. `status` may stand beside a fault: a 200 whose body never ended is a `timeout`.

    `duration_ms` counts from the moment a connection slot was free. `excerpt` is at most the first 1024 bytes
    of the body as they came, never decompressed: escape it before showing it. `retry_after_s` is the
    receiver's wish, 0 to 3600. `public` says that the answer came from a public address; from any other the
    excerpt is empty, unless the policy shows it.
    """

    status: int | None
    fault: Fault | None
    duration_ms: int
    excerpt: bytes = b""
    retry_after_s: float | None = None
    public: bool = False

    @property
    def ok(self) -> bool:
        """Whether a complete 2xx answer came."""
        return self.fault is None

    @property
    def word(self) -> str:
        """The answer in a word: `2xx`, `5xx`, or the fault where there was no status to judge."""
        if self.fault is None:
            return "2xx"
        return self.fault.value if self.status is None or self.status < 300 else f"{self.status // 100}xx"


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
    if isinstance(error, proxies.Refusal | proxies.Unreachable):
        return _fault_of_proxy(error)
    if _is_line_too_long(error):
        return Fault.too_large
    return next((fault for kind, fault in _RAISED if isinstance(error, kind)), Fault.invalid_response)


def fault_of_lookup(error: OSError) -> Fault:
    """Name what came of asking DNS about a name and judging the answer."""
    if isinstance(error, wire.BlockedError):
        return Fault.blocked
    return Fault.local_error if error.errno in _OUR_ERRORS else Fault.dns_error


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
    if isinstance(error, aiohttp.ClientConnectorDNSError) or isinstance(error.os_error, wire.BlockedError):
        return fault_of_lookup(error.os_error)
    if error.os_error.errno in _OUR_ERRORS:
        return Fault.local_error
    hung_up = isinstance(error.os_error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError)
    return Fault.tls_error if hung_up and error.args[0].is_ssl else Fault.connect_error


def _fault_of_proxy(error: proxies.Refusal | proxies.Unreachable) -> Fault:
    if isinstance(error, proxies.Refusal):
        return _fault_of_refusal(error)
    ours = isinstance(error.__cause__, aiohttp.ClientConnectorError) and error.__cause__.errno in _OUR_ERRORS
    return Fault.local_error if ours else Fault.proxy_error


def _fault_of_refusal(refusal: proxies.Refusal) -> Fault:
    """Say whose fault it is that a proxy opened no tunnel: by its own words, else by whether others come through."""
    if (said := _MEANT_BY_PROXIES.get(refusal.word)) is not None:
        return said
    if refusal.status == 403 or (refusal.status == 407 and refusal.explained):
        return Fault.blocked
    if refusal.status in {502, 503, 504} and (refusal.well or refusal.explained):
        return Fault.connect_timeout if refusal.status == 504 else Fault.connect_error
    return Fault.proxy_error


def _is_line_too_long(error: BaseException) -> bool:
    cause = error.__cause__
    return cause is not None and (isinstance(cause, LineTooLong) or isinstance(cause.__cause__, LineTooLong))
