"""Delivery from a backlog: claim, sign, POST, write down. The worker alone, 20 brands with an endpoint each."""

import json
import time
from datetime import UTC, datetime

from bench import report, rig, rounds, signatures
from bench.report import Goal, Round
from bench.rig import BenchError, Child, Rig, Tenant
from quixess.database import ids

GOAL = Goal(per_second=8_000)
_BRANDS, _EVENTS = 20, 20_000
_WARM_UP = 2_000
_MOST_S = 40.0
_LOOK_EVERY_S = 0.02


def run(at: Rig) -> None:
    """Measure how fast a backlog is drained."""
    dsn = at.database("bench_delivery")
    sink = at.child("bench.peers", "sink", str(_BRANDS))
    tenants = [
        at.connect(dsn, f"Brand {number}", f"http://127.0.0.1:{port}/brand/{number}")
        for number, port in enumerate(sink.ports)
    ]
    worker = at.quixess(dsn, "quixess", "work")
    measure = _Measure(at, dsn, sink, tenants, worker.process.pid)
    measure.drain(_WARM_UP)
    print(report.table("backlog → delivered", [measure.drain(_EVENTS) for _ in range(rounds.ROUNDS)], GOAL))
    worker.stop()
    secrets = {f"/brand/{number}": tenant.endpoint_secret for number, tenant in enumerate(tenants)}
    signatures.check(measure.samples, secrets)


class _Measure:
    def __init__(self, at: Rig, dsn: str, sink: Child, tenants: list[Tenant], worker: int) -> None:
        self._dsn = dsn
        self._sink = sink
        self._tenants = tenants
        self._read = at.meters(quixess=worker, sink=sink.pid)
        self.samples = sink.ask()["samples"]

    def drain(self, events: int) -> Round:
        """Fill the queue while no endpoint is due, then let go, and measure until every outcome is written."""
        _fill(self._dsn, self._tenants, events)
        already = self._sink.ask()["count"]
        before, started = self._read(), time.monotonic()
        rig.query(self._dsn, "UPDATE endpoint_due SET next_at = now()")
        self._wait(already + events, started)
        seconds = time.monotonic() - started
        rig.until_empty(self._dsn, "delivery")
        return report.measured(events, seconds, self._read().since(before))

    def _wait(self, wanted: int, started: float) -> None:
        while (said := self._sink.ask())["count"] < wanted:
            self.samples += said["samples"]
            if time.monotonic() - started > _MOST_S:
                raise BenchError(f"Only {said['count']} of {wanted} events were delivered in {_MOST_S:g} s")
            time.sleep(_LOOK_EVERY_S)


def _fill(dsn: str, tenants: list[Tenant], events: int) -> None:
    now = datetime.now(UTC)
    made = [(tenants[number % len(tenants)], ids.new(), ids.new()) for number in range(events)]
    rig.fill(
        dsn,
        first="DELETE FROM endpoint_due",  # what the last round left, due when its leases would have ended
        rows={
            "event": (
                ("brand_id", "id", "type", "version", "data", "occurred_at"),
                [(to.brand_id, event, "message.received", "1", _DATA, now) for to, event, _ in made],
            ),
            "delivery": (
                ("brand_id", "id", "endpoint_id", "event_id", "next_at"),
                [(to.brand_id, delivery, to.endpoint_id, event, now) for to, event, delivery in made],
            ),
            "endpoint_due": (
                ("endpoint_id", "brand_id", "next_at"),
                [(to.endpoint_id, to.brand_id, datetime.max.replace(tzinfo=UTC)) for to in tenants],
            ),
        },
    )


_DATA = json.dumps(
    {
        "message_id": "msg_01KAPX0000000000000000000A",
        "wa_message_id": "wamid.HBgLMTI4MTgxODQzNzAVAgASGBQzQTdCNUJENTlDOUE5RjA5RjQwMAA=",
        "conversation_id": "cnv_01KAPX0000000000000000000B",
        "from": {
            "phone": "12818184370",
            "phone_e164": "+12818184370",
            "user_id": None,
            "username": None,
            "name": "Frank",
        },
        "to": {"phone_number_id": "106540352242922", "waba_id": "102290129340398"},
        "type": "text",
        "content": {"body": "Is the blue one still there? My order is A-1001, thank you!"},
        "reply_to": None,
    },
    separators=(",", ":"),
)
