"""Secrets of numbers and of Meta apps: a new two-step PIN, a new app secret, an app made known before its first number.

All of them are held against Meta before they are kept, kept sealed, and never shown again.
"""

from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import connections
from quixess.connections import Entry
from quixess.connections.model import META
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages import connection
from quixess.dashboard.pages.connecting import GraphUrl, MetaId, Secret, VerifyToken, ask, placed
from quixess.dashboard.pages.connection import HOME
from quixess.errors import QuixessError
from quixess.onboarding.connecting import CALLBACK
from quixess.people import Permission

_SECRET, _PIN = "pages/connection_secret.html", "pages/connection_pin.html"
_APP, _KNOWN = "pages/connection_app.html", "pages/connection_app_known.html"
_OVERLAPS = ((0, "Ends at once"), (24, "Ends in a day"), (168, "Ends in a week"))


class NewSecret(msgspec.Struct):
    """An app's new secret, and for how many hours webhooks may still be signed with the one before."""

    app_secret: Secret
    hours: Annotated[int, Meta(ge=0, le=720)] = 24


class NewPin(msgspec.Struct):
    """A number's new two-step PIN."""

    pin: Annotated[str, Meta(pattern=r"^[0-9]{6}\Z", extra={"fix": "A PIN has six digits.", "secret": True})]


class NewApp(msgspec.Struct):
    """A Meta app that shall be known here. Without a verify token one is made."""

    app_id: MetaId
    app_secret: Secret
    verify_token: VerifyToken = ""
    graph_url: GraphUrl = META


async def show_secret(visit: Visit) -> Response:
    """Ask for the app's new secret."""
    one = await connection.find(visit)
    return ask(visit, _SECRET, one, overlaps=_OVERLAPS, overlapping=await _overlaps(visit, one))


async def change_secret(visit: Visit) -> Response:
    """Put the app's new secret in the place of the one before."""
    one = await connection.find(visit)
    try:
        given = await visit.form(NewSecret)
        changed = await visit.desk.parting.rotate_secret(
            one.app_id, given.app_secret, overlap=timedelta(hours=given.hours), actor=visit.actor
        )
    except QuixessError as error:
        wrong, overlapping = placed(error, ("app_secret",)), await _overlaps(visit, one)
        return ask(visit, _SECRET, one, wrong, overlaps=_OVERLAPS, overlapping=overlapping)
    return visit.go(HOME, toast="The new secret is in use." if changed else "It is the secret that is in use already.")


async def show_overlap(visit: Visit) -> Response:
    """Ask whether the old secret shall count no more."""
    return ask(visit, "pages/connection_overlap.html", await connection.find(visit))


async def end_overlap(visit: Visit) -> Response:
    """Let the app's secret before the current one verify no more webhooks."""
    one = await connection.find(visit)
    ended = await visit.desk.parting.end_overlap(one.app_id, actor=visit.actor)
    return visit.go(HOME, toast="The old secret counts no more." if ended else "There was no old secret any more.")


async def show_pin(visit: Visit) -> Response:
    """Ask for the number's new PIN."""
    return ask(visit, _PIN, await connection.find(visit))


async def change_pin(visit: Visit) -> Response:
    """Change the number's two-step PIN at Meta."""
    one = await connection.find(visit)
    try:
        given = await visit.form(NewPin)
        await visit.desk.parting.change_pin(visit.brand_id, one.id, given.pin, actor=visit.actor)
    except QuixessError as error:
        return ask(visit, _PIN, one, placed(error, ("pin",)))
    return visit.go(HOME, toast="The number has the new PIN. It is kept sealed here.")


async def show_app(visit: Visit) -> Response:
    """Ask for the id and the secret of a Meta app."""
    return visit.render(_APP, meta=META)


async def know_app(visit: Visit) -> Response:
    """Make an app known before its first number, for Embedded Signup, and show what Meta has to know."""
    try:
        given = await visit.form(NewApp)
        verify_token = await visit.desk.onboarding.know_app(
            given.app_id, given.app_secret, given.verify_token or None, given.graph_url, actor=visit.actor
        )
    except QuixessError as error:
        return visit.refuse(_APP, placed(error), meta=META)
    where = (visit.desk.public_url or visit.base_url).rstrip("/") + CALLBACK.format(app_id=given.app_id)
    return visit.render(_KNOWN, app_id=given.app_id, callback=where, verify_token=verify_token)


async def _overlaps(visit: Visit, one: Entry) -> bool:
    """Tell whether webhooks signed with the secret before are still taken."""
    async with visit.desk.db.transaction() as tx:
        app = await connections.find_app(tx, visit.desk.keyring, one.app_id)
    return app is not None and len(app.secrets) > 1


_MANAGE = Permission.MANAGE_CONNECTION
_ONE = HOME + "/{connection}"
PAGES = (
    Page("GET", f"{HOME}/app", _MANAGE, show_app, title="A Meta app", step_up=True),
    Page("POST", f"{HOME}/app", _MANAGE, know_app, title="A Meta app", step_up=True),
    Page("GET", f"{_ONE}/app-secret", _MANAGE, show_secret, title="New app secret", step_up=True),
    Page("POST", f"{_ONE}/app-secret", _MANAGE, change_secret, title="New app secret", step_up=True),
    Page("GET", f"{_ONE}/app-secret/overlap", _MANAGE, show_overlap, title="End the old secret", step_up=True),
    Page("POST", f"{_ONE}/app-secret/overlap", _MANAGE, end_overlap, title="End the old secret", step_up=True),
    Page("GET", f"{_ONE}/pin", _MANAGE, show_pin, title="New PIN", step_up=True),
    Page("POST", f"{_ONE}/pin", _MANAGE, change_pin, title="New PIN", step_up=True),
)
