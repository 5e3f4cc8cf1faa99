"""POST /send/otp, each with a new Idempotency-Key, to a Meta that answers at once."""

from bench import report, rounds
from bench.report import Goal
from bench.rig import Rig

GOAL = Goal(per_second=4_000, gateway_us=200, postgres_us=60, p99_ms=30)
_CONNECTIONS, _SECONDS = 64, 4.0
_NEW, _KNOWN = 8_000_000, 1_000


def run(at: Rig) -> None:
    """Measure sends to recipients never seen before, to known ones, and one at a time."""
    dsn = at.database("bench_send")
    meta = at.child("bench.peers", "meta", "1")
    generator = at.child("bench.load")
    tenant = at.connect(dsn, "Bordercart", "http://127.0.0.1:9/", f"http://127.0.0.1:{meta.ports[0]}")
    gateway = at.quixess(dsn, "quixess", "serve", "--work")
    facts = {"host": f"127.0.0.1:{gateway.port}", "key": tenant.key, "people": _NEW}
    read = at.meters(quixess=gateway.process.pid, meta=meta.pid, load=generator.pid)
    course = rounds.Course(generator, read, gateway.port, "otp", facts)
    print(report.table("send/otp, new people", course.run(connections=_CONNECTIONS, seconds=_SECONDS), GOAL))
    facts["people"] = _KNOWN
    print(report.table("send/otp, known", course.run(connections=_CONNECTIONS, seconds=_SECONDS), GOAL))
    print(report.table("send/otp, 1 at once", course.alone()))
    gateway.stop()
