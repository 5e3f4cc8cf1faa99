"""Meta's webhook in → on disk → 200. Nothing works the bodies off: the gateway runs without a worker."""

from bench import rig, rounds, tables, tenants
from bench.processes import BenchError
from bench.report import Goal
from bench.rig import Rig
from bench.rounds import Course

GOAL = Goal(per_second=8_000, p99_ms=20)
_CONNECTIONS, _SECONDS = 64, 4.0
_PEOPLE = 1_000


def run(at: Rig) -> None:
    """Measure signed bodies with one text each, the limit program and the usual stack beside it; and one at a time."""
    dsn = at.database("bench_intake")
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    tenant = tenants.make(dsn, at.keyring, "Bordercart", "http://127.0.0.1:9/", rig.graph_url(meta))
    gateway = at.quixess(dsn, "serve")
    others = at.limit("bench_intake_limit", meta, tenant.key), at.usual("bench_intake_usual", meta, tenant.key)
    facts = tenants.webhook_facts(gateway.port, _PEOPLE)
    course = Course(generator, at.meters(measured=gateway.pid, load=generator.pid), gateway.port, "webhook", facts)
    beside = [
        Course(generator, at.meters(measured=one.pid, load=generator.pid), one.port, "webhook", facts) for one in others
    ]
    ours, floor, usual = rounds.compare(course, *beside, connections=_CONNECTIONS, seconds=_SECONDS)
    at.tell("webhook in → 200", ours, GOAL, limit=floor, usual=usual)
    at.tell("webhook in → 200, 1 at a time", course.alone())
    for process in (*others, gateway):
        process.stop()
    kept = tables.ask(dsn, "SELECT count(*) FROM intake JOIN intake_todo USING (id)")
    if kept != course.answered:
        raise BenchError(f"{course.answered} bodies were answered 200, {kept} are on disk")
