"""Brands: the ones that somebody belongs to, a new one, and which one the pages are about."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access
from quixess.access import AccessError
from quixess.dashboard import gate
from quixess.dashboard.page import Page, Visit
from quixess.database import ids
from quixess.errors import QuixessError, invalid
from quixess.people import Permission, Role, audit, members, sessions
from quixess.people.members import Hand

_HOME = "/app/settings/brands"
_FORM = "pages/brand_form.html"


class Chosen(msgspec.Struct):
    """Which brand the pages shall be about."""

    brand: str


class Named(msgspec.Struct):
    """What a brand is called."""

    name: Annotated[str, Meta(max_length=100)]


class State(msgspec.Struct):
    """Whether the keys of the brand are refused."""

    suspended: bool = False


async def choose(visit: Visit) -> Response:
    """Look at another of one's brands from now on, beginning with its overview."""
    brand_id = ids.parse("brd", (await visit.form(Chosen)).brand)
    if brand_id is None or visit.visitor.membership(brand_id) is None:
        raise QuixessError("brand_not_found", "You do not belong to this brand: ask somebody who does.")
    async with visit.desk.db.transaction() as tx:
        await sessions.choose_brand(tx, visit.visitor.session_id, brand_id)
    return visit.go(gate.START)


async def show_brands(visit: Visit) -> Response:
    """List one's brands."""
    return visit.render("pages/brands.html")


async def show_new(visit: Visit) -> Response:
    """Ask for the name of a new brand."""
    return visit.render(_FORM, new=True)


async def create(visit: Visit) -> Response:
    """Make a brand that belongs to who makes it, and go there."""
    try:
        name = (await visit.form(Named)).name
        async with visit.desk.db.transaction() as tx:
            brand = await access.create_brand(tx, name)
            await audit.note(tx, brand.id, actor=visit.actor, action="brand.created", about=brand.name)
            hand = Hand(visit.actor, Role.OWNER, visit.visitor.person.id)
            await members.add(tx, brand.id, visit.visitor.person, Role.OWNER, inbox=False, hand=hand)
            await sessions.choose_brand(tx, visit.visitor.session_id, brand.id)
    except AccessError as error:
        return visit.refuse(_FORM, invalid("/name", "name", str(error)), new=True)
    except QuixessError as error:
        return visit.refuse(_FORM, error, new=True)
    return visit.go(gate.START, toast=f"{brand.name} is there. Connect a number next.")


async def show_rename(visit: Visit) -> Response:
    """Ask what the brand shall be called."""
    return visit.render(_FORM, new=False)


async def rename(visit: Visit) -> Response:
    """Call the brand something else. Its id stays, and with it its keys and everything else."""
    try:
        name = (await visit.form(Named)).name
        async with visit.desk.db.transaction() as tx:
            brand = await access.rename_brand(tx, visit.brand_id, name)
            detail = {"from": visit.brand.name, "to": brand.name}
            await audit.note(
                tx, brand.id, actor=visit.actor, action="brand.renamed", about=ids.show("brd", brand.id), detail=detail
            )
    except AccessError as error:
        return visit.refuse(_FORM, invalid("/name", "name", str(error)), new=False)
    except QuixessError as error:
        return visit.refuse(_FORM, error, new=False)
    return visit.go(_HOME, toast=f"The brand is called {brand.name} now.")


async def suspend(visit: Visit) -> Response:
    """Refuse the keys of the brand, or let them work again."""
    suspended = (await visit.form(State)).suspended
    action = "brand.suspended" if suspended else "brand.resumed"
    async with visit.desk.db.transaction() as tx:
        await access.suspend_brand(tx, visit.brand_id, suspended=suspended)
        await audit.note(tx, visit.brand_id, actor=visit.actor, action=action, about=visit.brand.name)
    what = "is suspended: its keys are answered 403" if suspended else "works again"
    return visit.go(_HOME, toast=f"{visit.brand.name} {what}.")


_MANAGE = Permission.MANAGE_BRANDS
PAGES = (
    Page("POST", "/app/brand", Permission.SEE_ACCOUNT, choose),
    Page("GET", _HOME, _MANAGE, show_brands, title="Brands"),
    Page("GET", f"{_HOME}/new", _MANAGE, show_new, title="Add a brand"),
    Page("POST", f"{_HOME}/new", _MANAGE, create, title="Add a brand"),
    Page("GET", f"{_HOME}/name", _MANAGE, show_rename, title="Rename the brand"),
    Page("POST", f"{_HOME}/name", _MANAGE, rename, title="Rename the brand"),
    Page("POST", f"{_HOME}/state", _MANAGE, suspend, step_up=True),
)
