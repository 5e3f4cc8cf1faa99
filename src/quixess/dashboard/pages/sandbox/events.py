"""The third column: what the brand's own server is told, and a server for who has none yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import connections
from quixess.connections import Entry
from quixess.dashboard import catching
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.sandbox.standing import HOME
from quixess.database import ids
from quixess.database.core import Tx
from quixess.errors import QuixessError
from quixess.events import directory, glances, listing, outward, replays
from quixess.events.endpoints import Endpoint
from quixess.events.glances import Answered
from quixess.events.listing import Listed, Story
from quixess.events.outward import ForbiddenUrl
from quixess.events.replays import Verdict
from quixess.events.wishes import Wish
from quixess.people import Permission
from quixess.sandbox import Kit, catcher, kit
from quixess.vault import Keyring

_SHOWN = 10
_REPLAYED = {
    Verdict.QUEUED: "It is on its way again.",
    Verdict.WAITING: "It waits for its next try already.",
    Verdict.NOBODY: "No endpoint wants it.",
    Verdict.GONE: "Its body is no longer kept.",
    Verdict.UNKNOWN: "There is no such event.",
}


class Posting(msgspec.Struct):
    """Where the events are to go."""

    url: Annotated[str, Meta(max_length=2000, extra={"fix": "Write the URL of your server."})]


class Refusing(msgspec.Struct):
    """How many deliveries the catcher refuses."""

    count: Literal[0, 2] = 2


@dataclass(frozen=True, slots=True)
class Row:
    """An event and the latest attempt at telling of it. `tone` and `word` say how it stands."""

    event: Listed
    answered: Answered | None
    tone: str
    word: str

    @property
    def retry_at(self) -> datetime | None:
        """When it is tried again, None unless it was tried already."""
        return self.event.next_at if self.answered is not None and self.event.state == "pending" else None


async def lines(tx: Tx, brand_id: UUID) -> list[Entry]:
    """List the brand's numbers that work."""
    return [one for one in await connections.list_connections(tx, brand_id) if one.state == "active"]


async def urls(tx: Tx, keyring: Keyring, brand_id: UUID) -> list[Endpoint]:
    """List the endpoints of a brand that have a URL."""
    return [one.endpoint for one in await directory.list_endpoints(tx, keyring, brand_id) if one.endpoint.url]


async def look(visit: Visit, has: Kit) -> dict[str, Any]:
    """Give what the third column is made of."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        latest = (await listing.leaf(tx, visit.brand_id, listing.Filter(), limit=_SHOWN)).events
        answers = await glances.answers(tx, visit.brand_id, [one.id for one in latest])
        known = await urls(tx, visit.desk.keyring, visit.brand_id)
    catches = next((one for one in known if one.id == has.endpoint_id), None)
    return {
        "rows": [_row(one, answers.get(one.id)) for one in latest],
        "catcher": catches,
        "catcher_url": catcher_url(visit),
        "refusals": has.refusals,
        "others": [one for one in known if one is not catches],
    }


def catcher_url(visit: Visit) -> str | None:
    """Give where deliveries to the catcher are posted; None where this installation lets no endpoint be on itself.

    Best at this very machine: the name in the reader's browser may mean nothing to the worker.
    """
    path = catching.path(visit.brand_id)
    server = visit.request.scope.get("server") or ("", None)
    bases = [f"http://127.0.0.1:{server[1]}"] if server[1] else []
    for base in (*bases, visit.base_url):
        try:
            return str(outward.check_url(base + path, visit.desk.policy))
        except ForbiddenUrl:
            continue
    return None


async def show_events(visit: Visit) -> Response:
    """Give the list alone, for a page that is there already."""
    return visit.fragment("parts/sandbox_events.html", **await look(visit, await _kit(visit)))


async def show_event(visit: Visit) -> Response:
    """Show one event: its attempts, its payload, and the signature under which it came."""
    event_id = _event_id(visit)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        story = await listing.get_event(tx, visit.brand_id, event_id)
        caught = await catcher.list_caught(tx, visit.brand_id, event_id)
    if story is None or story.event is None:
        raise _no_such_event()
    latest = caught[-1] if caught else None
    return visit.render(
        "pages/sandbox_event.html",
        event=story.event,
        data=story.data,
        steps=_steps(story, catching.path(visit.brand_id)),
        caught=latest,
        headers="\n".join(f"{name}: {value}" for name, value in sorted(latest.headers.items())) if latest else "",
    )


async def replay(visit: Visit) -> Response:
    """Deliver an event again."""
    async with visit.desk.db.transaction() as tx:
        verdict, _ = await replays.replay_event(tx, visit.desk.keyring, visit.brand_id, _event_id(visit))
    return visit.go(HOME, toast=_REPLAYED[verdict])


async def post_to(visit: Visit) -> Response:
    """Send the events to a URL of the visitor's, too: by the endpoint that has none yet, or by a new one."""
    given = await visit.form(Posting)
    desk, brand_id, wish = visit.desk, visit.brand_id, Wish(url=given.url)
    async with desk.db.transaction() as tx:
        first, _ = await directory.reserve(tx, desk.keyring, brand_id, actor=visit.actor)
        if first.url is None:
            await directory.change(tx, desk.keyring, brand_id, first.id, wish, desk.policy, actor=visit.actor)
        else:
            await directory.add(tx, desk.keyring, brand_id, wish, desk.policy, actor=visit.actor)
    return visit.go(HOME, toast="From now on events are posted there too. Its secret is under Webhook endpoints.")


