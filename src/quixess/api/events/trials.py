"""POST /webhook-events/test: a test event for one endpoint."""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import body, events
from quixess.api.answers import Moment, as_json
from quixess.api.endpoint import Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.database import ids
from quixess.errors import invalid
from quixess.events import directory, trials
from quixess.events.envelope import moment
from quixess.events.outbox import HandOff


class TestBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which endpoint is tested; needed when the brand has several."""

    endpoint_id: events.EndpointId | None = None


class Trial(msgspec.Struct, frozen=True):
    """A test event on its way."""

    id: Annotated[str, Meta(description="The event's `evt_…` id.")]
    type: Annotated[str, Meta(description="`endpoint.test`.")]
    status: Annotated[Literal["pending"], Meta(description="It is on its way.")]
    endpoint_id: Annotated[str, Meta(description="The endpoint that gets it, `end_…`.")]
    queued_at: Annotated[Moment, Meta(description="When it was put in line.")]


async def _test(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = await body.read_optional(request, TestBody)
    wanted = events.read_endpoint(asked.endpoint_id)
    async with rooms.db.transaction() as tx:
        known = await directory.list_endpoints(tx, rooms.keyring, passed.brand_id)
        endpoint_id = _choose([one.endpoint.id for one in known if one.endpoint.url is not None], wanted)
        event_id = await trials.record(tx, rooms.keyring, passed.brand_id, endpoint_id, HandOff(None))
    shown = ids.show("evt", event_id), ids.show("end", endpoint_id)
    return as_json(Trial(shown[0], trials.TYPE, "pending", shown[1], moment(datetime.now(UTC))), 202)


def _choose(known: list[UUID], wanted: UUID | None) -> UUID:
    """Choose the endpoint to test: the one that is named, else the only one there is."""
    if wanted is not None and wanted not in known:
        raise events.unknown_endpoint()
    if not known:
        raise events.nobody()
    if wanted is None and len(known) > 1:
        there = ", ".join(ids.show("end", one) for one in known)
        raise invalid("/endpoint_id", "required", f"Name one of the brand's endpoints: {there}.")
    return wanted or known[0]


TEST_ENDPOINT = Endpoint(
    id="test_webhook",
    method="POST",
    path="/webhook-events/test",
    scope=Scope.MANAGE_WEBHOOKS,
    summary="Send a test event to an endpoint.",
    description=(
        "It is signed, repeated and listed like any other event; its type is `endpoint.test`. Five a minute and brand. "
        "Without a body it goes to the brand's only endpoint."
    ),
    handler=_test,
    request=TestBody,
    response=Trial,
    statuses=(202,),
    errors=("webhook_not_configured",),
    counted=False,
    examples={"the only endpoint": {}, "one of several": {"endpoint_id": "end_01KAR3TZX8E2M8Q4T7W9Y1B3D5"}},
    answer={
        "id": "evt_01KAR3V7M2F3N9R5V8X0Z2C4E6",
        "type": "endpoint.test",
        "status": "pending",
        "endpoint_id": "end_01KAR3TZX8E2M8Q4T7W9Y1B3D5",
        "queued_at": "2026-05-15T10:31:12.004Z",
    },
)
