"""The health of a connection over the management API: the checks that `quixess doctor` makes of it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess import health
from quixess.api.answers import Moment, as_json
from quixess.api.manage.connections import connection_id
from quixess.api.manage.endpoint import Desk, Managed
from quixess.api.manage.gate import Admitted
from quixess.api.manage.shapes import ConnectionId
from quixess.database import ids
from quixess.events.envelope import moment
from quixess.health import Check


class HealthCheck(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: Annotated[str, Meta(description="Of what it is: `token`, `number`, `webhook_seen` and so on.")]
    state: Annotated[Literal["pass", "warn", "fail", "skip"], Meta(description="skip: it could not be looked at.")]
    said: Annotated[str, Meta(description="What was found, in a sentence.")]
    fix: Annotated[str | None, Meta(description="What to do about it; null: nothing.")]
    since: Annotated[Moment | None, Meta(description="Since when it is so; null: not known.")]


class ConnectionHealth(msgspec.Struct, frozen=True):
    """The health of a connection: the worst of its checks, and all of them."""

    id: ConnectionId
    state: Annotated[Literal["pass", "warn", "fail", "skip"], Meta(description="The worst of the checks.")]
    checks: Annotated[list[HealthCheck], Meta(description="What was looked at, here first, then at Meta.")]


async def _examine(request: Request, admitted: Admitted, desk: Desk) -> Response:
    asked = connection_id(request)
    checks = await desk.examination.of_connection(admitted.brand.id, asked)
    shown = [_shown(check) for check in checks]
    return as_json(ConnectionHealth(ids.show("con", asked), health.worst(checks).value, shown))


def _shown(check: Check) -> HealthCheck:
    since = None if check.since is None else moment(check.since)
    return HealthCheck(check.name, check.state.value, check.said, check.fix, since)


ENDPOINTS = (
    Managed(
        id="connection_health",
        method="GET",
        path="/connections/{id}/health",
        summary="Look at a connection, here and at Meta: what is wrong, and its fix.",
        handler=_examine,
        response=ConnectionHealth,
        errors=("connection_not_found",),
    ),
)
