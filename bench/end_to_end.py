"""Meta's webhook in → message and event in the database → signed delivery received by the tenant."""

from bench import passage
from bench.report import Goal
from bench.rig import Rig

GOAL = Goal(per_second=4_500, gateway_us=300, postgres_us=110)
_SECONDS = 4.0


def run(at: Rig) -> None:
    """Measure texts on their way through, 128 at once and one at a time."""
    through = passage.begin(at, "bench_end_to_end")
    many = through.course.run(connections=passage.CONNECTIONS, seconds=_SECONDS)
    at.tell("webhook in → delivered", many, GOAL)
    at.tell("webhook in → delivered, 1 at a time", through.course.alone())
    through.end()
