"""Meta's webhook in → on disk → 200. Nothing works the bodies off: the gateway runs without a worker."""

from bench import report, rig, rounds
from bench.report import Goal
from bench.rig import BenchError, Rig

GOAL = Goal(per_second=8_000, p99_ms=20)
_CONNECTIONS, _SECONDS = 64, 4.0


def run(at: Rig) -> None:
    """Measure signed bodies with one text each, many at once and one at a time."""
    dsn = at.database("bench_intake")
    meta = at.child("bench.peers", "meta", "1")
    generator = at.child("bench.load")
    at.connect(dsn, "Bordercart", "http://127.0.0.1:9/", f"http://127.0.0.1:{meta.ports[0]}")
    gateway = at.quixess(dsn, "quixess", "serve")
    facts = rig.facts_of_webhooks(gateway, people=1_000)
    read = at.meters(quixess=gateway.process.pid, load=generator.pid)
    course = rounds.Course(generator, read, gateway.port, "webhook", facts)
    many = course.run(connections=_CONNECTIONS, seconds=_SECONDS)
    print(report.table("webhook in → 200", many, GOAL))
    print(report.table("the same, 1 at once", course.alone()))
    gateway.stop()
    kept = rig.query(dsn, "SELECT count(*) FROM intake JOIN intake_todo USING (id)")
    if kept != course.answered:
        raise BenchError(f"{course.answered} bodies were answered 200, {kept} are on disk")
