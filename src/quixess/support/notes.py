"""Notes: what people tell each other about a conversation. No customer and no endpoint ever sees one."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quixess import feed
from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.errors import QuixessError, invalid
from quixess.feed import Kind

LONGEST = 4096
_HERE = """conversation_id IN (
  SELECT v.id FROM conversation v WHERE v.brand_id = $1 AND v.id = $2
  UNION ALL SELECT v.id FROM conversation v WHERE v.brand_id = $1 AND v.merged_into = $2)"""


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `author` is the id of the person who wrote it."""

    id: UUID
    author: UUID
    text: str
    created_at: datetime


async def add(tx: Tx, brand_id: UUID, conversation_id: UUID, author: UUID, text: str) -> Note:
    """Write a note. Raises `invalid_request` for none or an endless one, `conversation_not_found`."""
    text = text.strip()
    if not 1 <= len(text) <= LONGEST:
        raise invalid("/text", "length", f"A note has 1 to {LONGEST:,} characters.")
    row = await tx.row(
        """INSERT INTO note (brand_id, id, conversation_id, author, text)
           SELECT $1, $3, coalesce(v.merged_into, v.id), $4, $5 FROM conversation v
           WHERE v.brand_id = $1 AND v.id = $2 RETURNING *""",
        brand_id, conversation_id, ids.new(), author, text,
    )  # fmt: skip
    if row is None:
        raise QuixessError("conversation_not_found", "The brand has no such conversation: reload the inbox.")
    feed.tell(tx, brand_id, Kind.NOTE, row["id"], within=row["conversation_id"])
    return _note(row)


async def between(tx: Tx, brand_id: UUID, conversation_id: UUID, since: datetime, until: datetime) -> list[Note]:
    """List the notes of a conversation from a moment on, up to another and without it."""
    rows = await tx.rows(
        f"""SELECT * FROM note WHERE brand_id = $1 AND {_HERE} AND created_at >= $3 AND created_at < $4
            ORDER BY created_at, id""",
        brand_id, conversation_id, since, until,
    )  # fmt: skip
    return [_note(row) for row in rows]


async def find(tx: Tx, brand_id: UUID, note_id: UUID) -> Note | None:
    """Find one note."""
    row = await tx.row("SELECT * FROM note WHERE brand_id = $1 AND id = $2", brand_id, note_id)
    return None if row is None else _note(row)


def _note(row: Row) -> Note:
    return Note(row["id"], row["author"], row["text"], row["created_at"])
