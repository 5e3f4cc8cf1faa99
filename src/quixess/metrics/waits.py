"""Waits: times as steps of ten per cent, so that a million of them are a few counts, and counts of hours add up.

A percentile read from steps is at most five per cent off, and a time below one millisecond is one.
"""

from collections import Counter
from collections.abc import Iterable

_BASE = 1.1
_HIGHEST = 250  # 1.1 ^ 250 ms are 800 years

STEP = f"least(floor(ln(greatest({{ms}}, 1)::float8) / ln({_BASE}::float8)), {_HIGHEST})::smallint"
"""SQL for the step of a number of milliseconds: `STEP.format(ms="duration_ms")`."""


class Waits:
    """How long something took, many times."""

    def __init__(self, steps: Iterable[tuple[int, int]] = ()) -> None:
        self._steps: Counter[int] = Counter()
        for step, times in steps:
            self.add(step, times)

    def add(self, step: int, times: int) -> None:
        """Add what took one step."""
        self._steps[step] += times

    @property
    def times(self) -> int:
        """How many there are."""
        return self._steps.total()

    def percentile(self, share: float) -> float | None:
        """Give the milliseconds within which a share of them was done, such as 0.95; None when there are none."""
        rest = share * self.times
        for step, times in sorted(self._steps.items()):
            rest -= times
            if rest <= 0:
                return float(_BASE ** (step + 0.5))
        return None

    @property
    def p50(self) -> float | None:
        """The milliseconds within which half of them were done."""
        return self.percentile(0.5)

    @property
    def p95(self) -> float | None:
        """The milliseconds within which all but one in twenty were done."""
        return self.percentile(0.95)
