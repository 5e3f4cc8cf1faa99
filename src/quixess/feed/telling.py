"""Telling: what transactions note is written to the board a moment after they committed, many together.

Nothing is written of brands that nobody watches. Which are watched is asked for once a second.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.feed import board
from quixess.feed.changes import MANY, Change, Heard

_LOOK_EVERY_S = 1.0
_GAP_S = 0.1
_MOST_WAITING = 10_000
_MOST_OF_A_BRAND = 500
_POST_S = board.OVERLAP_S - 1


class Telling:
    """Tells what this process changed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._watched: frozenset[UUID] = frozenset()
        self._here: set[UUID] = set()  # brands with a stream in this process
        self._waiting: dict[Change, None] = {}
        self._lost: set[UUID] = set()
        self._ahead = 0.0  # seconds that the database's clock is ahead of ours
        self._wake = asyncio.Event()

    @property
    def position(self) -> int:
        """The position now, as near as this process knows it."""
        return int((time.time() + self._ahead) * 1_000_000)

    def take(self, news: Sequence[Change]) -> None:
        """Take what a transaction that committed has to tell."""
        watched = self._watched
        if not watched:
            return
        for change in news:
            if change[0] in watched:
                self._waiting[change] = None
        if len(self._waiting) > _MOST_WAITING:
            self._lose({change[0] for change in self._waiting})
            self._waiting.clear()
        if self._waiting:
            self._wake.set()

    def watch(self, brand_id: UUID) -> None:
        """Tell of this brand from now on, and as long as it is watched here; others follow within seconds."""
        self._here.add(brand_id)
        self._watched |= {brand_id}

    def leave(self, brand_id: UUID) -> None:
        """Tell of this brand only while others watch it, or have done so of late."""
        self._here.discard(brand_id)

    async def look(self) -> None:
        """Ask again and again which brands are watched, until cancelled."""
        while True:
            with suppress(QuixessError):  # the database is away: nothing changes meanwhile
                await self.look_once()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look_once(self) -> None:
        """Ask which brands are watched. Raises `database_unavailable`."""
        async with self._db.statement() as tx:
            began = time.time()
            now, watched = await board.watched(tx)
        self._watched = watched | self._here
        self._ahead = now / 1_000_000 - (began + time.time()) / 2

    async def post(self) -> None:
        """Write what there is to tell, at once and then with a gap in between, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()
            await asyncio.sleep(_GAP_S)

    async def flush(self) -> None:
        """Write what there still is to tell."""
        if self._waiting or self._lost:
            await self._post()

    async def _post(self) -> None:
        told: dict[UUID, list[Heard]] = {brand_id: [(MANY, None, None)] for brand_id in self._lost}
        for brand_id, kind, object_id, within in self._waiting:
            if brand_id not in self._lost:
                told.setdefault(brand_id, []).append((kind, object_id, within))
        self._waiting.clear()
        self._lost.clear()
        for brand_id, changes in told.items():
            if len(changes) > _MOST_OF_A_BRAND:
                told[brand_id] = [(MANY, None, None)]
        try:
            async with asyncio.timeout(_POST_S), self._db.relaxed() as tx:
                await board.post(tx, told)
        except (QuixessError, TimeoutError):
            self._lose(set(told))

    def _lose(self, brand_ids: set[UUID]) -> None:
        """Remember that something was not told: those who watch have to look for themselves."""
        self._lost |= brand_ids & self._watched
        self._wake.set()
