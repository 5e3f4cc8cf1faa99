"""The JSON door: the one table of routes.

From `ENDPOINTS` come the routing, the scope matrix test, the OpenAPI document and the reference page. Each endpoint is
declared beside its handler; one without a scope does not load.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess import limits
from quixess.api import conversations, me, media, messages, templates, uploads
from quixess.api.endpoint import EXTERNAL, Endpoint, Rooms
from quixess.api.events import history, replays, trials
from quixess.api.journal import Journal
from quixess.api.routing import OfMany
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


def routes(rooms: Rooms, journal: Journal) -> list[Route]:
    """Build the routes of all endpoints."""
    found: list[Route] = []
    for one in ENDPOINTS:
        found.append(OfMany(one.pattern, journal.keep(one, _handling(one, rooms)), one.method, one.id, found))
    return found


def _handling(endpoint: Endpoint, rooms: Rooms) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        passed = await rooms.gate.admit(request, endpoint.scope)
        try:
            _check_query(endpoint, request)
            response = await endpoint.handler(request, passed, rooms)
        except QuixessError as error:
            if not passed.headers:
                raise
            raise error.with_headers(limits.merge(passed.headers, error.headers)) from error
        response.headers.setdefault("Cache-Control", "no-store")  # what a key may read must not lie in a cache
        response.headers.update(passed.headers)
        return response

    return handle


def _check_query(endpoint: Endpoint, request: Request) -> None:
    if endpoint.query is None and request.scope["query_string"]:
        raise QuixessError("invalid_request", "This address takes no query: leave out what follows the question mark.")
