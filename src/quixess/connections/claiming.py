"""Claiming: what has to be looked at from time to time for each active connection, taken by one process at a time."""

from enum import StrEnum
from uuid import UUID

from quixess.connections.finding import load_each
from quixess.connections.model import Connection
from quixess.database.core import Row, Tx
from quixess.vault import Keyring

_AT_ONCE = 8


class Due(StrEnum):
    """What may be due, by the column that says when. It is due time and lease at once."""

    TEMPLATES = "templates_due_at"
    THROUGHPUT = "pace_due_at"
    TOKEN = "token_due_at"  # noqa: S105 - a column


async def claim(tx: Tx, keyring: Keyring, due: Due, *, again_s: float) -> list[Connection]:
    """Take a few active connections of any brand for which something is due, those that waited longest first.

    Each is due again in `again_s` seconds, unless who took it says otherwise. One whose secrets do not open is
    left out.
    """
    rows = await claim_rows(tx, due, again_s=again_s)
    return await load_each(tx, keyring, [(row["brand_id"], row["id"]) for row in rows])


async def claim_rows(tx: Tx, due: Due, *, again_s: float) -> list[Row]:
    """Take what `claim` takes, as rows: all columns, and the database's `now`."""
    return await tx.rows(
        f"""WITH due AS MATERIALIZED (
              SELECT brand_id, id FROM connection WHERE state = 'active' AND {due} <= now()
              ORDER BY {due} LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
            UPDATE connection c SET {due} = now() + $2 * interval '1 second'
            FROM due WHERE c.brand_id = due.brand_id AND c.id = due.id RETURNING c.*, now() AS now""",
        _AT_ONCE,
        again_s,
    )


async def keep_throughput(
    tx: Tx, brand_id: UUID, connection_id: UUID, messages_per_s: int | None, *, again_s: float
) -> None:
    """Keep how many messages a second Meta takes from a number, None when it does not say, and when to ask again."""
    await tx.execute(
        """UPDATE connection SET messages_per_s = $3, pace_due_at = now() + $4 * interval '1 second'
           WHERE brand_id = $1 AND id = $2""",
        brand_id,
        connection_id,
        messages_per_s,
        again_s,
    )
