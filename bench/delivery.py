"""Delivery from a backlog: claim, sign, POST, write down. The worker alone, 20 brands with an endpoint each."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import backlogs, report, rounds, signatures, tables, tenants
from bench.meters import Reading
from bench.processes import BenchError, Peer
from bench.report import Goal, Round
from bench.rig import Rig
from bench.tenants import Tenant
from quixess.database import ids

GOAL = Goal(per_second=8_000)
_BRANDS, _EVENTS = 20, 20_000
_WARM_UP = 2_000
_FEWER = 20  # for the usual stack, which would take minutes
_MOST_S = 120.0
_LOOK_EVERY_S = 0.02


def run(at: Rig) -> None:
    """Measure how fast a backlog is drained, the limit program and the usual stack beside it."""
    dsn = at.database("bench_delivery")
    sink = at.peer("bench.peers", "sink", str(_BRANDS))
    brands = [
        tenants.make(dsn, at.keyring, f"Brand {number}", f"http://127.0.0.1:{port}/brand/{number}")
        for number, port in enumerate(sink.ports)
    ]
    worker = at.quixess(dsn, "work")
    ours = _Queue(
        sink, at.meters(measured=worker.pid, sink=sink.pid), dsn, lambda events: _wait_ours(dsn, brands, events)
    )
    others = [_beside(at, sink, name, program) for name, program in _OTHERS]
    queues = [(ours, 1), (others[0][0], 1), (others[1][0], _FEWER)]
    for queue, fewer in queues:
        queue.drain(_WARM_UP // fewer)
    turns = [[queue.drain(_EVENTS // fewer) for queue, fewer in queues] for _ in range(rounds.ROUNDS)]
    measured, floor, usual = zip(*turns, strict=True)
    at.tell("backlog → delivered", measured, GOAL, limit=floor, usual=usual)
    for process in (worker, *(process for _, process in others)):
        process.stop()
    signatures.check(ours.samples, {f"/brand/{number}": one.endpoint_secret for number, one in enumerate(brands)})


_OTHERS = (("limit", ["bench.limit_worker"]), ("usual", ["bench.usual", "work"]))


def _beside(at: Rig, sink: Peer, name: str, program: list[str]) -> "tuple[_Queue, Any]":
    dsn = at.database(f"bench_delivery_{name}", migrated=False)
    process = at.other(program, dsn)
    read = at.meters(measured=process.pid, sink=sink.pid)
    return _Queue(sink, read, dsn, lambda events: _wait_theirs(dsn, sink.ports, events)), process


class _Queue:
    """A queue and who works on it. `let_wait` fills it with so many events, and gives what lets go of them."""

    def __init__(self, sink: Peer, read: Callable[[], Reading], dsn: str, let_wait: Callable[[int], str]) -> None:
        self._sink = sink
        self._read = read
        self._dsn = dsn
        self._let_wait = let_wait
        self.samples: list[dict[str, Any]] = []

    def drain(self, events: int) -> Round:
        """Fill the queue while nothing is due, then let go, and measure until the end of each is written."""
        let_go = self._let_wait(events)
        already = self._sink.ask()["count"]
        before, started = self._read(), time.monotonic()
        tables.ask(self._dsn, let_go)
        self._wait(already + events, started)
        seconds = time.monotonic() - started
        tables.until_empty(self._dsn, "delivery")
        return report.measured(events, seconds, self._read().since(before))

    def _wait(self, wanted: int, started: float) -> None:
        while (said := self._sink.ask())["count"] < wanted:
            self.samples += said["samples"]
            if time.monotonic() - started > _MOST_S:
                raise BenchError(f"Only {said['count']} of {wanted} events were delivered in {_MOST_S:g} s")
            time.sleep(_LOOK_EVERY_S)


def _wait_ours(dsn: str, brands: Sequence[Tenant], events: int) -> str:
    each = [(brand, events // len(brands)) for brand in brands]
    backlogs.fill(dsn, backlogs.deliveries(each, looked_at=backlogs.NEVER))
    return "UPDATE endpoint_due SET next_at = now()"


def _wait_theirs(dsn: str, ports: Sequence[int], events: int) -> str:
    body, secret = backlogs.DATA.encode(), "whsec_" + "A" * 44
    urls = [f"http://127.0.0.1:{port}/other" for port in ports]
    made = [(ids.new(), urls[turn % len(urls)], secret, body, backlogs.NEVER) for turn in range(events)]
    tables.fill(dsn, {"delivery": (("id", "url", "secret", "body", "next_at"), made)}, first="SELECT 1")
    return "UPDATE delivery SET next_at = now()"
