"""DNS for the sender: one question at a time about a name, answers kept for seconds, a share for everyone.

`getaddrinfo` may hang for the better part of a minute and cannot be called off. So every asker has a share of the
questions in flight, which a hanging one holds until it really ends, and a name that hangs is not asked again meanwhile.
"""

import asyncio
import errno
import socket
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

_AT_ONCE = 64  # questions in flight, of everyone together
_SHARE = 4  # of one asker
_MOST_KEPT = 4096  # names
_FAILED_S, _HUNG_S = 2.0, 30.0  # how long a failure is remembered, and one that came after the time was up


class Resolver(Protocol):
    """Turns a DNS name into all its IPv4 and IPv6 addresses. Raises OSError when there are none."""

    async def addresses(self, host: str) -> Sequence[str]: ...


class SystemResolver:
    """`getaddrinfo`, each question on a daemon thread of its own, so that a hanging one delays no end of a process."""

    async def addresses(self, host: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()
        try:
            threading.Thread(target=_look_up, args=(host, loop, answer), name="quixess-dns", daemon=True).start()
        except RuntimeError as full:
            raise OSError(errno.ENOMEM, "no thread for a question to DNS") from full
        return await answer


def _look_up(host: str, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[Sequence[str]]") -> None:
    found: Sequence[str] | OSError
    try:
        asked = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        found = list(dict.fromkeys(str(address[4][0]) for address in asked))
    except OSError as error:
        found = error
    except UnicodeError:
        found = socket.gaierror(socket.EAI_NONAME, "not a name")
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_settle, answer, found)


def _settle(answer: "asyncio.Future[Sequence[str]]", found: Sequence[str] | OSError) -> None:
    if answer.done():
        return
    if isinstance(found, OSError):
        answer.set_exception(found)
    else:
        answer.set_result(found)


@dataclass(frozen=True, slots=True)
class _Known:
    """What DNS said about a name, until a time of the loop's clock."""

    addresses: Sequence[str]
    error: OSError | None
    until: float

    def tell(self) -> Sequence[str]:
        if self.error is not None:
            raise type(self.error)(*self.error.args)
        return self.addresses


@dataclass(frozen=True, slots=True)
class _Flight:
    """A question under way. Who comes after `hopeless_at` is not kept waiting."""

    answer: "asyncio.Task[_Known]"
    hopeless_at: float


class Names:
    """What is known of names. Make it inside the event loop that uses it.

    `timeout_s` is how long one caller waits. `kept_s` is how long an answer is good; who dials judges it again.
    """

    def __init__(self, resolver: Resolver, *, timeout_s: float, kept_s: float) -> None:
        self._resolver = resolver
        self._timeout_s = timeout_s
        self._kept_s = kept_s
        self._clock = asyncio.get_running_loop().time
        self._known: dict[str, _Known] = {}
        self._flights: dict[str, _Flight] = {}
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._shares: weakref.WeakValueDictionary[str, asyncio.Semaphore] = weakref.WeakValueDictionary()

    async def addresses(self, host: str, asker: str) -> Sequence[str]:
        """Give every address of a name, at least one. Raises OSError when DNS has none or does not say in time.

        `asker` is who pays for the question: at most 4 of an asker's names are asked about at once.
        """
        if (known := self._recall(host)) is not None:
            return known.tell()
        try:
            async with asyncio.timeout(self._timeout_s):
                return (await self._ask(host, asker)).tell()
        except TimeoutError as slow:
            raise _too_slow() from slow

    async def close(self) -> None:
        """Wait for no answer any more."""
        flights = [flight.answer for flight in self._flights.values()]
        for answer in flights:
            answer.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _recall(self, host: str) -> _Known | None:
        known = self._known.get(host)
        return known if known is not None and known.until > self._clock() else None

    async def _ask(self, host: str, asker: str) -> _Known:
        """Join the question about a name that is under way, or ask it."""
        if host not in self._flights:
            share = self._shares.setdefault(asker, asyncio.Semaphore(_SHARE))
            await share.acquire()
            known = self._recall(host)  # others had the time to ask
            if known is not None or host in self._flights:
                share.release()
            else:
                self._depart(host, share)
            if known is not None:
                return known
        flight = self._flights[host]
        if self._clock() > flight.hopeless_at:
            raise _too_slow()
        return await asyncio.shield(flight.answer)

    def _depart(self, host: str, share: asyncio.Semaphore) -> None:
        answer = asyncio.create_task(self._fly(host, share))
        self._flights[host] = _Flight(answer, self._clock() + self._timeout_s)

    async def _fly(self, host: str, share: asyncio.Semaphore) -> _Known:
        try:
            async with self._at_once:
                known = await self._hear(host)
        finally:
            share.release()
            del self._flights[host]
        self._known.pop(host, None)
        if len(self._known) >= _MOST_KEPT:
            del self._known[next(iter(self._known))]
        self._known[host] = known
        return known

    async def _hear(self, host: str) -> _Known:
        asked_at = self._clock()
        try:
            found = await self._resolver.addresses(host)
            if not found:
                raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
        except OSError as error:
            now = self._clock()
            return _Known((), error, now + (_HUNG_S if now - asked_at > self._timeout_s else _FAILED_S))
        return _Known(found, None, self._clock() + self._kept_s)


def _too_slow() -> socket.gaierror:
    return socket.gaierror(socket.EAI_AGAIN, "DNS did not answer in time")
