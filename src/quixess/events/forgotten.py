"""Forgotten work: endpoints that have something due while nobody looks at them, found a page at a time.

There should be none for longer than a second: this is the net under `outbox.mark_due` and `queue.move_on`. A look
costs the same beside a hundred endpoints and beside a hundred thousand; only the way around takes longer.
"""

from collections.abc import Callable
from uuid import UUID

import msgspec

from quixess.database.core import Database, Tx

_ENDPOINTS_A_LOOK = 5000


class Place(msgspec.Struct, frozen=True):
    """How far a way around has come: behind this endpoint of this brand."""

    brand_id: UUID
    endpoint_id: UUID


START = Place(UUID(int=0), UUID(int=0))


class Look(msgspec.Struct, frozen=True):
    """What one look found: how many forgotten endpoints, how many it looked at, and how far it came."""

    found: int
    seen: int
    came: Place


async def find(tx: Tx, behind: Place, most: int) -> Look:
    """Mark, among the next `most` endpoints, those that have work and nobody who looks at them."""
    (row,) = await tx.rows(
        """WITH page AS MATERIALIZED (
             SELECT p.brand_id, p.id, p.state, p.held_until, p.deleted_at FROM endpoint p
             WHERE (p.brand_id, p.id) > ($1, $2) ORDER BY p.brand_id, p.id LIMIT $3),
           forgotten AS (
             INSERT INTO endpoint_due AS e (endpoint_id, brand_id, next_at)
             SELECT f.id, f.brand_id, f.due_at
             FROM (SELECT p.id, p.brand_id,
                          greatest(now(), p.held_until, CASE WHEN p.state = 'healthy' THEN w.next_at END) AS due_at
                   FROM page p
                   CROSS JOIN LATERAL (SELECT d.next_at FROM delivery d
                                       WHERE d.brand_id = p.brand_id AND d.endpoint_id = p.id
                                       ORDER BY d.next_at LIMIT 1) w
                   WHERE p.state <> 'disabled' OR p.deleted_at IS NOT NULL) f
             WHERE NOT EXISTS (SELECT FROM endpoint_due k WHERE k.endpoint_id = f.id AND k.next_at <= f.due_at)
             ON CONFLICT (endpoint_id) DO UPDATE SET next_at = excluded.next_at WHERE e.next_at > excluded.next_at
             RETURNING e.endpoint_id)
           SELECT (SELECT count(*) FROM forgotten) AS found, (SELECT count(*) FROM page) AS seen, last.brand_id, last.id
           FROM (VALUES (1)) one LEFT JOIN LATERAL (
             SELECT p.brand_id, p.id FROM page p ORDER BY p.brand_id DESC, p.id DESC LIMIT 1) last ON true""",
        behind.brand_id,
        behind.endpoint_id,
        most,
    )
    came = behind if row["id"] is None else Place(row["brand_id"], row["id"])
    return Look(row["found"], row["seen"], came)


class Forgotten:
    """One process's way around all endpoints. `on_found` is told when something waits that nobody looked at."""

    def __init__(self, db: Database, on_found: Callable[[], None], *, most: int = _ENDPOINTS_A_LOOK) -> None:
        self._db = db
        self._on_found = on_found
        self._most = most
        self._behind = START

    async def look(self) -> None:
        """Look at the next page; behind the last endpoint the way begins again."""
        async with self._db.transaction() as tx:
            look = await find(tx, self._behind, self._most)
        self._behind = START if look.seen < self._most else look.came
        if look.found:
            self._on_found()
