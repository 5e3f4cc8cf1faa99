"""The management API: what operators do for a brand, under `/api/v1/whatsapp/brands/{brand}/…`, by operator tokens.

The command line calls the same verbs of the rooms. Each endpoint is declared beside its handler and named in the
table here.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from quixess.api.manage import connections, health, samples, templates
from quixess.api.manage.endpoint import Desk, Managed
from quixess.api.manage.gate import Admitted, Gate
from quixess.api.routing import OfMany
from quixess.errors import QuixessError

__all__ = ["MANAGEMENT", "Admitted", "Desk", "Gate", "Managed", "routes"]

MANAGEMENT: tuple[Managed, ...] = (
    *connections.ENDPOINTS,
    *health.ENDPOINTS,
    *templates.ENDPOINTS,
    *samples.ENDPOINTS,
)


def routes(desk: Desk) -> list[OfMany]:
    """Build the routes of all management endpoints."""
    found: list[OfMany] = []
    found += [OfMany(one.route, _handling(one, desk), one.method, one.id, found) for one in MANAGEMENT]
    return found


def _handling(endpoint: Managed, desk: Desk) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        admitted = await desk.gate.admit(request)
        if endpoint.query is None and request.scope["query_string"]:
            text = "This address takes no query: leave out what follows the question mark."
            raise QuixessError("invalid_request", text)
        response = await endpoint.handler(request, admitted, desk)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return handle
