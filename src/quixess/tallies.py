"""Tallies: what a process counts beside its work, as plain numbers.

One event loop counts and reads, so nothing is locked, and a number costs its addition. Rooms hold tallies of their own;
what they are called outside is the affair of the probes.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Steps for what takes a moment."""

LONG = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
"""Steps for what may have to wait."""

ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Steps for the rows of a batch."""


class Spread:
    """Values by steps: each counts at the first of `steps` that is not below it, those above the last in one more."""

    __slots__ = ("counts", "steps", "total")

    def __init__(self, steps: Sequence[float]) -> None:
        self.steps = tuple(steps)
        self.counts = [0] * (len(self.steps) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.steps, value)] += 1
        self.total += value


class Spreads(dict[str, Spread]):
    """A spread for each of some names, made when it is first asked for. The names must come from a list of ours."""

    def __init__(self, steps: Sequence[float]) -> None:
        super().__init__()
        self._steps = tuple(steps)

    def __missing__(self, name: str) -> Spread:
        """Make the spread of a new name."""
        spread = self[name] = Spread(self._steps)
        return spread


class Lag:
    """How late the event loop of this process comes to what is due: what every request waits in addition."""

    def __init__(self, every_s: float = 0.25) -> None:
        self._every_s = every_s
        self.late_s = Spread(SECONDS)

    async def run(self) -> None:
        """Look, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._every_s
            await asyncio.sleep(self._every_s)
            self.late_s.add(max(loop.time() - due, 0.0))
