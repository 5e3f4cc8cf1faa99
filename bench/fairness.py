"""Fairness: what one tenant's flood, and another's endpoint that hangs, do to eight others in daily business.

Each row is a gateway and worker of its own over a database in which the flood has already been accepted. The eight get
ten webhooks a second each; their latency is from Meta's POST to the signed event at their server.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from bench import backlogs, rig, signatures, tenants
from bench.processes import BenchError, Measured, Peer
from bench.rig import Rig
from bench.tenants import Tenant

_QUIET, _EVERY_S = 8, 0.1
_WARM_UP_S, _SECONDS = 1.0, 5.0
_FLOOD = 100_000
_SLOW_S, _NEVER_S = 0.2, 3600.0
_AT_THE_DOOR = 32
_HANGING = 2_000
_FIRST = 38
_TEMPLATE = "bench_fairness"
_NUMBERS = [f"2100000000001{index:02d}" for index in range(_QUIET)]
_FLOODING, _STUCK = "210000000000198", "210000000000199"


@dataclass(frozen=True)
class Case:
    """What goes on beside the eight: bodies and deliveries that wait, posts at the door, an endpoint that hangs."""

    title: str
    bodies: bool = False
    deliveries: bool = False
    door: bool = False
    hangs: bool = False


_CASES = (
    Case("nothing else"),
    Case("100,000 webhooks of one wait", bodies=True),
    Case("100,000 events of one wait", deliveries=True),
    Case("one hangs, its window wide open", hangs=True),
    Case("all three", bodies=True, deliveries=True, hangs=True),
    Case("one's webhooks at the door, 32 at once", door=True),
)


def run(at: Rig) -> None:
    """Measure the eight alone, and beside each kind of bad neighbour."""
    town = _Town(at)
    print(f"{'webhook in → delivered, 8 × 10 a second':<{_FIRST}}" + "".join(f"{name:>12}" for name in _HEADS))
    idle = 0.0
    for case in _CASES:
        said = town.measure(case)
        found = sorted(chain.from_iterable(said["latencies"]))
        p50, p99 = (found[int(len(found) * part)] / 1000 for part in (0.50, 0.99))
        idle = idle or p99
        cells = (f"{p50:,.1f}", f"{p99:,.1f}", f"{found[-1] / 1000:,.1f}", f"{p99 / idle:.1f}", f"{said['flood']:,.0f}")
        print(f"{case.title:<{_FIRST}}" + "".join(f"{cell:>12}" for cell in cells))
        if said["missing"] or said["refused"]:
            print(f"  {said['missing']} never came, {said['refused']} webhooks were not answered 200")
    town.check()
    print()


_HEADS = ("p50 ms", "p99 ms", "worst ms", "× p99 alone", "flood a s")


class _Town:
    """Eight tenants in daily business, one that floods and one whose server hangs."""

    def __init__(self, at: Rig) -> None:
        self.samples: list[dict[str, Any]] = []
        self._at = at
        self._dsn = at.database(_TEMPLATE)
        meta = at.peer("bench.peers", "meta", "1")
        self._daily, self._crowd = at.peer("bench.paced"), at.peer("bench.load")
        self._slow, self._hanging = at.peer("bench.peers", "late", "1"), at.peer("bench.peers", "late", "1")
        self._slow.ask(late_s=_SLOW_S)
        make = _maker(self._dsn, at, rig.graph_url(meta))
        self._quiet = [make(f"Shop {number}", self._daily, number) for number in _NUMBERS]
        self._flooding = make("Flood", self._slow, _FLOODING)
        self._stuck = make("Stuck", self._hanging, _STUCK)

    def measure(self, case: Case) -> dict[str, Any]:
        """Run one case over a copy of the town."""
        dsn = self._at.database(f"{_TEMPLATE}_{_CASES.index(case)}", like=_TEMPLATE)
        shares = [(self._flooding, _FLOOD)] * case.deliveries + [(self._stuck, _HANGING)] * case.hangs
        parts = [backlogs.deliveries(shares)] if shares else []
        parts += [backlogs.bodies(_FLOODING, _FLOOD)] if case.bodies else []
        backlogs.fill(dsn, *parts)
        self._hanging.ask(late_s=0.0)
        gateway = self._at.quixess(dsn, "serve", "--work")
        if case.hangs:
            self._hang()
        started = self._so_far()
        said = self._round(gateway, case)
        said["flood"] = (self._so_far() - started) / (_WARM_UP_S + _SECONDS)
        gateway.kill()
        return said

    def _hang(self) -> None:
        """Let the window of the endpoint grow before it hangs."""
        until = time.monotonic() + 10
        while self._hanging.ask()["count"] < _HANGING // 4:
            if time.monotonic() > until:
                raise BenchError("The endpoint that is to hang got nothing")
            time.sleep(0.02)
        self._hanging.ask(late_s=_NEVER_S)

    def _round(self, gateway: Measured, case: Case) -> dict[str, Any]:
        if case.door:
            self._crowd.tell(
                kind="webhook",
                facts=tenants.webhook_facts(gateway.port, 1_000, _FLOODING),
                port=gateway.port,
                awaits=False,
                start=0,
                connections=_AT_THE_DOOR,
                seconds=_WARM_UP_S + _SECONDS,
                count=10**9,
            )
        facts = [tenants.webhook_facts(gateway.port, 1_000, number) for number in _NUMBERS]
        asked = {"facts": facts, "port": gateway.port, "every_s": _EVERY_S}
        self._daily.ask(**asked, seconds=_WARM_UP_S)
        said = self._daily.ask(**asked, seconds=_SECONDS)
        if case.door:
            self._crowd.hear()
        self.samples += said["sink"]["samples"]
        return said

    def check(self) -> None:
        """Check that what arrived was signed."""
        named = zip(_NUMBERS, self._quiet, strict=True)
        signatures.check(self.samples, {f"/{number}": one.endpoint_secret for number, one in named})

    def _so_far(self) -> int:
        return int(self._slow.ask()["count"])


def _maker(dsn: str, at: Rig, graph_url: str) -> Callable[[str, Peer, str], Tenant]:
    def make(name: str, peer: Peer, number: str) -> Tenant:
        url = f"http://127.0.0.1:{peer.ports[0]}/{number}"
        return tenants.make(dsn, at.keyring, name, url, graph_url, number)

    return make
