"""Watching: every request is counted and timed on its way, by the route that took it and the class of its answer.

The outermost layer of the gateway. Labels come from the table of routes and from lists of ours, never from what a
caller sent: a stranger can make no new number. Here the probes are answered too, before a Host header is looked at,
since the machines that ask know the process by its address.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quixess import tallies, traces
from quixess.probes.readiness import LIVE, READY, Readiness
from quixess.tallies import Spreads
from quixess.traces import Span

NOWHERE = "none"
"""The route of what no route took."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PROBES = frozenset({LIVE, READY})
_CLOSE = (b"connection", b"close")


class Requests:
    """What was asked of this process: how it was answered, how soon answers began, and how many are under way."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, str]] = Counter()
        self.began_s = Spreads(tallies.SECONDS)
        self.open = 0

    def note(self, route: str, method: str, answer: str, seconds: float) -> None:
        """Count a request whose answer begins, or that ends without one."""
        self.answers[route, method if method in _METHODS else "other", answer] += 1
        self.began_s[route].add(seconds)


class Watch:
    """Pure ASGI middleware around the edge. `routes` are those of the doors behind it."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute], requests: Requests, readiness: Readiness) -> None:
        self._app = app
        self._requests = requests
        self._readiness = readiness
        self._named = _names(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, and see its answer pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in _PROBES and scope["method"] in {"GET", "HEAD"}:
            response = await self._readiness.answer(scope["path"])
            assert response is not None  # noqa: S101 - it knows both paths
            await response(scope, receive, send)
        elif traces.on():
            with traces.serve(dict(scope["headers"])) as span:
                await self._pass(scope, receive, send, span)
        else:
            await self._pass(scope, receive, send, None)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, span: Span | None) -> None:
        requests, readiness = self._requests, self._readiness
        began, pending = perf_counter(), True

        async def watched(message: Message) -> None:
            nonlocal pending
            if pending and message["type"] == "http.response.start":
                pending = False
                self._note(scope, f"{message['status'] // 100}xx", perf_counter() - began, span)
                if readiness.draining:
                    # A kept connection would be cut when the listener closes, perhaps under the next request.
                    message["headers"] = [*message.get("headers", ()), _CLOSE]
            await send(message)

        requests.open += 1
        try:
            await self._app(scope, receive, watched)
        finally:
            requests.open -= 1
            if pending:
                self._note(scope, "none", perf_counter() - began, span)

    def _note(self, scope: Scope, answer: str, seconds: float, span: Span | None) -> None:
        route = self._named.get(scope.get("endpoint"), NOWHERE)
        self._requests.note(route, scope["method"], answer, seconds)
        if span is not None:
            span.update_name(f"{scope['method']} {route}")
            span.set_attribute("http.route", route)
            span.set_attribute("http.request.method", scope["method"])
            span.set_attribute("quixess.answer", answer)
            if request_id := scope.get("state", {}).get("request_id"):
                span.set_attribute("quixess.request_id", request_id)


def _names(routes: Iterable[BaseRoute]) -> Mapping[Any, str]:
    """Name the route of each handler by its path."""
    return {one.endpoint: _name(one.path_format) for one in routes if isinstance(one, Route)}


def _name(path: str) -> str:
    """Give a path as it is; one of the hundred pages counts with its part of the dashboard, such as `/app/inbox`."""
    if not path.startswith("/app/"):
        return path
    part = path.split("/")[2]
    return "/app" if part.startswith("{") else f"/app/{part}"
