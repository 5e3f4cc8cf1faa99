"""Talk: a conversation as a thread, notes between the messages.

What stands on a message is found with it: reactions, what it was changed to, that it was taken back, what it quotes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from quixess.database.core import Database, Row, Tx
from quixess.messages import store
from quixess.messages.reading import pages
from quixess.support import notes
from quixess.support.notes import Note

Place = tuple[datetime, UUID]
AT_ONCE: Final = 50
_MARKS = ["reaction", "edit", "revoke"]  # they stand on another message, and are none themselves
_MOST_MARKS = 1000
_decode = msgspec.json.decode
_SHOWN = """m.id, m.conversation_id, m.connection_id, m.wamid, m.direction, m.type, m.state, m.source, m.content,
  m.reply_to, m.key_id, m.lineage_id, m.idempotency_key, m.template_name, m.errors, m.occurred_at, m.referral"""


@dataclass(frozen=True, slots=True)
class Said:
    """A message: what it says, whose it is, how far it got. `quoted` is None where what it quotes is not known."""

    id: UUID
    wamid: str | None
    inbound: bool
    type: str
    state: str
    source: str
    content: Mapping[str, Any]
    at: datetime
    reply_to: str | None
    key_id: UUID | None
    person_id: UUID | None
    sent_as: str | None
    template_name: str | None
    errors: Sequence[Mapping[str, Any]]
    referral: Mapping[str, Any] | None
    reactions: Sequence[str] = ()
    edited: bool = False
    taken_back: bool = False
    quoted: "Said | None" = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a thread, the oldest first. `older` is where the part before it ends; None at the beginning."""

    items: Sequence[Said | Note] = field(default_factory=tuple)
    older: Place | None = None


async def read(db: Database, brand_id: UUID, conversation_id: UUID, *, before: Place | None = None) -> Stretch:
    """Read the last fifty messages of a conversation, or those before a place, with the notes among them."""
    at, message_id = before or (pages.LATEST, pages.AFTER_ALL)
    async with db.reading(brand_id) as tx:
        await pages.pin(tx)
        rows = await tx.rows(
            f"""SELECT {_SHOWN} FROM message m
                WHERE m.brand_id = $1 AND m.conversation_id = $2 AND (m.occurred_at, m.id) < ($3, $4)
                  AND m.type <> ALL ($5) ORDER BY m.occurred_at DESC, m.id DESC LIMIT $6""",
            brand_id, conversation_id, at, message_id, _MARKS, AT_ONCE + 1,
        )  # fmt: skip
        more, rows = len(rows) > AT_ONCE, rows[:AT_ONCE]
        since = rows[-1]["occurred_at"] if more else pages.EARLIEST
        told = await notes.between(tx, brand_id, conversation_id, since, at)
        marks = await _marks(tx, brand_id, conversation_id, rows[-1]["occurred_at"]) if rows else []
    said = await _complete(db, brand_id, rows, marks)
    items: list[Said | Note] = [*said, *told]
    items.sort(key=place)
    return Stretch(items, (rows[-1]["occurred_at"], rows[-1]["id"]) if more else None)


async def find(db: Database, brand_id: UUID, object_id: UUID) -> Said | Note | None:
    """Find one item of a thread; of what stands on another message that message, None where that is not known."""
    async with db.reading(brand_id) as tx:
        await pages.pin(tx)
        row = await _find_row(tx, brand_id, object_id)
        if row is None:
            return await notes.find(tx, brand_id, object_id)
    if row["type"] in _MARKS:
        target = await _named(db, brand_id, row["connection_id"], {str(_decode(row["content"]).get("message_id"))})
        row = next(iter(target.values()), None)
        if row is None or row["type"] in _MARKS:
            return None
    async with db.reading(brand_id) as tx:
        await pages.pin(tx)
        marks = await _marks(tx, brand_id, row["conversation_id"], row["occurred_at"])
    (said,) = await _complete(db, brand_id, [row], marks)
    return said


def place(item: Said | Note) -> Place:
    """Give where an item stands in its thread."""
    return (item.at if isinstance(item, Said) else item.created_at), item.id


