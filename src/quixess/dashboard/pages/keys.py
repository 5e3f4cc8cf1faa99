"""`/app/settings/api-keys`: the keys of the brand, what they do, and one of them beside the list."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access, requests
from quixess.access import Key, Scope
from quixess.dashboard.page import Page, Visit
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.people import Permission

HOME = "/app/settings/api-keys"
MOST_CALLS = 1_000
"""Calls of a key are counted up to here: the list must not wait for a busy one."""
SCOPES: dict[str, tuple[str, str]] = {
    Scope.SEND_OTP: ("Send one-time codes", "Codes only, made from authentication templates."),
    Scope.SEND_TEMPLATE: ("Send templates", "Messages made from any approved template."),
    Scope.REPLY: ("Reply to customers", "Free text and files, while the 24-hour window is open."),
    Scope.READ_TEMPLATES: ("Read templates", "Names, parameters and review status."),
    Scope.READ_MESSAGES: ("Read messages", "Messages with their text, and files."),
    Scope.READ_CONVERSATIONS: ("Read conversations", "Who wrote when; no text."),
    Scope.MANAGE_WEBHOOKS: ("Manage webhook events", "List events, replay them, send test events."),
}
"""What each scope is called, and what it lets a key do."""


class Filters(msgspec.Struct):
    """Which keys to list: those that work, or those that ended. `key` is the one that is looked at."""

    show: Literal["active", "ended"] = "active"
    key: Annotated[str, Meta(max_length=40)] = ""


async def show(visit: Visit) -> Response:
    """List the keys, newest first, with one of them beside the list."""
    filters = visit.query(Filters)
    async with visit.desk.db.statement() as tx:
        known = await access.list_keys(tx, visit.brand_id)
    chosen = next((one for one in known if ids.show("key", one.id) == filters.key), None)
    if filters.key and chosen is None:
        raise none_such()
    now = datetime.now(UTC)
    listed = [one for one in reversed(known) if works(one, now) == (filters.show == "active")]
    async with visit.desk.db.reading(visit.brand_id) as tx:
        calls = await requests.count_by_key(
            tx, visit.brand_id, [one.id for one in listed], now - timedelta(days=1), most=MOST_CALLS
        )
        asked = await requests.last_of_key(tx, visit.brand_id, chosen.id) if chosen is not None else ()
    here = HOME if filters.show == "active" else f"{HOME}?show=ended"
    return visit.render(
        "pages/keys.html",
        keys=listed,
        ended=sum(not works(one, now) for one in known),
        filters=filters,
        here=here,
        opened=lambda one: f"{here}{'&' if '?' in here else '?'}key={ids.show('key', one.id)}",
        chosen=chosen,
        alive=chosen is not None and works(chosen, now),
        asked=asked,
        calls=calls,
        most=MOST_CALLS,
        state=lambda one: state(one, now),
        names=SCOPES,
        narrowed=narrowed,
    )


def works(key: Key, now: datetime) -> bool:
    """Tell whether a key is let in now."""
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def state(key: Key, now: datetime) -> tuple[str, str]:
    """Give the state of a key in a word, and the tone of its pill."""
    if key.revoked_at is not None:
        return "Revoked", "bad"
    if not works(key, now):
        return "Expired", "warn"
    return ("Being replaced", "info") if key.rotated_to is not None else ("Active", "ok")


def narrowed(key: Key) -> list[tuple[str, str]]:
    """List what narrows a key beside its scopes, in words."""
    limits = key.constraints
    if limits is None:
        return [("Limits", "cannot be read here: the key is refused")]
    lists = (
        ("Templates", limits.templates),
        ("Destinations", limits.destinations),
        ("Addresses", limits.ip_allow),
    )
    counts = (
        ("Requests a minute", limits.requests_per_minute),
        ("Messages a minute", limits.messages_per_minute),
        ("Messages a day", limits.messages_per_day),
    )
    found = [(words, ", ".join(values)) for words, values in lists if values]
    return found + [(words, f"{number:,}") for words, number in counts if number]


async def find(visit: Visit) -> Key:
    """Find the key that the path names, if it is the brand's. Raises `not_found`."""
    key_id = ids.parse("key", visit.request.path_params["key"]) or UUID(int=0)
    async with visit.desk.db.statement() as tx:
        known = await access.list_keys(tx, visit.brand_id)
    found = next((one for one in known if one.id == key_id), None)
    if found is None:
        raise none_such()
    return found


def none_such() -> QuixessError:
    """Say that the brand has no such key."""
    return QuixessError("not_found", "This brand has no such key: the list shows all of them.")


PAGES = (Page("GET", HOME, Permission.MANAGE_KEYS, show, title="API keys"),)
