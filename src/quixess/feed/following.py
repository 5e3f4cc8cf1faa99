"""Following: one reader a process wakes the streams of the pages that are open here, each for its brand and topics."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from quixess.database.core import Database, Ear
from quixess.errors import QuixessError
from quixess.feed import board
from quixess.feed.board import Bulletin, Watch
from quixess.feed.changes import MANY, Topical, topics_of
from quixess.feed.telling import Telling

_POLL_S = 1.0
_GAP_S = 0.02
_BEAT_S = 10.0
_MOST_WAITING = 200
_MOST_OF_ONE = 20


@dataclass(frozen=True, slots=True)
class News:
    """What changed for a page. When it is `stale` something was missed, and everything may have changed."""

    changes: list[Topical]
    stale: bool
    position: int


class Stream:
    """What one page hears: of one brand, of its topics. Holds each change once, and a bounded number of them.

    `began` is the position that it began at: the page has heard nothing yet of what came after it.
    """

    def __init__(self, brand_id: UUID, topics: frozenset[str], position: int, listener: UUID) -> None:
        self.brand_id = brand_id
        self.listener = listener
        self.topics = topics
        self.began = self._position = position
        self.closed = False
        self._waiting: dict[Topical, None] = {}
        self._stale = False
        self._wake = asyncio.Event()

    async def next(self, within_s: float) -> News:
        """Wait for something to tell, `within_s` at most, and take it. There may be nothing; see `closed` too."""
        if not (self._waiting or self._stale or self.closed):
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._wake.wait()
        self._wake.clear()
        news = News(list(self._waiting), self._stale, self._position)
        self._waiting.clear()
        self._stale = False
        return news

    def offer(self, changes: Iterable[Topical], position: int) -> None:
        """Take those of some changes that are about the page's topics."""
        for change in changes:
            if change[0] in self.topics:
                self._waiting[change] = None
        self.reach(position)
        if len(self._waiting) > _MOST_WAITING:
            self.miss()
        elif self._waiting:
            self._wake.set()

    def reach(self, position: int) -> None:
        """Note how far the board has been read: what has been taken by then need not be told again."""
        self._position = max(self._position, position)

    def miss(self) -> None:
        """Say that something was missed."""
        self._waiting.clear()
        self._stale = True
        self._wake.set()

    def close(self) -> None:
        """End the stream."""
        self.closed = True
        self._wake.set()


class Following:
    """Follows the board while a page is open in this process."""

    def __init__(self, db: Database, telling: Telling) -> None:
        self._db = db
        self._telling = telling
        self._streams: dict[UUID, set[Stream]] = {}
        self._watches: dict[UUID, Watch] = {}
        self._seen: dict[UUID, int] = {}
        self._position = 0
        self._beat_at = 0.0
        self._anyone = asyncio.Event()
        self._closed = False

    @asynccontextmanager
    async def open(
        self, brand_id: UUID, topics: Collection[str], position: int | None, *, listener: UUID
    ) -> AsyncIterator[Stream]:
        """Hear what changes for a brand after a position: `Feed.stream`."""
        if sum(one.listener == listener for streams in self._streams.values() for one in streams) >= _MOST_OF_ONE:
            raise QuixessError("overloaded", f"{_MOST_OF_ONE} pages are live already: close some.", retry_after_s=10)
        now = self._telling.position
        stream = Stream(brand_id, frozenset(topics), now if position is None else min(position, now), listener)
        self._streams.setdefault(brand_id, set()).add(stream)
        self._telling.watch(brand_id)
        self._anyone.set()
        try:
            if self._closed:
                stream.close()
            else:
                await self._begin(stream)
            yield stream
        finally:
            self._streams[brand_id].discard(stream)
            if not self._streams[brand_id]:
                del self._streams[brand_id]
                self._telling.leave(brand_id)
                self._watches.pop(brand_id, None)
            if not self._streams:
                self._anyone.clear()

    def close(self) -> None:
        """End every stream, and those that come at once: this process stops."""
        self._closed = True
        for streams in self._streams.values():
            for stream in streams:
                stream.close()

    async def run(self) -> None:
        """Read on while there are streams, until cancelled. A database that is away is waited for."""
        while True:
            if not self._streams:
                await self._anyone.wait()
                self._position = self._telling.position
            try:
                async with self._db.listening(board.CHANNEL) as ear:
                    await self._follow(ear)
            except QuixessError:
                await asyncio.sleep(_POLL_S)
                with suppress(QuixessError):  # no connection left to listen on: ask without being told
                    await self._read()

    async def _follow(self, ear: Ear) -> None:
        while self._streams and not ear.lost:
            await self._read()
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_S):
                    await ear.heard.wait()
            ear.heard.clear()
            await asyncio.sleep(_GAP_S)

    async def _begin(self, stream: Stream) -> None:
        """Give a stream what it missed, or tell it that it has missed something, now or once everybody knows of it."""
        watch = await self._watch(stream.brand_id)
        if stream.began < watch.oldest:
            wait_s = max(watch.whole_from - watch.now, 0) / 1_000_000
            asyncio.get_running_loop().call_later(wait_s, stream.miss)
        async with self._db.reading(stream.brand_id) as tx:
            bulletins = await board.missed(tx, stream.brand_id, stream.began)
        if bulletins is None:
            stream.miss()
        for bulletin in bulletins or ():
            _offer(bulletin, (stream,))

    async def _watch(self, brand_id: UUID) -> Watch:
        async with self._db.statement() as tx:
            watches = await board.watch(tx, [brand_id])
        self._watches.setdefault(brand_id, watches[brand_id])
        return watches[brand_id]

    async def _read(self) -> None:
        now = asyncio.get_running_loop().time()
        async with self._db.statement() as tx:
            if now - self._beat_at >= _BEAT_S:
                self._beat_at = now
                self._compare(await board.watch(tx, self._streams))
            self._position, bulletins = await board.read(tx, self._streams, self._position)
        for bulletin in bulletins:
            if bulletin.id not in self._seen:
                self._seen[bulletin.id] = bulletin.position
                _offer(bulletin, self._streams.get(bulletin.brand_id, ()))
        for streams in self._streams.values():
            for stream in streams:
                stream.reach(self._position)
        # A row that came late is read again for as long as the overlap; twice that is remembered.
        horizon = self._position - int(2 * board.OVERLAP_S * 1_000_000)
        for old in [bulletin_id for bulletin_id, at in self._seen.items() if at < horizon]:
            del self._seen[old]

    def _compare(self, watches: dict[UUID, Watch]) -> None:
        """Tell the streams of brands whose feed has begun anew that they missed something: PostgreSQL crashed."""
        for brand_id, watch in watches.items():
            known = self._watches.get(brand_id)
            self._watches[brand_id] = watch
            if known is None or known.whole_from == watch.whole_from:
                continue
            wait_s = max(watch.whole_from - watch.now, 0) / 1_000_000
            for stream in self._streams.get(brand_id, ()):
                asyncio.get_running_loop().call_later(wait_s, stream.miss)


def _offer(bulletin: Bulletin, streams: Iterable[Stream]) -> None:
    if any(kind == MANY for kind, _, _ in bulletin.changes):
        for stream in streams:
            stream.miss()
        return
    changes = [topical for change in bulletin.changes for topical in topics_of(change)]
    for stream in streams:
        stream.offer(changes, bulletin.position)
