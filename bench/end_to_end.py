"""Meta's webhook in → message and event in the database → signed delivery received by the tenant."""

from bench import rig, signatures, tables, tenants
from bench.report import Goal
from bench.rig import Rig
from bench.rounds import Course

GOAL = Goal(per_second=4_500, gateway_us=300, postgres_us=110)
_CONNECTIONS, _SECONDS = 128, 4.0
_PEOPLE = 1_000
_PATH = "/webhooks/quixess"


def run(at: Rig) -> None:
    """Measure texts on their way through, 128 at once and one at a time."""
    dsn = at.database("bench_end_to_end")
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    url = f"http://127.0.0.1:{generator.ports[0]}{_PATH}"
    tenant = tenants.make(dsn, at.keyring, "Bordercart", url, rig.graph_url(meta))
    gateway = at.quixess(dsn, "serve", "--work")
    course = Course(
        generator=generator,
        read=at.meters(measured=gateway.pid, load=generator.pid),
        port=gateway.port,
        kind="webhook",
        facts=tenants.webhook_facts(gateway.port, _PEOPLE),
        awaits=True,
        settle=lambda: tables.until_empty(dsn, "delivery"),
    )
    many = course.run(connections=_CONNECTIONS, seconds=_SECONDS)
    at.tell("webhook in → delivered", many, GOAL)
    at.tell("webhook in → delivered, 1 at a time", course.alone())
    gateway.stop()
    signatures.check(course.samples, {_PATH: tenant.endpoint_secret})
