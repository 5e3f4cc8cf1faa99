"""All SQL for files of the brand's own, and for the ids by which Meta knows a file, one for each number."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from quixess.database.core import Row, Tx
from quixess.media.catalogue import TakenOver


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the brand whose bytes are safe here. `id` is ours and new, `sha256` lower-case hex, `size` bytes."""

    brand_id: UUID
    id: UUID
    connection_id: UUID
    mime_type: str
    filename: str | None
    sha256: str
    size: int


async def begin(tx: Tx, upload: Upload) -> datetime:
    """Note a file that Meta is about to get: nobody can use it yet. Returns when that was."""
    row = await tx.row(
        """INSERT INTO media (brand_id, id, connection_id, mime_type, filename, sha256, size, source, state)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'upload', 'uploading') RETURNING created_at""",
        upload.brand_id,
        upload.id,
        upload.connection_id,
        upload.mime_type,
        upload.filename,
        upload.sha256,
        upload.size,
    )
    if row is None:
        raise LookupError("an INSERT returned no row")
    at: datetime = row["created_at"]
    return at


async def finish(tx: Tx, upload: Upload, meta_id: str) -> None:
    """Note that Meta has the file, under this id: from now on it can be used.

    Raises TakenOver when the sweep took it for abandoned.
    """
    row = await tx.row(
        """UPDATE media SET state = 'stored', ended_at = now()
           WHERE brand_id = $1 AND id = $2 AND state = 'uploading' RETURNING id""",
        upload.brand_id,
        upload.id,
    )
    if row is None:
        raise TakenOver
    await keep(tx, upload.brand_id, upload.id, upload.connection_id, meta_id)


async def drop(tx: Tx, brand_id: UUID, media_id: UUID) -> None:
    """Forget a file that Meta did not take."""
    await tx.execute("DELETE FROM media WHERE brand_id = $1 AND id = $2 AND state = 'uploading'", brand_id, media_id)


async def keep(tx: Tx, brand_id: UUID, media_id: UUID, connection_id: UUID, meta_id: str) -> None:
    """Note by which id Meta knows a file for this connection, in place of any older id; nothing where the file went."""
    await tx.execute(
        """INSERT INTO media_handle (brand_id, media_id, connection_id, meta_id)
           SELECT brand_id, id, $3, $4 FROM media WHERE brand_id = $1 AND id = $2 FOR SHARE
           ON CONFLICT (brand_id, media_id, connection_id)
             DO UPDATE SET meta_id = excluded.meta_id, uploaded_at = now()""",
        brand_id,
        media_id,
        connection_id,
        meta_id,
    )


async def find(tx: Tx, brand_id: UUID, media_id: UUID, connection_id: UUID, *, fresh: timedelta) -> Row | None:
    """Find Meta's id of a stored file, given to it less than `fresh` ago; with mime_type, filename and size."""
    return await tx.row(
        """SELECT h.meta_id, m.mime_type, m.filename, m.size FROM media_handle h
           JOIN media m ON m.brand_id = h.brand_id AND m.id = h.media_id
           WHERE h.brand_id = $1 AND h.media_id = $2 AND h.connection_id = $3
             AND h.uploaded_at > now() - $4::interval AND m.state = 'stored'""",
        brand_id,
        media_id,
        connection_id,
        fresh,
    )


async def forget_unfinished(tx: Tx, *, age: timedelta) -> int:
    """Delete the rows of uploads whose process died more than `age` ago, of any brand; return how many."""
    rows = await tx.rows(
        "DELETE FROM media WHERE state = 'uploading' AND created_at < now() - $1::interval RETURNING id", age
    )
    return len(rows)
