"""An endpoint made and changed: its URL, the types it gets, when it is tried again, headers of the tenant's own."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages import endpoints
from quixess.dashboard.pages.deliveries import name_of
from quixess.dashboard.pages.endpoints import HOME, base_of, find
from quixess.database import ids
from quixess.errors import QuixessError, invalid
from quixess.events import directory, trials
from quixess.events.directory import Entry
from quixess.events.endpoints import DEFAULT_TYPES, KNOWN_TYPES
from quixess.events.outbox import HandOff
from quixess.events.wishes import Wish
from quixess.people import Permission

_FORM = "pages/endpoint_form.html"
_SECRET = "pages/endpoint_secret.html"  # noqa: S105 - a template
_STEP = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(s|sec|m|min|h|d|days?)?", re.IGNORECASE)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_WHEN = {
    "message.received": "A customer wrote.",
    "message.delivered": "Your message reached the phone.",
    "message.read": "The customer opened it.",
    "message.failed": "Your message will not arrive, and why.",
    "template.status_changed": "Meta approved, rejected, paused or disabled a template.",
    "call.received": "A customer is calling.",
    "message.sent": "Meta sent your message on its way.",
    "message.echoed": "You wrote with the WhatsApp Business app.",
    "call.ended": "A call is over.",
    "contact.preference_changed": "A customer wants your marketing no longer, or again.",
    "template.updated": "Quality, category or text of a template changed.",
    "account.updated": "Meta said something of your account or number.",
    "endpoint.failing": "Another endpoint of yours has stopped answering.",
    "endpoint.recovered": "It answers again.",
    "endpoint.disabled": "It answered 410 and is switched off.",
    "delivery.exhausted": "An event was given up at another endpoint.",
}


class Wanted(msgspec.Struct):
    """What an endpoint is to be. `headers` are lines such as `X-Token: abc`; what is kept is never shown again."""

    url: Annotated[str, Meta(max_length=2048)]
    name: Annotated[str, Meta(max_length=100)] = ""
    event_types: Annotated[list[str], Meta(max_length=50)] = msgspec.field(default_factory=list)
    schedule_s: Annotated[str, Meta(max_length=400)] = ""
    ordered: bool = False
    headers: Annotated[str, Meta(max_length=8000, extra={"secret": True})] = ""
    forget_headers: bool = False
    test: bool = False


async def ask_new(visit: Visit) -> Response:
    """Ask for a new endpoint."""
    return visit.render(_FORM, **_context(None))


async def add(visit: Visit) -> Response:
    """Make an endpoint, show its secret, and send it a test event if that is wanted."""
    desk = visit.desk
    try:
        asked = await visit.form(Wanted)
        wish = _wish(asked)
        async with desk.db.transaction() as tx:
            made = await directory.add(tx, desk.keyring, visit.brand_id, wish, desk.policy, actor=visit.actor)
            event_id = None
            if asked.test:
                event_id = await trials.record(tx, desk.keyring, visit.brand_id, made.id, HandOff(None))
    except QuixessError as error:
        return visit.refuse(_FORM, _placed(error), **_context(None))
    return visit.render(
        _SECRET,
        kind="new",
        secret=made.secrets[0],
        name=made.name or made.url,
        base=f"{HOME}/{ids.show('end', made.id)}",
        event=None if event_id is None else ids.show("evt", event_id),
    )


async def ask_change(visit: Visit) -> Response:
    """Ask what an endpoint is to be."""
    return visit.render(_FORM, **_context(await find(visit)))


async def change(visit: Visit) -> Response:
    """Change an endpoint."""
    entry = await find(visit)
    desk, endpoint_id = visit.desk, entry.endpoint.id
    try:
        wish = _wish(await visit.form(Wanted))
        async with desk.db.transaction() as tx:
            await directory.change(tx, desk.keyring, visit.brand_id, endpoint_id, wish, desk.policy, actor=visit.actor)
    except QuixessError as error:
        return visit.refuse(_FORM, _placed(error), **_context(entry))
    return visit.go(base_of(entry), toast="Saved: the next attempt is made the new way")


def _wish(asked: Wanted) -> Wish:
    types = frozenset(asked.event_types)
    return Wish(
        url=asked.url,
        name=asked.name,
        event_types=None if types == DEFAULT_TYPES else sorted(types),
        schedule_s=read_schedule(asked.schedule_s),
        ordered=asked.ordered,
        headers=None if asked.forget_headers else _read_headers(asked.headers),
    )


def read_schedule(text: str) -> Sequence[float] | None:
    """Read waits such as `1 s, 5 s, 2 min, 1 h`; a number alone is seconds. None for nothing.

    Raises `invalid_request`.
    """
    if not text:
        return None
    found = [_STEP.fullmatch(part.strip()) for part in text.split(",")]
    steps = [float(one[1]) * _UNITS[(one[2] or "s")[0].lower()] for one in found if one is not None]
    if len(steps) != len(found):
        raise invalid("/schedule_s", "format", "Write waits with commas between them, such as 1 s, 5 s, 2 min, 1 h.")
    return steps


def write_schedule(steps: Sequence[float] | None) -> str:
    """Write waits as `read_schedule` reads them, each by the largest unit that it is a whole number of."""
    return ", ".join(map(_write_step, steps or ()))


def _write_step(seconds: float) -> str:
    for name, span in (("h", 3600), ("min", 60)):
        if seconds >= span and seconds % span == 0:
            return f"{seconds / span:g} {name}"
    return f"{seconds:g} s"


def _read_headers(text: str) -> Mapping[str, str] | UnsetType:
    if not text:
        return UNSET
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not all(colon for _, colon, _ in pairs):
        raise invalid("/headers", "format", "Write one header a line, such as X-Token: abc.")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _placed(error: QuixessError) -> QuixessError:
    """Put a refused test beside its box: nothing was made, and without the test it can be."""
    if error.code == "rate_limited":
        return invalid("/test", "out_of_range", f"{error.detail} Or save it without a test.")
    return error


def _place(kind: str) -> tuple[int, str]:
    known = list(_WHEN)
    return (known.index(kind) if kind in _WHEN else len(known)), kind


def _context(entry: Entry | None) -> dict[str, Any]:
    endpoint = entry.endpoint if entry else None
    return {
        "endpoint": endpoint,
        "title": f"Change {name_of(entry)}" if entry else "New webhook endpoint",
        "action": base_of(entry) if entry else HOME,
        "types": [(one, one, "", _WHEN.get(one, "")) for one in sorted(KNOWN_TYPES, key=_place)],
        "ticked": endpoints.types_of(entry) if entry else sorted(DEFAULT_TYPES),
        "schedule": write_schedule(endpoint.schedule) if endpoint else "",
    }


_MANAGE = Permission.MANAGE_ENDPOINTS
PAGES = (
    Page("GET", f"{HOME}/new", _MANAGE, ask_new, title="New webhook endpoint", step_up=True),
    Page("POST", HOME, _MANAGE, add, title="New webhook endpoint", step_up=True),
    Page("GET", HOME + "/{endpoint}/change", _MANAGE, ask_change, title="Change an endpoint", step_up=True),
    Page("POST", HOME + "/{endpoint}", _MANAGE, change, title="Change an endpoint", step_up=True),
)
