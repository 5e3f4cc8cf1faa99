"""Growth: what an operation costs in an installation of a thousand rows, and in one of millions.

Each town is a database of its own, filled by bench.town, with a gateway and worker over it. CPU is the gateway's;
buffers and milliseconds are PostgreSQL's own count of the statements of one operation, planning included. The promise
is that no cost is more than 1.5 times that of the smallest town.
"""

import argparse
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench import rig, tables, tenants, town
from bench.processes import BenchError, Measured, Peer
from bench.rig import STATEMENTS, Rig
from bench.rounds import ROUNDS, Course
from bench.tenants import Tenant
from quixess.database import ids

PROMISE = 1.5
_CONNECTIONS, _WARM_UP_S = 32, 1.0
_REPLAYING = 4  # one endpoint's: more would wait for each other's commits, and waiting counts as PostgreSQL's time
_PEOPLE, _MANY = 200, 10**9  # few enough that the codes reach all of them, whom replies are for
_OPEN = """UPDATE conversation v SET last_inbound_at = now(), window_until = now() + interval '1 day'
           FROM contact c WHERE c.brand_id = '{}' AND c.phone LIKE '1281%' AND v.brand_id = c.brand_id
             AND v.contact_id = c.id"""
_SPENT = """SELECT sum(shared_blks_hit + shared_blks_read) AS buffers, sum(total_exec_time + total_plan_time) AS ms
            FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND userid IN ('quixess_writer'::regrole, 'quixess_reader'::regrole)"""
_EVENTS = "SELECT id FROM event WHERE brand_id = '{}' ORDER BY md5(id::text) LIMIT 500"
_SETTINGS = STATEMENTS | {
    "fsync": "off",  # what is compared is work, not the disk
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "16GB",
    "shared_buffers": "1GB",
}


@dataclass(frozen=True)
class Size:
    """A town: messages and events, and brands with key, number, templates and endpoint each."""

    rows: int
    brands: int

    @property
    def title(self) -> str:
        return f"{self.rows:,} rows, {self.brands:,} brands"


@dataclass(frozen=True)
class Cost:
    """What one operation costs: microseconds of CPU of the gateway, PostgreSQL's buffers and milliseconds."""

    gateway_us: float
    buffers: float
    ms: float


def main(words: list[str]) -> None:
    """Fill the towns one after the other, measure every operation in each, and tell the ratios."""
    asked = argparse.ArgumentParser(prog="make bench ARGS=growth …")
    asked.add_argument("--rows", type=int, default=1_000_000, help="of the largest town (default 1,000,000)")
    asked.add_argument("--brands", type=int, default=100_000, help="of the town with many brands (default 100,000)")
    asked.add_argument("--seconds", type=float, default=2.0, help="of each of three rounds (default 2)")
    told = asked.parse_args(words)
    middle = min(100_000, told.rows)
    sizes = [Size(1_000, 1_000), Size(middle, 1_000), Size(told.rows, 1_000), Size(middle, told.brands)]
    with Rig(settings=_SETTINGS) as at:
        found = [_measure(at, size, told.seconds) for size in dict.fromkeys(sizes)]
    _tell(list(dict.fromkeys(sizes)), found)


def _measure(at: Rig, size: Size, seconds: float) -> dict[str, Cost]:
    name = f"bench_growth_{size.rows}_{size.brands}"
    dsn = at.database(name)
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    hook = f"http://127.0.0.1:{generator.ports[0]}/webhooks/quixess"
    tenant = tenants.make(dsn, at.keyring, "Bordercart", hook, rig.graph_url(meta))
    took = town.build(dsn, tenant, rows=size.rows, brands=size.brands)
    megabytes = tables.ask(dsn, "SELECT pg_database_size(current_database()) / 1000000")
    print(f"{size.title}: filled in {took:.0f} s, {megabytes:,} MB", flush=True)
    gateway = at.quixess(dsn, "serve", "--work")
    found = _Visit(at, dsn, gateway, generator, tenant, seconds).measure()
    gateway.stop()
    at.drop(name)
    return found


