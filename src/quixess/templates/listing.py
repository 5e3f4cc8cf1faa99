"""Listing: make the cache say what Meta lists, and find what Meta's webhooks have not told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from quixess import feed
from quixess.connections import Connection
from quixess.database import ids
from quixess.database.core import Row, Tx, columns
from quixess.events.outbox import Draft
from quixess.feed import Kind
from quixess.meta.templates import RemoteTemplate
from quixess.templates import history, telling
from quixess.templates.telling import Subject

_Key = tuple[str, str]
_POLL_EVERY_S = 3600
# A webhook that is a little older than a list may still know more than the list: Meta's clock is not ours.
_SKEW_S = 60
_TOLD_BY_META = ("meta_id", "category", "status", "rejected_reason", "quality", "parameter_format")


@dataclass(frozen=True, slots=True)
class Change:
    """A template that came (`old` is None), went (`new` is None), or has another status."""

    name: str
    language: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """What Meta's list changed in the cache. `total` is how many templates Meta listed, each language for itself.

    `updated` counts those of which anything is another, `changes` has those that came, went or have another status.
    """

    asked_at: datetime
    total: int
    added: int
    updated: int
    removed: int
    changes: tuple[Change, ...]


async def keep(
    tx: Tx, connection: Connection, listed: Sequence[RemoteTemplate], asked_at: datetime
) -> tuple[list[Draft], Difference]:
    """Make the cache of a connection say exactly what Meta listed; returns what to tell, and what was different.

    `asked_at` is the database's time before Meta was asked: what changed here since then is newer than the list and
    stays. Each status that was another is told; a template seen for the first time is not.
    """
    await _mark_synced(tx, connection, asked_at)
    known = await _known(tx, connection)
    newer = {key for key, row in known.items() if row["updated_at"] > asked_at}
    latest = {(one.name, one.language): one for one in listed}
    ordered = [latest[key] for key in sorted(latest.keys() - newer)]
    gone = [row for key, row in known.items() if key not in latest and key not in newer]
    await _write(tx, connection, ordered, known, asked_at)
    await history.note_gone(tx, connection, gone)
    await _forget(tx, connection.brand_id, [row["id"] for row in gone])
    drafts = [_changed(known[one.name, one.language], one, asked_at) for one in ordered if _differs(known, one)]
    drafts += [_deleted(row, asked_at) for row in gone if row["status"] != "DELETED"]
    return drafts, _difference(known, ordered, gone, asked_at, len(latest))


async def keep_one(tx: Tx, connection: Connection, listed: RemoteTemplate, asked_at: datetime) -> list[Draft] | None:
    """Make the cache say what Meta said of one template, and give what to tell.

    None, and no change, when a webhook or a list since `asked_at` is newer.
    """
    await _hold(tx, connection)
    key = listed.name, listed.language
    known = {at: row for at, row in (await _known(tx, connection)).items() if at == key}
    if key in known and known[key]["updated_at"] > asked_at:
        return None
    await _write(tx, connection, [listed], known, asked_at)
    return [_changed(known[key], listed, asked_at)] if _differs(known, listed) else []


async def keep_deleted(tx: Tx, connection: Connection, template_ids: Sequence[UUID]) -> list[Draft]:
    """Note that Meta deleted templates because we asked, and give what to tell. The next list takes them out."""
    await _hold(tx, connection)
    rows = await tx.rows(
        """UPDATE template t SET status = 'DELETED', rejected_reason = NULL, status_at = statement_timestamp(),
             updated_at = statement_timestamp()
           FROM (SELECT brand_id, id, status FROM template WHERE brand_id = $1 AND id = ANY ($2::uuid[])
                 ORDER BY id FOR UPDATE) AS old
           WHERE t.brand_id = old.brand_id AND t.id = old.id AND old.status <> 'DELETED'
           RETURNING t.*, old.status AS old_status""",
        connection.brand_id,
        sorted(template_ids),
    )
    feed.tell(tx, connection.brand_id, Kind.TEMPLATE, None)
    return [
        telling.status_changed(
            _subject(row, row["meta_id"], row["category"]), row["status_at"], old=row["old_status"], new="DELETED"
        )
        for row in sorted(rows, key=lambda row: (row["name"], row["language"]))
    ]


async def mark_stale(tx: Tx, stale: Sequence[tuple[UUID, UUID]]) -> None:
    """Note that Meta knows better than the caches of these connections, each (brand, connection).

    The next look of `Sync.poll`, a moment later, asks Meta for the list.
    """
    if not stale:
        return
    ordered = sorted(stale)
    await tx.execute(
        """UPDATE connection c SET templates_due_at = statement_timestamp()
           FROM unnest($1::uuid[], $2::uuid[]) AS s(brand_id, id) WHERE c.brand_id = s.brand_id AND c.id = s.id""",
        [brand_id for brand_id, _ in ordered],
        [connection_id for _, connection_id in ordered],
    )


async def _mark_synced(tx: Tx, connection: Connection, asked_at: datetime) -> None:
    """Note the list, and hold the connection's row: two lists at once are kept one after the other.

    A cache that became stale while Meta was answering stays due: the row is held first, so that the time of the
    statement comes after whatever was noted before it.
    """
    await _hold(tx, connection)
    await tx.execute(
        """UPDATE connection SET templates_synced_at = $3, templates_due_at =
             CASE WHEN templates_due_at BETWEEN $3 AND statement_timestamp() THEN templates_due_at
                  ELSE statement_timestamp() + $4 * interval '1 second' END
           WHERE brand_id = $1 AND id = $2""",
        connection.brand_id,
        connection.id,
        asked_at,
        _POLL_EVERY_S,
    )


async def _hold(tx: Tx, connection: Connection) -> None:
    """Hold the connection's row, as whoever keeps a list or hears a webhook does."""
    await tx.row(
        "SELECT id FROM connection WHERE brand_id = $1 AND id = $2 FOR NO KEY UPDATE",
        connection.brand_id,
        connection.id,
    )


