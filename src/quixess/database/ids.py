"""Ids: UUIDv7 inside (RFC 9562), a prefix and 26 Crockford base32 characters outside.

The text sorts by time like the id itself. Ids are made by us, never by a sequence, so that none is issued twice
after a failover that lost the last writes. They are no secrets: whoever sees one learns when it was made.
"""

import re
import time
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_TO_BASE_32 = str.maketrans(_ALPHABET, "0123456789ABCDEFGHIJKLMNOPQRSTUV")  # as int() reads it
_TEXT = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new() -> UUID:
    """Make an id that sorts after every id this process made before."""
    return uuid7()


def show(prefix: str, value: UUID) -> str:
    """Write an id as callers see it: `show("msg", id)` is `msg_01…`, 26 characters after the prefix."""
    number = value.int
    high, middle, low = number >> 70, number >> 40 & 0x3FFFFFFF, number & 0xFFFFFFFFFF  # big integers are slow to shift
    first, last = _PAIRS[high >> 50], _PAIRS[low & 1023]
    return (
        f"{prefix}_{first}{_PAIRS[high >> 40 & 1023]}{_PAIRS[high >> 30 & 1023]}{_PAIRS[high >> 20 & 1023]}"
        f"{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}{_PAIRS[middle >> 20]}{_PAIRS[middle >> 10 & 1023]}"
        f"{_PAIRS[middle & 1023]}{_PAIRS[low >> 30]}{_PAIRS[low >> 20 & 1023]}{_PAIRS[low >> 10 & 1023]}{last}"
    )


def parse(prefix: str, text: str) -> UUID | None:
    """Read an id as callers write it; None for anything that `show` with this prefix could not have written."""
    head, _, body = text.partition("_")
    if head != prefix or not _TEXT.fullmatch(body):
        return None
    return UUID(int=int(body.translate(_TO_BASE_32), 32))


def made_at(value: UUID) -> datetime:
    """Tell when a UUIDv7 was made (UTC, to the millisecond)."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def age_s(value: UUID) -> float:
    """Tell how many seconds ago a UUIDv7 was made, by this machine's clock; never less than none."""
    return max(time.time() - (value.int >> 80) / 1000, 0.0)


def floor(moment: datetime) -> UUID:
    """Give the smallest UUIDv7 of a moment: the bound of a partition or of a time filter. Time begins in 1970."""
    return UUID(int=(max(int(moment.timestamp() * 1000), 0) << 80) | 0x7000_8000_0000_0000_0000)
