"""The audit of a brand: who did what, with filters, page by page, and as a file."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.sheets import sheet
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.people import Permission, audit
from quixess.people.audit import Entry, Wanted

_HOME = "/app/settings/audit"
_AT_ONCE = 50
_IN_A_FILE = 10_000

# What deeds are called, in the words of who did them; others are shown as they are kept.
_WORDS = {
    "app.known": "entered a Meta app",
    "app.overlap_ended": "ended a Meta app's old secret",
    "app.secret_rotated": "gave a Meta app a new secret",
    "brand.created": "made the brand",
    "brand.renamed": "renamed the brand",
    "brand.resumed": "let the brand work again",
    "brand.suspended": "suspended the brand",
    "connection.connected": "connected a number",
    "connection.disconnected": "disconnected a number",
    "endpoint.added": "added a webhook endpoint",
    "endpoint.changed": "changed a webhook endpoint",
    "endpoint.disabled": "switched a webhook endpoint off",
    "endpoint.enabled": "switched a webhook endpoint on",
    "endpoint.overlap_ended": "ended an endpoint's old secret",
    "endpoint.removed": "removed a webhook endpoint",
    "endpoint.secret_revealed": "looked at a signing secret",
    "endpoint.secret_rotated": "rotated a signing secret",
    "event.replayed": "replayed an event",
    "key.extended": "gave a key more scopes",
    "key.minted": "made an API key",
    "key.revoked": "revoked an API key",
    "key.rotated": "rotated an API key",
    "person.added": "added somebody",
    "message.tested": "sent a test message",
    "messages.exported": "took messages along as a file",
    "person.disabled": "switched an account off",
    "person.enabled": "switched an account on",
    "person.invited": "invited somebody",
    "person.joined": "joined the brand",
    "person.password_changed": "changed a password",
    "person.recovery_codes_renewed": "made new recovery codes",
    "person.removed": "removed somebody",
    "person.reset_offered": "made a link for a new password",
    "person.role_changed": "changed a role",
    "person.second_factor_off": "switched a second factor off",
    "person.second_factor_on": "switched a second factor on",
    "person.signed_in": "signed in",
    "person.uninvited": "took an invitation back",
    "prices.set": "set the prices of messages",
    "replay.cancelled": "cancelled a replay",
    "replay.started": "replayed events",
    "template.created": "submitted a template",
    "template.deleted": "deleted a template",
    "template.edited": "edited a template",
    "templates.synced": "fetched the templates from Meta",
    "token.rotated": "renewed an access token",
}


class Filters(msgspec.Struct):
    """What is asked for: `q` is the id or the name that something was done to, days are UTC."""

    who: Annotated[str, Meta(max_length=300)] = ""
    what: Annotated[str, Meta(max_length=100)] = ""
    q: Annotated[str, Meta(max_length=300)] = ""
    since: date | None = None
    until: date | None = None
    before: str = ""


async def show_audit(visit: Visit) -> Response:
    """List the newest entries that fit."""
    filters = visit.query(Filters)
    before = ids.parse("aud", filters.before) if filters.before else None
    if filters.before and before is None:
        raise QuixessError("invalid_cursor", "This page of the list is none: begin with the newest.")
    async with visit.desk.db.reading(visit.brand_id) as tx:
        found = await audit.read(tx, visit.brand_id, _wanted(filters), before=before, most=_AT_ONCE + 1)
        people, kinds = await audit.actors(tx, visit.brand_id), await audit.kinds(tx, visit.brand_id)
    shown = found[:_AT_ONCE]
    more = _query(filters, before=ids.show("aud", shown[-1].id)) if len(found) > _AT_ONCE else None
    return visit.render(
        "pages/audit.html",
        entries=shown,
        filters=filters,
        actors=people,
        kinds=[(kind, words(kind)) for kind in kinds],
        words=words,
        older=f"{_HOME}?{more}" if more else None,
        newest=f"{_HOME}?{_query(filters)}" if filters.before else None,
        file=f"{_HOME}.csv?{_query(filters)}",
    )


async def download(visit: Visit) -> Response:
    """Give what fits as a file, the newest ten thousand."""
    filters = visit.query(Filters)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        found = await audit.read(tx, visit.brand_id, _wanted(filters), most=_IN_A_FILE)
    rows = [(one.at, one.actor, one.action, one.object, _detail(one)) for one in found]
    return sheet("audit.csv", ("at", "who", "what", "object", "detail"), rows)


def words(kind: str) -> str:
    """Say what a deed is called."""
    return _WORDS.get(kind, kind.replace("_", " ").replace(".", ": "))


def _wanted(filters: Filters) -> Wanted:
    return Wanted(
        actor=filters.who or None,
        action=filters.what or None,
        object=filters.q or None,
        since=_begin(filters.since) if filters.since else None,
        until=_begin(filters.until) + timedelta(days=1) if filters.until else None,
    )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _query(filters: Filters, **more: Any) -> str:
    kept = {name: value for name, value in msgspec.structs.asdict(filters).items() if value and name != "before"}
    return urlencode(kept | more)


def _detail(entry: Entry) -> str:
    return msgspec.json.encode(entry.detail).decode() if entry.detail else ""


PAGES = (
    Page("GET", _HOME, Permission.READ_AUDIT, show_audit, title="Audit"),
    Page("GET", f"{_HOME}.csv", Permission.READ_AUDIT, download),
)
