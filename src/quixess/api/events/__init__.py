"""/webhook-events: what was told to whom, told again, and told as a test.

A key for webhooks alone never sees what an event says, nor what a receiver answered: both may hold a customer's words.
And it names endpoints by their ids only: where events go is an operator's to say.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from quixess.database import ids
from quixess.errors import FieldError, QuixessError
from quixess.events.endpoints import KNOWN_TYPES
from quixess.events.trials import TYPE as TEST_TYPE

TYPES = tuple(sorted({*KNOWN_TYPES, TEST_TYPE}))
ID = r"_[0-7][0-9A-HJKMNP-TV-Z]{25}\Z"

EventId = Annotated[str, Meta(pattern="^evt" + ID, max_length=30, description="An event's `evt_…` id.")]
EndpointId = Annotated[str, Meta(pattern="^end" + ID, max_length=30, description="An endpoint's `end_…` id.")]
Time = Annotated[datetime, Meta(tz=True, description="RFC 3339 with its zone; it is about when events were recorded.")]


def read_endpoint(shown: str | None) -> UUID | None:
    """Read an `EndpointId` that was given, or not."""
    return None if shown is None else ids.parse("end", shown)


def unknown_event() -> QuixessError:
    """Build the 404 of an event of nobody, or of another brand."""
    return QuixessError("event_not_found", "The brand has no such event: `GET /webhook-events` lists them.")


def unknown_endpoint() -> QuixessError:
    """Build the 404 of an endpoint of nobody, or of another brand."""
    detail = "The brand has no such endpoint: `GET /webhook-events` shows the ids of those that got events."
    return QuixessError("not_found", detail, errors=(FieldError("/endpoint_id", "not_found", detail),))


def expired() -> QuixessError:
    """Build the 410 of an event whose body retention took."""
    return QuixessError("payload_expired", "The event is older than events are kept: its body is gone.")


def nobody() -> QuixessError:
    """Build the 409 of an event that nobody is to get."""
    detail = "The brand has no endpoint that gets this: an operator sets one, or changes what it gets."
    return QuixessError("webhook_not_configured", detail)
