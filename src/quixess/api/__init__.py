"""The JSON door: every endpoint of the external API, declared once.

From `ENDPOINTS` come the routing, the scope matrix test and the documentation. An endpoint without a scope does not
load.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.access import Keys, Scope
from quixess.api import gate, media, send
from quixess.api.gate import Pass
from quixess.media.shelf import Shelf
from quixess.messages.sending import Sending

PREFIX = "/api/v1/whatsapp/external"


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the endpoints work with."""

    keys: Keys
    sending: Sending
    shelf: Shelf


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint. `errors` are the codes of its own, beside those that every endpoint can answer.

    `request` is None where there is no body; a `response` of bytes is a file. `example` is a body that is asked with.
    """

    method: str
    path: str
    scope: Scope
    summary: str
    handler: Callable[[Request, Pass, Rooms], Awaitable[Response]]
    request: type | None
    response: type
    errors: tuple[str, ...]
    idempotent: bool
    example: dict[str, Any] | None

    def __post_init__(self) -> None:
        if not isinstance(self.scope, Scope):
            raise TypeError(f"{self.method} {self.path} declares no scope")


_SEND_ERRORS = (
    "invalid_phone",
    "invalid_idempotency_key",
    "no_active_connection",
    "template_not_found",
    "template_not_approved",
    "idempotency_in_progress",
    "idempotency_key_reused",
    "whatsapp_rate_limited",
    "whatsapp_error",
    "whatsapp_connection_unauthorized",
    "outcome_unknown",
    "upstream_unavailable",
)

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/send/otp",
        scope=Scope.SEND_OTP,
        summary="Send a one-time code by an AUTHENTICATION template.",
        handler=lambda request, passed, rooms: send.send_otp(request, passed, rooms.sending),
        request=send.OtpBody,
        response=send.Sent,
        errors=(*_SEND_ERRORS, "not_authentication_template"),
        idempotent=True,
        example={"to": "+12818184370", "code": "482913", "template_name": "signup_otp"},
    ),
    Endpoint(
        method="GET",
        path="/media/{id}",
        scope=Scope.READ_MESSAGES,
        summary="Get a file that a customer sent.",
        handler=lambda request, passed, rooms: media.get_file(request, passed, rooms.shelf),
        request=None,
        response=bytes,
        errors=("media_not_found", "media_failed", "media_gone", "range_not_satisfiable", "media_not_ready"),
        idempotent=False,
        example=None,
    ),
)


def routes(rooms: Rooms) -> list[Route]:
    """Build the routes of all endpoints."""
    return [_route(endpoint, rooms) for endpoint in ENDPOINTS]


def _route(endpoint: Endpoint, rooms: Rooms) -> Route:
    async def handle(request: Request) -> Response:
        passed = await gate.admit(rooms.keys, request.state.headers, endpoint.scope)
        return await endpoint.handler(request, passed, rooms)

    return Route(PREFIX + endpoint.path, handle, methods=[endpoint.method], name=endpoint.path)
