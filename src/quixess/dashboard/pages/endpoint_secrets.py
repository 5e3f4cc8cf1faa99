"""The secret that signs an endpoint's events: looked at, which is written down, and rotated with an overlap."""

from datetime import timedelta
from typing import Literal

import msgspec
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.deliveries import name_of
from quixess.dashboard.pages.endpoints import HOME, base_of, find
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.events import directory
from quixess.people import Permission, audit

_FORM = "pages/endpoint_rotate.html"
_SECRET = "pages/endpoint_secret.html"  # noqa: S105 - a template
_OVERLAPS = (
    ("1", "1 hour"),
    ("24", "24 hours"),
    ("72", "3 days"),
    ("168", "7 days"),
    ("0", "None: the old one ends at once"),
)


class Overlap(msgspec.Struct):
    """For how many hours the secret of now signs beside the new one."""

    hours: Literal["0", "1", "24", "72", "168"] = "24"


async def reveal(visit: Visit) -> Response:
    """Show the secret; the audit says who looked."""
    entry = await find(visit)
    about = ids.show("end", entry.endpoint.id)
    async with visit.desk.db.transaction() as tx:
        await audit.note(tx, visit.brand_id, actor=visit.actor, action="endpoint.secret_revealed", about=about)
    return _show(visit, "revealed", entry, entry.endpoint.secrets[0])


async def ask_rotation(visit: Visit) -> Response:
    """Ask how long the old secret goes on signing."""
    return _ask(visit, await find(visit))


async def rotate(visit: Visit) -> Response:
    """Make a new secret, and show it."""
    entry = await find(visit)
    desk, endpoint_id = visit.desk, entry.endpoint.id
    try:
        overlap = timedelta(hours=int((await visit.form(Overlap)).hours))
    except QuixessError as error:
        return visit.refuse(_FORM, error, name=name_of(entry), base=base_of(entry), overlaps=_OVERLAPS)
    async with desk.db.transaction() as tx:
        made = await directory.rotate_secret(
            tx, desk.keyring, visit.brand_id, endpoint_id, actor=visit.actor, overlap=overlap
        )
    return _show(visit, "rotated" if overlap else "replaced", entry, made.secrets[0])


async def end_overlap(visit: Visit) -> Response:
    """Let the old secret sign no more."""
    entry = await find(visit)
    desk = visit.desk
    async with desk.db.transaction() as tx:
        await directory.end_overlap(tx, desk.keyring, visit.brand_id, entry.endpoint.id, actor=visit.actor)
    return visit.go(base_of(entry), toast="The old secret signs no more")


def _ask(visit: Visit, entry: directory.Entry) -> Response:
    return visit.render(_FORM, name=name_of(entry), base=base_of(entry), overlaps=_OVERLAPS)


def _show(visit: Visit, kind: str, entry: directory.Entry, secret: str) -> Response:
    return visit.render(_SECRET, kind=kind, secret=secret, name=name_of(entry), base=base_of(entry), event=None)


_MANAGE = Permission.MANAGE_ENDPOINTS
PAGES = (
    Page("POST", HOME + "/{endpoint}/secret", _MANAGE, reveal, title="The signing secret", step_up=True),
    Page("GET", HOME + "/{endpoint}/rotate", _MANAGE, ask_rotation, title="A new secret", step_up=True),
    Page("POST", HOME + "/{endpoint}/rotate", _MANAGE, rotate, title="A new secret", step_up=True),
    Page("POST", HOME + "/{endpoint}/overlap/end", _MANAGE, end_overlap, step_up=True),
)
