"""What a check is, and how good or bad many of them are together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """How a check ended. `skip`: it could not be made, or does not apply; that is nobody's fault."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: what was found, how to mend it, and since when it is so where that is known."""

    name: str
    state: State
    said: str
    fix: str | None = None
    since: datetime | None = None


def passed(name: str, said: str, *, since: datetime | None = None) -> Check:
    """Say that something is as it must be."""
    return Check(name, State.PASS, said, None, since)


def warned(name: str, said: str, fix: str, *, since: datetime | None = None) -> Check:
    """Say that something works and will not for ever, or not as well as it could."""
    return Check(name, State.WARN, said, fix, since)


def failed(name: str, said: str, fix: str, *, since: datetime | None = None) -> Check:
    """Say that something does not work."""
    return Check(name, State.FAIL, said, fix, since)


def skipped(name: str, said: str, fix: str | None = None) -> Check:
    """Say why something was not looked at."""
    return Check(name, State.SKIP, said, fix)


def worst(checks: Iterable[Check]) -> State:
    """Give the worst state among checks: fail, warn or pass. What was skipped counts as pass."""
    states = {check.state for check in checks}
    return next((state for state in (State.FAIL, State.WARN) if state in states), State.PASS)
