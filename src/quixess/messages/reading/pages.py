"""Pages: rows and where the next page starts; and the plans that every page is made by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from quixess.database.core import Row, Tx

LOOK = 20_000
BEFORE_ALL, AFTER_ALL = UUID(int=0), UUID(int=(1 << 128) - 1)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_PIN = "SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true)"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a list, and the position behind which the next page goes on; None at the end.

    A position holds texts. There may be fewer rows than asked for, even none, and more to come.
    """

    rows: list[Row]
    position: list[Any] | None = None


async def pin(tx: Tx) -> None:
    """Let the statements of this transaction read in the order of an index, as far as a page goes and no further."""
    await tx.execute(_PIN)


def cut(rows: Sequence[Row], limit: int, edge: list[Any] | None, *columns: str) -> Page:
    """Make a page of rows that were read, one more than `limit` when there are more.

    `edge` is how far was looked when there are not; None when that was the end. A position is made of `columns`.
    """
    shown = list(rows[:limit])
    return Page(shown, position(shown[-1], *columns) if len(rows) > limit else edge)


def position(row: Row, *columns: str) -> list[Any]:
    """Give the place of a row in its list, as texts."""
    return [row[name].isoformat() if isinstance(row[name], datetime) else str(row[name]) for name in columns]


def read_id(after: Sequence[Any] | None) -> UUID:
    """Read a position in a list that goes by ids; on the first page there is none, and it is behind everything."""
    return AFTER_ALL if after is None else UUID(after[0])


def read_moment(after: Sequence[Any] | None, *, oldest_first: bool = False) -> tuple[datetime, UUID]:
    """Read a position in a list that goes by time and id."""
    if after is None:
        return (EARLIEST, BEFORE_ALL) if oldest_first else (LATEST, AFTER_ALL)
    return datetime.fromisoformat(after[0]), UUID(after[1])
