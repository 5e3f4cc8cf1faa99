"""One's own account: name, password, second factor, and where one is signed in."""

from typing import Annotated, Any

import msgspec
import segno
from markupsafe import Markup
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard import cookie, gate
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.login import Password
from quixess.database import ids
from quixess.errors import QuixessError, invalid
from quixess.people import Permission, accounts, second_factor, sessions, signing_in

_HOME = "/app/account"
_TEMPLATE = "pages/account.html"
_FACTOR = "pages/second_factor.html"
_CODES = "pages/recovery_codes.html"
# The first sign that is found counts: every browser claims to be several others as well.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrom", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


class NewName(msgspec.Struct):
    """What others see."""

    name: Annotated[str, Meta(max_length=100)]


class Change(msgspec.Struct):
    """The password that was, and the one that will be."""

    current: Password
    password: Password


class Code(msgspec.Struct):
    """What the app shows."""

    code: Annotated[str, Meta(max_length=40, extra={"secret": True})]


async def show_account(visit: Visit) -> Response:
    """Show one's own account."""
    return await _account_page(visit)


async def rename(visit: Visit) -> Response:
    """Take another name."""
    try:
        name = accounts.read_name((await visit.form(NewName)).name)
    except QuixessError as error:
        return await _account_page(visit, error)
    async with visit.desk.db.transaction() as tx:
        await accounts.rename(tx, visit.visitor.person.id, name)
    return visit.go(_HOME, toast="The name is changed.")


async def change_password(visit: Visit) -> Response:
    """Take another password: every other session ends, and this one gets a new token."""
    desk, person = visit.desk, visit.visitor.person
    try:
        given = await visit.form(Change)
        password_hash = await accounts.hash_checked(given.password, email=person.email)
        await _confirm(visit, given.current)
    except QuixessError as error:
        return await _account_page(visit, error)
    async with desk.db.transaction() as tx:
        await accounts.set_password(tx, person, password_hash, actor=visit.actor, keep=visit.visitor.session_id)
        token = await sessions.renew(tx, desk.keyring, visit.visitor.session_id)
    response = visit.go(_HOME, toast="The password is changed. Everywhere else you are signed out.")
    return cookie.hand_out(response, visit.request, desk.public_url, token)


async def show_second_factor(visit: Visit) -> Response:
    """Show the secret for the app, and ask for its first code."""
    return await _factor_page(visit)


async def enable_second_factor(visit: Visit) -> Response:
    """Take the first code; from then on every log-in asks for one. Show the recovery codes, this once."""
    desk, person = visit.desk, visit.visitor.person
    try:
        code = (await visit.form(Code)).code
        async with desk.db.transaction() as tx:
            codes = await second_factor.enable(tx, desk.keyring, person, code)
            await accounts.note_everywhere(tx, person, actor=visit.actor, action="person.second_factor_on")
    except QuixessError as error:
        return await _factor_page(visit, error)
    return visit.render(_CODES, codes=codes, first=True)


async def disable_second_factor(visit: Visit) -> Response:
    """Switch the second factor off."""
    person = visit.visitor.person
    async with visit.desk.db.transaction() as tx:
        await second_factor.disable(tx, person.id)
        await accounts.note_everywhere(tx, person, actor=visit.actor, action="person.second_factor_off")
    return visit.go(_HOME, toast="The second factor is off. Remove it from your app as well.")


async def renew_recovery_codes(visit: Visit) -> Response:
    """Make new recovery codes, shown this once; the old ones end."""
    person = visit.visitor.person
    if not person.second_factor:
        return visit.go(_HOME)
    async with visit.desk.db.transaction() as tx:
        codes = await second_factor.renew_codes(tx, visit.desk.keyring, person.id)
        await accounts.note_everywhere(tx, person, actor=visit.actor, action="person.recovery_codes_renewed")
    return visit.render(_CODES, codes=codes, first=False)


async def end_session(visit: Visit) -> Response:
    """Sign out one browser, or with `others` all but this one."""
    wanted, person = visit.request.path_params["session"], visit.visitor.person
    session_id = ids.parse("ses", wanted)
    async with visit.desk.db.transaction() as tx:
        if wanted == "others":
            await sessions.revoke_all(tx, person.id, but=visit.visitor.session_id)
        elif session_id is None or not await sessions.revoke(tx, person.id, session_id):
            raise QuixessError("not_found", "This session has ended already: reload the page.")
    return visit.go(_HOME, toast="Signed out there.")


async def _confirm(visit: Visit, password: str) -> None:
    """Ask for the password of now. Raises `invalid_request` for the field `current`."""
    try:
        await signing_in.check_password(
            visit.desk.db,
            visit.desk.keyring,
            visit.visitor.person,
            password=password,
            origin=gate.origin(visit.request, visit.desk),
        )
    except QuixessError as error:
        if not error.errors:
            raise
        raise invalid("/current", "wrong_password", error.errors[0].detail) from None


async def _account_page(visit: Visit, error: QuixessError | None = None) -> Response:
    person = visit.visitor.person
    async with visit.desk.db.statement() as tx:
        context: dict[str, Any] = {
            "person": person,
            "browser": browser,
            "sessions": await sessions.list_sessions(tx, person.id),
            "codes_left": await second_factor.codes_left(tx, person.id) if person.second_factor else 0,
        }
    return visit.render(_TEMPLATE, **context) if error is None else visit.refuse(_TEMPLATE, error, **context)


async def _factor_page(visit: Visit, error: QuixessError | None = None) -> Response:
    async with visit.desk.db.transaction() as tx:
        enrolment = await second_factor.begin(tx, visit.desk.keyring, visit.visitor.person)
    context: dict[str, Any] = {"enrolment": enrolment, "picture": _draw(enrolment.uri)}
    return visit.render(_FACTOR, **context) if error is None else visit.refuse(_FACTOR, error, **context)


def _draw(uri: str) -> Markup:
    """Draw what an authenticator app reads off the screen, black on white whatever the colours of the page are."""
    code = segno.make(uri, error="m", micro=False)
    return Markup(code.svg_inline(omitsize=True, light="#fff", dark="#000", svgclass=None, lineclass=None))  # noqa: S704 - shapes, no text


def browser(agent: str | None) -> str:
    """Say what a User-Agent means: `Firefox on Linux`. What it does not tell is left out."""
    text = agent or ""
    name = next((name for sign, name in _BROWSERS if sign in text), "")
    system = next((name for sign, name in _SYSTEMS if sign in text), "")
    return " on ".join(filter(None, (name, system))) or "Unknown"


_OWN = Permission.SEE_ACCOUNT
PAGES = (
    Page("GET", _HOME, _OWN, show_account, title="Your account"),
    Page("POST", f"{_HOME}/name", _OWN, rename, title="Your account"),
    Page("POST", f"{_HOME}/password", _OWN, change_password, title="Your account"),
    Page("GET", f"{_HOME}/second-factor", _OWN, show_second_factor, title="Second factor", step_up=True),
    Page("POST", f"{_HOME}/second-factor", _OWN, enable_second_factor, title="Second factor", step_up=True),
    Page("POST", f"{_HOME}/second-factor/off", _OWN, disable_second_factor, step_up=True),
    Page("POST", f"{_HOME}/recovery-codes", _OWN, renew_recovery_codes, title="Recovery codes", step_up=True),
    Page("POST", _HOME + "/sessions/{session}/end", _OWN, end_session),
)
