"""Canned replies: answers that are written once, each found by a shortcut."""

import re
from dataclasses import dataclass
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError, invalid
from quixess.people import audit

LONGEST = 4096
_MOST = 200
_SHORTCUT = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer that is written once. `shortcut` is what people type after a slash."""

    id: UUID
    shortcut: str
    text: str


async def list_canned(tx: Tx, brand_id: UUID) -> list[Canned]:
    """List a brand's canned replies by their shortcuts."""
    rows = await tx.rows(
        "SELECT id, shortcut, text FROM canned_reply WHERE brand_id = $1 ORDER BY shortcut LIMIT $2", brand_id, _MOST
    )
    return [Canned(row["id"], row["shortcut"], row["text"]) for row in rows]


async def save(tx: Tx, brand_id: UUID, shortcut: str, text: str, *, actor: str) -> Canned:
    """Keep an answer under a shortcut, in place of what stood there.

    Raises `invalid_request` for a shortcut or a text that is none, and for one more than 200.
    """
    shortcut, text = shortcut.strip().removeprefix("/").lower(), text.strip()
    if not _SHORTCUT.fullmatch(shortcut):
        fix = "A shortcut has up to 32 small letters, digits, - and _, such as opening-hours."
        raise invalid("/shortcut", "format", fix)
    if not 1 <= len(text) <= LONGEST:
        raise invalid("/text", "length", f"An answer has 1 to {LONGEST:,} characters.")
    row = await tx.row(
        """INSERT INTO canned_reply (brand_id, id, shortcut, text)
           SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM canned_reply WHERE brand_id = $1 AND shortcut <> $3) < $5
           ON CONFLICT (brand_id, shortcut) DO UPDATE SET text = excluded.text, updated_at = now()
           RETURNING id""",
        brand_id, ids.new(), shortcut, text, _MOST,
    )  # fmt: skip
    if row is None:
        raise invalid("/shortcut", "too_many", f"There are {_MOST} already: remove one first.")
    await audit.note(tx, brand_id, actor=actor, action="canned_reply.saved", about=shortcut)
    return Canned(row["id"], shortcut, text)


async def remove(tx: Tx, brand_id: UUID, canned_id: UUID | None, *, actor: str) -> Canned:
    """Forget a canned reply, and give what it was. Raises `not_found`."""
    row = await tx.row(
        "DELETE FROM canned_reply WHERE brand_id = $1 AND id = $2 RETURNING id, shortcut, text", brand_id, canned_id
    )
    if row is None:
        raise QuixessError("not_found", "There is no such canned reply any more: reload the list.")
    await audit.note(tx, brand_id, actor=actor, action="canned_reply.removed", about=row["shortcut"])
    return Canned(row["id"], row["shortcut"], row["text"])
