"""The audit: who did what, to what, when. Written in the transaction of the deed, never changed, read page by page.

What concerns no brand (a log-in of somebody without one, the first set-up) is kept under no brand and read by the
command line only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.database.core import Row, Tx

NO_BRAND = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed. `actor` is an e-mail address, `opt_…`, or a word such as `cli`; `object` an id or a name."""

    id: UUID
    actor: str
    action: str
    object: str
    detail: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: all those that fit what is set. `action` may be the beginning, up to a point: `key`."""

    actor: str | None = None
    action: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def note(
    tx: Tx, brand_id: UUID | None, *, actor: str, action: str, about: str, detail: dict[str, Any] | None = None
) -> None:
    """Write down what somebody did. `about` is the id or the name of what it was done to; no secret goes in here."""
    await note_for(tx, [brand_id or NO_BRAND], actor=actor, action=action, about=about, detail=detail)


async def note_for(
    tx: Tx,
    brand_ids: Sequence[UUID],
    *,
    actor: str,
    action: str,
    about: str,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write down what concerns several brands alike, such as a log-in; without one, what concerns none."""
    brands = list(brand_ids) or [NO_BRAND]
    await tx.execute(
        """INSERT INTO audit (brand_id, id, actor, action, object, detail)
           SELECT new.brand_id, new.id, $3, $4, $5, $6 FROM unnest($1::uuid[], $2::uuid[]) AS new(brand_id, id)""",
        brands, [ids.new() for _ in brands], actor, action, about, msgspec.json.encode(detail or {}).decode(),
    )  # fmt: skip


async def read(
    tx: Tx, brand_id: UUID | None, wanted: Wanted, *, before: UUID | None = None, most: int = 50
) -> list[Entry]:
    """List the entries of a brand (None: those without one), newest first, those older than `before`."""
    rows = await tx.rows(
        r"""SELECT * FROM audit
            WHERE brand_id = $1 AND ($2::uuid IS NULL OR id < $2)
              AND ($3::uuid IS NULL OR id >= $3) AND ($4::uuid IS NULL OR id < $4)
              AND ($5::text IS NULL OR actor = $5)
              AND ($6::text IS NULL OR action = $6 OR starts_with(action, $6 || '.'))
              AND ($7::text IS NULL OR object = $7)
            ORDER BY id DESC LIMIT $8""",
        brand_id or NO_BRAND, before, _bound(wanted.since), _bound(wanted.until), wanted.actor, wanted.action,
        wanted.object, most,
    )  # fmt: skip
    return [_entry(row) for row in rows]


async def kinds(tx: Tx, brand_id: UUID) -> list[str]:
    """List the kinds of deeds that a brand's audit knows, such as `key.minted`, for a filter."""
    rows = await tx.rows("SELECT DISTINCT action FROM audit WHERE brand_id = $1 ORDER BY action", brand_id)
    return [row["action"] for row in rows]


async def actors(tx: Tx, brand_id: UUID) -> list[str]:
    """List who did something for a brand, for a filter."""
    rows = await tx.rows("SELECT DISTINCT actor FROM audit WHERE brand_id = $1 ORDER BY actor", brand_id)
    return [row["actor"] for row in rows]


def _bound(moment: datetime | None) -> UUID | None:
    return None if moment is None else ids.floor(moment)


def _entry(row: Row) -> Entry:
    return Entry(row["id"], row["actor"], row["action"], row["object"], msgspec.json.decode(row["detail"]), row["at"])
