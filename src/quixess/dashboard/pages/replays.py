"""Events delivered again: one, those that were ticked, or all that failed since a time; and a test event."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.deliveries import HOME, TYPES, list_endpoints, name_of, read_endpoint
from quixess.dashboard.rendering import count, plural
from quixess.database import ids
from quixess.errors import QuixessError, invalid
from quixess.events import listing, replays, trials
from quixess.events.listing import FAILURES, Filter
from quixess.events.outbox import HandOff
from quixess.events.replays import Verdict, Wanted
from quixess.metrics import RANGES
from quixess.people import Permission, audit

_FORM = "pages/replay_failed.html"
_TEST = "pages/test_event.html"
_MOST_COUNTED = 1_000
_MOST_NAMED = 100
_SPANS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
_SAID = {
    Verdict.QUEUED: "It is on its way again",
    Verdict.WAITING: "Not again: a delivery of it waits already",
    Verdict.NOBODY: "No endpoint wants this type of event",
    Verdict.GONE: "Its body is no longer kept",
}


class One(msgspec.Struct):
    """Which endpoint gets the event again; all that want it without one."""

    endpoint: Annotated[str, Meta(max_length=40)] = ""


class Selected(msgspec.Struct):
    """The events that were ticked."""

    event: Annotated[list[str], Meta(min_length=1, max_length=_MOST_NAMED, extra={"fix": "Tick some events first."})]


class Failed(msgspec.Struct):
    """What failed, since when, of which type, where."""

    since: Literal["1h", "24h", "7d", "30d"] = "24h"
    type: Annotated[str, Meta(max_length=64)] = ""
    endpoint: Annotated[str, Meta(max_length=40)] = ""


class Trial(msgspec.Struct):
    """The endpoint that gets a test event."""

    endpoint: Annotated[str, Meta(max_length=40)]


async def replay_one(visit: Visit) -> Response:
    """Deliver an event again."""
    event_id = ids.parse("evt", visit.request.path_params["event"])
    asked = await visit.form(One)
    if event_id is None:
        raise _unknown()
    async with visit.desk.db.transaction() as tx:
        only = read_endpoint(asked.endpoint)
        verdict, made = await replays.replay_event(tx, visit.desk.keyring, visit.brand_id, event_id, only)
        if made:
            about = ids.show("evt", event_id)
            await audit.note(tx, visit.brand_id, actor=visit.actor, action="event.replayed", about=about)
    if verdict is Verdict.UNKNOWN:
        raise _unknown()
    return visit.go(f"{HOME}?event={ids.show('evt', event_id)}", toast=_SAID[verdict])


async def replay_selected(visit: Visit) -> Response:
    """Deliver again what was ticked."""
    try:
        asked = await visit.form(Selected)
    except QuixessError as error:
        return visit.go(HOME, toast=error.detail)
    named = [one for text in asked.event if (one := ids.parse("evt", text)) is not None]
    if len(named) != len(asked.event):
        raise _unknown()
    await _start(visit, Wanted(event_ids=named))
    return visit.go(HOME, toast=f"{plural(len(named), 'event')} on the way again")


async def ask_failed(visit: Visit) -> Response:
    """Ask what of that which failed is to be delivered again, and say how much that is."""
    return visit.render(_FORM, **await _context(visit, visit.query(Failed)))


async def replay_failed(visit: Visit) -> Response:
    """Deliver again all that failed since a time."""
    asked = await visit.form(Failed)
    context = await _context(visit, asked)
    endpoint_id = read_endpoint(asked.endpoint)
    types = [asked.type] if asked.type else None
    since = datetime.now(UTC) - _SPANS[asked.since]
    try:
        if not context["matched"]:
            raise invalid("/since", "out_of_range", "Nothing failed in this time: choose a longer one.")
        await _start(visit, Wanted(failed_since=since, types=types, endpoint_id=endpoint_id))
    except QuixessError as error:
        return visit.refuse(_FORM, _on_form(error), **context)
    return visit.go(HOME, toast="What failed is on its way again")


async def cancel(visit: Visit) -> Response:
    """Stop a replay."""
    job_id = ids.parse("rpl", visit.request.path_params["job"]) or UUID(int=0)
    async with visit.desk.db.transaction() as tx:
        stopped = await replays.cancel(tx, visit.brand_id, job_id, actor=visit.actor)
    if stopped is None:
        raise QuixessError("replay_not_found", "The brand has no such replay: reload the list.")
    return visit.go(HOME, toast="The replay is stopped: what it has queued is still delivered")


async def ask_test(visit: Visit) -> Response:
    """Ask which endpoint gets a test event."""
    return visit.render(_TEST, choice=await _choice(visit), back=HOME)


async def test_event(visit: Visit) -> Response:
    """Send a test event, and show what becomes of it."""
    asked = await visit.form(Trial)
    endpoint_id = read_endpoint(asked.endpoint)
    if endpoint_id is None:
        raise QuixessError("not_found", "There is no such endpoint: choose one from the list.")
    async with visit.desk.db.transaction() as tx:
        event_id = await trials.record(tx, visit.desk.keyring, visit.brand_id, endpoint_id, HandOff(None))
    return visit.go(f"{HOME}?event={ids.show('evt', event_id)}", toast="The test event is on its way")


async def _start(visit: Visit, wanted: Wanted) -> None:
    async with visit.desk.db.transaction() as tx:
        await replays.start(tx, visit.brand_id, wanted, actor=visit.actor, most_a_minute=replays.MOST_A_MINUTE)


async def _context(visit: Visit, asked: Failed) -> dict[str, Any]:
    wanted = Filter(
        states=FAILURES,
        type=asked.type or None,
        since=datetime.now(UTC) - _SPANS[asked.since],
        endpoint_id=read_endpoint(asked.endpoint),
    )
    async with visit.desk.db.reading(visit.brand_id) as tx:
        page = await listing.leaf(tx, visit.brand_id, wanted, limit=_MOST_COUNTED)
    told = plural(len(page.events), "event")
    return {
        "asked": asked,
        "matched": len(page.events),
        "told": f"more than {count(len(page.events))} events" if page.next else told,
        "spans": [(name, RANGES[name].title) for name in _SPANS],
        "types": [("", "All types"), *((one, one) for one in TYPES)],
        "choice": [("", "All endpoints"), *await _choice(visit)],
        "back": HOME,
    }


async def _choice(visit: Visit) -> list[tuple[str, str]]:
    entries = await list_endpoints(visit)
    return [(ids.show("end", one.endpoint.id), name_of(one)) for one in entries if one.endpoint.url]


def _on_form(error: QuixessError) -> QuixessError:
    """Put what the room says of its own fields beside those of the form."""
    if error.code == "rate_limited":
        return invalid("/since", "out_of_range", error.detail)
    return error


def _unknown() -> QuixessError:
    return QuixessError("event_not_found", "No event of this brand has this id, or it is no longer kept.")


_MANAGE = Permission.MANAGE_EVENTS
PAGES = (
    Page("GET", f"{HOME}/replay", _MANAGE, ask_failed, title="Replay what failed"),
    Page("POST", f"{HOME}/replay", _MANAGE, replay_failed, title="Replay what failed"),
    Page("POST", f"{HOME}/replay/selected", _MANAGE, replay_selected),
    Page("POST", HOME + "/replay/{job}/cancel", _MANAGE, cancel),
    Page("GET", f"{HOME}/test", _MANAGE, ask_test, title="Send a test event"),
    Page("POST", f"{HOME}/test", _MANAGE, test_event),
    Page("POST", HOME + "/{event}/replay", _MANAGE, replay_one),
)
