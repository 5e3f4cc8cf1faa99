"""Floors: below which moment nothing of an endpoint is due, as far as this process has seen.

A claim looks for what has been due longest. While somebody's transaction stays open PostgreSQL may clear no row that
died since, and from the beginning of the queue every claim would walk over all of them. So it begins at the floor, and
for some seconds only: what a transaction that took longer than the slack put below it is found by the next look at all.
"""

import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

SLACK_S = 2.0
"""How far below what was seen a floor lies: as long as a transaction may take from its beginning until it is seen."""
HOLDS_S = 5.0
"""How long floors hold after a look at all; an endpoint that was looked at above one is looked at again after it."""
_MOST = 20_000


class _Floor(msgspec.Struct):
    """What the last look at all of an endpoint's queue, and those above a floor since, have found."""

    looked_at_all: float
    at: datetime


class Floors:
    """The floors that one process knows. `clock` gives seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[UUID, _Floor] = {}

    def of(self, endpoint_id: UUID) -> datetime | None:
        """Give the moment, on PostgreSQL's clock, where a claim may begin; None when it has to look at all."""
        floor = self._known.get(endpoint_id)
        if floor is None or self._clock() - floor.looked_at_all >= HOLDS_S:
            return None
        return floor.at

    def learn(self, endpoint_id: UUID, began_at: datetime | None, found: datetime | None) -> None:
        """Note what a claim found that began at such a floor, or looked at all; None is nothing to go by."""
        if found is None:
            self._known.pop(endpoint_id, None)
        elif began_at is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[endpoint_id] = _Floor(self._clock(), found)
        elif (floor := self._known.get(endpoint_id)) is not None:
            floor.at = found