async def catch(visit: Visit) -> Response:
    """Switch the catcher on."""
    url = catcher_url(visit)
    if url is None:
        text = "This installation does not let endpoints be on itself: see QUIXESS_WEBHOOK_NETWORKS."
        raise QuixessError("invalid_request", text)
    desk = visit.desk
    async with desk.db.transaction() as tx:
        await kit.prepare(tx, desk.keyring, visit.brand_id, actor=visit.actor)
        await catcher.switch_on(tx, desk.keyring, visit.brand_id, url, desk.policy, actor=visit.actor)
    return visit.go(HOME, toast="Events are caught here from now on.")


async def refuse_next(visit: Visit) -> Response:
    """Let the catcher refuse the next deliveries."""
    wish = await visit.form(Refusing)
    async with visit.desk.db.transaction() as tx:
        await catcher.refuse_next(tx, visit.brand_id, wish.count)
    if not visit.wants_fragment:
        return visit.go(HOME)
    return visit.fragment("parts/sandbox_events.html", **await look(visit, await _kit(visit)))


async def _kit(visit: Visit) -> Kit:
    async with visit.desk.db.statement() as tx:
        known = await kit.find(tx, visit.desk.keyring, visit.brand_id)
    if known is None:
        raise QuixessError("not_found", "The sandbox is not set up for this brand: open its page first.")
    return known


def _row(event: Listed, answered: Answered | None) -> Row:
    if answered is None:
        tone, word = ("", "kept") if event.state == "no_endpoint" else ("info", "on its way")
    elif answered.status is None:
        tone, word = "bad", "no answer"
    else:
        tone, word = "ok" if answered.status // 100 == 2 else "warn", str(answered.status)
    return Row(event, answered, tone, word)


def _steps(story: Story, own_path: str) -> Sequence[dict[str, Any]]:
    return [
        {
            "tone": "ok" if one.fault is None else "bad",
            "head": str(one.status or one.fault),
            "url": "the catcher" if (one.url or "").endswith(own_path) else one.url or "an endpoint that is gone",
            "took": one.duration_ms,
            "at": one.started_at,
        }
        for one in story.attempts
    ]


def _event_id(visit: Visit) -> UUID:
    found = ids.parse("evt", visit.request.path_params["event"])
    if found is None:
        raise _no_such_event()
    return found


def _no_such_event() -> QuixessError:
    return QuixessError("event_not_found", "The brand has no such event, or it is no longer kept.")


PAGES = (
    Page("GET", f"{HOME}/events", Permission.USE_SANDBOX, show_events),
    Page("GET", f"{HOME}/events/{{event}}", Permission.READ_EVENTS, show_event, title="Event"),
    Page("POST", f"{HOME}/events/{{event}}/replay", Permission.MANAGE_EVENTS, replay),
    Page("POST", f"{HOME}/endpoint", Permission.MANAGE_ENDPOINTS, post_to, step_up=True),
    Page("POST", f"{HOME}/catcher", Permission.MANAGE_ENDPOINTS, catch),
    Page("POST", f"{HOME}/refusals", Permission.USE_SANDBOX, refuse_next),
)
