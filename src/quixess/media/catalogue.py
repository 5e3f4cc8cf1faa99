"""All SQL for media: what was told of, what is still to be fetched and by whom, what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from quixess import feed
from quixess.database.core import Row, Tx, columns
from quixess.feed import Kind
from quixess.meta import media as remote

_LONGEST_REASON = 500


class TakenOver(Exception):  # noqa: N818 - says what happened
    """Another process holds the file by now: what this one did must not count."""


class State(StrEnum):
    """Where a file stands: `failed` is ours to explain, `gone` is what Meta no longer has.

    An `uploading` file of the brand is not there for anybody: Meta has not said yes to it.
    """

    WAITING = "waiting"
    STORED = "stored"
    FAILED = "failed"
    GONE = "gone"
    UPLOADING = "uploading"


@dataclass(frozen=True, slots=True)
class Expected:
    """A file that a webhook tells of. `id` is ours and new; `sha256` may be in hex or in Meta's base64."""

    brand_id: UUID
    id: UUID
    connection_id: UUID
    message_id: UUID
    meta_id: str
    mime_type: str
    sha256: str | None
    filename: str | None

    @property
    def told_sha256(self) -> str | None:
        """The digest in lower-case hex; None when Meta told none, or none that is one."""
        return remote.read_digest(self.sha256)


@dataclass(frozen=True, slots=True)
class Todo:
    """One file to fetch, held under `lease`. `age_s` counts from the webhook, `tries` this one included.

    `doubts` are the earlier tries that brought something else than Meta had told.
    """

    brand_id: UUID
    id: UUID
    connection_id: UUID
    meta_id: str
    mime_type: str
    told_sha256: str | None
    tries: int
    doubts: int
    age_s: float
    lease: UUID


async def expect(tx: Tx, wanted: Sequence[Expected]) -> None:
    """Note files to be fetched, in the transaction of the message that brought them. The same id counts once."""
    ordered = sorted(wanted, key=lambda one: (one.brand_id, one.id))
    if not ordered:
        return
    await tx.execute(
        """WITH new AS (
             INSERT INTO media (brand_id, id, connection_id, message_id, meta_id, mime_type, told_sha256, filename)
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                                  $8::text[])
             ON CONFLICT DO NOTHING RETURNING brand_id, id)
           INSERT INTO media_todo (id, brand_id, next_at) SELECT id, brand_id, now() FROM new""",
        *columns(
            ordered,
            "brand_id", "id", "connection_id", "message_id", "meta_id", "mime_type", "told_sha256", "filename",
        ),
    )  # fmt: skip


async def claim(
    tx: Tx, lease: UUID, *, lease_s: float, limit: int, of_one_brand: int, busy: Sequence[UUID]
) -> list[Todo]:
    """Lease the files that are due, oldest first, at most `limit` and `of_one_brand` of each brand.

    `busy` names the brand of every file that this process is fetching already: they count.
    """
    rows = await tx.rows(
        """WITH RECURSIVE brands AS (
             (SELECT brand_id FROM media_todo ORDER BY brand_id LIMIT 1)
             UNION ALL
             SELECT (SELECT t.brand_id FROM media_todo t WHERE t.brand_id > b.brand_id ORDER BY t.brand_id LIMIT 1)
             FROM brands b WHERE b.brand_id IS NOT NULL),
           due AS MATERIALIZED (
             SELECT t.id FROM brands b CROSS JOIN LATERAL (
               SELECT m.id, m.next_at FROM media_todo m WHERE m.brand_id = b.brand_id AND m.next_at <= now()
               ORDER BY m.next_at
               LIMIT greatest(0, $4 - (SELECT count(*) FROM unnest($5::uuid[]) AS own(id) WHERE own.id = b.brand_id))
               FOR UPDATE SKIP LOCKED) t
             ORDER BY t.next_at LIMIT $3),
           held AS (
             UPDATE media_todo t SET lease = $1, next_at = now() + $2 * interval '1 second', tries = t.tries + 1
             WHERE t.id = ANY (ARRAY(SELECT id FROM due)) RETURNING t.brand_id, t.id, t.tries, t.doubts)
           SELECT m.*, held.tries, held.doubts, extract(epoch FROM now() - m.created_at)::float8 AS age_s
           FROM held AS held(brand_id, id, tries, doubts)
           JOIN media m ON m.brand_id = held.brand_id AND m.id = held.id""",
        lease,
        lease_s,
        limit,
        of_one_brand,
        list(busy),
    )
    return [_todo(row, lease) for row in rows]


async def renew(tx: Tx, todo: Todo, *, lease_s: float) -> None:
    """Hold a file for longer; nothing happens when another process has it by now."""
    await tx.execute(
        "UPDATE media_todo SET next_at = now() + $3 * interval '1 second' WHERE id = $1 AND lease = $2",
        todo.id,
        todo.lease,
        lease_s,
    )


