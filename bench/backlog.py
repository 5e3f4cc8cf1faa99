"""Backlog: an endpoint comes back after an outage, and 100,000 events wait for it.

The backlog is written by SQL, as the outage would have left it: the endpoint is failing, its next probe is due. During
the drain it and seven others go about their daily business. Then, what a claim costs with a million parked.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

from bench import backlogs, rig, tables, tenants
from bench.processes import BenchError, Measured, Peer
from bench.rig import Rig
from quixess.database.core import Database
from tests.database import test_claim

_EVENTS = 100_000
_EVERY_S, _ROUND_S, _IDLE_S = 0.1, 1.0, 4.0
_MOST_S = 90.0
_NUMBERS = [f"2100000000001{index:02d}" for index in range(8)]
_PARKED, _ENDPOINTS = 1_000_000, 10_000
_OUTCOMES = "SELECT state, count(*) AS n FROM outcome WHERE endpoint_id = '{}' GROUP BY state ORDER BY state"


def run(at: Rig) -> None:
    """Measure how a backlog is drained, and what new events notice of it; then a claim."""
    dsn = at.database("bench_backlog")
    graph_url, daily = rig.graph_url(at.peer("bench.peers", "meta", "1")), at.peer("bench.paced")
    hook = f"http://127.0.0.1:{daily.ports[0]}"
    made = [tenants.make(dsn, at.keyring, number, f"{hook}/{number}", graph_url, number) for number in _NUMBERS]
    back = made[0]
    gateway = at.quixess(dsn, "serve", "--work")
    town = _Town(daily, gateway)
    town.work(1.0)
    idle = town.work(_IDLE_S)
    backlogs.fill(dsn, backlogs.deliveries([(back, _EVENTS)], looked_at=backlogs.NEVER))
    tables.ask(dsn, f"UPDATE endpoint SET state = 'failing', held_until = now() WHERE id = '{back.endpoint_id}'")
    read = at.meters(measured=gateway.pid, daily=daily.pid)
    before = read()
    tables.ask(dsn, f"UPDATE endpoint_due SET next_at = now() WHERE endpoint_id = '{back.endpoint_id}'")
    drained = town.drain()
    spent = read().since(before)
    used, strangers = spent.used, (spent.busy - sum(spent.used.values())) / spent.total
    tables.until_empty(dsn, "delivery")
    ended = tables.rows(dsn, _OUTCOMES.format(back.endpoint_id))
    gateway.stop()
    print(f"{_EVENTS:,} events after an outage: drained in {drained.seconds:.1f} s, {drained.rate:,.0f} a second")
    print(
        f"  gateway {_each(used['measured'])}, PostgreSQL {_each(used['postgres'])} an event, strangers {strangers:.0%}"
    )
    print(f"  arrived after {', '.join(f'{at_s:.1f} s: {count:,}' for at_s, count in drained.curve[:8])}")
    said = ", ".join(f"{row['n']:,} {row['state']}" for row in ended)
    print(f"  ended as: {said}")
    print(f"  new events of all eight before: {_latency(idle)}")
    print(f"  of the seven others during the drain: {_latency(drained.latencies[1:])}")
    print(f"  of the one that came back: {_latency(drained.latencies[:1])}")
    print(f"  {asyncio.run(_claim(at.database('bench_claim')))}\n")


@dataclass
class _Drained:
    """A drain. `curve` says how many of the backlog had arrived after how many seconds, latencies are by tenant."""

    seconds: float = 0.0
    curve: list[tuple[float, int]] = field(default_factory=list)
    latencies: list[list[int]] = field(default_factory=lambda: [[] for _ in _NUMBERS])

    @property
    def rate(self) -> float:
        return _EVENTS / self.seconds


class _Town:
    """Eight tenants in daily business, all on one server."""

    def __init__(self, daily: Peer, gateway: Measured) -> None:
        self._daily = daily
        facts = [tenants.webhook_facts(gateway.port, 1_000, number) for number in _NUMBERS]
        self._asked = {"facts": facts, "port": gateway.port, "every_s": _EVERY_S}
        self._arrived = self._wrote = 0

    def work(self, seconds: float) -> list[list[int]]:
        """Let all go about their business; gives their latencies."""
        said = self._daily.ask(**self._asked, seconds=seconds)
        if said["missing"] or said["refused"]:
            raise BenchError(f"{said['missing']} events never came, {said['refused']} webhooks were not answered 200")
        latencies: list[list[int]] = said["latencies"]
        self._arrived = said["sink"]["count"]
        self._wrote += sum(map(len, latencies))
        return latencies

    def drain(self) -> _Drained:
        """Let them work until what waited has arrived."""
        found, started = _Drained(), time.monotonic()
        while self._arrived - self._wrote < _EVENTS:
            for index, more in enumerate(self.work(_ROUND_S)):
                found.latencies[index] += more
            found.seconds = time.monotonic() - started
            found.curve.append((found.seconds, self._arrived - self._wrote))
            if found.seconds > _MOST_S:
                raise BenchError(f"Only {found.curve[-1][1]} of {_EVENTS} events came in {_MOST_S:g} s")
        return found


def _each(seconds: float) -> str:
    return f"{1e6 * seconds / _EVENTS:.0f} µs"


def _latency(by_tenant: Sequence[Sequence[int]]) -> str:
    found = sorted(chain.from_iterable(by_tenant))
    p50, p99 = (found[int(len(found) * part)] / 1000 for part in (0.50, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"


async def _claim(dsn: str) -> str:
    """Claim a hundred of many, as tests/database/test_claim.py does, and tell what PostgreSQL says of it."""
    await test_claim.fill(dsn, parked=_PARKED, endpoints=_ENDPOINTS)
    db = await Database.open(dsn, writers=2, readers=1)
    try:
        await test_claim.claim(db)  # the first one pays for reading the pages in
        costs, rows = await test_claim.claim(db)
    finally:
        await db.close()
    said = f"{costs.ms:.2f} ms and {costs.buffers / rows:.1f} buffers a row"
    return f"a claim of {rows} with {_PARKED:,} parked for {_ENDPOINTS:,} endpoints: {said}"
