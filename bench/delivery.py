"""Delivery from a backlog: claim, sign, POST, write down. The worker alone, 20 brands with an endpoint each."""

import time
from typing import Any

from bench import backlogs, report, rounds, signatures, tables, tenants
from bench.processes import BenchError, Peer
from bench.report import Goal, Round
from bench.rig import Rig
from bench.tenants import Tenant

GOAL = Goal(per_second=8_000)
_BRANDS, _EVENTS = 20, 20_000
_WARM_UP = 2_000
_MOST_S = 40.0
_LOOK_EVERY_S = 0.02


def run(at: Rig) -> None:
    """Measure how fast a backlog is drained."""
    dsn = at.database("bench_delivery")
    sink = at.peer("bench.peers", "sink", str(_BRANDS))
    brands = [
        tenants.make(dsn, at.keyring, f"Brand {number}", f"http://127.0.0.1:{port}/brand/{number}")
        for number, port in enumerate(sink.ports)
    ]
    worker = at.quixess(dsn, "work")
    queue = _Queue(at, dsn, sink, brands, worker.pid)
    queue.drain(_WARM_UP)
    print(report.table("backlog → delivered", [queue.drain(_EVENTS) for _ in range(rounds.ROUNDS)], GOAL))
    worker.stop()
    signatures.check(queue.samples, {f"/brand/{number}": one.endpoint_secret for number, one in enumerate(brands)})


class _Queue:
    def __init__(self, at: Rig, dsn: str, sink: Peer, brands: list[Tenant], worker: int) -> None:
        self._dsn = dsn
        self._sink = sink
        self._brands = brands
        self._read = at.meters(measured=worker, sink=sink.pid)
        self.samples: list[dict[str, Any]] = []

    def drain(self, events: int) -> Round:
        """Fill the queue while no endpoint is due, then let go, and measure until every outcome is written."""
        each = [(brand, events // len(self._brands)) for brand in self._brands]
        backlogs.fill(self._dsn, backlogs.deliveries(each, looked_at=backlogs.NEVER))
        already = self._sink.ask()["count"]
        before, started = self._read(), time.monotonic()
        tables.ask(self._dsn, "UPDATE endpoint_due SET next_at = now()")
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
