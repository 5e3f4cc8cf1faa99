"""Codes, templates and replies, each with a new Idempotency-Key, to a Meta that answers at once."""

from bench import rig, rounds, tables, tenants
from bench.processes import BenchError
from bench.report import Goal
from bench.rig import Rig
from bench.rounds import Course

GOAL = Goal(per_second=4_000, gateway_us=200, postgres_us=60, p99_ms=30)
_CONNECTIONS, _SECONDS = 64, 4.0
_NEW, _KNOWN = 8_000_000, 1_000
_OPEN = "UPDATE conversation SET last_inbound_at = now(), window_until = now() + interval '1 day'"


def run(at: Rig) -> None:
    """Measure codes to people known already, the limit program and the usual stack beside it; to new ones; singly.

    Then templates and, in open windows, replies to people known.
    """
    dsn = at.database("bench_send")
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    tenant = tenants.make(dsn, at.keyring, "Bordercart", "http://127.0.0.1:9/", rig.graph_url(meta))
    gateway = at.quixess(dsn, "serve", "--work")
    others = at.limit("bench_send_limit", meta, tenant.key), at.usual("bench_send_usual", meta, tenant.key)
    ends = {"meta": meta.pid, "load": generator.pid}
    facts = {"host": f"127.0.0.1:{gateway.port}", "key": tenant.key, "people": _KNOWN}
    course = Course(generator, at.meters(measured=gateway.pid, **ends), gateway.port, "otp", facts)
    beside = [Course(generator, at.meters(measured=one.pid, **ends), one.port, "otp", facts) for one in others]
    ours, floor, usual = rounds.compare(course, *beside, connections=_CONNECTIONS, seconds=_SECONDS)
    at.tell("send/otp, people known", ours, GOAL, limit=floor, usual=usual)
    for one in others:
        one.stop()
    new = Course(generator, course.read, gateway.port, "otp", facts | {"people": _NEW}, _next=_NEW // 2)
    at.tell("send/otp, people new", new.run(connections=_CONNECTIONS, seconds=_SECONDS), GOAL)
    at.tell("send/otp, 1 at a time", course.alone())
    tables.ask(dsn, _OPEN)
    further = [Course(generator, course.read, gateway.port, kind, facts) for kind in ("template", "reply")]
    for kind in further:
        at.tell(f"send/{kind.kind}, people known", kind.run(connections=_CONNECTIONS, seconds=_SECONDS))
    gateway.stop()
    _check(dsn, sum(one.answered for one in (course, new, *further)))


def _check(dsn: str, answered: int) -> None:
    accepted = tables.ask(dsn, "SELECT count(*) FROM message WHERE state = 'accepted'")
    if accepted != answered:
        raise BenchError(f"{answered} sends were answered 200, {accepted} are on disk as accepted")
