"""The shelf: one file for one reader, or the reason why it is not there."""

import asyncio
from dataclasses import dataclass, field
from typing import BinaryIO
from uuid import UUID

import structlog

from quixess.database.core import Database, Row
from quixess.errors import QuixessError
from quixess.media import catalogue, kinds
from quixess.media.catalogue import State
from quixess.media.store import Store

_RETRY_AFTER_S = 5
_LOOK_EVERY_S = 0.1
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Copy:
    """A stored file, open at its beginning; whoever takes it closes `file`. `size` is in bytes, `sha256` in hex."""

    file: BinaryIO = field(repr=False)
    sha256: str
    size: int
    mime_type: str
    filename: str | None


class Shelf:
    """Hands out what is stored. `wait_s` is how long a reader waits for a file that is still being fetched."""

    def __init__(self, db: Database, store: Store, *, wait_s: float = 2.0) -> None:
        self._db = db
        self._store = store
        self._wait_s = wait_s

    async def take(self, brand_id: UUID, media_id: UUID | None) -> Copy:
        """Open a file of this brand.

        Raises `media_not_found`, `media_not_ready`, `media_failed` or `media_gone`. A file of another brand and one
        that never was are told alike.
        """
        row = await self._settled(brand_id, media_id) if media_id is not None else None
        if row is None or row["state"] == State.UPLOADING:
            raise QuixessError("media_not_found", "The brand has no such file. Take the id from an event's content.")
        _refuse_unstored(row)
        file = await asyncio.to_thread(self._store.open, row["sha256"])
        if file is None:
            _log.error("a stored file is missing on disk", media=str(media_id), sha256=row["sha256"])
            raise QuixessError("media_gone", "The file was stored and is no longer on disk: ask the operator.")
        return Copy(file, row["sha256"], row["size"], kinds.shown(row["mime_type"]), row["filename"])

    async def _settled(self, brand_id: UUID, media_id: UUID) -> Row | None:
        """Read the row, and wait a little while the file is on its way."""
        ends = asyncio.get_running_loop().time() + self._wait_s
        while True:
            async with self._db.reading(brand_id) as tx:
                row = await catalogue.find(tx, brand_id, media_id)
            if row is None or row["state"] != State.WAITING or asyncio.get_running_loop().time() >= ends:
                return row
            await asyncio.sleep(_LOOK_EVERY_S)


def _refuse_unstored(row: Row) -> None:
    match row["state"]:
        case State.WAITING:
            trouble = f" The last try: {row['reason']}" if row["reason"] else ""
            detail = f"The file is still being fetched from WhatsApp: ask again.{trouble}"
            raise QuixessError("media_not_ready", detail, retry_after_s=_RETRY_AFTER_S)
        case State.FAILED:
            raise QuixessError("media_failed", f"{row['reason']} Ask the customer to send it again.")
        case State.GONE:
            raise QuixessError("media_gone", f"{row['reason']} Ask the customer to send it again.")
