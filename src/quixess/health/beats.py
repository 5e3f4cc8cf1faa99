"""Beats: how a worker shows that it lives, to processes that cannot see it."""

from datetime import datetime
from uuid import UUID

from quixess.database.core import Tx

LATEST_S = 60.0
"""After so many seconds without a beat a worker counts as gone."""


async def beat(tx: Tx, worker_id: UUID) -> None:
    """Show that a worker lives, and forget those that are silent for a day. To be called every few seconds."""
    await tx.execute(
        "INSERT INTO worker_beat (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET at = clock_timestamp()", worker_id
    )
    await tx.execute("DELETE FROM worker_beat WHERE at < now() - interval '1 day'")


async def hear(tx: Tx) -> tuple[int, datetime | None]:
    """Count the workers that live, and tell when any of them was last heard."""
    row = await tx.row(
        """SELECT count(*) FILTER (WHERE at > clock_timestamp() - $1 * interval '1 second') AS alive, max(at) AS last
           FROM worker_beat""",
        LATEST_S,
    )
    assert row is not None  # noqa: S101 - a count without GROUP BY is one row
    return row["alive"], row["last"]
