"""Windows: how many attempts may be in flight at once, for each endpoint and in all.

A window grows while its endpoint answers and halves when it chokes. None takes more than a quarter of the places that
are left, so that hanging endpoints slow themselves and nobody else. There are fewer places while the process has more
to do than it can: what is under way then only makes each turn of the event loop longer, and with it everybody's wait.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from quixess.events.outward import Answer, Fault

FIRST, _WIDEST = 4, 256
MOST_PLACES, FEWEST_PLACES = 1024, 256
_LONG_TURN_S = 0.003  # a new event takes about a dozen turns of the loop from Meta's POST to its receiver
_TRIP_AFTER = 10  # failures in a row; more than the ladder has steps, so that one bad event never stops the others


@dataclass(slots=True)
class Window:
    """One endpoint's places. `failures` counts attempts in a row that failed."""

    size: float = FIRST
    taken: int = 0
    failures: int = 0
    since: datetime | None = None

    def learn(self, answer: Answer) -> bool:
        """Take an answer into account; True when the endpoint has failed so often that it should be probed."""
        if answer.ok:
            self.size = min(self.size + 1, _WIDEST)
            self.failures = 0
            return False
        if answer.status == 429 or answer.fault in {Fault.timeout, Fault.connect_timeout}:
            self.size = max(self.size / 2, 1)
        self.failures += 1
        return self.failures >= _TRIP_AFTER


class Windows:
    """The windows of one process."""

    def __init__(self) -> None:
        self._windows: dict[UUID, Window] = {}
        self._taken = 0
        self._places = MOST_PLACES
        self._turned_away: set[UUID] = set()

    @property
    def taken(self) -> int:
        """Attempts in flight."""
        return self._taken

    @property
    def places(self) -> int:
        """How many attempts may be in flight in all, as things are."""
        return self._places

    def note_turn(self, seconds: float) -> None:
        """Learn how long a turn of the event loop took: fewer places after a long one, more again after short ones."""
        if seconds > _LONG_TURN_S:
            self._places = max(self._places * 4 // 5, FEWEST_PLACES)
        elif seconds < _LONG_TURN_S / 2:
            self._places = min(self._places + 16, MOST_PLACES)

    @property
    def open(self) -> int:
        """How many attempts all windows of endpoints with something in flight would let be in flight."""
        return sum(int(window.size) for window in self._windows.values() if window.taken)

    def of(self, endpoint_id: UUID) -> Window:
        """Give an endpoint's window."""
        return self._windows.setdefault(endpoint_id, Window())

    def room(self, endpoint_id: UUID) -> int:
        """Say how many more attempts of an endpoint may start now."""
        window = self.of(endpoint_id)
        left = self._places - self._taken
        fair = max(left // 4, 1 if left > 0 else 0)
        return max(min(int(window.size), fair) - window.taken, 0)

    def full(self) -> list[UUID]:
        """Name the endpoints that have attempts in flight and room for no more."""
        found = [key for key, window in self._windows.items() if window.taken and self.room(key) == 0]
        self._turned_away.update(found)
        return found

    def turn_away(self, endpoint_id: UUID) -> None:
        """Note that something of an endpoint waits for room."""
        self._turned_away.add(endpoint_id)

    def take(self, endpoint_id: UUID) -> None:
        """Take a place."""
        self.of(endpoint_id).taken += 1
        self._taken += 1

    def give_back(self, endpoint_id: UUID) -> bool:
        """Return a place, and tell whether something may be waiting for it.

        Told once a quarter of the window is free: a claim for each place alone would cost more than the attempts.
        """
        self.of(endpoint_id).taken -= 1
        self._taken -= 1
        if endpoint_id in self._turned_away and 4 * self.room(endpoint_id) >= self.of(endpoint_id).size:
            self._turned_away.discard(endpoint_id)
            return True
        return False

    def note_state(self, endpoint_id: UUID, since: datetime | None) -> None:
        """Start small again with an endpoint that came back, whichever process found it so."""
        window = self.of(endpoint_id)
        if window.since != since:
            if window.since is not None:
                window.size, window.failures = FIRST, 0
            window.since = since