async def postpone(
    tx: Tx, todo: Todo, *, pause_s: float, reason: str | None, counts: bool, doubtful: bool = False
) -> None:
    """Give a file back for a later try. One that `counts` not is no step of the ladder."""
    held = await tx.row(
        """UPDATE media_todo SET lease = NULL, next_at = now() + $3 * interval '1 second', tries = tries - $4,
             doubts = doubts + $5
           WHERE id = $1 AND lease = $2 RETURNING id""",
        todo.id,
        todo.lease,
        pause_s,
        0 if counts else 1,
        1 if doubtful else 0,
    )
    if held is not None and reason is not None:
        await tx.execute(
            "UPDATE media SET reason = $3 WHERE brand_id = $1 AND id = $2", todo.brand_id, todo.id, _told(reason)
        )


async def lock(tx: Tx, sha256: str) -> None:
    """Keep the sweep away from the file of this hash until the transaction ends."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", sha256)


async def finish(tx: Tx, todo: Todo, *, sha256: str, size: int) -> None:
    """Note that the file is stored, `size` in bytes.

    Raises TakenOver when another process holds it by now: the whole transaction must not count.
    """
    await _done(tx, todo)
    await tx.execute(
        """UPDATE media SET state = 'stored', sha256 = $3, size = $4, reason = NULL, ended_at = now()
           WHERE brand_id = $1 AND id = $2""",
        todo.brand_id,
        todo.id,
        sha256,
        size,
    )
    await _tell(tx, todo)


async def give_up(tx: Tx, todo: Todo, state: State, reason: str) -> None:
    """Note that the file will never be there, and why. Raises TakenOver like `finish`."""
    await _done(tx, todo)
    await tx.execute(
        "UPDATE media SET state = $3, reason = $4, ended_at = now() WHERE brand_id = $1 AND id = $2",
        todo.brand_id,
        todo.id,
        state.value,
        _told(reason),
    )
    await _tell(tx, todo)


async def _tell(tx: Tx, todo: Todo) -> None:
    """Tell those who look at the message that its file is there, or will never be."""
    row = await tx.row(
        """SELECT f.message_id, m.conversation_id FROM media f
           JOIN message m ON m.brand_id = f.brand_id AND m.id = f.message_id
           WHERE f.brand_id = $1 AND f.id = $2""",
        todo.brand_id,
        todo.id,
    )
    if row is not None:
        feed.tell(tx, todo.brand_id, Kind.MESSAGE, row["message_id"], within=row["conversation_id"])


async def find(tx: Tx, brand_id: UUID, media_id: UUID) -> Row | None:
    """Find a file of this brand: state, reason, mime_type, filename, sha256 and size."""
    return await tx.row("SELECT * FROM media WHERE brand_id = $1 AND id = $2", brand_id, media_id)


async def forget(tx: Tx, *, age: timedelta, limit: int) -> int:
    """Delete the rows of files that were told of longer ago than `age`, of any brand; return how many."""
    rows = await tx.rows(
        """WITH old AS MATERIALIZED (
             SELECT brand_id, id FROM media WHERE created_at < now() - $1::interval ORDER BY created_at LIMIT $2
             FOR UPDATE SKIP LOCKED),
           todo AS (DELETE FROM media_todo t WHERE t.id = ANY (ARRAY(SELECT id FROM old)))
           DELETE FROM media m USING old WHERE m.brand_id = old.brand_id AND m.id = old.id RETURNING m.id""",
        age,
        limit,
    )
    return len(rows)


async def unnamed(tx: Tx, hashes: Sequence[str]) -> list[str]:
    """Tell which of these hashes no row of any brand names."""
    rows = await tx.rows(
        """SELECT h.sha256 FROM unnest($1::text[]) AS h(sha256)
           WHERE NOT EXISTS (SELECT FROM media m WHERE m.sha256 = h.sha256) ORDER BY 1""",
        list(hashes),
    )
    return [row["sha256"] for row in rows]


async def may_remove(tx: Tx, sha256: str) -> bool:
    """Tell whether the file of a hash is nobody's, and keep it so until the transaction ends."""
    free = await tx.row("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS free", sha256)
    return bool(free and free["free"]) and await unnamed(tx, [sha256]) == [sha256]


async def _done(tx: Tx, todo: Todo) -> None:
    row = await tx.row("DELETE FROM media_todo WHERE id = $1 AND lease = $2 RETURNING id", todo.id, todo.lease)
    if row is None:
        raise TakenOver


def _todo(row: Row, lease: UUID) -> Todo:
    return Todo(**{name: row[name] for name in Todo.__slots__ if name != "lease"}, lease=lease)


def _told(reason: str) -> str:
    return reason[:_LONGEST_REASON].replace("\x00", "�")
