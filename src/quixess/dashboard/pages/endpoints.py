"""`/app/webhooks/endpoint`: where the brand's events go. The list, one endpoint, and its state switched by hand."""

from collections.abc import Sequence
from uuid import UUID

from starlette.responses import Response

from quixess.dashboard import ladder
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.deliveries import list_endpoints, name_of
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.events import directory
from quixess.events.directory import Entry
from quixess.events.endpoints import DEFAULT_TYPES
from quixess.people import Permission

HOME = "/app/webhooks/endpoint"
_SWITCHED_OFF = "Switched off in the dashboard."
_STATES = {
    "healthy": ("ok", "Healthy", "It answers. What happens is posted at once."),
    "failing": (
        "warn",
        "Failing",
        "It failed ten times in a row: one attempt at a time asks whether it answers again.",
    ),
    "disabled": ("bad", "Switched off", "Nothing is posted. Its events are kept until it is switched on."),
}


async def show_all(visit: Visit) -> Response:
    """List the endpoints of the brand."""
    entries = await list_endpoints(visit)
    return visit.render(
        "pages/endpoints.html",
        entries=entries,
        name_of=name_of,
        types_of=types_of,
        states=_STATES,
        most=directory.MOST_ENDPOINTS,
        types_of_new=sorted(DEFAULT_TYPES),
        home=HOME,
    )


async def show_one(visit: Visit) -> Response:
    """Show one endpoint: how it is, what it gets, how it is tried again, how to check what comes."""
    try:
        entry = await find(visit)
    except QuixessError:
        if visit.wants_fragment:  # it was removed while somebody looked at it
            return visit.go(HOME)
        raise
    schedule = entry.endpoint.schedule
    return visit.render(
        "pages/endpoint.html",
        entry=entry,
        endpoint=entry.endpoint,
        name=name_of(entry),
        types=types_of(entry),
        states=_STATES,
        ladder=ladder.draw(visit.desk.ladder if schedule is None else schedule),
        own_schedule=schedule is not None,
        samples=list(visit.desk.signatures.items()),
        base=base_of(entry),
    )


async def switch_on(visit: Visit) -> Response:
    """Call an endpoint healthy: what waits for it goes on at once."""
    entry = await find(visit)
    desk = visit.desk
    async with desk.db.transaction() as tx:
        await directory.enable(tx, desk.keyring, visit.brand_id, entry.endpoint.id, actor=visit.actor)
    return visit.go(base_of(entry), toast="It is on: what waited goes out now")


async def switch_off(visit: Visit) -> Response:
    """Keep everything from an endpoint until somebody switches it on."""
    entry = await find(visit)
    desk, endpoint_id = visit.desk, entry.endpoint.id
    async with desk.db.transaction() as tx:
        await directory.disable(tx, desk.keyring, visit.brand_id, endpoint_id, actor=visit.actor, reason=_SWITCHED_OFF)
    return visit.go(base_of(entry), toast="It is off: its events are kept")


async def ask_removal(visit: Visit) -> Response:
    """Ask whether an endpoint is to go for good."""
    entry = await find(visit)
    return visit.render("pages/endpoint_remove.html", entry=entry, name=name_of(entry), base=base_of(entry))


async def remove(visit: Visit) -> Response:
    """Remove an endpoint, with everything that waits for it."""
    entry = await find(visit)
    async with visit.desk.db.transaction() as tx:
        ended = await directory.remove(tx, visit.brand_id, entry.endpoint.id, actor=visit.actor)
    lost = f", and {ended} waiting deliveries with it" if ended else ""
    return visit.go(HOME, toast=f"{name_of(entry)} is removed{lost}")


async def find(visit: Visit) -> Entry:
    """Find the endpoint that the address names. Raises `not_found`."""
    endpoint_id = ids.parse("end", visit.request.path_params["endpoint"]) or UUID(int=0)
    entries = await list_endpoints(visit)
    found = next((one for one in entries if one.endpoint.id == endpoint_id), None)
    if found is None:
        raise QuixessError("not_found", "The brand has no such endpoint, or no longer: the list has all of them.")
    return found


def base_of(entry: Entry) -> str:
    """Give the address of an endpoint's page."""
    return f"{HOME}/{ids.show('end', entry.endpoint.id)}"


def types_of(entry: Entry) -> Sequence[str]:
    """List the types of events that an endpoint gets."""
    types = entry.endpoint.event_types
    return sorted(DEFAULT_TYPES if types is None else types)


_READ, _MANAGE = Permission.READ_EVENTS, Permission.MANAGE_ENDPOINTS
PAGES = (
    Page("GET", HOME, _READ, show_all, title="Webhook endpoints"),
    Page("GET", HOME + "/{endpoint}", _READ, show_one, title="Webhook endpoint"),
    Page("POST", HOME + "/{endpoint}/on", _MANAGE, switch_on),
    Page("POST", HOME + "/{endpoint}/off", _MANAGE, switch_off),
    Page("GET", HOME + "/{endpoint}/remove", _MANAGE, ask_removal, title="Remove an endpoint", step_up=True),
    Page("POST", HOME + "/{endpoint}/remove", _MANAGE, remove, step_up=True),
)
