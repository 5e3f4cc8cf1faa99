"""Readings: where each number comes from. Taken when somebody asks; the rooms only count."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quixess import logs
from quixess.connections import Lines
from quixess.database.batching import Batcher
from quixess.database.core import Database
from quixess.events.delivery import Deliveries
from quixess.health import Backlog
from quixess.messages.receiving import Receiving
from quixess.probes import numbers
from quixess.probes.numbers import Metric
from quixess.probes.readiness import Readiness
from quixess.probes.watching import Requests
from quixess.tallies import Lag, Spread

Labels = tuple[str, ...]
Reading = tuple[Metric, Mapping[Labels, float | Spread]]
_NO_LABELS: Labels = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What a process is looked at by. Without a worker it has no deliveries, without a gateway no requests."""

    version: str
    role: str
    db: Database
    readiness: Readiness
    lag: Lag
    lines: Lines
    receiving: Receiving
    requests: Requests | None
    deliveries: Deliveries | None
    batchers: Sequence[Mapping[str, Batcher[Any, Any]]] = field(default=())


def read(sources: Sources) -> Iterator[Reading]:
    """Take every number but those of the backlog."""
    yield numbers.BUILD, {(sources.version, sources.role): 1.0}
    yield _one(numbers.DRAINING, float(sources.readiness.draining))
    yield _one(numbers.LAG, sources.lag.late_s)
    yield numbers.LINES, {(level,): count for level, count in logs.LINES.items()}
    if sources.requests is not None:
        yield from _of_gateway(sources.requests, sources.lines)
    if sources.deliveries is not None:
        yield from _of_worker(sources.receiving, sources.deliveries)
    yield from _of_database(sources.db, sources.batchers)


def read_backlog(backlog: Backlog | None) -> Iterator[Reading]:
    """Take the numbers of the backlog; None when PostgreSQL did not answer."""
    yield _one(numbers.UP, float(backlog is not None))
    if backlog is None:
        return
    yield numbers.DUE_S, _by_one(backlog.due_s)
    yield numbers.ENDPOINTS, _by_one(backlog.endpoints)
    yield _one(numbers.INTAKE_DUE_S, backlog.intake_s)
    yield _one(numbers.INTAKE_BROKEN, backlog.broken)
    yield _one(numbers.UNSETTLED_S, backlog.unsettled_s)
    yield _one(numbers.UNCONFIRMED, backlog.unconfirmed)
    if backlog.tokens_s is not None:
        yield _one(numbers.TOKEN_ENDS_S, backlog.tokens_s)
    yield _one(numbers.TOKENS_ENDING, backlog.tokens_ending)
    yield _one(numbers.TOKENS_AT_FAULT, backlog.tokens_at_fault)
    yield _one(numbers.WORKERS, backlog.workers)
    yield _one(numbers.CLOCK_S, backlog.clock_s)
    yield numbers.LIVE_ROWS, _by_one(backlog.live)
    yield numbers.DEAD_ROWS, _by_one(backlog.dead)


def _of_gateway(requests: Requests, lines: Lines) -> Iterator[Reading]:
    yield numbers.REQUESTS, {labels: float(count) for labels, count in requests.answers.items()}
    yield numbers.REQUEST_S, {(route,): spread for route, spread in requests.began_s.items()}
    yield _one(numbers.REQUESTS_OPEN, requests.open)
    yield numbers.SENDS, _by_one(lines.sends)
    yield _one(numbers.SEND_S, lines.took_s)


def _of_worker(receiving: Receiving, deliveries: Deliveries) -> Iterator[Reading]:
    tally = deliveries.tally
    yield _one(numbers.INTAKE_S, receiving.waited_s)
    yield _one(numbers.FIRST_ATTEMPT_S, tally.waited_s)
    yield numbers.ATTEMPTS, _by_one(tally.answers)
    yield _one(numbers.ATTEMPT_S, tally.took_s)
    yield _one(numbers.IN_FLIGHT, deliveries.in_flight)
    yield _one(numbers.WINDOW, deliveries.windows.open)
    yield _one(numbers.PLACES, deliveries.windows.places)


def _of_database(db: Database, rooms: Sequence[Mapping[str, Batcher[Any, Any]]]) -> Iterator[Reading]:
    batchers = {name: batcher for room in rooms for name, batcher in room.items()}
    yield numbers.BATCH_ROWS, {(name,): batcher.rows for name, batcher in batchers.items()}
    yield numbers.BATCH_WAITING, {(name,): batcher.waiting for name, batcher in batchers.items()}
    pools = db.pools
    yield numbers.POOL_OPEN, {(pool.name,): pool.open for pool in pools}
    yield numbers.POOL_IDLE, {(pool.name,): pool.idle for pool in pools}
    yield numbers.POOL_MOST, {(pool.name,): pool.most for pool in pools}
    yield _one(numbers.LOST, db.lost)


def _one(metric: Metric, value: float | Spread) -> Reading:
    return metric, {_NO_LABELS: value}


def _by_one(values: Mapping[str, float]) -> Mapping[Labels, float | Spread]:
    return {(name,): value for name, value in values.items()}
