"""Doors: the routes behind the edge, found by the first part of the path.

Starlette's router tries one route after the other, and there are more than two hundred: at Meta's door, after all
those of the API, that was a fifth of the CPU of a webhook. Its application adds two layers that turn exceptions into
its own plain-text answers; here they go to the edge as they are.
"""

from collections.abc import Iterable, Sequence

from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send


class Doors:
    """An ASGI application of routes; the first one that takes path and method answers. A slash at the end counts.

    Raises HTTPException 404 and 405, and what the handlers raise, for the edge.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = list(routes)
        self._by_part = _sort(self.routes)
        self._elsewhere = self._by_part[""]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        scope["app"] = self  # which tells Starlette's routes to raise what they would answer
        partial: tuple[Route, Scope] | None = None
        for route in self._by_part.get(_first_part(scope["path"]), self._elsewhere):
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                await route.handle(scope, receive, send)
                return
            if match is Match.PARTIAL and partial is None:
                partial = route, found
        if partial is None:
            raise HTTPException(404)
        route, found = partial
        scope.update(found)
        await route.handle(scope, receive, send)


def _first_part(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""


def _sort(routes: Sequence[Route]) -> dict[str, list[Route]]:
    """Sort routes by the first part of their path, in their order; one that takes any first part is in every list."""
    parts = {_first_part(route.path_format) for route in routes}
    return {
        part: [route for route in routes if (own := _first_part(route.path_format)) == part or "{" in own]
        for part in parts | {""}
    }
