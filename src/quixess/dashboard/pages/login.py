"""Signing in and out, the password once more, and a new password by a link."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard import cookie, gate, rendering
from quixess.dashboard.page import PUBLIC, Guest, Page, Visit
from quixess.errors import QuixessError
from quixess.people import Permission, accounts, invitations, sessions, signing_in
from quixess.people.signing_in import CodeNeeded, SignedIn

Password = Annotated[str, Meta(max_length=512, extra={"raw": True, "secret": True})]
_SHOWN_AS_FAULT = frozenset({"wrong_credentials", "rate_limited", "link_gone"})


class Credentials(msgspec.Struct):
    """Who says they are who."""

    email: Annotated[str, Meta(max_length=300)]
    password: Password
    next: str = ""


class SecondHalf(msgspec.Struct):
    """A code, with the ticket that the right password gave."""

    ticket: Annotated[str, Meta(extra={"secret": True})]
    code: Annotated[str, Meta(max_length=40, extra={"secret": True})]
    next: str = ""


class Again(msgspec.Struct):
    """The password once more."""

    password: Password
    next: str = ""


class NewPassword(msgspec.Struct):
    """A password that somebody chooses."""

    password: Password


class Next(msgspec.Struct):
    """Where to go on."""

    next: str = ""


async def show_login(guest: Guest) -> Response:
    """Ask who it is; one who is signed in goes on."""
    way = guest.query(Next).next
    if await gate.recognise(guest.request, guest.desk) is not None:
        return guest.go(gate.safe_path(way))
    return await _login_page(guest, next=way)


async def log_in(guest: Guest) -> Response:
    """Sign in, or ask for the second half."""
    way = ""
    try:
        given = await guest.form(Credentials)
        way = given.next
        result = await signing_in.with_password(
            guest.desk.db,
            guest.desk.keyring,
            email=given.email,
            password=given.password,
            origin=gate.origin(guest.request, guest.desk),
        )
    except QuixessError as error:
        return await _login_page(guest, error.status, next=way, faults=_faults(error))
    if isinstance(result, CodeNeeded):
        return guest.render("pages/login_code.html", ticket=result.ticket, next=way)
    return welcome(guest, result, gate.safe_path(way))


async def give_code(guest: Guest) -> Response:
    """Take the second half."""
    given = await guest.form(SecondHalf)
    try:
        done = await signing_in.with_code(
            guest.desk.db,
            guest.desk.keyring,
            ticket=given.ticket,
            code=given.code,
            origin=gate.origin(guest.request, guest.desk),
        )
    except QuixessError as error:
        if error.code == "link_gone":
            return await _login_page(guest, error.status, next=given.next, faults={"": error.detail})
        faults = _faults(error)
        status = 422 if error.errors else error.status
        return guest.render("pages/login_code.html", status, ticket=given.ticket, next=given.next, faults=faults)
    return welcome(guest, done, gate.safe_path(given.next))


async def log_out(guest: Guest) -> Response:
    """End the session, here and in the table."""
    visitor = await gate.recognise(guest.request, guest.desk)
    if visitor is not None:
        async with guest.desk.db.transaction() as tx:
            await sessions.revoke(tx, visitor.person.id, visitor.session_id)
    response = guest.go("/login", toast="You are signed out.")
    return cookie.take_away(response, guest.request, guest.desk.public_url)


async def show_confirm(visit: Visit) -> Response:
    """Ask for the password once more, before something that matters."""
    return visit.render("pages/confirm.html", next=visit.query(Next).next)


async def confirm(visit: Visit) -> Response:
    """Take the password, and go on where it was asked for."""
    way = ""
    try:
        given = await visit.form(Again)
        way = given.next
        token = await signing_in.confirm(
            visit.desk.db,
            visit.desk.keyring,
            visit.visitor,
            password=given.password,
            origin=gate.origin(visit.request, visit.desk),
        )
    except QuixessError as error:
        status = 422 if error.errors else error.status
        return visit.render("pages/confirm.html", status, next=way, faults=_faults(error))
    return cookie.hand_out(visit.go(gate.safe_path(way)), visit.request, visit.desk.public_url, token)


async def show_no_brand(guest: Guest) -> Response:
    """Tell one who belongs to no brand what to do."""
    visitor = await gate.recognise(guest.request, guest.desk)
    if visitor is None:
        return guest.go(gate.LOG_IN)
    if visitor.memberships:
        return guest.go("/app")
    return guest.render("pages/no_brand.html", person=visitor.person)


async def show_reset(guest: Guest) -> Response:
    """Ask for a new password, for who has a link."""
    async with guest.desk.db.statement() as tx:
        person = await invitations.whose_reset(tx, guest.desk.keyring, guest.request.path_params["token"])
    return guest.render("pages/reset.html", person=person)


async def reset(guest: Guest) -> Response:
    """Take the new password; every session ends, so one signs in with it."""
    token = guest.request.path_params["token"]
    async with guest.desk.db.statement() as tx:
        person = await invitations.whose_reset(tx, guest.desk.keyring, token)
    try:
        given = await guest.form(NewPassword)
        await invitations.reset(guest.desk.db, guest.desk.keyring, token, password=given.password)
    except QuixessError as error:
        return guest.refuse("pages/reset.html", error, person=person)
    return guest.go(gate.LOG_IN, toast="The password is changed. Sign in with it.")


def welcome(guest: Guest, done: SignedIn, path: str, toast: str | None = None) -> Response:
    """Hand out the session of one who has just signed in, and go on."""
    return cookie.hand_out(guest.go(path, toast), guest.request, guest.desk.public_url, done.token)


async def _login_page(guest: Guest, status: int = 200, **context: Any) -> Response:
    async with guest.desk.db.statement() as tx:
        someone = await accounts.exists_any(tx)
    return guest.render("pages/login.html", status, someone=someone, **context)


def _faults(error: QuixessError) -> dict[str, str]:
    """Give what is wrong by field; what is about none stands above the form, with the wait where there is one."""
    if error.errors:
        return {(one.pointer or "").strip("/"): one.detail for one in error.errors}
    if error.code not in _SHOWN_AS_FAULT:
        raise error
    if error.retry_after_s:
        wait = rendering.lasts(error.retry_after_s)
        return {"": f"Too many tries. The next one counts in {wait}."}
    return {"": error.detail}


PAGES = (
    Page("GET", "/login", PUBLIC, show_login, title="Sign in"),
    Page("POST", "/login", PUBLIC, log_in, title="Sign in"),
    Page("POST", "/login/code", PUBLIC, give_code, title="Sign in"),
    Page("POST", "/logout", PUBLIC, log_out, title="Sign out"),
    Page("GET", "/app/confirm", Permission.SEE_ACCOUNT, show_confirm, title="Confirm that it is you"),
    Page("POST", "/app/confirm", Permission.SEE_ACCOUNT, confirm, title="Confirm that it is you"),
    Page("GET", "/app/no-brand", PUBLIC, show_no_brand, title="No brand yet"),
    Page("GET", "/reset/{token}", PUBLIC, show_reset, title="A new password"),
    Page("POST", "/reset/{token}", PUBLIC, reset, title="A new password"),
)
