"""`python -m bench`: measure everything, or what is named."""

import sys

from bench import send
from bench.rig import Rig
MEASUREMENTS = {"send": send.run}
with Rig() as rig:
    for name in sys.argv[1:] or MEASUREMENTS:
        MEASUREMENTS[name](rig)
