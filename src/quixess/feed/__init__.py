"""The feed: what changed, told to the pages that are open now, whichever process changed it.

A room tells with `tell(tx, brand_id, Kind.KEY, key_id)` in the transaction of the change. A page hears of topics. The
feed is a hint: it may lose one, it may say one twice, and every page is right after a reload (decision 0020).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import structlog

from quixess.database.core import Database
from quixess.feed.board import sweep
from quixess.feed.changes import THREAD, Kind, Topic, tell, thread
from quixess.feed.following import Following, News, Stream
from quixess.feed.telling import Telling

__all__ = ["THREAD", "Feed", "Kind", "News", "Stream", "Topic", "sweep", "tell", "thread"]


_AGAIN_S = 1.0
_log = structlog.get_logger()


class Feed:
    """The feed as one process has it: it tells what is changed here, and streams what is changed anywhere."""

    def __init__(self, db: Database) -> None:
        self._telling = Telling(db)
        self._following = Following(db, self._telling)
        db.on_news = self._telling.take

    @property
    def position(self) -> int:
        """Where the feed is now: what a page that is made now need not be told. The database's clock, microseconds."""
        return self._telling.position

    def stream(
        self, brand_id: UUID, topics: Collection[str], position: int | None, *, listener: UUID
    ) -> AbstractAsyncContextManager[Stream]:
        """Hear what changes for a brand after a position, for the length of a block; without one from now on.

        `listener` is the person who listens. Raises `database_unavailable`, and `overloaded` for too many of theirs.
        """
        return self._following.open(brand_id, topics, position, listener=listener)

    async def run(self) -> None:
        """Tell and follow until cancelled."""
        async with asyncio.TaskGroup() as loops:
            for loop in (self._telling.look, self._telling.post, self._following.run):
                loops.create_task(_keep_running(loop))

    async def attend(self) -> None:
        """Learn which brands are watched, for a process that only makes a change or two: then no loop has to run."""
        await self._telling.look_once()

    async def flush(self) -> None:
        """Tell what is left to be told, after the last change of this process."""
        await self._telling.flush()

    def close(self) -> None:
        """End every stream: this process stops."""
        self._following.close()


async def _keep_running(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:  # noqa: BLE001 - a page that is not live must not end the process
            _log.exception("a loop of the feed failed and starts again", loop=loop.__qualname__)
            await asyncio.sleep(_AGAIN_S)
