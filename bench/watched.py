"""What it costs that pages can be live: noting changes while nobody watches, and telling them while somebody does."""

import time
from typing import Any

from bench import passage, report, tables
from bench.passage import CONNECTIONS
from bench.rig import Rig
from bench.rounds import ROUNDS
from quixess import feed
from quixess.database import ids
from quixess.feed import Kind
from quixess.feed.telling import Telling

_SECONDS = 4.0
_BATCH, _BATCHES = 20, 5_000
_SPREADS_S = 1.5  # processes ask once a second who is watched


class _Notes:
    """A transaction as far as the feed is concerned."""

    def __init__(self) -> None:
        self.news: list[Any] = []


def run(at: Rig) -> None:
    """Measure what a change costs alone; then messages on their way through, unwatched and watched in turn."""
    print(
        f"A change noted and nobody watches: {_noting(watched=False):.2f} µs; watched: {_noting(watched=True):.2f} µs"
    )
    through = passage.begin(at, "bench_watched")
    course, dsn = through.course, through.dsn
    course.once(connections=CONNECTIONS, seconds=1.5)
    unwatched, watched = [], []
    for _ in range(ROUNDS):
        unwatched.append(course.once(connections=CONNECTIONS, seconds=_SECONDS))
        _watch(dsn)
        watched.append(course.once(connections=CONNECTIONS, seconds=_SECONDS))
        _watch(dsn, seconds=0)
    print(report.table("webhook in → delivered, unwatched", unwatched))
    print(report.table("webhook in → delivered, watched", watched))
    told = tables.ask(dsn, "SELECT count(*) FROM feed")
    print(f"  {told} rows were written to the feed in {_SECONDS * ROUNDS:.0f} s of watching\n")
    through.end()


def _noting(*, watched: bool) -> float:
    """Tell of changes in batches, as transactions do, and give the microseconds that one of them takes."""
    nowhere: Any = None  # nothing is written here
    brand_id, telling = ids.new(), Telling(nowhere)
    if watched:
        telling.watch(brand_id)
    objects = [ids.new() for _ in range(_BATCH)]
    started = time.process_time()
    for _ in range(_BATCHES):
        tx: Any = _Notes()
        for one in objects:
            feed.tell(tx, brand_id, Kind.MESSAGE, one, within=one)
        telling.take(tx.news)
    return (time.process_time() - started) * 1e6 / (_BATCH * _BATCHES)


def _watch(dsn: str, seconds: int = 3600) -> None:
    tables.ask(
        dsn,
        """INSERT INTO feed_watch (brand_id, whole_from, until) SELECT id, now(), now() + $1 * interval '1 second'
           FROM brand ON CONFLICT (brand_id) DO UPDATE SET until = excluded.until""",
        seconds,
    )
    time.sleep(_SPREADS_S)
