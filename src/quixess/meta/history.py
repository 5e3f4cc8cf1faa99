"""Message history: what Meta says became of one message, for those whose webhooks never came.

`GET /{phone number id}/message_history?message_id=wamid…` gives delivery statuses, never bodies. Source: Meta's OpenAPI
file, operation getMessageHistory (v23.0).
"""

from dataclasses import dataclass
from typing import Any

from quixess.meta.graph import Credentials, Graph
from quixess.meta.outcomes import Rejected, Unknown

_FIELDS = "id,message_id,events{delivery_status,webhook_update_state,timestamp,error_description}"
_NOT_FOUND = (100, 803)
_NO_ACCESS = 33
_DIGITS = 11  # of Unix seconds, until the year 5138


@dataclass(frozen=True, slots=True)
class Moment:
    """One status: Meta's word in lower case, and Unix seconds.

    `reason` is why it failed, `webhook` what became of its webhook (DELIVERED, FAILED, …).
    """

    status: str
    at: int
    reason: str | None
    webhook: str | None


async def read(graph: Graph, credentials: Credentials, wamid: str) -> list[Moment]:
    """Ask what became of one message. Empty where Meta knows nothing of it. Raises an `Outcome`."""
    query = {"message_id": wamid, "fields": _FIELDS}
    try:
        answer = await graph.get(credentials, f"{credentials.phone_number_id}/message_history", query)
    except Rejected as refused:
        if refused.error.code in _NOT_FOUND and refused.error.subcode != _NO_ACCESS:
            return []
        raise
    entries = answer.get("data")
    if not isinstance(entries, list):
        raise Unknown("the message history has no data")
    mine = [entry for entry in entries if isinstance(entry, dict) and entry.get("message_id") == wamid]
    return [moment for entry in mine for moment in _read_events(entry.get("events"))]


def _read_events(events: Any) -> list[Moment]:
    data = events.get("data") if isinstance(events, dict) else None
    found = [_read_event(event) for event in data if isinstance(event, dict)] if isinstance(data, list) else []
    return [moment for moment in found if moment is not None]


def _read_event(event: dict[str, Any]) -> Moment | None:
    """Read one event; None for one that names no status or no time."""
    status, at = event.get("delivery_status"), event.get("timestamp")
    if isinstance(at, str) and at.isascii() and at.isdigit() and len(at) <= _DIGITS:
        at = int(at)
    if not isinstance(status, str) or not status or type(at) is not int or not 0 < at < 10**_DIGITS:
        return None
    return Moment(status.lower(), at, _text(event.get("error_description")), _text(event.get("webhook_update_state")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
