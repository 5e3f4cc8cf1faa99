"""What it costs that pages can be live: noting changes while nobody watches, and telling them while somebody does."""

import time
from typing import Any

from bench import report, rig, signatures, tables, tenants
from bench.rig import Rig
from bench.rounds import ROUNDS, Course
from quixess import feed
from quixess.database import ids
from quixess.feed import Kind
from quixess.feed.telling import Telling

_CONNECTIONS, _SECONDS = 128, 4.0
_PEOPLE = 1_000
_PATH = "/webhooks/quixess"
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
    dsn = at.database("bench_watched")
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    url = f"http://127.0.0.1:{generator.ports[0]}{_PATH}"
    tenant = tenants.make(dsn, at.keyring, "Bordercart", url, rig.graph_url(meta))
    gateway = at.quixess(dsn, "serve", "--work")
    course = Course(
        generator=generator,
        read=at.meters(measured=gateway.pid, load=generator.pid),
        port=gateway.port,
        kind="webhook",
        facts=tenants.webhook_facts(gateway.port, _PEOPLE),
        awaits=True,
        settle=lambda: tables.until_empty(dsn, "delivery"),
    )
    course.once(connections=_CONNECTIONS, seconds=1.5)
    unwatched, watched = [], []
    for _ in range(ROUNDS):
        unwatched.append(course.once(connections=_CONNECTIONS, seconds=_SECONDS))
        _watch(dsn)
        watched.append(course.once(connections=_CONNECTIONS, seconds=_SECONDS))
        _watch(dsn, seconds=0)
    print(report.table("webhook in → delivered, unwatched", unwatched))
    print(report.table("webhook in → delivered, watched", watched))
    gateway.stop()
    told = tables.ask(dsn, "SELECT count(*) FROM feed")
    print(f"  {told} rows were written to the feed in {_SECONDS * ROUNDS:.0f} s of watching\n")
    signatures.check(course.samples, {_PATH: tenant.endpoint_secret})


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