async def _known(tx: Tx, connection: Connection) -> dict[_Key, Row]:
    rows = await tx.rows(
        "SELECT * FROM template WHERE brand_id = $1 AND connection_id = $2 ORDER BY id FOR UPDATE",
        connection.brand_id,
        connection.id,
    )
    return {(row["name"], row["language"]): row for row in rows}


async def _write(
    tx: Tx, connection: Connection, ordered: Sequence[RemoteTemplate], known: dict[_Key, Row], asked_at: datetime
) -> None:
    await tx.execute(
        """INSERT INTO template AS t (brand_id, id, connection_id, meta_id, name, language, category, status,
                                      rejected_reason, quality, parameter_format, components, status_at, updated_at)
           SELECT $1, new.id, $2, new.meta_id, new.name, new.language, new.category, new.status, new.rejected_reason,
                  new.quality, new.parameter_format, new.components, $12::timestamptz - $13 * interval '1 second', $12
           FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
                       $11::json[], $14::text[])
                AS new(id, meta_id, name, language, category, status, rejected_reason, parameter_format, components,
                       quality)
           ON CONFLICT (brand_id, connection_id, name, language) DO UPDATE
             SET meta_id = excluded.meta_id, category = excluded.category, status = excluded.status,
                 rejected_reason = excluded.rejected_reason, parameter_format = excluded.parameter_format,
                 quality = coalesce(excluded.quality, t.quality), components = excluded.components,
                 status_at = greatest(t.status_at, excluded.status_at), updated_at = excluded.updated_at""",
        connection.brand_id,
        connection.id,
        [ids.new() for _ in ordered],
        *columns(ordered, "id", "name", "language"),
        [one.category.upper() for one in ordered],
        [_status(known, one) for one in ordered],
        [one.raw.get("rejected_reason") for one in ordered],
        [one.raw.get("parameter_format") or "POSITIONAL" for one in ordered],
        [msgspec.json.encode(one.components).decode() for one in ordered],
        asked_at,
        _SKEW_S,
        [_quality(one) for one in ordered],
    )
    feed.tell(tx, connection.brand_id, Kind.TEMPLATE, None)


async def _forget(tx: Tx, brand_id: UUID, gone: Sequence[UUID]) -> None:
    await tx.execute("DELETE FROM template WHERE brand_id = $1 AND id = ANY($2::uuid[])", brand_id, sorted(gone))


def _status(known: dict[_Key, Row], listed: RemoteTemplate) -> str:
    """Read the status. Meta tells FLAGGED by webhook only and goes on listing the template as approved."""
    row, status = known.get((listed.name, listed.language)), listed.status.upper()
    return "FLAGGED" if status == "APPROVED" and row is not None and row["status"] == "FLAGGED" else status


def _quality(listed: RemoteTemplate) -> str | None:
    score = listed.raw.get("quality_score")
    word = score.get("score") if isinstance(score, dict) else None
    return word.upper() if isinstance(word, str) and word.upper() != "UNKNOWN" else None


def _differs(known: dict[_Key, Row], listed: RemoteTemplate) -> bool:
    row = known.get((listed.name, listed.language))
    return row is not None and row["status"] != _status(known, listed)


def _difference(
    known: dict[_Key, Row], ordered: Sequence[RemoteTemplate], gone: Sequence[Row], asked_at: datetime, total: int
) -> Difference:
    new = [one for one in ordered if (one.name, one.language) not in known]
    changes = [Change(one.name, one.language, None, _status(known, one)) for one in new]
    changes += [
        Change(one.name, one.language, known[one.name, one.language]["status"], _status(known, one))
        for one in ordered
        if _differs(known, one)
    ]
    changes += [Change(row["name"], row["language"], row["status"], None) for row in gone]
    return Difference(
        asked_at=asked_at,
        total=total,
        added=len(new),
        updated=sum(_is_another(known, one) for one in ordered),
        removed=len(gone),
        changes=tuple(sorted(changes, key=lambda change: (change.name, change.language))),
    )


def _is_another(known: dict[_Key, Row], listed: RemoteTemplate) -> bool:
    """Tell whether anything of a known template is another than it was."""
    row = known.get((listed.name, listed.language))
    if row is None:
        return False
    before = [row[name] for name in _TOLD_BY_META]
    now = [
        listed.id,
        listed.category.upper(),
        _status(known, listed),
        listed.raw.get("rejected_reason"),
        _quality(listed) or row["quality"],
        listed.raw.get("parameter_format") or "POSITIONAL",
    ]
    return before != now or msgspec.json.decode(row["components"]) != listed.components


def _changed(row: Row, listed: RemoteTemplate, at: datetime) -> Draft:
    return telling.status_changed(
        _subject(row, listed.id, listed.category.upper()),
        at,
        old=row["status"],
        new=listed.status.upper(),
        reason=reason_of(listed.raw.get("rejected_reason")),
    )


def _deleted(row: Row, at: datetime) -> Draft:
    return telling.status_changed(
        _subject(row, row["meta_id"], row["category"]), at, old=row["status"], new="DELETED", reason=None
    )


def _subject(row: Row, meta_id: str, category: str) -> Subject:
    return Subject(row["brand_id"], row["id"], meta_id, row["name"], row["language"], category)


def reason_of(word: Any) -> str | None:
    """Read Meta's reason: `"NONE"` and null both say that there is none."""
    return word if isinstance(word, str) and word and word.upper() != "NONE" else None
