"""Following an invitation: with a new account, or with the one that its address has."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard import gate
from quixess.dashboard.page import PUBLIC, Guest, Page
from quixess.dashboard.pages.login import Password, welcome
from quixess.errors import QuixessError
from quixess.people import Visitor, invitations, sessions
from quixess.people.links import Link

_TEMPLATE = "pages/invitation.html"


class Newcomer(msgspec.Struct):
    """Somebody without an account yet."""

    name: Annotated[str, Meta(max_length=100)]
    password: Password


async def show_invitation(guest: Guest) -> Response:
    """Tell who invites to what, and ask for what is missing."""
    link, brand, known = await _read(guest)
    visitor = await gate.recognise(guest.request, guest.desk)
    return guest.render(_TEMPLATE, link=link, brand=brand, known=known, visitor=visitor)


async def join(guest: Guest) -> Response:
    """Let a newcomer in, or add the brand to the account of one who is signed in."""
    link, brand, known = await _read(guest)
    visitor = await gate.recognise(guest.request, guest.desk)
    if known:
        return await _join_as(guest, visitor, brand)
    try:
        given = await guest.form(Newcomer)
        done = await invitations.accept_as_new(
            guest.desk.db,
            guest.desk.keyring,
            _token(guest),
            name=given.name,
            password=given.password,
            origin=gate.origin(guest.request, guest.desk),
        )
    except QuixessError as error:
        return guest.refuse(_TEMPLATE, error, link=link, brand=brand, known=known, visitor=visitor)
    return welcome(guest, done, "/app", toast=f"Welcome to {brand}.")


async def _join_as(guest: Guest, visitor: Visitor | None, brand: str) -> Response:
    if visitor is None:
        raise QuixessError("not_signed_in", "Sign in with the invited address, then open the link once more.")
    async with guest.desk.db.transaction() as tx:
        brand_id = await invitations.accept(tx, guest.desk.keyring, _token(guest), visitor)
        await sessions.choose_brand(tx, visitor.session_id, brand_id)
    return guest.go("/app", toast=f"You belong to {brand} now.")


async def _read(guest: Guest) -> tuple[Link, str, bool]:
    async with guest.desk.db.statement() as tx:
        return await invitations.read_invitation(tx, guest.desk.keyring, _token(guest))


def _token(guest: Guest) -> str:
    return str(guest.request.path_params["token"])


PAGES = (
    Page("GET", "/join/{token}", PUBLIC, show_invitation, title="An invitation"),
    Page("POST", "/join/{token}", PUBLIC, join, title="An invitation"),
)
