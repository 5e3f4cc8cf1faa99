"""Routes of one address with several methods: a wrong method is told all that the address takes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class OfMany(Route):
    """The route of an endpoint. Another method than its own may be that of another route with the same address."""

    def __init__(
        self,
        path: str,
        handler: Callable[[Request], Awaitable[Response]],
        method: str,
        name: str,
        others: Sequence[Route],
    ) -> None:
        super().__init__(path, handler, methods=[method], name=name)
        self.app = _plain(handler)
        self._others = others

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or raise the 405."""
        if self.methods and scope["method"] not in self.methods:
            self._refuse(scope["path"])
        await super().handle(scope, receive, send)

    def _refuse(self, path: str) -> NoReturn:
        """Raise the 405, with every method of the address in Allow (RFC 9110 §10.2.1)."""
        there = {method for one in self._others if one.path_regex.match(path) for method in one.methods or ()}
        raise HTTPException(405, headers={"Allow": ", ".join(there)})


def _plain(handler: Callable[[Request], Awaitable[Response]]) -> ASGIApp:
    """Make an ASGI application of a handler, without Starlette's layer around it: exceptions are the edge's."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handler(Request(scope, receive, send))
        await response(scope, receive, send)

    return answer
