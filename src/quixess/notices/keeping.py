"""Keeping: every notice is stored as Meta sent it, once for each brand, however often Meta repeats it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.database.core import Row, Tx, columns
from quixess.notices import words
from quixess.notices.addressing import Address, Said, waba_of

_LATEST_S = 253_402_300_799
_DAY_S = 86_400
_REPEATED_DAYS = 30  # Meta repeats for 7; a change must still be known then
_canonical = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Notice:
    """One change as it concerns one brand. `value` is Meta's, `at` when it happened."""

    id: UUID
    address: Address
    field: str
    event: str | None
    value: Mapping[str, Any]
    digest: bytes
    at: datetime

    @property
    def key(self) -> tuple[UUID, bytes]:
        """What makes it the same when it comes again."""
        return (self.address.brand_id, self.digest)


def note(said: Said, address: Address) -> Notice:
    """Make the notice of a change for one brand."""
    change = said.change
    return Notice(
        id=ids.new(),
        address=address,
        field=change.field,
        event=words.event_of(change.value),
        value=change.value,
        digest=_digest(said),
        at=_moment(said),
    )


async def keep(tx: Tx, notices: Sequence[Notice]) -> list[Notice]:
    """Store notices and return the new ones in order: those that Meta had not told before."""
    first = {one.key: one for one in reversed(notices)}
    ordered = [first[key] for key in sorted(first)]
    rows = await tx.rows(
        """INSERT INTO notice (brand_id, id, connection_id, waba_id, field, event, value, digest, occurred_at)
           SELECT n.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::json[],
                                  $8::bytea[], $9::timestamptz[])
                AS n(brand_id, id, connection_id, waba_id, field, event, value, digest, occurred_at)
           ON CONFLICT (brand_id, digest) DO NOTHING RETURNING id""",
        *columns(ordered, "address.brand_id", "id", "address.connection_id", "address.waba_id", "field", "event"),
        [msgspec.json.encode(one.value).decode() for one in ordered],
        *columns(ordered, "digest", "at"),
    )
    new = {row["id"] for row in rows}
    return [one for one in notices if one.id in new]


async def list_notices(tx: Tx, brand_id: UUID, *, limit: int = 50) -> list[Row]:
    """List a brand's notices, what Meta told last first, with the number they are about where it is one."""
    return await tx.rows(
        """SELECT n.*, c.phone_number_id FROM notice n
           LEFT JOIN connection c ON c.brand_id = n.brand_id AND c.id = n.connection_id
           WHERE n.brand_id = $1 ORDER BY n.id DESC LIMIT $2""",
        brand_id,
        limit,
    )


async def sweep(tx: Tx) -> None:
    """Forget notices of all brands with the bodies of their messages, but not while Meta may still repeat them."""
    await tx.execute(
        """DELETE FROM notice n USING brand b
           WHERE b.id = n.brand_id AND n.recorded_at < now() - greatest(b.body_days, $1) * interval '1 day'""",
        _REPEATED_DAYS,
    )


def _digest(said: Said) -> bytes:
    """Name a change by what it says. Without a time of Meta's, the same words on another day are another change."""
    change = said.change
    when = change.time or int(ids.made_at(said.intake_id).timestamp()) // _DAY_S
    return hashlib.sha256(_canonical([said.app_id, waba_of(change), change.field, when, change.value])).digest()


def _moment(said: Said) -> datetime:
    """Tell when it happened: as Meta says, but never after it came in."""
    received = ids.made_at(said.intake_id)
    seconds = said.change.time
    return min(received, datetime.fromtimestamp(seconds, received.tzinfo)) if 0 < seconds <= _LATEST_S else received
