"""Glances: what an overview tells of a brand's events, at a cost that does not grow."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from quixess.database.core import Tx

LOOK = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """The latest attempt at telling of an event. `status` is None when there was no answer: `fault` says why."""

    number: int
    status: int | None
    fault: str | None
    duration_ms: int


async def delivered(tx: Tx, brand_id: UUID) -> bool:
    """Tell whether an endpoint of the brand took an event, among the latest that ended."""
    row = await tx.row(
        f"""SELECT 1 FROM (
              SELECT state FROM outcome WHERE brand_id = $1 ORDER BY delivery_id DESC LIMIT {LOOK}) o
            WHERE state = 'delivered' LIMIT 1""",
        brand_id,
    )
    return row is not None


async def answers(tx: Tx, brand_id: UUID, event_ids: Sequence[UUID]) -> dict[UUID, Answered]:
    """Give the latest attempt at each of these events; none for those that were not tried yet."""
    if not event_ids:
        return {}
    rows = await tx.rows(
        """SELECT DISTINCT ON (event_id) event_id, number, status, fault, duration_ms FROM attempt
           WHERE brand_id = $1 AND event_id = ANY ($2::uuid[]) AND id > $3 ORDER BY event_id, id DESC""",
        brand_id,
        list(event_ids),
        min(event_ids),
    )
    return {row["event_id"]: Answered(*(row[name] for name in Answered.__slots__)) for row in rows}
