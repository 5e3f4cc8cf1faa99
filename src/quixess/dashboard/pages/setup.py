"""The first run: who followed the printed link becomes the owner. To everybody else these pages are not there."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access, connections
from quixess.access import AccessError
from quixess.dashboard import gate
from quixess.dashboard.page import PUBLIC, Guest, Page
from quixess.dashboard.pages.login import Password, welcome
from quixess.database import ids
from quixess.errors import QuixessError, invalid
from quixess.people import first_run

_SANDBOX = "/app/sandbox"


class Owner(msgspec.Struct):
    """The first owner; `brand` names the first brand, where there is none yet."""

    name: Annotated[str, Meta(max_length=100)]
    email: Annotated[str, Meta(max_length=254)]
    password: Password
    brand: Annotated[str, Meta(max_length=100)] = ""


async def show_setup(guest: Guest) -> Response:
    """Ask who the owner is."""
    return guest.render("pages/setup.html", brands=await _brands(guest))


async def set_up(guest: Guest) -> Response:
    """Make the owner, and sign them in."""
    brands = await _brands(guest)
    try:
        given = await guest.form(Owner)
        try:
            done = await first_run.set_up(
                guest.desk.db,
                guest.desk.keyring,
                guest.request.path_params["token"],
                email=given.email,
                name=given.name,
                password=given.password,
                brand=given.brand,
                origin=gate.origin(guest.request, guest.desk),
            )
        except AccessError as error:
            raise invalid("/brand", "name", str(error)) from None
    except QuixessError as error:
        return guest.refuse("pages/setup.html", error, brands=brands)
    return welcome(guest, done, await _first_page(guest, brands), toast=f"Welcome, {done.person.name}.")


async def _first_page(guest: Guest, brands: Sequence[access.Brand]) -> str:
    """Choose where to begin: at the phone, where a number is a simulated one."""
    for brand in brands:
        async with guest.desk.db.reading(brand.id) as tx:
            if any(one.simulated for one in await connections.list_connections(tx, brand.id)):
                return f"{_SANDBOX}?brand={ids.show('brd', brand.id)}"
    return gate.START


async def _brands(guest: Guest) -> list[access.Brand]:
    """List the brands, for one whose link is good. Raises `not_found` alike for every other one."""
    async with guest.desk.db.statement() as tx:
        if not await first_run.is_open(tx, guest.desk.keyring, guest.request.path_params["token"]):
            raise QuixessError("not_found", "There is nothing here. Quixess prints a link when it starts.")
        return await access.list_brands(tx)


PAGES = (
    Page("GET", "/setup/{token}", PUBLIC, show_setup, title="Set up"),
    Page("POST", "/setup/{token}", PUBLIC, set_up, title="Set up"),
)
