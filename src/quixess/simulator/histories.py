"""`message_history`: what became of each send, and of the webhooks that told it. Statuses, no words.

Meta's OpenAPI file, "Get WhatsApp Business Account Message History". Ids are made of the wamid, so they never change.
"""

import hashlib
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import encoding, errors, gate, listings
from quixess.simulator.model import Change, Json, Message, StatusEvent, Tick
from quixess.simulator.registry import Target
from quixess.simulator.world import World

State = Literal["DELIVERED", "FAILED", "RETRYING"]
_TOLD = {Tick.SENT: "SENT", Tick.DELIVERED: "DELIVERED", Tick.READ: "READ", Tick.FAILED: "FAILED"}
_LONGEST_PAGE = 100
_DEFAULTS = "id,message_id"
_EVENT_DEFAULTS = "delivery_status,timestamp"


def note(world: World, change: Change, target: Target, state: State) -> None:
    """Note what became of the webhook of a change at that address; one that arrived there has arrived."""
    for status in change.value.get("statuses", ()):
        message = world.messages.get(status["id"])
        for event in message.events if message else ():
            if event.tick == status["status"] and event.webhook != "DELIVERED":
                event.webhook, event.app_id, event.url = state, target.app_id, target.url


class Histories:
    """The wire of looking back."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        return [
            Route("/{node}/message_history", self.history),
            Route("/{node}/events", self.events),
        ]

    async def history(self, request: Request) -> Response:
        """List the sends of a number, the newest first; `message_id`, `fields`, `limit`, `after`."""
        number, query = gate.number(request, self._world), dict(request.query_params)
        wanted = query.get("message_id")
        rows = [
            _row(one, query.get("fields") or _DEFAULTS)
            for one in self._world.sends()
            if (one.number_id or self._world.identity.phone_number_id) == number.id and wanted in (None, one.wamid)
        ]
        return encoding.answer(listings.page(rows[::-1], _bounded(query), str(request.url.replace(query=""))))

    async def events(self, request: Request) -> Response:
        """List the statuses of one send by the id of its history; `status_filter`, `limit`, `after`."""
        token, wanted = gate.admit_user(request, self._world), request.path_params["node"]
        query = dict(request.query_params)
        for one in self._world.sends():
            if _id(one.wamid) == wanted and self._world.seen_from(one.number_id).waba_id in token.waba_ids:
                rows = [
                    {"cursor": listings.cursor(at + 1), "node": self._node(one, at, event)}
                    for at, event in enumerate(one.events)
                    if event.tick in _TOLD and query.get("status_filter") in (None, _TOLD[event.tick])
                ]
                return encoding.answer(listings.page(rows, _bounded(query), str(request.url.replace(query=""))))
        raise errors.unknown_object("get", wanted)

    def _node(self, message: Message, at: int, event: StatusEvent) -> Json:
        app = self._world.book.apps.get(event.app_id or "")
        node: Json = {
            "id": _id(f"{message.wamid}:{at}"),
            "delivery_status": _TOLD[event.tick],
            "occurrence_timestamp": int(event.at),
            "status_timestamp": int(event.at),
        }
        return node | ({"application": {"id": app.id, "name": app.name}} if app else {})


def _row(message: Message, fields: str) -> Json:
    """Show one send; of `events{…}` the members that are named."""
    plain, _, nested = fields.replace(" ", "").partition("events")
    row = listings.chosen({"id": _id(message.wamid), "message_id": message.wamid}, plain.strip(",") or _DEFAULTS)
    row["message_id"] = message.wamid
    if "events" in fields:
        names = nested.partition("{")[2].partition("}")[0] or _EVENT_DEFAULTS
        shown = [_event(message, at, event, names) for at, event in enumerate(message.events) if event.tick in _TOLD]
        row["events"] = {"data": shown}
    return row


def _event(message: Message, at: int, event: StatusEvent, names: str) -> Json:
    card: Json = {
        "id": _id(f"{message.wamid}:{at}"),
        "delivery_status": _TOLD[event.tick],
        "timestamp": int(event.at),
    }
    if event.webhook is not None:
        card["webhook_update_state"] = event.webhook
    if event.app_id is not None:
        card |= {"application": {"id": event.app_id}, "webhook_uri": event.url}
    if event.tick is Tick.FAILED and message.error is not None:
        card["error_description"] = errors.failure(message.error)["title"]
    elif event.webhook in {"FAILED", "RETRYING"}:
        card["error_description"] = "The webhook endpoint did not answer with HTTP 200"
    return listings.chosen(card, f"{_EVENT_DEFAULTS},{names}")


def _bounded(query: dict[str, str]) -> dict[str, str]:
    limit = query.get("limit", "")
    too_many = limit.isascii() and limit.isdigit() and int(limit) > _LONGEST_PAGE
    return query | ({"limit": str(_LONGEST_PAGE)} if too_many else {})


def _id(text: str) -> str:
    """Make a Graph id of 16 digits that is always the same for that text."""
    return str(10**15 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) % (9 * 10**15))
