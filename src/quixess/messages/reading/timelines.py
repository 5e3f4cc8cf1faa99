"""Timelines: what a message went through, step by step, from what it is and from what Meta told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from quixess.database.core import Row
from quixess.messages.model import HELD, OF_STATUS, RANK, State


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `at` is None where nobody told when, `participant` whose it is in a group, `errors` JSON text."""

    status: str
    at: datetime | None
    inferred: bool = False
    participant: str | None = None
    errors: str | None = None


def tell(row: Row, statuses: Sequence[Row]) -> list[Step]:
    """Tell the steps of a message in the order in which a message goes through them. Rows are those of `reading`."""
    steps = [
        Step(one["status"], one["occurred_at"], one["inferred"], one["participant"] or None, one["errors"])
        for one in statuses
    ]
    ours = row["direction"] == "outbound" and row["source"] == "live" and row["type"] != "call"
    if ours and row["wamid"] is not None:
        steps.append(Step(State.ACCEPTED, row["occurred_at"]))
    if row["state"] not in {step.status for step in steps} and row["type"] != "call":
        # Meta's refusal, a copy's one state, a message of a user: there is no status of it.
        first = not steps and row["state"] != State.UNCONFIRMED
        steps.append(Step(row["state"], row["occurred_at"] if first else None, errors=row["errors"]))
    return sorted(steps, key=_place)


def _place(step: Step) -> tuple[int, float, str]:
    state = State.ACCEPTED if step.status in HELD else OF_STATUS.get(step.status, step.status)
    rank = RANK[State(state)] if state in RANK else len(RANK)
    return rank, step.at.timestamp() if step.at is not None else 0.0, step.participant or ""