async def _find_row(tx: Tx, brand_id: UUID, message_id: UUID) -> Row | None:
    return await tx.row(f"SELECT {_SHOWN} FROM message m WHERE m.brand_id = $1 AND m.id = $2", brand_id, message_id)


async def _marks(tx: Tx, brand_id: UUID, conversation_id: UUID, since: datetime) -> list[Row]:
    """List what stands on messages from a moment on, the oldest first."""
    return await tx.rows(
        """SELECT m.type, m.direction, m.content FROM message m
           WHERE m.brand_id = $1 AND m.conversation_id = $2 AND m.occurred_at >= $3 AND m.type = ANY ($4)
             AND m.state NOT IN ('failed', 'not_sent')
           ORDER BY m.occurred_at, m.id LIMIT $5""",
        brand_id, conversation_id, since, _MARKS, _MOST_MARKS,
    )  # fmt: skip


async def _complete(db: Database, brand_id: UUID, rows: Sequence[Row], marks: Sequence[Row]) -> list[Said]:
    by_target: dict[str, list[Row]] = {}
    contents: dict[int, Mapping[str, Any]] = {}
    for mark in marks:
        content = contents[id(mark)] = _decode(mark["content"])
        by_target.setdefault(str(content.get("message_id")), []).append(mark)
    known = {row["wamid"]: row for row in rows if row["wamid"] is not None}
    missing = {row["reply_to"] for row in rows if row["reply_to"] is not None} - known.keys()
    if missing:
        known = known | await _named(db, brand_id, rows[0]["connection_id"], missing)
    found = []
    for row in rows:
        mine = [(mark, contents[id(mark)]) for mark in by_target.get(row["wamid"] or "", ())]
        quoted = known.get(row["reply_to"]) if row["reply_to"] is not None else None
        found.append(_said(row, mine, None if quoted is None else _said(quoted, (), None)))
    return found


async def _named(db: Database, brand_id: UUID, connection_id: UUID, wamids: set[str]) -> dict[str, Row]:
    """Find messages by Meta's ids. Readers see no wamids: ours are looked up first, the rows as a reader."""
    async with db.statement() as tx:
        found = await store.find_wamids(tx, [(connection_id, wamid) for wamid in wamids])
    async with db.reading(brand_id) as tx:
        rows = await tx.rows(
            f"""SELECT {_SHOWN} FROM unnest($2::uuid[]) AS f(id)
                CROSS JOIN LATERAL (SELECT * FROM message x WHERE x.brand_id = $1 AND x.id = f.id LIMIT 1) m""",
            brand_id,
            list(found.values()),
        )
    named = {message_id: wamid for (_, wamid), message_id in found.items()}
    return {named[row["id"]]: row for row in rows}


def _said(row: Row, marks: Sequence[tuple[Row, Mapping[str, Any]]], quoted: Said | None) -> Said:
    kind, content = row["type"], _decode(row["content"])
    reactions: dict[str, str] = {}
    edited = taken_back = False
    for mark, told in marks:
        if mark["type"] == "reaction":
            reactions[mark["direction"]] = str(told.get("emoji") or "")
        elif mark["direction"] == row["direction"]:  # nobody changes what the other said
            taken_back |= mark["type"] == "revoke"
            if mark["type"] == "edit" and isinstance(told.get("content"), dict):
                edited, kind, content = True, str(told.get("type")), told["content"]
    return Said(
        id=row["id"],
        wamid=row["wamid"],
        inbound=row["direction"] == "inbound",
        type=kind,
        state=row["state"],
        source=row["source"],
        content=content,
        at=row["occurred_at"],
        reply_to=row["reply_to"],
        key_id=row["key_id"],
        person_id=row["lineage_id"] if row["key_id"] is None else None,
        sent_as=row["idempotency_key"] if row["key_id"] is None else None,
        template_name=row["template_name"],
        errors=_decode(row["errors"]) if row["errors"] is not None else (),
        referral=None if row["referral"] is None else _decode(row["referral"]),
        reactions=[emoji for emoji in reactions.values() if emoji],
        edited=edited,
        taken_back=taken_back,
        quoted=quoted,
    )
