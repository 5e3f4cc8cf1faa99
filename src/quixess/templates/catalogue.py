"""The catalogue: the templates of a brand as the cache has them, to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quixess import connections
from quixess.database.core import Row, Tx
from quixess.templates import cache
from quixess.templates.cache import Template
from quixess.templates.listing import reason_of


@dataclass(frozen=True, slots=True)
class Filter:
    """Which templates to list; what is None lets all pass. `search` is a part of the name."""

    statuses: Sequence[str] | None = None
    category: str | None = None
    language: str | None = None
    name: str | None = None
    search: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A template with what a sender does not need. `quality` and `reason` are Meta's words, None without one."""

    template: Template
    meta_id: str
    quality: str | None
    reason: str | None
    parameter_format: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Source:
    """The connection whose templates a brand can send, and when Meta's list was fetched last."""

    connection_id: UUID
    synced_at: datetime | None


async def find_source(tx: Tx, brand_id: UUID) -> Source | None:
    """Find the connection that sends go out by; without an active one another of the brand's, None without any."""
    one = await connections.find_sender(tx, brand_id)
    return None if one is None else Source(one.id, one.templates_synced_at)


async def list_templates(
    tx: Tx, brand_id: UUID, connection_id: UUID, wanted: Filter, *, limit: int = 25, before: UUID | None = None
) -> list[Entry]:
    """List at most `limit` templates, those seen last first. `before` is the last id of the page before.

    Meta writes `en-US` in some places and `en_US` in others; both find the same.
    """
    rows = await tx.rows(
        """SELECT * FROM template
           WHERE brand_id = $1 AND connection_id = $2 AND ($3::text[] IS NULL OR status = ANY ($3))
             AND ($4::text IS NULL OR category = $4)
             AND ($5::text IS NULL OR replace(language, '-', '_') = replace($5, '-', '_'))
             AND ($6::text IS NULL OR name = $6) AND ($7::text IS NULL OR strpos(name, lower($7)) > 0)
             AND ($8::uuid IS NULL OR id < $8)
           ORDER BY id DESC LIMIT $9""",
        brand_id,
        connection_id,
        None if wanted.statuses is None else list(wanted.statuses),
        wanted.category,
        wanted.language,
        wanted.name,
        wanted.search,
        before,
        limit,
    )
    return [_entry(row) for row in rows]


async def list_names(
    tx: Tx, brand_id: UUID, connection_id: UUID, wanted: Filter, *, limit: int = 25, after: str | None = None
) -> dict[str, list[Entry]]:
    """List at most `limit` names by the alphabet, each with all its languages; `after` is the last of the page before.

    A name is listed when one of its languages has the status and category that are wanted.
    """
    rows = await tx.rows(
        """WITH named AS (
             SELECT DISTINCT name FROM template
             WHERE brand_id = $1 AND connection_id = $2 AND ($3::text[] IS NULL OR status = ANY ($3))
               AND ($4::text IS NULL OR category = $4) AND ($5::text IS NULL OR strpos(name, lower($5)) > 0)
               AND ($6::text IS NULL OR name > $6)
             ORDER BY name LIMIT $7)
           SELECT t.* FROM named JOIN template t ON t.name = named.name
           WHERE t.brand_id = $1 AND t.connection_id = $2 ORDER BY t.name, t.language""",
        brand_id,
        connection_id,
        None if wanted.statuses is None else list(wanted.statuses),
        wanted.category,
        wanted.search,
        after,
        limit,
    )
    found: dict[str, list[Entry]] = {}
    for row in rows:
        found.setdefault(row["name"], []).append(_entry(row))
    return found


def _entry(row: Row) -> Entry:
    return Entry(
        template=cache.read(row),
        meta_id=row["meta_id"],
        quality=row["quality"],
        reason=reason_of(row["rejected_reason"]),
        parameter_format=row["parameter_format"],
        updated_at=row["updated_at"],
    )
