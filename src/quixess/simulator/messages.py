"""`POST /{PNID}/messages`: where a send is accepted, refused, delayed, or cut off after acceptance."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from quixess.simulator import drafts, encoding, errors, gate, registration, resets, tokens
from quixess.simulator.limits import OVER_MESSAGING_LIMIT
from quixess.simulator.media import attachments
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
        number = gate.number(request, self._world, tokens.MESSAGING)
        registration.check_registered(number)
        if number.maintenance:
            raise errors.coded(131057)
        body = await gate.parameters(request)
        if body.get("status") == "read":
            return self._mark_read(body, number.id)
        phone, number_id = drafts.recipient(body, self._world.owner), number.id
        high = number.throughput == "HIGH"
        self._world.limits.check_throughput(self._world.settings, number_id, time.time(), high=high)
        self._world.limits.check_recipient(self._world.settings, phone)
        outcome = self._world.outcome_for(phone)
        return await self._before(request, outcome) or await self._accept(body, number_id, outcome)

    def _mark_read(self, body: Json, number_id: str) -> Response:
        """Take the note that a message was read, with or without the sign that an answer is being typed."""
        indicator = body.get("typing_indicator")
        if indicator is not None and indicator != {"type": "text"}:
            raise errors.parameter("Param typing_indicator['type'] must be one of {TEXT}")
        self._world.mark_read(str(body.get("message_id", "")), number_id, typing=indicator is not None)
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

    async def _accept(self, body: Json, number_id: str, outcome: Outcome) -> Response:
        draft, world = drafts.read(body, self._world.owner), self._world
        fail = attachments.check(world.files, draft, number_id, world.now())
        world.limits.check_pair(world.settings, number_id, draft.phone, world.now())
        message = world.accept(draft, number_id)
        world.limits.count_pair(number_id, draft.phone, world.now())
        portfolio = world.seen_from(number_id).business_id
        if not world.limits.reach(world.settings, portfolio, message, world.now()):
            fail = OVER_MESSAGING_LIMIT
        if fail is not None:
            outcome = replace(outcome, ticks=None, fail=fail)
        if outcome.answer is Answer.STATUS_FIRST:
            await self._progress.at_once(message, outcome)
        else:
            self._progress.begin(message, outcome)
        if outcome.answer is Answer.RESET_AFTER_ACCEPT:
            return resets.Reset()
        if outcome.answer is Answer.SLOW:
            await self._pause()
        return encoding.answer(_accepted(draft, message, outcome.held))

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._world.settings.slow_answer_s)


def _accepted(draft: drafts.Draft, message: Message, held: str | None) -> Json:
    shown: Json = {"id": message.wamid}
    if message.type == "template":
        shown["message_status"] = held or "accepted"
    contact: Json = {"input": draft.to or draft.user_id}
    if draft.to is not None:
        contact["wa_id"] = message.phone
    if draft.user_id is not None:
        contact["user_id"] = draft.user_id
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [shown]}
