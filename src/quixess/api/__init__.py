"""The JSON door: the one table of routes.

From `ENDPOINTS` come the routing, the scope matrix test, the OpenAPI document and the reference page. Each endpoint is
declared beside its handler; one without a scope does not load.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess import limits
from quixess.api import conversations, me, media, messages, templates, uploads
from quixess.api.endpoint import EXTERNAL, Endpoint, Rooms
from quixess.api.events import history, replays, trials
from quixess.api.send import otp, reply, template
from quixess.errors import QuixessError

__all__ = ["ENDPOINTS", "EXTERNAL", "Endpoint", "Rooms", "routes"]

ENDPOINTS = (
    otp.SEND_OTP,
    template.SEND_TEMPLATE,
    reply.SEND_REPLY,
    messages.LIST_MESSAGES,
    messages.GET_MESSAGE,
    conversations.LIST_CONVERSATIONS,
    conversations.GET_CONVERSATION,
    conversations.LIST_CONVERSATION_MESSAGES,
    templates.LIST_TEMPLATES,
    templates.GET_TEMPLATE,
    templates.SYNC_TEMPLATES,
    templates.SYNC_TEMPLATES_EXTERNAL,
    history.LIST_EVENTS,
    history.GET_EVENT,
    replays.REPLAY_EVENT,
    replays.REPLAY_EVENTS,
    replays.GET_REPLAY,
    replays.CANCEL_REPLAY,
    trials.TEST_ENDPOINT,
    media.GET_MEDIA,
    uploads.UPLOAD_MEDIA,
    me.GET_ME,
)


def routes(rooms: Rooms) -> list[Route]:
    """Build the routes of all endpoints."""
    return [_route(endpoint, rooms) for endpoint in ENDPOINTS]


def _route(endpoint: Endpoint, rooms: Rooms) -> Route:
    async def handle(request: Request) -> Response:
        passed = await rooms.gate.admit(request, endpoint.scope)
        if not passed.headers:
            return await endpoint.handler(request, passed, rooms)
        try:
            response = await endpoint.handler(request, passed, rooms)
        except QuixessError as error:
            raise error.with_headers(limits.merge(passed.headers, error.headers)) from error
        response.headers.update(passed.headers)
        return response

    return Route(endpoint.pattern, handle, methods=[endpoint.method], name=endpoint.id)
