"""`/app/whatsapp/messages`: every message in both directions, narrowed by the query, one of them beside the list."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access
from quixess.access import Key
from quixess.dashboard.gist import gist
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.sheets import sheet
from quixess.database import ids
from quixess.database.core import Row
from quixess.errors import QuixessError
from quixess.events import listing
from quixess.messages import reading
from quixess.messages.reading import pages, timelines
from quixess.messages.reading.messages import Filter, Story
from quixess.messages.reading.timelines import Step
from quixess.metrics import RANGES
from quixess.people import Permission, audit
from quixess.templates import catalogue

HOME = "/app/whatsapp/messages"
_IN_A_FILE = 10_000
_MOST_EVENTS = 20
_MOST_NAMES = 200
_A_PHONE = re.compile(r"\+?[0-9][0-9 ().-]{5,30}")
_TYPES = (
    *("text", "template", "image", "video", "audio", "document", "sticker", "location", "contacts"),
    *("interactive", "button", "reaction", "order", "call", "edit", "revoke", "system", "unsupported"),
)
_STATES = {
    "received": ("Received", ""),
    "sending": ("Sending", "warn"),
    "unconfirmed": ("Not confirmed", "warn"),
    "accepted": ("Accepted", "info"),
    "sent": ("Sent", "info"),
    "delivered": ("Delivered", "ok"),
    "read": ("Read", "ok"),
    "failed": ("Failed", "bad"),
    "not_sent": ("Not sent", "bad"),
}
_STEPS = {
    "held_for_quality_assessment": ("Held: Meta looks at its quality first", "warn"),
    "paused": ("Held: Meta paused the template", "warn"),
    "played": ("Played", "ok"),
}
_SOURCES = {"echo": "Written with the WhatsApp Business app", "history": "From the past of the WhatsApp Business app"}


class Filters(msgspec.Struct):
    """What is asked for: `q` is a phone, an id or words; `since` how far back.

    `message` is the one that is looked at beside the list.
    """

    q: Annotated[str, Meta(max_length=600)] = ""
    direction: Literal["", "inbound", "outbound"] = ""
    state: Annotated[str, Meta(max_length=40)] = ""
    type: Annotated[str, Meta(max_length=40)] = ""
    template: Annotated[str, Meta(max_length=512)] = ""
    key: Annotated[str, Meta(max_length=40)] = ""
    since: Literal["", "1h", "24h", "7d", "30d"] = ""
    rows: Literal["25", "50", "100"] = "25"
    after: Annotated[str, Meta(max_length=100)] = ""
    message: Annotated[str, Meta(max_length=600)] = ""


async def show(visit: Visit) -> Response:
    """List the newest that fit, with one of them beside the list."""
    filters = visit.query(Filters)
    keys = await _keys(visit)
    fault = ""
    try:
        page = await _look_up(visit, filters, limit=int(filters.rows))
    except QuixessError as error:
        if not error.errors:
            raise
        page, fault = pages.Page([]), error.detail
    chosen = await _open(visit, filters.message) if filters.message else None
    return visit.render(
        "pages/messages.html",
        filters=filters,
        rows=page.rows,
        fault=fault,
        keys=keys,
        types=_TYPES,
        states=_STATES,
        ranges=[(name, one.title) for name, one in RANGES.items()],
        names=await _template_names(visit),
        narrowed=bool(_query(filters)),
        here=_address(filters, after=filters.after),
        older=_address(filters, after="~".join(page.position)) if page.position else None,
        newest=_address(filters) if filters.after else None,
        file=f"{HOME}.csv?{_query(filters)}",
        opened=lambda row: _address(filters, after=filters.after, message=ids.show("msg", row["id"])),
        says=says,
        first=await _first_request(visit) if not page.rows and not _query(filters) else None,
        **(await _around(visit, chosen) if chosen is not None else {"chosen": None}),
    )


async def download(visit: Visit) -> Response:
    """Give what fits as a file, the newest ten thousand of those that are looked at."""
    filters = visit.query(Filters)
    keys = await _keys(visit)
    page = await _look_up(visit, filters, limit=_IN_A_FILE)
    async with visit.desk.db.transaction() as tx:
        told = {"messages": len(page.rows)}
        await audit.note(
            tx, visit.brand_id, actor=visit.actor, action="messages.exported", about="messages", detail=told
        )
    heads = (
        *("at", "id", "direction", "status", "type", "phone", "user_id", "name", "says", "template", "language"),
        *("category", "key", "error", "price_category", "billable", "wamid", "conversation"),
    )
    return sheet("messages.csv", heads, [_row(row, keys) for row in page.rows])


def says(row: Row) -> str:
    """Say in one line what a message says."""
    return gist(row["type"], _object(row["content"]))


def _text(row: Row) -> str:
    """Give what a message says at full length, as far as it is a text."""
    content = _object(row["content"])
    texts = (content.get(name) for name in ("body", "text", "caption"))
    return next((one for one in texts if isinstance(one, str) and one), says(row))


async def _look_up(visit: Visit, filters: Filters, *, limit: int) -> pages.Page:
    """Find a page. Raises `invalid_cursor`, and `invalid_request` for words that cannot be searched for."""
    text = filters.q
    if ids.parse("msg", text) or text.startswith("wamid."):
        story = await reading.messages.get_message(visit.desk.db, visit.brand_id, text)
        return pages.Page([] if story is None else [story.row])
    wanted = _wanted(filters)
    after = _read_position(filters.after, wanted)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        return await reading.messages.list_messages(tx, visit.brand_id, wanted, limit=limit, after=after)


def _wanted(filters: Filters) -> Filter:
    key_id = ids.parse("key", filters.key) if filters.key else None
    if filters.key and key_id is None:
        raise QuixessError("not_found", "There is no such key: choose one from the list.")
    conversation_id = ids.parse("cnv", filters.q)
    by_phone = _A_PHONE.fullmatch(filters.q) is not None
    by_words = bool(filters.q) and not by_phone and conversation_id is None
    window = RANGES[filters.since].until(datetime.now(UTC)) if filters.since else None
    return Filter(
        direction=filters.direction or None,
        state=filters.state or None,
        type=filters.type or None,
        template_name=filters.template or None,
        key_id=key_id,
        phone=re.sub(r"[^0-9]", "", filters.q) if by_phone else None,
        conversation_id=conversation_id,
        query=filters.q if by_words else None,
        since=window.start if window else None,
    )


def _read_position(text: str, wanted: Filter) -> Sequence[str] | None:
    """Read where a page begins: an id, or with some people a time and an id."""
    if not text:
        return None
    by_time = wanted.about_somebody and wanted.query is None
    *times, last = text.split("~")
    try:
        UUID(last)
        fits = len(times) == by_time and all(datetime.fromisoformat(one).tzinfo is not None for one in times)
    except ValueError:
        fits = False
    if not fits:
        raise QuixessError("invalid_cursor", "This page of the list is none: begin with the newest.")
    return [*times, last]


async def _open(visit: Visit, shown: str) -> Story:
    story = await reading.messages.get_message(visit.desk.db, visit.brand_id, shown)
    if story is None:
        raise QuixessError("message_not_found", "No message of this brand has this id, or it is no longer kept.")
    return story


async def _around(visit: Visit, story: Story) -> Mapping[str, Any]:
    """Give what the drawer shows of a message beside its row."""
    row = story.row
    events = await _events(visit, row["id"]) if visit.may(Permission.READ_EVENTS) else []
    return {
        "chosen": row,
        "content": _object(row["content"]),
        "text": _text(row),
        "steps": [_step(one, row) for one in timelines.tell(row, story.statuses)],
        "errors": msgspec.json.decode(row["errors"] or "[]"),
        "pricing": _object(row["pricing"]),
        "metadata": _object(row["metadata"]),
        "events": events,
        "source": _SOURCES.get(row["source"]),
    }


async def _events(visit: Visit, message_id: UUID) -> Sequence[Any]:
    async with visit.desk.db.reading(visit.brand_id) as tx:
        page = await listing.leaf(tx, visit.brand_id, listing.Filter(message_id=message_id), limit=_MOST_EVENTS)
    return page.events


def _step(step: Step, row: Row) -> Mapping[str, Any]:
    head, tone = _STATES.get(step.status) or _STEPS.get(step.status) or (step.status.replace("_", " ").capitalize(), "")
    notes = [f"for {step.participant}"] if step.participant else []
    if step.inferred:
        notes.append("told by its being read")
    if step.at is not None and step.at != row["occurred_at"] and row["direction"] == "outbound":
        notes.append(_after(step.at, row["occurred_at"]))
    return {"head": head, "tone": "ok" if tone == "info" else tone, "says": ", ".join(notes), "moment": step.at}


def _after(at: datetime, began: datetime) -> str:
    """Say how long after it was sent something happened. Meta tells whole seconds."""
    seconds = max((at - began).total_seconds(), 0.0)
    return "within a second" if seconds < 1 else f"after {seconds:.0f} s" if seconds < 120 else ""


async def _keys(visit: Visit) -> Mapping[UUID, Key]:
    async with visit.desk.db.statement() as tx:
        return {key.id: key for key in await access.list_keys(tx, visit.brand_id)}


async def _template_names(visit: Visit) -> list[str]:
    async with visit.desk.db.reading(visit.brand_id) as tx:
        source = await catalogue.find_source(tx, visit.brand_id)
        if source is None:
            return []
        wanted = catalogue.Filter()
        return list(await catalogue.list_names(tx, visit.brand_id, source.connection_id, wanted, limit=_MOST_NAMES))


async def _first_request(visit: Visit) -> str | None:
    """Write a request that works here and now: a code by an approved template; None while there is no such template."""
    wanted = catalogue.Filter(statuses=("APPROVED",), category="AUTHENTICATION")
    async with visit.desk.db.reading(visit.brand_id) as tx:
        source = await catalogue.find_source(tx, visit.brand_id)
        found = (
            await catalogue.list_templates(tx, visit.brand_id, source.connection_id, wanted, limit=1) if source else []
        )
    if not found:
        return None
    body = {"to": "+15550100001", "code": "482913", "template_name": found[0].template.name}
    return (
        f"curl {visit.base_url}/api/v1/whatsapp/external/send/otp \\\n"
        '  -H "X-API-Key: $QUIXESS_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d '{msgspec.json.encode(body).decode()}'"
    )


def _object(text: str | None) -> Mapping[str, Any]:
    value = msgspec.json.decode(text) if text else {}
    return value if isinstance(value, dict) else {}


def _query(filters: Filters, **more: str) -> str:
    kept = {name: value for name, value in msgspec.structs.asdict(filters).items() if value}
    kept = {name: value for name, value in kept.items() if name not in {"after", "message"}}
    if kept.get("rows") == "25":
        del kept["rows"]
    return urlencode(kept | {name: value for name, value in more.items() if value})


def _address(filters: Filters, **more: str) -> str:
    query = _query(filters, **more)
    return f"{HOME}?{query}" if query else HOME


def _row(row: Row, keys: Mapping[UUID, Key]) -> tuple[Any, ...]:
    key, errors, price = keys.get(row["key_id"]), msgspec.json.decode(row["errors"] or "[]"), _object(row["pricing"])
    return (
        *(row["occurred_at"], ids.show("msg", row["id"]), row["direction"], row["state"], row["type"]),
        *(row["phone"] and f"+{row['phone']}", row["user_id"], row["name"], says(row), row["template_name"]),
        *(row["template_language"], row["template_category"], key.name if key else None),
        *(errors[0].get("code") if errors else None, price.get("category"), price.get("billable")),
        *(row["wamid"], ids.show("cnv", row["conversation_id"])),
    )


PAGES = (
    Page("GET", HOME, Permission.READ_MESSAGES, show, title="Messages"),
    Page("GET", f"{HOME}.csv", Permission.EXPORT, download),
)
