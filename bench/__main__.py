"""`python -m bench`: measure everything, or what is named."""

import sys

from bench import delivery, end_to_end, intake, send
from bench.rig import Rig

MEASUREMENTS = {"send": send.run, "intake": intake.run, "delivery": delivery.run, "end_to_end": end_to_end.run}
with Rig() as rig:
    for name in sys.argv[1:] or MEASUREMENTS:
        MEASUREMENTS[name](rig)
