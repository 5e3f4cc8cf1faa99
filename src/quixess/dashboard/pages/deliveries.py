"""`/app/webhooks/deliveries`: what the endpoints of a brand were told, and what became of it, attempt by attempt."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import metrics
from quixess.dashboard import charts, posts
from quixess.dashboard.charts import Drawn, Series
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.rendering import took
from quixess.dashboard.sheets import sheet
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError
from quixess.events import directory, listing, replays, trials
from quixess.events.directory import Entry
from quixess.events.endpoints import KNOWN_TYPES
from quixess.events.listing import FAILURES, Filter, Story
from quixess.events.replays import Progress
from quixess.messages import reading
from quixess.messages.reading import people
from quixess.metrics import RANGES, Deliveries
from quixess.people import Permission

HOME = "/app/webhooks/deliveries"
TYPES = (*sorted(KNOWN_TYPES), trials.TYPE)
_MOST_LINES = 4
_JOBS = 3
_JOB_SHOWN_S = 600
_A_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{5,30}")
_LABELS = {"1h": "%H:%M", "24h": "%H:%M", "7d": "%d %b %H:%M", "30d": "%d %b"}
_STATES: Mapping[str, Sequence[str]] = {"failed": FAILURES, **{one: (one,) for one in listing.STATES}}
WORDS = {
    "pending": ("Waiting", "warn"),
    "delivered": ("Delivered", "ok"),
    "no_endpoint": ("No endpoint", ""),
    "exhausted": ("Given up", "bad"),
    "expired": ("Expired", "bad"),
    "disabled": ("Endpoint off", "bad"),
    "discarded": ("Endpoint removed", "bad"),
}


class Filters(msgspec.Struct):
    """What is asked for: `q` is a phone, an id or a type, `range` what the charts look back over.

    `event` is the one that is looked at beside the list.
    """

    q: Annotated[str, Meta(max_length=600)] = ""
    state: Annotated[str, Meta(max_length=20)] = ""
    type: Annotated[str, Meta(max_length=64)] = ""
    endpoint: Annotated[str, Meta(max_length=40)] = ""
    range: Literal["1h", "24h", "7d", "30d"] = "24h"
    rows: Literal["25", "50", "100"] = "25"
    before: Annotated[str, Meta(max_length=40)] = ""
    event: Annotated[str, Meta(max_length=40)] = ""


async def show(visit: Visit) -> Response:
    """List the newest that fit, with one of them beside the list."""
    filters = visit.query(Filters)
    entries = await list_endpoints(visit)
    page, ways = await _look_up(visit, filters, limit=int(filters.rows))
    story = await _open(visit, filters.event) if filters.event else None
    drawn = await metrics.deliveries(visit.desk.db, visit.brand_id, RANGES[filters.range].until(datetime.now(UTC)))
    names = {one.endpoint.id: name_of(one) for one in entries}
    return visit.render(
        "pages/deliveries.html",
        filters=filters,
        events=page.events,
        ways=ways,
        entries=entries,
        names=names,
        types=TYPES,
        words=WORDS,
        states=[("", "All"), ("pending", "Waiting"), ("delivered", "Delivered"), ("failed", "Failed")],
        ranges=[(name, _address(filters, range=name), name == filters.range) for name in RANGES],
        range=RANGES[filters.range],
        volume=_draw_ends(drawn),
        latency=_draw_latency(drawn, names),
        jobs=await _jobs(visit),
        narrowed=bool(_query(filters, range="")),
        here=_address(filters, before=filters.before),
        older=_address(filters, before=ids.show("evt", page.next)) if page.next else None,
        newest=_address(filters) if filters.before else None,
        file=f"{HOME}.csv?{_query(filters)}",
        opened=lambda one: _address(filters, before=filters.before, event=ids.show("evt", one.id)),
        chosen=story,
        **(posts.describe(visit, story, entries, names) if story else {}),
    )


async def download(visit: Visit) -> Response:
    """Give what fits as a file, of the newest that a page looks at."""
    filters = visit.query(Filters)
    names = {one.endpoint.id: name_of(one) for one in await list_endpoints(visit)}
    page, ways = await _look_up(visit, filters, limit=listing.LOOK)
    heads = ("at", "id", "type", "endpoint", "state", "attempts", "replay", "ended_at", "message")
    rows: list[tuple[Any, ...]] = []
    for one in page.events:
        message = ids.show("msg", one.message_id) if one.message_id else None
        begins = (one.occurred_at, ids.show("evt", one.id), one.type)
        for way in ways.get(one.id, ()):
            name = names.get(way.endpoint_id, "removed")
            rows.append((*begins, name, way.state, way.attempts, way.replay, way.ended_at, message))
        if one.id not in ways:
            rows.append((*begins, None, one.state, 0, False, None, message))
    return sheet("events.csv", heads, rows)


async def list_endpoints(visit: Visit) -> list[Entry]:
    """List the endpoints of the brand."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        return await directory.list_endpoints(tx, visit.desk.keyring, visit.brand_id)


def name_of(entry: Entry) -> str:
    """Call an endpoint by its name, else by the host of its URL."""
    endpoint = entry.endpoint
    return endpoint.name or urlsplit(endpoint.url or "").netloc or ids.show("end", endpoint.id)


