"""Sweeping: files end with their rows, and what dead processes left goes too.

Rows first, files after: a crash in between leaves a file that no row names, which the next sweep finds. A file is
removed under the same lock under which one is stored, so that none is taken away from a row about to name it.
"""

import asyncio
from datetime import timedelta

from quixess.database.core import Database
from quixess.media import catalogue, handles
from quixess.media.store import Store

_ROWS_AT_ONCE = 1_000
_UNFINISHED = timedelta(hours=1)  # longer than any upload may take


async def sweep(db: Database, store: Store, *, keep_days: float) -> tuple[int, int]:
    """Delete the rows of media older than `keep_days`, of every brand, and the files that no row names any more.

    An upload that was never finished goes after an hour. Returns how many rows and how many files went.
    """
    rows = await _forget(db, timedelta(days=keep_days))
    async with db.transaction() as tx:
        rows += await handles.forget_unfinished(tx, age=_UNFINISHED)
    await asyncio.to_thread(store.tidy)
    files = 0
    for shelf in await asyncio.to_thread(store.shelves):
        files += await clear(db, store, await asyncio.to_thread(store.hashes, shelf))
    return rows, files


async def _forget(db: Database, age: timedelta) -> int:
    total = 0
    while True:
        async with db.transaction() as tx:
            gone = await catalogue.forget(tx, age=age, limit=_ROWS_AT_ONCE)
        total += gone
        if gone < _ROWS_AT_ONCE:
            return total


async def clear(db: Database, store: Store, hashes: list[str]) -> int:
    """Delete those of these files that no row of any brand names, and return how many went."""
    async with db.statement() as tx:
        candidates = await catalogue.unnamed(tx, hashes)
    removed = 0
    for sha256 in candidates:
        async with db.transaction() as tx:
            if await catalogue.may_remove(tx, sha256):
                await asyncio.to_thread(store.remove, sha256)
                removed += 1
    return removed
