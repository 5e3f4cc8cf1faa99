"""Listing: a brand's requests, newest first, one of them, and the last of a key. Under the reader's role."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess.database import ids
from quixess.database.core import Row, Tx

LOOK = 20_000
"""How many requests a page looks at, at most, to find those that pass a filter."""
_BEFORE_ALL, _AFTER_ALL = UUID(int=0), UUID(int=(1 << 128) - 1)
_LONGEST_REQUEST_ID = 64
_LATELY = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which requests to list; what is None lets all pass. `status` is one, or a class of them such as 4 for 4xx.

    `failed` lists those that were answered 400 and above. `path` is the endpoint's, with its method when given.
    """

    status: int | None = None
    failed: bool = False
    key_id: UUID | None = None
    method: str | None = None
    path: str | None = None
    code: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def statuses(self) -> tuple[int, int]:
        """The first status that passes, and the last."""
        if self.status is None:
            return (400, 599) if self.failed else (100, 599)
        return (self.status * 100, self.status * 100 + 99) if self.status < 10 else (self.status, self.status)


@dataclass(frozen=True, slots=True)
class Listed:
    """One request. `asked` has `path`, `query` and `body`, as far as they are kept; `problem` detail and `errors`."""

    id: UUID
    request_id: str
    key_id: UUID
    method: str
    path: str
    status: int
    duration_ms: float
    address: str | None
    code: str | None
    problem: dict[str, Any] | None
    message_id: UUID | None
    replayed: bool
    asked: dict[str, Any] | None

    @property
    def at(self) -> datetime:
        """When it was answered."""
        return ids.made_at(self.id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a brand's requests, newest first; it may be short, or empty, though more follow.

    `next` is where the next page begins, None after the last one.
    """

    requests: tuple[Listed, ...]
    next: UUID | None


_PASSES = """($5::text IS NULL OR r.method = $5) AND ($6::text IS NULL OR r.path = $6)
  AND ($7::text IS NULL OR r.code = $7) AND r.status BETWEEN $8 AND $9"""
_RANGE = "r.brand_id = $1 AND r.id >= $2 AND r.id < $3"
_LOOKED = f"ORDER BY r.id DESC LIMIT {LOOK}"
_ALL = f"SELECT * FROM request r WHERE {_RANGE} AND $4::uuid IS NULL {_LOOKED}"
_FAILED = (
    f"SELECT * FROM request r WHERE {_RANGE} AND r.status >= 400 AND ($4::uuid IS NULL OR r.key_id = $4) {_LOOKED}"
)
_OF_KEY = f"SELECT * FROM request r WHERE {_RANGE} AND r.key_id = $4 {_LOOKED}"


async def list_requests(tx: Tx, brand_id: UUID, wanted: Filter, *, limit: int = 50, before: UUID | None = None) -> Page:
    """List at most `limit` requests among the next `LOOK`. `before` is `next` of the page before."""
    lowest, highest = wanted.statuses
    source = _OF_KEY if wanted.key_id is not None else _FAILED if lowest >= 400 else _ALL
    since = _BEFORE_ALL if wanted.since is None else ids.floor(wanted.since)
    until = _AFTER_ALL if wanted.until is None else ids.floor(wanted.until)
    bounds = (brand_id, since, until if before is None else min(before, until), wanted.key_id)
    rows = await tx.rows(
        f"SELECT r.* FROM ({source}) r WHERE {_PASSES} ORDER BY r.id DESC LIMIT $10",
        *bounds, wanted.method, wanted.path, wanted.code, lowest, highest, limit + 1,
    )  # fmt: skip
    listed = tuple(_listed(row) for row in rows[:limit])
    if len(rows) > limit:
        return Page(listed, listed[-1].id)
    edge = await tx.row(f"SELECT s.id FROM ({source}) s ORDER BY s.id DESC OFFSET {LOOK - 1} LIMIT 1", *bounds)
    return Page(listed, None if edge is None else edge["id"])


async def find_request(tx: Tx, brand_id: UUID, shown: str) -> Listed | None:
    """Find the latest request with a request id, as it stands in the answer, or the one with this id of its line.

    None when there is none, or no more.
    """
    if "\x00" in shown or len(shown) > _LONGEST_REQUEST_ID:
        return None
    row = await tx.row(
        "SELECT r.* FROM request r WHERE r.brand_id = $1 AND r.request_id = $2 ORDER BY r.id DESC LIMIT 1",
        brand_id,
        shown,
    )
    line_id = ids.parse("req", shown)
    if row is None and line_id is not None:
        row = await tx.row("SELECT r.* FROM request r WHERE r.brand_id = $1 AND r.id = $2", brand_id, line_id)
    return None if row is None else _listed(row)


async def endpoints_asked(tx: Tx, brand_id: UUID) -> list[tuple[str, str]]:
    """List the endpoints that a brand asked lately, each as its method and path."""
    rows = await tx.rows(
        """SELECT DISTINCT r.path, r.method FROM (
             SELECT r.path, r.method FROM request r WHERE r.brand_id = $1 ORDER BY r.id DESC LIMIT $2) r
           ORDER BY r.path, r.method""",
        brand_id,
        _LATELY,
    )
    return [(row["method"], row["path"]) for row in rows]


async def last_of_key(tx: Tx, brand_id: UUID, key_id: UUID, *, limit: int = 10) -> tuple[Listed, ...]:
    """List the last requests of one key."""
    page = await list_requests(tx, brand_id, Filter(key_id=key_id), limit=limit)
    return page.requests


async def count_by_key(
    tx: Tx, brand_id: UUID, key_ids: Sequence[UUID], since: datetime, *, most: int
) -> dict[UUID, int]:
    """Count what each key asked since a moment, up to `most` each."""
    rows = await tx.rows(
        """SELECT k.id, n.requests FROM unnest($2::uuid[]) AS k(id), LATERAL (
             SELECT count(*) AS requests FROM (
               SELECT FROM request r WHERE r.brand_id = $1 AND r.key_id = k.id AND r.id >= $3 LIMIT $4) few) n""",
        brand_id,
        list(key_ids),
        ids.floor(since),
        most,
    )
    return {row["id"]: row["requests"] for row in rows}


def _listed(row: Row) -> Listed:
    found = {name: row[name] for name in Listed.__slots__}
    found["problem"] = None if row["problem"] is None else msgspec.json.decode(row["problem"])
    found["asked"] = None if row["asked"] is None else msgspec.json.decode(row["asked"])
    return Listed(**found)
