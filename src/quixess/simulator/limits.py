"""Meta's limits on sending and managing: how much of what in how long, and what is refused above it.

Numbers are those of Meta's pages "Throughput", "Messaging limits" and "Rate limits". A limit of 0 is none.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from quixess.simulator import errors, numbers
from quixess.simulator.model import Direction, Message, Settings, Tick

HOUR_S = 3600
_DAY_S = 24 * HOUR_S
_PAIR_PAUSE_S = 6
_PAIR_BURST = 45
_HIGH_THROUGHPUT = 1000
_TIERS = {"TIER_250": 250, "TIER_2K": 2_000, "TIER_10K": 10_000, "TIER_100K": 100_000}
# Which code a message over the portfolio's limit fails with is not documented; this one is of its family.
OVER_MESSAGING_LIMIT = 131048


@dataclass(slots=True)
class Recent:
    """When something happened, within the last `span_s` seconds."""

    span_s: float
    times: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> int:
        while self.times and self.times[0] <= now - self.span_s:
            self.times.popleft()
        return len(self.times)

    def add(self, now: float) -> None:
        self.times.append(now)

    def regained_in_s(self, now: float) -> float:
        """How long until the oldest no longer counts."""
        return max(0.0, self.times[0] + self.span_s - now) if self.times else 0.0


@dataclass(slots=True)
class Burst:
    """Messages to one user that borrowed from the future: `count` of them since `began`."""

    began: float
    count: int

    def repaid(self, now: float) -> bool:
        return not self.began <= now < self.began + self.count * _PAIR_PAUSE_S

    def has_room(self, now: float) -> bool:
        return now < self.began + _PAIR_PAUSE_S and self.count < _PAIR_BURST


class Limits:
    """What was sent and asked lately. Times are Unix seconds on Meta's clock, except for throughput."""

    def __init__(self) -> None:
        self._throughput: dict[str, Recent] = {}
        self._bursts: dict[tuple[str, str], Burst] = {}
        self._reached: dict[str, dict[str, float]] = {}
        self._calls: dict[str, Recent] = {}
        self._created: dict[str, Recent] = {}

    def clear(self) -> None:
        for kept in (self._throughput, self._bursts, self._reached, self._calls, self._created):
            kept.clear()

    def pass_through(self, number_id: str, at: float) -> None:
        """Count a message through a number, in either direction; `at` is the real clock's."""
        self._throughput.setdefault(number_id, Recent(1.0)).add(at)

    def check_throughput(self, settings: Settings, number_id: str, at: float, *, high: bool = False) -> None:
        """Count a send; raises GraphError 130429 above `messages_per_second`, with those received counted too.

        A number of HIGH throughput has a thousand, whatever the setting says (but 0 is no limit for it either).
        """
        recent = self._throughput.setdefault(number_id, Recent(1.0))
        most = settings.messages_per_second and (_HIGH_THROUGHPUT if high else settings.messages_per_second)
        if most and recent.count(at) >= most:
            raise errors.coded(130429)
        recent.add(at)

    def check_recipient(self, settings: Settings, phone: str) -> None:
        """Raise GraphError 131030 for a phone that a test number may not write to."""
        allowed = settings.allowed_recipients
        if allowed is not None and phone not in {numbers.wa_id(one) for one in allowed}:
            raise errors.coded(131030)

    def check_pair(self, settings: Settings, number_id: str, phone: str, now: float) -> None:
        """Raise GraphError 131056: one message in six seconds to a user, or a burst of 45 that is repaid at that rate.

        Twenty at once cost two minutes of silence (Meta's page "Throughput", pair rate limits).
        """
        burst = self._bursts.get((number_id, phone))
        if settings.pair_limit and burst and not burst.repaid(now) and not burst.has_room(now):
            raise errors.coded(131056)

    def count_pair(self, number_id: str, phone: str, now: float) -> None:
        """Count a message to a user that was accepted."""
        burst = self._bursts.get((number_id, phone))
        if burst is None or burst.repaid(now):
            self._bursts[(number_id, phone)] = Burst(now, 1)
        else:
            burst.count += 1
        if len(self._bursts) > 10_000:
            self._bursts = {key: one for key, one in self._bursts.items() if not one.repaid(now)}

    def reach(self, settings: Settings, portfolio: str, message: Message, now: float) -> bool:
        """Count a user reached outside a window; False if the portfolio may not reach one more in these 24 hours."""
        if message.category is None or message.in_window:
            return True
        reached = self._reached.setdefault(portfolio, {})
        while reached and next(iter(reached.values())) <= now - _DAY_S:
            del reached[next(iter(reached))]
        most = _TIERS.get(settings.messaging_limit)
        if most is not None and message.phone not in reached and len(reached) >= most:
            return False
        reached.pop(message.phone, None)
        reached[message.phone] = now
        return True

    def restore(self, portfolio: str, messages: Iterable[Message]) -> None:
        """Count whom these messages, oldest first, had reached: after a restart."""
        reached = self._reached.setdefault(portfolio, {})
        for one in messages:
            starts = one.direction is Direction.OUTBOUND and one.category is not None and not one.in_window
            if starts and one.status is not Tick.FAILED:
                reached.pop(one.phone, None)
                reached[one.phone] = one.at

    def calls(self, account: str) -> Recent:
        """Return the management calls about an account in the last hour."""
        return self._calls.setdefault(account, Recent(HOUR_S))

    def check_creation(self, settings: Settings, account: str, count: int, now: float) -> None:
        """Count a new template; raises GraphError 2388019 (subcode) above the account's number, 80007 above 100/h."""
        created = self._created.setdefault(account, Recent(HOUR_S))
        if settings.template_limit and count >= settings.template_limit:
            raise errors.too_many_templates(settings.template_limit)
        if settings.templates_per_hour and created.count(now) >= settings.templates_per_hour:
            raise errors.coded(80007)
        created.add(now)
