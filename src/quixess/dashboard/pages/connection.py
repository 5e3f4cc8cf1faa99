"""`/app/whatsapp/connection`: the numbers of the brand, how they are, and what Meta has to know of this gateway."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.responses import Response

from quixess import connections, health
from quixess.connections import Entry
from quixess.dashboard.page import Page, Visit
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.events import directory
from quixess.onboarding.connecting import CALLBACK
from quixess.people import Permission, audit

HOME = "/app/whatsapp/connection"
_STATES: Mapping[str, tuple[str, str]] = {
    "active": ("Connected", "ok"),
    "unauthorized": ("Token refused", "bad"),
    "disconnected": ("Disconnected", ""),
}
_VERDICTS: Mapping[str, tuple[str, str]] = {
    "pass": ("Good", "ok"),
    "warn": ("Look at it", "warn"),
    "fail": ("Broken", "bad"),
    "skip": ("Not looked at", ""),
}
_CHECKS: Mapping[str, str] = {
    "connection": "Connection",
    "webhook_seen": "Webhooks arrive",
    "templates": "Templates",
    "token": "Access token",
    "scopes": "Permissions of the token",
    "number": "Number",
    "quality": "Quality",
    "name": "Display name",
    "limits": "Limits",
    "health_status": "Meta's verdict",
    "health_status.phone_number": "Meta's verdict on the number",
    "health_status.waba": "Meta's verdict on the account",
    "health_status.business": "Meta's verdict on the business",
    "health_status.app": "Meta's verdict on the app",
    "subscription": "Subscription to the account",
    "callback": "Webhook address at Meta",
    "reachable": "Public address",
}


async def show(visit: Visit) -> Response:
    """List the brand's numbers, the ones that send first."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        known = await connections.list_connections(tx, visit.brand_id)
        endpoints = await directory.list_endpoints(tx, visit.desk.keyring, visit.brand_id)
    return visit.render(
        "pages/connection.html",
        numbers=sorted(known, key=lambda one: (not one.sends, one.state == "disconnected")),
        several=sum(one.state == "active" for one in known) > 1,
        sender=next((one for one in known if one.sends), None),
        endpoints=[one.endpoint for one in endpoints if one.endpoint.url],
        state=state,
        path=path,
        callback=lambda one: callback(visit, one),
        public=visit.desk.public_url is not None,
    )


async def examine(visit: Visit) -> Response:
    """Look at a number, here and at Meta, for the list beside it."""
    one = await find(visit)
    checks = await visit.desk.examination.of_connection(visit.brand_id, one.id)
    found = [
        (_CHECKS.get(check.name, check.name.replace("_", " ").replace(".", ": ").capitalize()), check)
        for check in checks
    ]
    given: dict[str, Any] = {
        "one": one,
        "checks": found,
        "worst": health.worst(checks).value,
        "verdicts": _VERDICTS,
        "path": path,
    }
    if visit.wants_fragment:
        return visit.fragment("parts/connection_health.html", **given)
    return visit.render("pages/connection_health.html", **given)


async def show_webhook(visit: Visit) -> Response:
    """Show what has to be entered at Meta by hand where the gateway cannot do it, and write down who looked."""
    one = await find(visit)
    async with visit.desk.db.transaction() as tx:
        app = await connections.find_app(tx, visit.desk.keyring, one.app_id)
        await audit.note(tx, visit.brand_id, actor=visit.actor, action="verify_token.revealed", about=one.app_id)
    if app is None:
        raise connections.none_such()
    return visit.render(
        "pages/connection_webhook.html", one=one, callback=callback(visit, one), verify_token=app.verify_token
    )


async def find(visit: Visit) -> Entry:
    """Find the number that the path names. Raises `connection_not_found`."""
    connection_id = ids.parse("con", visit.request.path_params["connection"]) or UUID(int=0)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        return await connections.find_connection(tx, visit.brand_id, connection_id)


def state(one: Entry) -> tuple[str, str]:
    """Give the state of a number in a word, and the tone of its pill."""
    if one.state == "disconnected" and one.closed_by is not None:
        return "Closed", "bad"
    return _STATES.get(one.state, (one.state.capitalize(), "warn"))


def path(one: Entry) -> str:
    """Give the address below which a number is changed."""
    return f"{HOME}/{ids.show('con', one.id)}"


def callback(visit: Visit, one: Entry) -> str:
    """Give the address at which Meta's webhooks of a number arrive."""
    return (visit.desk.public_url or visit.base_url).rstrip("/") + CALLBACK.format(app_id=one.app_id)


def named(error: QuixessError) -> str:
    """Name the step at which connecting ended; empty when it did not begin."""
    return STEPS.get(str(error.extra.get("step") or ""), "")


STEPS: Mapping[str, str] = {
    "app": "App",
    "code": "Code of the sign-up",
    "app_secret": "App and its secret",
    "token": "Access token",
    "permissions": "Permissions of the token",
    "waba": "WhatsApp Business account",
    "phone_number": "Phone number",
    "app_subscription": "Webhook address at Meta",
    "waba_subscription": "Subscription to the account",
    "registration": "Registration of the number",
}
"""The steps of connecting, in the words of the page."""

PAGES = (
    Page("GET", HOME, Permission.READ_CONNECTION, show, title="Connection"),
    Page("GET", HOME + "/{connection}/health", Permission.READ_CONNECTION, examine, title="Health"),
    Page(
        "POST",
        HOME + "/{connection}/webhook",
        Permission.MANAGE_CONNECTION,
        show_webhook,
        title="Webhook at Meta",
        step_up=True,
    ),
)
