"""`/_sim/phones/…`: the customers. Who they are, what they write, whom they call."""

from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import calls, inbound, levers, mint, payloads
from quixess.simulator.model import Json, Message
from quixess.simulator.progress import Progress
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_UserId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\.(ENT\.)?[0-9A-Za-z]{1,128}$")]


class _Owner(msgspec.Struct, forbid_unknown_fields=True):
    name: _Name | None = None
    user_id: _UserId | None = None
    parent_user_id: _UserId | None = None
    username: _Name | None = None
    hide_phone: bool | None = None


class _Ring(msgspec.Struct, forbid_unknown_fields=True):
    answered: bool = False
    duration_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 60
    payload: str | None = None
    phone_number_id: str | None = None


class Phones:
    """The wire of the customers' phones. `shelf` finds an uploaded file by its media id."""

    def __init__(self, world: World, courier: Courier, progress: Progress, shelf: inbound.Shelf) -> None:
        self._world = world
        self._courier = courier
        self._progress = progress
        self._shelf = shelf

    def routes(self) -> list[Route]:
        return [
            Route("/_sim/phones", self.phones),
            Route("/_sim/phones/{phone}", self.set_owner, methods=["POST"]),
            Route("/_sim/phones/{phone}/messages", self.chat),
            Route("/_sim/phones/{phone}/messages", self.write, methods=["POST"]),
            Route("/_sim/phones/{phone}/read", self.open_chat, methods=["POST"]),
            Route("/_sim/phones/{phone}/calls", self.call, methods=["POST"]),
        ]

    async def phones(self, request: Request) -> Response:
        """List the phones, the last busy one first; at most `limit` (200)."""
        talkers = self._world.talkers(levers.limit(request))
        return levers.answer({"data": [self._row(number) for number in talkers]})

    async def set_owner(self, request: Request) -> Response:
        """Say who holds the phone; members left out stay as they are."""
        asked = await levers.read(request, _Owner)
        phone = self._world.phone(levers.phone(request))
        if asked.user_id is not None and self._world.owner(asked.user_id) not in (None, phone.number):
            raise levers.MistakeError("another phone has this user_id")
        if asked.hide_phone and (asked.user_id or phone.user_id) is None:
            raise levers.MistakeError("hide_phone needs a user_id: Meta must have something to tell")
        for name in _Owner.__struct_fields__:
            given = getattr(asked, name)
            setattr(phone, name, getattr(phone, name) if given is None else given)
        self._world.touch()
        return levers.answer(self._row(phone.number))

    async def chat(self, request: Request) -> Response:
        """One chat, oldest first; `limit` newest messages (200)."""
        phone, limit = levers.phone(request), levers.limit(request)
        rows = [_bubble(one) for one in self._world.chat(phone, limit)]
        return levers.answer(self._row(phone) | {"messages": rows})

    async def write(self, request: Request) -> Response:
        """Send any message from the phone."""
        number = levers.phone(request)
        body = await levers.read(request, Json)
        to = self._number(body.pop("phone_number_id", None))
        said = inbound.read(body, self._shelf)
        quoted = self._quoted(said.reply_to)
        message = self._world.receive(number, said.text, said.name, said.type, to)
        phone = self._world.phone(number)
        value = payloads.inbound(self._world.seen_from(to), phone, message, said, quoted)
        self._courier.post(payloads.MESSAGES, value)
        if said.type == "system" and said.content and said.content["type"] == "user_changed_user_id":
            phone.user_id = said.content["user_id"]
        return levers.answer({"wamid": message.wamid}, 201)

    async def open_chat(self, request: Request) -> Response:
        return levers.answer({"read": await self._progress.phone_reads(levers.phone(request))})

    async def call(self, request: Request) -> Response:
        """Ring the business, which may answer by the Graph API; the webhook of the end has times if anybody did."""
        asked = await levers.read(request, _Ring)
        phone = self._world.phone(levers.phone(request))
        to = self._number(asked.phone_number_id)
        at = self._world.hear_from(phone.number, to)
        call = calls.Call(
            self._world.seen_from(to),
            phone,
            at,
            wacid=mint.wacid(self._world.draws.source("call")),
            payload=asked.payload,
            talk_s=asked.duration_s,
            answered=asked.answered,
        )
        self._progress.ring(call)
        return levers.answer({"wacid": call.wacid}, 201)

    def _number(self, asked: Any) -> str | None:
        """Return the business number that is meant (None: the first); raises MistakeError."""
        if asked is None or (isinstance(asked, str) and asked in self._world.book.numbers):
            return asked
        raise levers.MistakeError("phone_number_id is no number of a business")

    def _quoted(self, wamid: str | None) -> Message | None:
        quoted = self._world.messages.get(wamid) if wamid else None
        if wamid and quoted is None:
            raise levers.MistakeError("reply_to is no message here; context quotes one that Meta forgot")
        return quoted

    def _row(self, number: str) -> Json:
        known, newest = self._world.phones.get(number), self._world.chat(number, 1)
        ends = self._world.window_ends(number)
        return {
            "phone": number,
            "name": known.name if known else None,
            "user_id": known.user_id if known else None,
            "username": known.username if known else None,
            "hide_phone": known.hide_phone if known else False,
            "typing": self._world.types(number),
            "window_ends_at": levers.instant(ends) if ends else None,
            "count": self._world.chat_size(number),
            "last": _bubble(newest[0]) if newest else None,
        }


def _bubble(message: Message) -> Json:
    """Show a message to people and tests: no internal marks, time as RFC 3339."""
    shown: Json = msgspec.to_builtins(message)
    for inner in ("secret", "in_window", "phone", "events", "due"):
        del shown[inner]
    return shown | {"at": levers.instant(message.at)}
