"""Copies: what was not sent through us, but stands in the conversation: the phone app's messages and its history.

They are stored and shown, and never mistaken for what a user writes now: nothing is unread, no window opens. Of an
echo an event may be told, of the past none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from msgspec.structs import replace

from quixess import feed
from quixess.database.core import Row, Tx
from quixess.events.outbox import Draft
from quixess.feed import Kind
from quixess.media import Expected
from quixess.messages import arrivals, contents, describing, evidence, store, threads, words
from quixess.messages.model import Source, State, Told
from quixess.messages.store import Inbound
from quixess.messages.threads import Person
from quixess.meta.webhooks import Echo, HistoryMessage

# In a history Meta puts this where a file was, and tells of the file later, under the same wamid.
_PLACEHOLDER = "media_placeholder"
# Meta's word in `history_context` → what became of a message that the brand sent.
_OF_HISTORY = {
    "pending": State.ACCEPTED,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.READ,
    "played": State.READ,
    "error": State.FAILED,
}


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy made ready: its row, and the files to fetch."""

    told: Told[Echo | HistoryMessage]
    message: Inbound
    files: list[Expected]


async def apply(tx: Tx, told: Sequence[Told[Echo | HistoryMessage]]) -> tuple[list[Draft], list[Expected]]:
    """Write the copies that are new, and return the events they are worth and the files to fetch."""
    ordered = sorted(told, key=lambda one: (one.item.type == _PLACEHOLDER, one.item.timestamp))
    new = await arrivals.bind_new(tx, ordered, lambda message: message.wamid)
    copied = [_copy(message_id, one) for message_id, one in new.items()]
    found = await threads.find_threads(tx, [one.message.person for one in copied])
    if copied:
        pairs = [(one.message, found[one.message.person.key]) for one in copied]
        await store.insert_inbound(tx, pairs)
        await threads.stir(
            tx, [(one.person.brand_id, thread.conversation_id, one.occurred_at) for one, thread in pairs]
        )
    drafts = [
        describing.echoed(one.message, found[one.message.person.key], one.told.number)
        for one in copied
        if one.message.source is Source.ECHO
    ]
    known = {id(one) for one in new.values()}
    filled = await _fill_places(tx, [one for one in ordered if id(one) not in known])
    return drafts, [file for one in (*copied, *filled) for file in one.files]


async def _fill_places(tx: Tx, told: Sequence[Told[Echo | HistoryMessage]]) -> list[_Copy]:
    """Put the messages of the past where only a placeholder stands, and return those that were put."""
    late = {
        (one.number.connection_id, one.item.wamid): one
        for one in told
        if isinstance(one.item, HistoryMessage) and one.item.type != _PLACEHOLDER
    }
    if not late:
        return []
    bound = await store.find_wamids(tx, list(late))
    rows = await store.load(tx, [(late[key].number.brand_id, message_id) for key, message_id in bound.items()])
    copies = [_copy(message_id, late[key]) for key, message_id in bound.items() if message_id in rows]
    filled = [one for one in copies if _is_place(rows[one.message.id])]
    if filled:
        contents_now = [
            (one.message.person.brand_id, one.message.id, one.message.type, one.message.content) for one in filled
        ]
        await store.replace_contents(tx, contents_now)
        for brand_id, message_id, *_ in contents_now:
            feed.tell(tx, brand_id, Kind.MESSAGE, message_id, within=rows[message_id]["conversation_id"])
        written = [(one.message.person.brand_id, one.message.id, one.message.text) for one in filled]
        await words.index(tx, [(brand, message, text) for brand, message, text in written if text is not None])
    return filled


def _is_place(row: Row) -> bool:
    if row["source"] != Source.HISTORY or row["type"] != contents.UNSUPPORTED:
        return False
    return bool(msgspec.json.decode(row["content"]).get("kind") == _PLACEHOLDER)


def _copy(message_id: UUID, told: Told[Echo | HistoryMessage]) -> _Copy:
    item, person, content = told.item, _user(told), contents.describe(told.item)
    row = arrivals.row_of(message_id, item, content, person)
    if isinstance(item, Echo):
        row = replace(row, direction="outbound", state=State.SENT, source=Source.ECHO)
    elif item.outbound:
        state = _OF_HISTORY.get(item.status or "", State.SENT)
        row = replace(row, direction="outbound", state=state, source=Source.HISTORY)
    else:
        row = replace(row, source=Source.HISTORY)
    return _Copy(told, row, arrivals.files_of(message_id, person, content))


def _user(told: Told[Echo | HistoryMessage]) -> Person:
    item, number = told.item, told.number
    if isinstance(item, Echo):
        phone, user_id = item.to_phone, item.to_user_id
    else:
        phone, user_id = item.thread_phone, item.thread_user_id
    return Person(
        brand_id=number.brand_id,
        connection_id=number.connection_id,
        phone=phone,
        user_id=user_id or (None if phone else f"unknown-{item.wamid}"),
        username=item.username,
        name=item.profile_name,
        at=evidence.moment_of(item.timestamp),
    )
