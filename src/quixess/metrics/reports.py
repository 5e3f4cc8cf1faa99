"""Reports: what happened in a window of time, counted."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from quixess.metrics.prices import Price
from quixess.metrics.ranges import Window
from quixess.metrics.waits import Waits

ARRIVED = ("delivered", "read")
_TAKEN = ("accepted", "sent", *ARRIVED)


class Counts:
    """Messages by the state they have got to. A message that was read counts as delivered and as sent too."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()

    @property
    def asked(self) -> int:
        """What was to be sent."""
        return self.states.total() - self.received

    @property
    def sent(self) -> int:
        """What Meta took and has not failed."""
        return sum(self.states[state] for state in _TAKEN)

    @property
    def delivered(self) -> int:
        """What arrived on a phone."""
        return sum(self.states[state] for state in ARRIVED)

    @property
    def read(self) -> int:
        """What was read, as far as people let it be known."""
        return self.states["read"]

    @property
    def failed(self) -> int:
        """What Meta refused or gave up, and what could not be handed to Meta."""
        return self.states["failed"] + self.states["not_sent"]

    @property
    def doubtful(self) -> int:
        """What is on its way to Meta, or in doubt."""
        return self.states["sending"] + self.states["unconfirmed"]

    @property
    def received(self) -> int:
        """What people wrote."""
        return self.states["received"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason for failures: Meta's code (0 where there is none) or a word of ours, what it means and what to do."""

    code: int | str
    meaning: str
    fix: str
    messages: int


@dataclass(frozen=True, slots=True)
class Priced:
    """Messages that arrived, by what Meta's status said of their price. `price` is what the brand says it is."""

    category: str
    type: str
    billable: bool
    messages: int
    price: Price | None

    @property
    def cost(self) -> Decimal | None:
        """What they cost; None when the brand names no price."""
        if not self.billable:
            return Decimal(0)
        return None if self.price is None else self.price.amount * self.messages


@dataclass(frozen=True, slots=True)
class Reception:
    """How one endpoint took its events: attempts by answer, how long they took, deliveries by how they ended."""

    endpoint_id: UUID
    answers: Counter[str]
    waits: Waits
    outcomes: Counter[str]

    @property
    def attempts(self) -> int:
        """All attempts."""
        return self.answers.total()

    @property
    def good(self) -> int:
        """Attempts that were answered 2xx."""
        return self.answers["2xx"]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """How events were delivered in a window.

    `ends` counts deliveries by the moment when they were made and by how they ended; one that waits has no end yet.
    `waits` tells how long the attempts took, by endpoint and moment.
    """

    window: Window
    ends: Mapping[datetime, Counter[str]]
    waits: Mapping[UUID, Mapping[datetime, Waits]]


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in a window. `steps` and `code_steps` have a place for each of its moments.

    `templates` and `keys` have the most used first; a message from the dashboard has no key. `missing` is the time
    that is over and not counted yet, None when there is none.
    """

    window: Window
    total: Counts
    steps: Mapping[datetime, Counts]
    codes: Waits
    code_steps: Mapping[datetime, Waits]
    failures: Sequence[Failure]
    templates: Sequence[tuple[str, str, Counts]]
    keys: Sequence[tuple[UUID | None, Counts]]
    priced: Sequence[Priced]
    endpoints: Sequence[Reception]
    attempt_steps: Mapping[datetime, Reception]
    missing: tuple[datetime, datetime] | None

    @property
    def empty(self) -> bool:
        """Whether nothing at all happened."""
        return not self.total.states and not self.endpoints

    @property
    def costs(self) -> dict[str, Decimal]:
        """The estimate by currency."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for one in self.priced:
            if one.billable and one.price is not None and one.cost is not None:
                sums[one.price.currency] += one.cost
        return dict(sums)
