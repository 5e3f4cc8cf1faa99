"""The feed: what one process changes, another hears of, and nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from quixess import feed
from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.feed import Feed, Kind, News, Stream, Topic, board, following, telling
from tests.world import eventually

OURS, THEIRS = ids.new(), ids.new()
ANNA, KEY, TALK = ids.new(), ids.new(), ids.new()
PATIENCE_S = 20.0


@dataclass
class Process:
    """A process as far as the feed is concerned: its way to the database, and its feed at work."""

    db: Database
    feed: Feed

    async def tell(
        self, kind: Kind, object_id: UUID | None, *, brand_id: UUID = OURS, watched: bool = True, **more: Any
    ) -> None:
        """Tell of a change, once this process knows that the brand is watched."""
        await eventually(lambda: not watched or self.knows(brand_id))
        async with self.db.transaction() as tx:
            feed.tell(tx, brand_id, kind, object_id, **more)

    def knows(self, brand_id: UUID = OURS) -> bool:
        return brand_id in self.feed._telling._watched


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "_SPREADS_S", 0.2)
    monkeypatch.setattr(telling, "_LOOK_EVERY_S", 0.05)


@asynccontextmanager
async def starting(dsn: str) -> AsyncIterator[Process]:
    db = await Database.open(dsn, writers=3, readers=2)
    process = Process(db, Feed(db))
    running = asyncio.create_task(process.feed.run())
    try:
        yield process
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await db.close()


@pytest.fixture
async def start(dsn: str) -> AsyncIterator[Callable[[], Any]]:
    async with AsyncExitStack() as stack:
        yield lambda: stack.enter_async_context(starting(dsn))


@pytest.fixture
async def page(start: Callable[[], Any]) -> Process:
    """The process that has the page."""
    process: Process = await start()
    return process


@pytest.fixture
async def worker(start: Callable[[], Any]) -> Process:
    """Another process."""
    process: Process = await start()
    return process


@asynccontextmanager
async def listening(
    process: Process, *topics: str, position: int | None = None, brand_id: UUID = OURS, listener: UUID = ANNA
) -> AsyncIterator[Stream]:
    """The stream of the first page of a brand, from when it misses nothing any more."""
    async with process.feed.stream(brand_id, topics, position, listener=listener) as stream:
        await until_stale(stream)
        yield stream


async def until_stale(stream: Stream) -> None:
    """The first one to watch a brand is told to look again when all processes know."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await stream.next(PATIENCE_S)).stale:
            pass


async def hears(stream: Stream) -> News:
    """The next news, or a failure: nothing that is told has to be waited for this long."""
    news = await stream.next(PATIENCE_S)
    assert news.changes or news.stale
    return news


async def bulletins(process: Process) -> int:
    async with process.db.statement() as tx:
        row = await tx.row("SELECT count(*) AS n FROM feed")
    assert row is not None
    return int(row["n"])


async def test_a_page_hears_what_another_process_changed(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await worker.tell(Kind.KEY, KEY)

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]


async def test_a_page_hears_what_its_own_process_changed(page: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await page.tell(Kind.KEY, KEY)

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]


async def test_the_other_brand_hears_nothing(page: Process, worker: Process) -> None:
    async with (
        listening(page, Topic.KEYS) as ours,
        listening(page, Topic.KEYS, brand_id=THEIRS) as theirs,
    ):
        await worker.tell(Kind.KEY, KEY)
        await hears(ours)
        await worker.tell(Kind.KEY, ANNA, brand_id=THEIRS)

        assert (await hears(theirs)).changes == [(Topic.KEYS, ANNA)]


async def test_a_page_hears_of_its_topics_only(page: Process, worker: Process) -> None:
    async with listening(page, Topic.TEMPLATES) as stream:
        await worker.tell(Kind.KEY, KEY)
        await worker.tell(Kind.TEMPLATE, None)

        assert (await hears(stream)).changes == [(Topic.TEMPLATES, None)]


async def test_a_message_is_heard_in_its_thread_in_lists_and_on_the_overview(page: Process, worker: Process) -> None:
    message_id, topics = ids.new(), (feed.thread(TALK), Topic.MESSAGES, Topic.CONVERSATIONS, Topic.OVERVIEW)
    elsewhere = (feed.thread(ids.new()), Topic.KEYS)
    async with (
        listening(page, *topics) as stream,
        page.feed.stream(OURS, elsewhere, None, listener=ANNA) as other,
    ):
        await worker.tell(Kind.MESSAGE, message_id, within=TALK)

        assert set((await hears(stream)).changes) == {
            (feed.thread(TALK), message_id),
            (Topic.MESSAGES, message_id),
            (Topic.CONVERSATIONS, TALK),
            (Topic.OVERVIEW, None),
        }
        await worker.tell(Kind.KEY, KEY)
        assert (await hears(other)).changes == [(Topic.KEYS, KEY)]


