"""The inbox: what users write, each message once, in the conversation of the person who wrote it."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec.structs import replace

from quixess.database.core import Tx
from quixess.events.outbox import Draft
from quixess.media import Expected
from quixess.messages import arrivals, contents, describing, evidence, store, threads
from quixess.messages.contents import Content
from quixess.messages.model import Told
from quixess.messages.store import Inbound
from quixess.messages.threads import Person
from quixess.meta.webhooks import InboundMessage

# Whoever changes a number or takes a message back has written nothing to be answered; a group has a window of its own.
_OPENS_NO_WINDOW = frozenset({"system", "revoke"})
_MOVES = frozenset({"user_changed_number", "customer_changed_number", "user_changed_user_id"})


class _Arrival(msgspec.Struct, frozen=True):
    """A new message. `names` is who wrote it, as the person is called now."""

    told: Told[InboundMessage]
    content: Content
    message: Inbound
    names: Person


async def apply(tx: Tx, told: Sequence[Told[InboundMessage]]) -> tuple[list[Draft], list[Expected]]:
    """Write the messages that are new, and return the events they are worth and the files to fetch."""
    new = await arrivals.bind_new(tx, told, lambda message: message.wamid)
    if not new:
        return [], []
    arrived = [await _arrive(tx, message_id, one) for message_id, one in new.items()]
    found = await threads.find_threads(tx, [one.names for one in arrived])
    pairs = [(one.message, found[one.names.key]) for one in arrived]
    await store.insert_inbound(tx, pairs)
    said = [
        (_opens_window(message), (message.person.brand_id, thread.conversation_id, message.occurred_at))
        for message, thread in pairs
    ]
    if heard := [one for opens, one in said if opens]:
        await threads.open_windows(tx, heard)
    await threads.stir(tx, [one for opens, one in said if not opens])
    drafts = [describing.received(one.message, found[one.names.key], one.told.number) for one in arrived]
    files = [file for one in arrived for file in arrivals.files_of(one.message.id, one.message.person, one.content)]
    return drafts, files


def _opens_window(message: Inbound) -> bool:
    return message.type not in _OPENS_NO_WINDOW and message.group_id is None


async def _arrive(tx: Tx, message_id: UUID, told: Told[InboundMessage]) -> _Arrival:
    content, person = contents.describe(told.item), _writer(told)
    names = person
    if content.type == "system" and content.data["kind"] in _MOVES:
        names = await _move(tx, person, content.data["phone"], content.data["user_id"])
    return _Arrival(told, content, arrivals.row_of(message_id, told.item, content, person), names)


async def _move(tx: Tx, person: Person, phone: str | None, user_id: str | None) -> Person:
    """Move a person to the names that Meta's message tells, and return the person under these."""
    if phone is None and user_id is None:
        return person
    await threads.move(tx, person, phone=phone, user_id=user_id)
    return replace(person, phone=phone or person.phone, user_id=user_id or person.user_id)


def _writer(told: Told[InboundMessage]) -> Person:
    message, number = told.item, told.number
    user_id = message.from_user_id
    if message.from_phone is None and user_id is None:
        user_id = f"unknown-{message.wamid}"
    return Person(
        brand_id=number.brand_id,
        connection_id=number.connection_id,
        phone=message.from_phone,
        user_id=user_id,
        username=message.username,
        name=message.profile_name,
        parent_user_id=message.parent_user_id,
        at=evidence.moment_of(message.timestamp),
    )
