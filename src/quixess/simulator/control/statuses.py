"""`POST /_sim/statuses`: any status, of any message, in any order."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import errors, levers, mint, payloads
from quixess.simulator.model import Json, Message, Phone, Tick
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
_CONVERSATION_S = 24 * 3600


class _Status(msgspec.Struct, forbid_unknown_fields=True):
    """What became of `wamid`. What is left out is as Meta would have it for a send of ours; `errors` are codes."""

    wamid: _Word
    status: _Word
    phone: str | None = None
    opaque: _Word | None = None
    errors: list[int] = []
    pricing: bool | Json = False
    conversation: bool | Json = False
    group_id: _Word | None = None
    age_s: Annotated[int, msgspec.Meta(ge=0)] = 0


class Statuses:
    """The wire of statuses that are told by hand."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier

    def routes(self) -> list[Route]:
        return [Route("/_sim/statuses", self.tell, methods=["POST"])]

    async def tell(self, request: Request) -> Response:
        """Tell one status, also of a message that Meta alone knows (then with `phone`)."""
        asked = await levers.read(request, _Status)
        message = self._world.messages.get(asked.wamid)
        if message is None and asked.phone is None:
            raise levers.MistakeError("nobody sent this wamid; give the phone, and its status is told all the same")
        phone = self._world.phone(message.phone if message else levers.digits(asked.phone or ""))
        entry = self._entry(asked, message, phone)
        if message is not None and asked.status in set(Tick):
            self._world.advance(message, Tick(asked.status), next(iter(asked.errors), None))
        seen = self._world.seen_from(message.number_id if message else None)
        value = payloads.statuses(seen, None if asked.group_id else phone, entry)
        self._courier.post(payloads.MESSAGES, value)
        return levers.answer(value)

    def _entry(self, asked: _Status, message: Message | None, phone: Phone) -> Json:
        at = int(self._world.now()) - asked.age_s
        entry: Json = {"id": asked.wamid, "status": asked.status, "timestamp": str(at)} | payloads.recipient(phone)
        if asked.group_id is not None:
            whose = {"recipient_participant_id": phone.number}
            entry |= {"recipient_id": asked.group_id, "recipient_type": "group"} | whose
        opaque = asked.opaque or (message.opaque if message else None)
        if opaque is not None:
            entry["biz_opaque_callback_data"] = opaque
        if asked.conversation:
            entry["conversation"] = self._conversation(asked.conversation, message, at)
        if asked.pricing:
            entry["pricing"] = asked.pricing if isinstance(asked.pricing, dict) else payloads.pricing(message)
        if asked.errors:
            entry["errors"] = [errors.failure(code) for code in asked.errors]
        return entry

    def _conversation(self, asked: bool | Json, message: Message | None, at: int) -> Json:
        """Return what Meta told until v24: an id, its end, and which category opened it."""
        if isinstance(asked, dict):
            return asked
        origin = {"type": payloads.pricing(message)["category"]}
        conversation = mint.conversation(self._world.draws.source("conversation"))
        return {"id": conversation, "expiration_timestamp": str(at + _CONVERSATION_S), "origin": origin}
