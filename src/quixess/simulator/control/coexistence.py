"""A number that also lives in the WhatsApp Business app: echoes, history, contacts; and what customers want to get."""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quixess.simulator import errors, inbound, levers, mint, payloads
from quixess.simulator.model import Identity, Json, Phone
from quixess.simulator.webhooks import Courier
from quixess.simulator.world import World

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_WISHES = {"stop": "User requested to stop marketing messages", "resume": "User requested to resume marketing messages"}


class _Wish(msgspec.Struct, forbid_unknown_fields=True):
    value: Literal["stop", "resume", "signup"]
    phone_number_id: str | None = None
    category: _Name = "marketing_messages"
    detail: _Name | None = None


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One contact in the app's address book."""

    phone_number_id: str | None = None
    action: Literal["add", "remove"] = "add"
    full_name: _Name = "Ann Example"
    first_name: _Name = "Ann"


class _Thread(msgspec.Struct, forbid_unknown_fields=True):
    """An old chat with one phone. `messages` as in `POST /_sim/phones/{phone}/messages`, with three members more."""

    phone: str
    messages: Annotated[list[Json], msgspec.Meta(min_length=1, max_length=1000)]


class _Past(msgspec.Struct, forbid_unknown_fields=True):
    """A chunk of history; `media` instead: one old file, which Meta sends apart; `declined`: the business said no."""

    phone_number_id: str | None = None
    threads: list[_Thread] = []
    media: _Thread | None = None
    declined: bool = False
    phase: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0
    chunk_order: Annotated[int, msgspec.Meta(ge=1)] = 1
    progress: Annotated[int, msgspec.Meta(ge=0, le=100)] = 100


class _Old(msgspec.Struct):
    from_business: bool = False
    history_status: Literal["READ", "DELIVERED", "SENT", "PENDING", "ERROR", "PLAYED"] = "READ"
    age_s: Annotated[int, msgspec.Meta(ge=0)] = 86_400


class Coexistence:
    """The wire of the app beside the API. Nothing of it shows in a chat or opens a window."""

    def __init__(self, world: World, courier: Courier, shelf: inbound.Shelf) -> None:
        self._world = world
        self._courier = courier
        self._shelf = shelf

    def routes(self) -> list[Route]:
        return [
            Route("/_sim/phones/{phone}/echoes", self.echo, methods=["POST"]),
            Route("/_sim/phones/{phone}/contact", self.sync, methods=["POST"]),
            Route("/_sim/phones/{phone}/preferences", self.prefer, methods=["POST"]),
            Route("/_sim/history", self.remember, methods=["POST"]),
        ]

    async def echo(self, request: Request) -> Response:
        """Let the business write to the phone from its own app."""
        phone = self._world.phone(levers.phone(request))
        body = await levers.read(request, Json)
        seen = self._seen(body.pop("phone_number_id", None))
        said = inbound.read(body, self._shelf)
        told = {"from": seen.display_phone_number, "to": phone.number} | self._message(phone, said, age_s=0)
        known = {"contacts": [payloads.contact(phone)]} if phone.user_id else {}
        self._courier.post("smb_message_echoes", payloads.value(seen, **known, message_echoes=[told]))
        return levers.answer({"wamid": told["id"]}, 201)

    async def sync(self, request: Request) -> Response:
        """Tell that the business changed its address book."""
        entry = await levers.read(request, _Entry)
        contact = {"phone_number": levers.phone(request)}
        if entry.action == "add":
            contact = {"full_name": entry.full_name, "first_name": entry.first_name} | contact
        stamp = {"timestamp": str(int(self._world.now()))}
        told = {"type": "contact", "action": entry.action, "contact": contact, "metadata": stamp}
        self._courier.post("smb_app_state_sync", payloads.value(self._seen(entry.phone_number_id), state_sync=[told]))
        return levers.answer(told)

    async def prefer(self, request: Request) -> Response:
        """Tell what marketing the customer wants; the timestamp is a number here."""
        wish = await levers.read(request, _Wish)
        phone = self._world.phone(levers.phone(request))
        who = {key: one for key, one in payloads.contact(phone).items() if key != "profile"}
        detail = wish.detail or _WISHES.get(wish.value, "User signed up for marketing messages")
        told = who | {"detail": detail, "category": wish.category, "value": wish.value}
        told["timestamp"] = int(self._world.now())
        seen = self._seen(wish.phone_number_id)
        self._courier.post("user_preferences", payloads.value(seen, contacts=[who], user_preferences=[told]))
        return levers.answer(told)

    async def remember(self, request: Request) -> Response:
        """Tell old chats, as Meta does after a number was connected."""
        past = await levers.read(request, _Past)
        if bool(past.threads) + bool(past.media) + past.declined != 1:
            raise levers.MistakeError("give exactly one of threads, media or declined")
        seen = self._seen(past.phone_number_id)
        value = payloads.value(seen, **self._past(past, seen))
        self._courier.post("history", value)
        return levers.answer(value)

    def _seen(self, number_id: object) -> Identity:
        """Return the number that is meant, by default the first; raises MistakeError."""
        if number_id is None or (isinstance(number_id, str) and number_id in self._world.book.numbers):
            return self._world.seen_from(number_id)
        raise levers.MistakeError("phone_number_id is no number of a business")

    def _past(self, past: _Past, seen: Identity) -> Json:
        if past.declined:
            return {"history": [{"errors": [errors.failure(2593109)]}]}
        if past.media is not None:
            old = [self._old(past.media, one, seen) for one in past.media.messages]
            return {"messages": [{key: part for key, part in one.items() if key != "history_context"} for one in old]}
        place = {"phase": past.phase, "chunk_order": past.chunk_order, "progress": past.progress}
        threads = [
            {"id": levers.digits(one.phone), "messages": [self._old(one, message, seen) for message in one.messages]}
            for one in past.threads
        ]
        return {"history": [{"metadata": place, "threads": threads}]}

    def _old(self, thread: _Thread, message: Json, seen: Identity) -> Json:
        old: _Old = levers.convert(message, _Old)
        phone = self._world.phone(levers.digits(thread.phone))
        rest = {key: part for key, part in message.items() if key not in _Old.__struct_fields__}
        told = self._message(phone, inbound.read(rest, self._shelf), old.age_s)
        who = {"from": phone.number}
        if old.from_business:
            who = {"from": seen.display_phone_number, "to": phone.number}
        return who | told | {"history_context": {"status": old.history_status}}

    def _message(self, phone: Phone, said: inbound.Said, age_s: int) -> Json:
        content = {} if said.content is None else {said.type: said.content}
        wamid = mint.wamid(phone.number, self._world.draws.source(f"old:{phone.number}"), inbound=False)
        head = {"id": wamid, "timestamp": str(int(self._world.now()) - age_s)}
        return head | {"type": said.type} | content | said.beside
