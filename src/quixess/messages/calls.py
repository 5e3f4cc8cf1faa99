"""Calls: each stands in the conversation once, however many steps Meta tells of it, in whatever order.

A call is a row of messages whose wamid is Meta's call id (`wacid…`); its steps are that row's statuses, which count
once each. A user's call opens the customer service window as a message does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database.core import Tx
from quixess.events.envelope import moment
from quixess.events.outbox import Draft
from quixess.feed import Kind
from quixess.messages import arrivals, contents, describing, evidence, store, threads
from quixess.messages.model import State, Told
from quixess.messages.store import Inbound, Status
from quixess.messages.threads import Person, Thread
from quixess.meta.webhooks import Call

_BY_USER = "USER_INITIATED"
_PARTIES = frozenset({"from", "to", "recipient_id", "recipient_type"})
_PAYLOADS = frozenset({"cta_payload", "deeplink_payload"})
_TIMES = frozenset({"timestamp", "start_time", "end_time", "duration"})
_KNOWN = _PARTIES | _PAYLOADS | _TIMES | {"id", "event", "direction", "status", "type", "errors", "from_user_id"}
_encode = msgspec.json.encode


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of a call, and the call's row: `status` is what makes the step count once."""

    told: Told[Call]
    call: Inbound
    thread: Thread
    status: Status


async def apply(tx: Tx, told: Sequence[Told[Call]]) -> list[Draft]:
    """Write the calls that are new and the steps that are, and return the events they are worth."""
    if not told:
        return []
    made = await arrivals.bind_new(tx, told, lambda call: call.wacid)
    bound = await store.find_wamids(tx, [(one.number.connection_id, one.item.wacid) for one in told])
    calls = [(_call(bound[one.number.connection_id, one.item.wacid], one), one) for one in told]
    found = await threads.find_threads(tx, [call.person for call, _ in calls])
    steps = {(step := _step(call, found[call.person.key], one)).status.key: step for call, one in reversed(calls)}
    new = [step for key, step in steps.items() if step.told is made.get(step.call.id)]
    await _insert(tx, new)
    told_now = await store.insert_statuses(tx, [step.status for step in steps.values()])
    fresh = [step for key, step in reversed(steps.items()) if key in told_now]
    if fresh:
        await store.add_to_contents(tx, [_news(step) for step in fresh])
        for step in fresh:
            call = step.call
            feed.tell(tx, call.person.brand_id, Kind.MESSAGE, call.id, within=step.thread.conversation_id)
    return [draft for step in fresh if (draft := _draft(step)) is not None]


async def _insert(tx: Tx, steps: Sequence[_Step]) -> None:
    if not steps:
        return
    await store.insert_inbound(tx, [(step.call, step.thread) for step in steps])
    rung = [
        (step.call.person.brand_id, step.thread.conversation_id, step.call.occurred_at)
        for step in steps
        if step.told.item.direction == _BY_USER
    ]
    if rung:
        await threads.open_windows(tx, rung)


def _call(message_id: UUID, told: Told[Call]) -> Inbound:
    call, number = told.item, told.number
    at, inbound = evidence.moment_of(call.timestamp), call.direction == _BY_USER
    person = Person(
        brand_id=number.brand_id,
        connection_id=number.connection_id,
        phone=call.user_phone,
        user_id=call.user_id or (None if call.user_phone else f"unknown-{call.wacid}"),
        username=call.username,
        name=call.profile_name,
        parent_user_id=call.parent_user_id,
        at=at,
    )
    content = {"direction": call.direction, "payload": call.payload, **_end(call), "errors": []}
    return Inbound(
        id=message_id,
        person=person,
        wamid=call.wacid,
        type="call",
        content=_encode(content).decode(),
        reply_to=None,
        occurred_at=at,
        direction="inbound" if inbound else "outbound",
        state=State.RECEIVED if inbound else State.SENT,
    )


def _step(call: Inbound, thread: Thread, told: Told[Call]) -> _Step:
    status = Status(call.person.brand_id, call.id, told.item.event, call.occurred_at)
    return _Step(told, call, thread, status)


def _end(call: Call) -> dict[str, Any]:
    """Say how a call ended, all None while it has not. One that nobody answered is missed."""
    over = call.event == "terminate"
    return {
        "status": call.status if over else None,
        "started_at": moment(evidence.moment_of(call.started)) if call.started else None,
        "ended_at": moment(evidence.moment_of(call.ended)) if call.ended else None,
        "duration_s": call.duration_s,
        "missed": not (call.started or call.duration_s) if over else None,
    }


def _news(step: _Step) -> tuple[UUID, UUID, str]:
    """Give the members of the content that a step brings."""
    call = step.told.item
    news: dict[str, Any] = {"payload": call.payload, **_end(call)}
    if call.errors:
        news["errors"] = contents.describe_errors(call.errors)
    if extra := {key: value for key, value in call.raw.items() if key not in _KNOWN}:
        news["extra"] = extra
    return (step.call.person.brand_id, step.call.id, _encode(news).decode())


def _draft(step: _Step) -> Draft | None:
    call, number = step.told.item, step.told.number
    if call.event == "connect" and call.direction == _BY_USER:
        return describing.called(step.call, step.thread, number, direction=call.direction, payload=call.payload)
    if call.event == "terminate":
        end = {**_end(call), "errors": contents.describe_errors(call.errors)}
        return describing.call_ended(step.call, step.thread, number, direction=call.direction, end=end)
    return None
