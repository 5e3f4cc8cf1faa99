"""When keys were last used: written down beside the requests, at most once a minute for each key.

The first use after a minute of rest is written at once; later ones wait for the minute, or for the end of the process.
"""

import asyncio
from contextlib import suppress
from uuid import UUID

import structlog

from quixess import feed
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.feed import Kind

_EVERY_S = 60.0
_LOOK_EVERY_S = 1.0
_log = structlog.get_logger()


class Uses:
    """The uses of one process. Nobody ever waits for them to be written."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._noted: dict[UUID, float] = {}  # key → when it was used, by the loop's clock
        self._written: dict[UUID, float] = {}  # key → when that was last written down
        self._closing = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def note(self, key_id: UUID) -> None:
        """Note that a key is used now."""
        self._noted[key_id] = asyncio.get_running_loop().time()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_until_rest())

    async def close(self) -> None:
        """Write what is noted, due or not, and return."""
        self._closing.set()
        if self._writing is not None:
            await self._writing

    async def _write_until_rest(self) -> None:
        while self._noted:
            now = asyncio.get_running_loop().time()
            self._written = {key: at for key, at in self._written.items() if now - at < _EVERY_S}
            due = {key: at for key, at in self._noted.items() if self._closing.is_set() or key not in self._written}
            if due and not await self._write(due, now) and self._closing.is_set():
                return
            await self._rest()

    async def _write(self, due: dict[UUID, float], now: float) -> bool:
        try:
            async with self._db.transaction() as tx:
                rows = await tx.rows(
                    """WITH used AS MATERIALIZED (
                         SELECT k.id, now() - u.ago * interval '1 second' AS at
                         FROM unnest($1::uuid[], $2::float8[]) AS u(id, ago)
                         JOIN api_key k ON k.id = u.id ORDER BY k.id FOR NO KEY UPDATE OF k)
                       UPDATE api_key k SET last_used_at = greatest(k.last_used_at, used.at)
                       FROM used WHERE k.id = used.id RETURNING k.id, k.brand_id""",
                    list(due), [now - at for at in due.values()],
                )  # fmt: skip
                for row in rows:
                    if row["brand_id"] is not None:
                        feed.tell(tx, row["brand_id"], Kind.KEY, row["id"])
        except QuixessError as error:
            _log.warning("the last use of keys waits for the database", error=error.code)
            return False
        for key, at in due.items():
            self._written[key] = now
            if self._noted.get(key) == at:
                del self._noted[key]
        return True

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._closing.wait()
