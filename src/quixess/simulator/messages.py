"""`POST /{PNID}/messages`: where a send is accepted, refused, delayed, or cut off after acceptance."""

import asyncio
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from quixess.simulator import drafts, encoding, errors, gate, resets
from quixess.simulator.model import Json, Message
from quixess.simulator.outcomes import Answer, Outcome
from quixess.simulator.progress import Progress
from quixess.simulator.world import World

_SORRY = (
    "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry, something went wrong.</h1></body></html>"
)


class Messages:
    """The wire of sending. `closing` ends every wait when the server stops."""

    def __init__(self, world: World, progress: Progress, closing: asyncio.Event) -> None:
        self._world = world
        self._progress = progress
        self._closing = closing

    def routes(self) -> list[Route]:
        return [Route("/{node}/messages", self.send, methods=["POST"])]

    async def send(self, request: Request) -> Response:
        gate.admit_user(request, self._world)
        if request.path_params["node"] != self._world.identity.phone_number_id:
            raise errors.unknown_object("post", request.path_params["node"])
        body = await gate.parameters(request)
        if body.get("status") == "read":
            return self._mark_read(body)
        outcome = self._world.outcome_for(drafts.recipient(body, self._world.owner))
        return await self._before(request, outcome) or await self._accept(body, outcome)

    def _mark_read(self, body: Json) -> Response:
        """Take the note that a message was read, with or without the sign that an answer is being typed."""
        indicator = body.get("typing_indicator")
        if indicator is not None and indicator != {"type": "text"}:
            raise errors.parameter("Param typing_indicator['type'] must be one of {TEXT}")
        self._world.mark_read(str(body.get("message_id", "")), typing=indicator is not None)
        return encoding.answer({"success": True})

    async def _before(self, request: Request, outcome: Outcome) -> Response | None:
        """Do what can go wrong before acceptance; None if nothing did. Raises GraphError for a refusal."""
        if outcome.refuse is not None:
            raise errors.coded(outcome.refuse)
        match outcome.answer:
            case Answer.RESET_BEFORE_ACCEPT:
                return resets.Reset()
            case Answer.HTML_500:
                return HTMLResponse(_SORRY, 500)
            case Answer.SLOW_BEFORE:
                await self._pause()
                return resets.Reset() if await request.is_disconnected() else None
        return None

    async def _accept(self, body: Json, outcome: Outcome) -> Response:
        draft = drafts.read(body, self._world.owner)
        message = self._world.accept(draft)
        if outcome.answer is Answer.STATUS_FIRST:
            await self._progress.at_once(message, outcome)
        else:
            self._progress.begin(message, outcome)
        if outcome.answer is Answer.RESET_AFTER_ACCEPT:
            return resets.Reset()
        if outcome.answer is Answer.SLOW:
            await self._pause()
        return encoding.answer(_accepted(draft, message))

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._world.settings.slow_answer_s)


def _accepted(draft: drafts.Draft, message: Message) -> Json:
    shown: Json = {"id": message.wamid}
    if message.type == "template":
        shown["message_status"] = "accepted"
    contact: Json = {"input": draft.to or draft.user_id}
    if draft.to is not None:
        contact["wa_id"] = message.phone
    if draft.user_id is not None:
        contact["user_id"] = draft.user_id
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [shown]}
