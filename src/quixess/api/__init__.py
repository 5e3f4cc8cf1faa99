"""The JSON door: the one table of routes.

From `ENDPOINTS` come the routing, the scope matrix test, the OpenAPI document and the reference page. Each endpoint is
declared beside its handler; one without a scope does not load.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.api import gate, media
from quixess.api.endpoint import EXTERNAL, Endpoint, Rooms
from quixess.api.send import otp

__all__ = ["ENDPOINTS", "EXTERNAL", "Endpoint", "Rooms", "routes"]

ENDPOINTS = (
    otp.SEND_OTP,
    media.GET_MEDIA,
)


def routes(rooms: Rooms) -> list[Route]:
    """Build the routes of all endpoints."""
    return [_route(endpoint, rooms) for endpoint in ENDPOINTS]


def _route(endpoint: Endpoint, rooms: Rooms) -> Route:
    async def handle(request: Request) -> Response:
        passed = await gate.admit(rooms.keys, request.state.headers, endpoint.scope)
        return await endpoint.handler(request, passed, rooms)

    return Route(endpoint.route, handle, methods=[endpoint.method], name=endpoint.id)
