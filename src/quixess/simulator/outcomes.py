"""The ways a send can go. Magic numbers and scripted faults use the same names."""

from dataclasses import dataclass
from enum import StrEnum

from quixess.simulator.model import Tick


class Answer(StrEnum):
    """What the HTTP caller lives through; the message may be accepted or not."""

    PROMPT = "prompt"
    HTML_500 = "html_500"
    SLOW = "slow"
    SLOW_BEFORE = "slow_before"
    RESET_AFTER_ACCEPT = "reset_after_accept"
    RESET_BEFORE_ACCEPT = "reset_before_accept"
    STATUS_FIRST = "status_first"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`refuse`: code answered at once, nothing accepted. `fail`: code of a later `failed` status.

    `ticks`: the statuses to send; None means sent, delivered and, with `auto_read`, read. With `fail` they come first.
    `held`: the `message_status` of a template's answer, in the place of `accepted`; everything comes `held_ms` later.
    """

    answer: Answer = Answer.PROMPT
    refuse: int | None = None
    fail: int | None = None
    ticks: tuple[Tick, ...] | None = None
    held: str | None = None


ORDINARY = Outcome()

_NAMED: dict[str, Outcome] = {
    "ok": ORDINARY,
    "http_500": Outcome(refuse=131000),
    "no_status": Outcome(ticks=()),
    "dropped": Outcome(ticks=(Tick.SENT,)),
    "delivered_and_failed": Outcome(ticks=(Tick.SENT, Tick.DELIVERED), fail=131026),
    "held": Outcome(held="held_for_quality_assessment"),
    "held_then_dropped": Outcome(held="held_for_quality_assessment", fail=132015),
    "paused": Outcome(held="paused", fail=132015),
    "never_read": Outcome(ticks=(Tick.SENT, Tick.DELIVERED)),
    "read_without_delivered": Outcome(ticks=(Tick.SENT, Tick.READ)),
    "played": Outcome(ticks=(Tick.SENT, Tick.DELIVERED, Tick.READ, Tick.PLAYED)),
    "backwards": Outcome(ticks=(Tick.READ, Tick.DELIVERED, Tick.SENT)),
} | {answer.value: Outcome(answer=answer) for answer in Answer if answer is not Answer.PROMPT}


def named(name: str) -> Outcome:
    """Return the outcome of that name: one of `names()`, `131026` (refused) or `async:131026` (failed later).

    Raises ValueError with the list of names.
    """
    if name in _NAMED:
        return _NAMED[name]
    code = name.removeprefix("async:")
    if not (code.isascii() and code.isdigit() and len(code) <= 9):
        raise ValueError(f"outcome must be one of {', '.join(names())}, a Meta error code, or async:CODE")
    return Outcome(fail=int(code)) if name.startswith("async:") else Outcome(refuse=int(code))


def names() -> list[str]:
    return sorted(_NAMED)
