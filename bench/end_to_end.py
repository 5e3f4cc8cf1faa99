"""Meta's webhook in → message and event in the database → signed delivery received by the tenant."""

from bench import report, rig, rounds, signatures
from bench.report import Goal
from bench.rig import Rig

GOAL = Goal(per_second=4_500, gateway_us=300, postgres_us=110)
_CONNECTIONS, _SECONDS = 128, 4.0


def run(at: Rig) -> None:
    """Measure texts on their way through, many at once and one at a time."""
    dsn = at.database("bench_end_to_end")
    meta = at.child("bench.peers", "meta", "1")
    generator = at.child("bench.load")
    url = f"http://127.0.0.1:{generator.ports[0]}/webhooks/quixess"
    tenant = at.connect(dsn, "Bordercart", url, f"http://127.0.0.1:{meta.ports[0]}")
    gateway = at.quixess(dsn, "quixess", "serve", "--work")
    facts = rig.facts_of_webhooks(gateway, people=1_000)
    read = at.meters(quixess=gateway.process.pid, load=generator.pid)
    course = rounds.Course(
        generator, read, gateway.port, "webhook", facts, awaits=True, settle=lambda: rig.until_empty(dsn, "delivery")
    )
    many = course.run(connections=_CONNECTIONS, seconds=_SECONDS)
    print(report.table("webhook in → delivered", many, GOAL))
    print(report.table("the same, 1 at once", course.alone()))
    gateway.stop()
    signatures.check(course.samples, {"/webhooks/quixess": tenant.endpoint_secret})