async def test_what_was_rolled_back_is_not_told(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await eventually(worker.knows)
        with suppress(ZeroDivisionError):
            async with worker.db.transaction() as tx:
                feed.tell(tx, OURS, Kind.KEY, ANNA)
                raise ZeroDivisionError
        await worker.tell(Kind.KEY, KEY)

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]


async def test_nothing_is_written_while_nobody_watches(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await worker.tell(Kind.KEY, KEY, brand_id=THEIRS, watched=False)
        await worker.tell(Kind.KEY, KEY)
        await hears(stream)

    assert await bulletins(page) == 1


async def test_many_changes_of_one_object_in_a_moment_are_told_once(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await eventually(worker.knows)
        async with worker.db.transaction() as tx:
            for _ in range(100):
                feed.tell(tx, OURS, Kind.KEY, KEY)

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]
        assert await bulletins(page) == 1


async def test_so_many_changes_that_a_page_had_better_look_itself(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await eventually(worker.knows)
        async with worker.db.transaction() as tx:
            for _ in range(300):
                feed.tell(tx, OURS, Kind.KEY, ids.new())

        news = await hears(stream)
        assert news.stale
        assert not news.changes


async def test_so_many_changes_that_they_are_not_even_written(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await eventually(worker.knows)
        async with worker.db.transaction() as tx:
            for _ in range(501):
                feed.tell(tx, OURS, Kind.EVENT, ids.new())

        assert (await hears(stream)).stale


# What was missed --------------------------------------------------------------------------------------------------


async def test_a_page_that_comes_back_hears_what_it_missed(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await worker.tell(Kind.KEY, ANNA)
        position = (await hears(stream)).position
    async with worker.feed.stream(OURS, [Topic.TEMPLATES], None, listener=ANNA) as other:  # somebody else watches
        await page.tell(Kind.KEY, KEY)
        await page.tell(Kind.TEMPLATE, None)
        await hears(other)

    async with page.feed.stream(OURS, [Topic.KEYS], position, listener=ANNA) as stream:
        news = await hears(stream)
        assert (Topic.KEYS, KEY) in news.changes
        assert not news.stale


async def test_a_page_that_comes_back_to_another_process_hears_what_it_missed(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await worker.tell(Kind.KEY, KEY)
        await hears(stream)
        position = stream.began

    async with worker.feed.stream(OURS, [Topic.KEYS], position, listener=ANNA) as stream:
        assert (Topic.KEYS, KEY) in (await hears(stream)).changes


async def test_a_page_that_was_away_for_too_long_is_told_to_look_itself(page: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        position = stream.began

    async with page.feed.stream(OURS, [Topic.KEYS], position - 7_200_000_000, listener=ANNA) as stream:
        assert (await hears(stream)).stale


async def test_what_is_told_while_a_stream_opens_hides_nothing_of_what_it_missed(
    page: Process, worker: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    missed = board.missed

    async def after_more_was_told(*arguments: Any) -> Any:
        monkeypatch.setattr(board, "missed", missed)
        monkeypatch.setattr(board, "OVERLAP_S", 0.0)  # no second chance
        (opening,) = (one for one in page.feed._following._streams[OURS] if one.began == position)
        opening.reach(page.feed.position)
        return await missed(*arguments)

    async with listening(page, Topic.TEMPLATES) as other:
        position = page.feed.position
        await worker.tell(Kind.KEY, KEY)
        await worker.tell(Kind.TEMPLATE, None)
        await hears(other)
        monkeypatch.setattr(board, "missed", after_more_was_told)

        async with page.feed.stream(OURS, [Topic.KEYS], position, listener=ANNA) as stream:
            assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]


async def test_a_quiet_stream_goes_on_with_the_time(page: Process) -> None:
    """Else a tab that comes back after hours without news would have to fetch everything anew."""
    async with listening(page, Topic.KEYS) as stream:
        await eventually(lambda: stream._position > stream.began + 1_500_000)


async def test_what_changed_before_everybody_knew_is_not_missed(page: Process, worker: Process) -> None:
    """The worker learns within a second that somebody watches; until then it tells nothing."""
    async with page.feed.stream(OURS, [Topic.KEYS], None, listener=ANNA) as stream:
        await worker.tell(Kind.KEY, KEY, watched=False)

        await until_stale(stream)


async def test_a_row_that_is_seen_late_is_heard_all_the_same(page: Process, dsn: str) -> None:
    """A long commit: its row has an earlier time than rows that were read before it could be seen."""
    slow = await asyncpg.connect(dsn)
    insert = "INSERT INTO feed (brand_id, id, changes) VALUES ($1, $2, $3)"
    late = f'[["key","{KEY}",null]]'
    async with listening(page, Topic.KEYS) as stream:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute(insert, OURS, ids.new(), late)
        await page.tell(Kind.KEY, ANNA)
        assert (await hears(stream)).changes == [(Topic.KEYS, ANNA)]
        await transaction.commit()

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]
    await slow.close()


async def test_a_row_is_heard_once_though_it_is_read_again_and_again(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS, Topic.TEMPLATES) as stream:
        await worker.tell(Kind.KEY, KEY)
        await hears(stream)
        for _ in range(3):
            await worker.tell(Kind.TEMPLATE, None)
            assert (await hears(stream)).changes == [(Topic.TEMPLATES, None)]


async def test_pages_look_again_after_a_crash_of_postgresql(
    page: Process, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables that are not logged are empty then."""
    monkeypatch.setattr(following, "_BEAT_S", 0.1)
    owner = await asyncpg.connect(dsn)
    async with listening(page, Topic.KEYS) as stream:
        await owner.execute("TRUNCATE feed, feed_watch")

        await until_stale(stream)
    await owner.close()


async def test_a_lost_listener_is_replaced(page: Process, worker: Process, dsn: str) -> None:
    owner = await asyncpg.connect(dsn)
    ending = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'quixess listener' AND datname = current_database()"
    )
    async with listening(page, Topic.KEYS) as stream:
        assert await owner.fetchval(ending) == 1
        await worker.tell(Kind.KEY, KEY)

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]
    await owner.close()


async def test_without_a_place_to_listen_the_board_is_read_all_the_same(
    page: Process, worker: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> Any:
        raise QuixessError("database_unavailable", "No connection is left.")

    monkeypatch.setattr(page.db, "listening", none_left)
    async with listening(page, Topic.KEYS) as stream:
        await worker.tell(Kind.KEY, KEY)

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]


async def test_what_could_not_be_written_makes_pages_look_again(
    page: Process, worker: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = board.post, []

    async def fails_once(*arguments: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise QuixessError("database_unavailable", "Away for a moment.")
        await real(*arguments)

    async with listening(page, Topic.KEYS) as stream:
        monkeypatch.setattr(board, "post", fails_once)
        await worker.tell(Kind.KEY, KEY)

        assert (await hears(stream)).stale


async def test_a_flood_while_the_database_is_slow_stays_bounded(
    worker: Process, page: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_MOST_WAITING", 100)
    async with listening(page, Topic.EVENTS) as stream:
        await eventually(worker.knows)
        async with worker.db.transaction() as tx:
            for _ in range(150):
                feed.tell(tx, OURS, Kind.EVENT, ids.new())

        assert (await hears(stream)).stale


# Ends -------------------------------------------------------------------------------------------------------------


async def test_one_person_has_a_bounded_number_of_live_pages(page: Process) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(page.feed.stream(OURS, [Topic.KEYS], None, listener=ANNA))
        await stack.enter_async_context(page.feed.stream(OURS, [Topic.KEYS], None, listener=ids.new()))

        with pytest.raises(QuixessError) as refused:
            await stack.enter_async_context(page.feed.stream(OURS, [Topic.KEYS], None, listener=ANNA))
        assert refused.value.code == "overloaded"


async def test_streams_end_with_their_process_and_new_ones_at_once(page: Process) -> None:
    async with page.feed.stream(OURS, [Topic.KEYS], None, listener=ANNA) as before:
        page.feed.close()
        await before.next(PATIENCE_S)
        assert before.closed
        async with page.feed.stream(OURS, [Topic.KEYS], None, listener=ANNA) as after:
            assert after.closed


async def test_what_is_left_to_tell_is_told_before_a_process_ends(page: Process, dsn: str) -> None:
    async with listening(page, Topic.KEYS) as stream:
        async with starting(dsn) as ending:
            await ending.tell(Kind.KEY, ANNA)
            await ending.tell(Kind.KEY, KEY)
            await ending.feed.flush()

        async with asyncio.timeout(PATIENCE_S):
            heard: list[Any] = []
            while (Topic.KEYS, KEY) not in heard:
                heard += (await stream.next(PATIENCE_S)).changes


async def test_old_rows_are_swept(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await worker.tell(Kind.KEY, KEY)
        await hears(stream)
    async with page.db.transaction() as tx:
        assert await feed.sweep(tx, 100) == 0
        await tx.execute("UPDATE feed SET at = at - interval '2 hours'")
        assert await feed.sweep(tx, 100) == 1


async def test_what_a_newer_version_tells_is_passed_over(page: Process, worker: Process) -> None:
    async with listening(page, Topic.KEYS) as stream:
        await eventually(worker.knows)
        async with worker.db.transaction() as tx:
            tx.news.append((OURS, "planet", KEY, None))
            feed.tell(tx, OURS, Kind.KEY, KEY)

        assert (await hears(stream)).changes == [(Topic.KEYS, KEY)]