class _Visit:
    """Every operation in one town."""

    def __init__(self, at: Rig, dsn: str, gateway: Measured, generator: Peer, tenant: Tenant, seconds: float) -> None:
        self._at = at
        self._dsn = dsn
        self._gateway = gateway
        self._generator = generator
        self._tenant = tenant
        self._seconds = seconds
        self._ends = {"load": generator.pid}

    def measure(self) -> dict[str, Cost]:
        """Measure all of them, by name."""
        key = {"host": f"127.0.0.1:{self._gateway.port}", "key": self._tenant.key}
        people = key | {"people": _PEOPLE}
        # What reads comes first: what was just written a thousand times over has more versions than rows.
        found = {name: self._cost(self._course("get", key | {"paths": paths})) for name, paths in _READS.items()}
        for kind in ("otp", "template"):
            found[f"send/{kind}"] = self._cost(self._course(kind, people))
        tables.ask(self._dsn, _OPEN.format(self._tenant.brand_id))
        found["send/reply"] = self._cost(self._course("reply", people))
        events = [ids.show("evt", row["id"]) for row in tables.rows(self._dsn, _EVENTS.format(self._tenant.brand_id))]
        replays = key | {"paths": [f"/webhook-events/{event}/replay" for event in events]}
        found["replay an event"] = self._cost(
            self._course("post", replays, expects="202", settles=True), count=len(events) // 4
        )
        hooks = tenants.webhook_facts(self._gateway.port, _PEOPLE)
        found["webhook in → delivered"] = self._cost(self._course("webhook", hooks, awaits=True, settles=True))
        return found

    def _course(
        self,
        kind: str,
        facts: Mapping[str, object],
        *,
        expects: str = "200",
        awaits: bool = False,
        settles: bool = False,
    ) -> Course:
        settle: Callable[[], None] = (lambda: tables.until_empty(self._dsn, "delivery")) if settles else _nothing
        read = self._at.meters(measured=self._gateway.pid, **self._ends)
        return Course(
            self._generator, read, self._gateway.port, kind, dict(facts), awaits=awaits, settle=settle, expects=expects
        )

    def _cost(self, course: Course, count: int | None = None) -> Cost:
        """Warm up, then give the median of three rounds; with a `count` each is of so many requests at most."""
        connections = _CONNECTIONS if count is None else _REPLAYING
        course.once(connections=connections, seconds=_WARM_UP_S, count=count or _MANY)
        found = [self._once(course, connections, count or _MANY) for _ in range(ROUNDS)]
        columns = zip(*((one.gateway_us, one.buffers, one.ms) for one in found), strict=True)
        return Cost(*map(statistics.median, columns))

    def _once(self, course: Course, connections: int, count: int) -> Cost:
        tables.ask(self._dsn, "SELECT pg_stat_statements_reset()")
        measured = course.once(connections=connections, seconds=self._seconds, count=count)
        (spent,) = tables.rows(self._dsn, _SPENT)
        return Cost(
            measured.gateway_us, float(spent["buffers"]) / measured.operations, spent["ms"] / measured.operations
        )


_READS = {
    "list messages": ["/messages?limit=25", "/messages?limit=25&direction=inbound"],
    "search": ["/messages?q=word17", "/messages?q=blue%20word4711", "/messages?q=order"],
    "list conversations": ["/conversations?limit=25"],
    "list events": ["/webhook-events?limit=25", "/webhook-events?limit=25&status=delivered"],
}


def _nothing() -> None:
    """There is nothing to wait for."""


def _tell(sizes: list[Size], found: list[dict[str, Cost]]) -> None:
    first = found[0]
    worst = 0.0
    for name in first:
        print(f"\n{name:<38}{'CPU µs':>10}{'×':>7}{'buffers':>12}{'×':>7}{'ms':>10}{'×':>7}")
        for size, costs in zip(sizes, found, strict=True):
            cells, ratios = _row(costs[name], first[name])
            worst = max(worst, *ratios)
            print(f"  {size.title:<36}{cells}")
    kept = "kept" if worst <= PROMISE else "NOT kept"
    print(f"\nThe worst of all ratios is {worst:.2f}: the promise of {PROMISE} × is {kept}.")


def _row(cost: Cost, first: Cost) -> tuple[str, tuple[float, ...]]:
    if not first.buffers:
        raise BenchError("PostgreSQL counted no buffers")
    pairs = ((cost.gateway_us, first.gateway_us), (cost.buffers, first.buffers), (cost.ms, first.ms))
    ratios = tuple(now / then for now, then in pairs)
    digits = (0, 1, 3)
    widths = (10, 12, 10)
    cells = "".join(
        f"{now:>{width},.{digit}f}{ratio:>7.2f}"
        for (now, _), ratio, width, digit in zip(pairs, ratios, widths, digits, strict=True)
    )
    return cells, ratios
