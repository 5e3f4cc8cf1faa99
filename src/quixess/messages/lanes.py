"""Lanes: bodies about one number follow each other, those about different numbers take turns.

A number is known by a look at the raw bytes, so that nothing is parsed for it. Several numbers may share a lane, then
they share its turns. Inside a process no lane takes more than a quarter of the places that are left, so that one that
floods leaves room for the next. What finds no place waits in the table, and so does what comes after it, until a round
of claims has found nothing left of the lane: what was first in the table goes first.
"""

import math
import re
import time
import zlib
from collections import Counter
from collections.abc import Collection

_LANES = 4096
A_BATCH, _A_SHARE = 100, 20
_TOGETHER_S = 1.0
_A_PLACE = 4096  # bytes of body: a text takes one place, a body with a thousand statuses a hundred
_NUMBER = re.compile(rb'"phone_number_id"\s*:\s*"([^"\\]{1,64})"')


def find(app_id: str, body: bytes) -> int:
    """Name the lane of a body: that of the first number in it, else that of its Meta app."""
    found = _NUMBER.search(body)
    return zlib.crc32(app_id.encode() if found is None else found[1]) % _LANES


def weigh(body: bytes) -> int:
    """Say how many places a body takes."""
    return 1 + len(body) // _A_PLACE


class Lanes:
    """The places of one process: what it has at hand of each lane, and which lanes it left bodies of in the table."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken: Counter[int] = Counter()
        self._all = 0
        self._left: dict[int, int] = {}
        self._rounds = 0
        self._last: int | None = None
        self._mixed_at = -math.inf

    @property
    def crowded(self) -> bool:
        """Whether every place is taken."""
        return self._all >= self._places

    def offer(self, lane: int, weight: int) -> bool:
        """Take places for a new body, if its lane has room and nothing in the table goes before it."""
        first = not self._taken[lane] and not self.crowded
        if lane in self._left or not (first or weight <= self.room(lane)):
            self.leave(lane)
            return False
        self.take(lane, weight)
        return True

    def room(self, lane: int) -> int:
        """Say how many more places a lane may take now."""
        return max((self._places - self._all) // 4 - self._taken[lane], 0)

    def full(self) -> list[int]:
        """Name the lanes with something at hand that may take no more."""
        return [lane for lane in self._taken if not self.room(lane)]

    def share(self) -> int:
        """Say how much of a batch one lane may have: all of it, unless others were there a moment ago.

        Who comes while a batch is under way waits for it to end; a flood's batches are then short.
        """
        return _A_SHARE if time.monotonic() - self._mixed_at < _TOGETHER_S else A_BATCH

    def take(self, lane: int, weight: int) -> None:
        """Take places."""
        if lane != self._last:
            if self._last is not None:
                self._mixed_at = time.monotonic()
            self._last = lane
        self._taken[lane] += weight
        self._all += weight

    def give_back(self, lane: int, weight: int) -> None:
        """Return places."""
        self._taken[lane] -= weight
        self._all -= weight
        if not self._taken[lane]:
            del self._taken[lane]

    def leave(self, lane: int) -> None:
        """Note that a body of this lane is, or is about to be, in the table with nobody holding it."""
        self._left[lane] = self._rounds

    def waits(self, lane: int) -> bool:
        """Tell whether something of a lane waits in the table and could be claimed now."""
        return lane in self._left and self.room(lane) > 0

    def begin_round(self) -> None:
        """Note that claims begin again with the first lane."""
        self._rounds += 1

    def end_round(self, found: Collection[int]) -> None:
        """Note that nothing is left of any lane but of those where something was found or not looked for."""
        over = [lane for lane, left in self._left.items() if left < self._rounds and lane not in found]
        for lane in over:
            del self._left[lane]
