"""Ranges: what a page looks back over, and in how many steps."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Range:
    """So many steps back, each so long. Steps begin at whole multiples of their length (UTC)."""

    name: str
    title: str
    step: timedelta
    steps: int

    def until(self, now: datetime) -> "Window":
        """Give the window that ends with the step that `now` is in."""
        begun = (now - _EPOCH) // self.step
        return Window(self, _EPOCH + (begun - self.steps + 1) * self.step, now)


@dataclass(frozen=True, slots=True)
class Window:
    """A range at one moment: from `start` until `now`, which is in its last step."""

    range: Range
    start: datetime
    now: datetime

    @property
    def moments(self) -> tuple[datetime, ...]:
        """When its steps begin."""
        return tuple(self.start + n * self.range.step for n in range(self.range.steps))


RANGES = MappingProxyType(
    {
        one.name: one
        for one in (
            Range("1h", "Last hour", timedelta(minutes=5), 12),
            Range("24h", "Last 24 hours", timedelta(hours=1), 24),
            Range("7d", "Last 7 days", timedelta(hours=6), 28),
            Range("30d", "Last 30 days", timedelta(days=1), 30),
        )
    }
)
