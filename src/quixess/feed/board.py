"""The board: all SQL of the feed. What processes have to tell, and which brands are watched."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.database.core import Row, Tx
from quixess.feed.changes import Heard

CHANNEL = "quixess_feed"
OVERLAP_S = 5.0  # no process writes longer at one row: what came out of order is found by looking back so far
_WATCHED_S = 600.0  # a tab that was closed or hidden comes back to a feed without a gap
_SPREADS_S = 2.0  # by then every process knows that a brand is watched
_KEPT_S = 3600.0
_MOST_MISSED = 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(list[tuple[str, UUID | None, UUID | None]]).decode


@dataclass(frozen=True, slots=True)
class Bulletin:
    """All that one process had to tell of a brand at one time. `position` is the database's clock, in microseconds."""

    brand_id: UUID
    id: UUID
    position: int
    changes: list[Heard]


@dataclass(frozen=True, slots=True)
class Watch:
    """From which position on the feed of a brand has everything, and the position now."""

    whole_from: int
    now: int

    @property
    def oldest(self) -> int:
        """The oldest position from which what came since can be replayed."""
        return max(self.whole_from, self.now - int(_KEPT_S * 1_000_000))


async def post(tx: Tx, told: Mapping[UUID, Sequence[Heard]]) -> None:
    """Write what is to be told, brand id → changes, and wake those who read."""
    await tx.rows(
        f"""WITH told AS (INSERT INTO feed (brand_id, id, changes)
                          SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::json[]) AS t(brand_id, id, changes))
            SELECT pg_notify('{CHANNEL}', '')""",
        list(told),
        [ids.new() for _ in told],
        [_encode(changes).decode() for changes in told.values()],
    )


async def read(tx: Tx, brand_ids: Collection[UUID], after: int) -> tuple[int, list[Bulletin]]:
    """Read what these brands are told after a position, in order, and the position to go on from.

    Some of it was there the last time: `OVERLAP_S` before the position are read again.
    """
    rows = await tx.rows(
        """SELECT n.at AS now, f.brand_id, f.id, f.at, f.changes FROM (SELECT statement_timestamp() AS at) n
           LEFT JOIN (unnest($1::uuid[]) AS w(brand_id) JOIN feed f ON f.brand_id = w.brand_id AND f.at > $2) ON true
           ORDER BY f.at""",
        list(brand_ids),
        _before(after),
    )
    return _position(rows[0]["now"]), [_bulletin(row) for row in rows if row["id"] is not None]


async def missed(tx: Tx, brand_id: UUID, after: int) -> list[Bulletin] | None:
    """Read what a brand was told after a position; None when it is too much to go through."""
    rows = await tx.rows(
        "SELECT brand_id, id, at, changes FROM feed WHERE brand_id = $1 AND at > $2 ORDER BY at LIMIT $3",
        brand_id,
        _before(after),
        _MOST_MISSED,
    )
    return None if len(rows) == _MOST_MISSED else [_bulletin(row) for row in rows]


async def watch(tx: Tx, brand_ids: Collection[UUID]) -> dict[UUID, Watch]:
    """Have every process tell what it changes for these brands for the next minutes; by brand id."""
    rows = await tx.rows(
        """INSERT INTO feed_watch AS k (brand_id, whole_from, until)
           SELECT w.brand_id, now() + $2 * interval '1 second', now() + $3 * interval '1 second'
           FROM unnest($1::uuid[]) AS w(brand_id)
           ON CONFLICT (brand_id) DO UPDATE SET until = excluded.until,
             whole_from = CASE WHEN k.until < now() THEN excluded.whole_from ELSE k.whole_from END
           RETURNING brand_id, whole_from, now() AS now""",
        sorted(brand_ids),
        _SPREADS_S,
        _WATCHED_S,
    )
    return {row["brand_id"]: Watch(_position(row["whole_from"]), _position(row["now"])) for row in rows}


async def watched(tx: Tx) -> tuple[int, frozenset[UUID]]:
    """Give the position now, and name the brands that somebody watches."""
    row = await tx.row(
        """SELECT statement_timestamp() AS now,
                  array(SELECT brand_id FROM feed_watch WHERE until > now()) AS brand_ids"""
    )
    return (_position(row["now"]), frozenset(row["brand_ids"])) if row is not None else (0, frozenset())


async def sweep(tx: Tx, most: int) -> int:
    """Delete what is too old to be replayed, `most` rows at once, and return how many there were."""
    done = await tx.execute(
        """DELETE FROM feed WHERE ctid IN (
             SELECT ctid FROM feed WHERE at < now() - $1 * interval '1 second' LIMIT $2)""",
        _KEPT_S,
        most,
    )
    await tx.execute("DELETE FROM feed_watch WHERE until < now() - interval '1 day'")
    return int(done.rpartition(" ")[2])


def _bulletin(row: Row) -> Bulletin:
    return Bulletin(row["brand_id"], row["id"], _position(row["at"]), _decode(row["changes"]))


def _position(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _before(position: int) -> datetime:
    return _EPOCH + timedelta(microseconds=position, seconds=-OVERLAP_S)