async def _look_up(
    visit: Visit, filters: Filters, *, limit: int
) -> tuple[listing.Page, Mapping[UUID, Sequence[listing.Way]]]:
    before = ids.parse("evt", filters.before) if filters.before else None
    if filters.before and before is None:
        raise QuixessError("invalid_cursor", "This page of the list is none: begin with the newest.")
    message_id = await _message_of(visit, filters.q)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        page = await _list(tx, visit.brand_id, filters, message_id, limit=limit, before=before)
        ways = await listing.latest_ways(tx, visit.brand_id, [one.id for one in page.events])
    return page, ways


async def _message_of(visit: Visit, text: str) -> UUID | None:
    """Find the message that an id is of, ours or Meta's."""
    if not text.startswith("wamid."):
        return ids.parse("msg", text)
    story = await reading.messages.get_message(visit.desk.db, visit.brand_id, text)
    return story.row["id"] if story else UUID(int=0)


async def _list(
    tx: Tx, brand_id: UUID, filters: Filters, message_id: UUID | None, *, limit: int, before: UUID | None
) -> listing.Page:
    if filters.q.startswith("evt_"):
        event_id = ids.parse("evt", filters.q)
        story = await listing.get_event(tx, brand_id, event_id) if event_id else None
        return listing.Page((story.event,) if story and story.event else (), None)
    by_type = filters.q in TYPES
    by_people = bool(filters.q) and message_id is None and not by_type
    talks = await _conversations(tx, brand_id, filters.q) if by_people else None
    wanted = Filter(
        states=_STATES.get(filters.state),
        type=filters.type or (filters.q if by_type else None),
        message_id=message_id,
        endpoint_id=read_endpoint(filters.endpoint),
        conversation_ids=talks,
    )
    return await listing.leaf(tx, brand_id, wanted, limit=limit, before=before)


async def _conversations(tx: Tx, brand_id: UUID, text: str) -> Sequence[UUID]:
    """Find the conversations that are named by their id or by a phone; none for anything else."""
    conversation_id = ids.parse("cnv", text)
    if conversation_id is not None:
        return [conversation_id]
    if not _A_PHONE.fullmatch(text):
        return []
    return sorted(await people.conversations_with(tx, brand_id, phone=re.sub(r"[^0-9]", "", text), user_id=None))


def read_endpoint(text: str) -> UUID | None:
    """Read the id of an endpoint, None for none. Raises `not_found`."""
    found = ids.parse("end", text) if text else None
    if text and found is None:
        raise QuixessError("not_found", "There is no such endpoint: choose one from the list.")
    return found


async def _open(visit: Visit, shown: str) -> Story:
    event_id = ids.parse("evt", shown)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        story = await listing.get_event(tx, visit.brand_id, event_id) if event_id else None
    if story is None:
        raise QuixessError("event_not_found", "No event of this brand has this id, or it is no longer kept.")
    return story


async def _jobs(visit: Visit) -> Sequence[Progress]:
    """Give the replays that run, and those that ended a moment ago."""
    now = datetime.now(UTC)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        latest = await replays.list_replays(tx, visit.brand_id, limit=_JOBS)
        recent = [one for one in latest if (now - (one.finished_at or now)).total_seconds() < _JOB_SHOWN_S]
        found = [await replays.progress(tx, visit.brand_id, one.id) for one in recent]
    return [one for one in found if one is not None]


def _draw_ends(report: Deliveries) -> Drawn:
    ends = list(report.ends.values())
    failed = [sum(one[state] for state in FAILURES) for one in ends]
    return charts.bars(
        "Deliveries by how they ended",
        _labels(report),
        [Series("Delivered", [one["delivered"] for one in ends], 1), Series("Failed", failed, 4)],
        first="Time (UTC)",
    )


def _draw_latency(report: Deliveries, names: Mapping[UUID, str]) -> Drawn:
    """Draw a line for each endpoint, of those with the most attempts."""
    tried = {one: sum(waits.times for waits in steps.values()) for one, steps in report.waits.items()}
    busiest = sorted(tried, key=lambda one: (-tried[one], one))[:_MOST_LINES]
    if len(busiest) == 1:
        steps = list(report.waits[busiest[0]].values())
        lines = [
            Series("Half of them", [one.p50 for one in steps], 1),
            Series("95 of 100", [one.p95 for one in steps], 2),
        ]
    else:
        lines = [
            Series(names.get(one, "removed"), [waits.p50 for waits in report.waits[one].values()], colour)
            for colour, one in enumerate(busiest, start=1)
        ]
    return charts.lines("Time until an endpoint answers", _labels(report), lines, first="Time (UTC)", write=took)


def _labels(report: Deliveries) -> list[str]:
    return [moment.strftime(_LABELS[report.window.range.name]) for moment in report.window.moments]


def _query(filters: Filters, **more: str) -> str:
    kept = {name: value for name, value in msgspec.structs.asdict(filters).items() if value}
    kept = {name: value for name, value in kept.items() if name not in {"before", "event"}}
    usual = {"range": "24h", "rows": "25"}
    told = {name: value for name, value in (kept | more).items() if value and usual.get(name) != value}
    return urlencode(told)


def _address(filters: Filters, **more: str) -> str:
    query = _query(filters, **more)
    return f"{HOME}?{query}" if query else HOME


PAGES = (
    Page("GET", HOME, Permission.READ_EVENTS, show, title="Events"),
    Page("GET", f"{HOME}.csv", Permission.READ_EVENTS, download),
)
