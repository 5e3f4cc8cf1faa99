"""Codes, templates and replies, each with a new Idempotency-Key, to a Meta that answers at once."""

from bench import report, rig, rounds, tables, tenants
from bench.processes import BenchError
from bench.report import Goal
from bench.rig import Rig
from bench.rounds import Course

GOAL = Goal(per_second=4_000, gateway_us=200, postgres_us=60, p99_ms=30)
_CONNECTIONS, _SECONDS = 64, 4.0
_NEW, _KNOWN = 8_000_000, 1_000
_OPEN = "UPDATE conversation SET last_inbound_at = now(), window_until = now() + interval '1 day'"


def run(at: Rig) -> None:
    """Measure codes to people known already, with the limit program beside it, to new ones, and one at a time.

    Then templates and, in open windows, replies to people known.
    """
    dsn = at.database("bench_send")
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    tenant = tenants.make(dsn, at.keyring, "Bordercart", "http://127.0.0.1:9/", rig.graph_url(meta))
    gateway, least = at.quixess(dsn, "serve", "--work"), at.limit("bench_send_limit", meta, tenant.key)
    ends = {"meta": meta.pid, "load": generator.pid}
    facts = {"host": f"127.0.0.1:{gateway.port}", "key": tenant.key, "people": _KNOWN}
    course = Course(generator, at.meters(measured=gateway.pid, **ends), gateway.port, "otp", facts)
    limit = Course(generator, at.meters(measured=least.pid, **ends), least.port, "otp", facts)
    ours, floor = rounds.compare(course, limit, connections=_CONNECTIONS, seconds=_SECONDS)
    print(report.table("send/otp, people known", ours, GOAL))
    print(report.against_limit(ours, floor))
    least.stop()
    new = Course(generator, course.read, gateway.port, "otp", facts | {"people": _NEW}, _next=_NEW // 2)
    print(report.table("send/otp, people new", new.run(connections=_CONNECTIONS, seconds=_SECONDS), GOAL))
    print(report.table("send/otp, 1 at a time", course.alone()))
    tables.ask(dsn, _OPEN)
    others = [Course(generator, course.read, gateway.port, kind, facts) for kind in ("template", "reply")]
    for one in others:
        rows = one.run(connections=_CONNECTIONS, seconds=_SECONDS)
        print(report.table(f"send/{one.kind}, people known", rows))
    gateway.stop()
    _check(dsn, sum(one.answered for one in (course, new, *others)))


def _check(dsn: str, answered: int) -> None:
    accepted = tables.ask(dsn, "SELECT count(*) FROM message WHERE state = 'accepted'")
    if accepted != answered:
        raise BenchError(f"{answered} sends were answered 200, {accepted} are on disk as accepted")
