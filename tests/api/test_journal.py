"""The journal: whatever a handler does, its request leaves one line, and the answer is what it would have been."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from quixess.access import Caller
from quixess.api.journal import Journal
from quixess.api.me import GET_ME
from quixess.api.peers import Peers
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.requests import Line, RequestLog

CALLER = Caller(ids.new(), ids.new(), ids.new(), "active", frozenset())


class Kept(RequestLog):
    """A log that only gathers."""

    def __init__(self, **more: bool) -> None:
        super().__init__(None, **more)  # type: ignore[arg-type]
        self.noted: list[Line] = []

    def note(self, line: Line) -> None:
        self.noted.append(line)


def a_request(caller: Caller | None = CALLER, **state: Any) -> Request:
    headers = [(b"x-forwarded-for", b"203.0.113.9")]
    known = {"request_id": "req_1", "caller": caller} | state
    return Request(
        {"type": "http", "method": "GET", "headers": headers, "query_string": b"limit=5", "path_params": {},
         "client": ("10.1.2.3", 1), "state": known}
    )  # fmt: skip


async def asked(handle: Callable[[Request], Awaitable[Response]], *, trusted: str | None = None, **more: Any) -> Kept:
    """Let a handler answer one request, and give the log."""
    log = Kept(**{name: more.pop(name) for name in ("lines", "bodies") if name in more})
    peers = Peers([ip_network(trusted)] if trusted else ())
    await Journal(log, peers).keep(GET_ME, handle)(a_request(**more))
    return log


async def good(_request: Request) -> Response:
    return Response(b"{}", 200)


async def test_a_crash_is_noted_as_what_the_caller_was_told_and_goes_on() -> None:
    async def crash(_request: Request) -> Response:
        raise RuntimeError("482913 is what the customer typed")

    log = Kept()
    with pytest.raises(RuntimeError):
        await Journal(log, Peers()).keep(GET_ME, crash)(a_request())
    (line,) = log.noted
    assert (line.status, line.code) == (500, "internal_error")
    assert "482913" not in str(line)


async def test_an_error_is_noted_with_its_fix_and_goes_on() -> None:
    async def refuse(_request: Request) -> Response:
        raise QuixessError("rate_limited", "Wait as Retry-After says.", retry_after_s=3)

    log = Kept()
    with pytest.raises(QuixessError):
        await Journal(log, Peers()).keep(GET_ME, refuse)(a_request())
    assert (log.noted[0].status, log.noted[0].problem) == (429, '{"detail":"Wait as Retry-After says."}')


async def test_who_hung_up_leaves_no_line() -> None:
    async def hang_up(_request: Request) -> Response:
        raise ClientDisconnect

    log = Kept()
    with pytest.raises(ClientDisconnect):
        await Journal(log, Peers()).keep(GET_ME, hang_up)(a_request())
    assert log.noted == []


async def test_who_was_not_recognised_leaves_no_line() -> None:
    assert (await asked(good, caller=None)).noted == []
    unbound = Caller(ids.new(), ids.new(), None, None, frozenset())
    assert (await asked(good, caller=unbound)).noted == []


async def test_the_address_is_the_sockets_and_the_callers_only_behind_a_trusted_proxy() -> None:
    assert (await asked(good)).noted[0].address == "10.1.2.3"
    assert (await asked(good, trusted="10.0.0.0/8")).noted[0].address == "203.0.113.9"
    assert (await asked(good, trusted="192.168.0.0/16")).noted[0].address == "10.1.2.3"


async def test_an_answer_that_is_no_json_is_noted_all_the_same() -> None:
    async def page(_request: Request) -> Response:
        return Response(b"<html>", 502)

    (line,) = (await asked(page)).noted
    assert (line.status, line.code, line.problem) == (502, None, None)


async def test_without_bodies_nothing_that_was_asked_is_kept_and_without_lines_nothing_at_all() -> None:
    assert (await asked(good)).noted[0].asked == '{"query":{"limit":"5"}}'
    assert (await asked(good, bodies=False)).noted[0].asked is None
    assert (await asked(good, lines=False)).noted == []
