"""Numbers connected by pasted credentials or by the code of Embedded Signup, given new tokens, and disconnected."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import connections
from quixess.connections import Claim, Entry
from quixess.connections.model import META
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages import connection
from quixess.dashboard.pages.connection import HOME
from quixess.errors import FieldError, QuixessError
from quixess.onboarding import Connected, Webhook
from quixess.people import Permission

_PASTE, _SIGN_UP, _DONE = "pages/connection_new.html", "pages/connection_sign_up.html", "pages/connection_done.html"
_RECONNECT, _PART = "pages/connection_reconnect.html", "pages/connection_part.html"
# Where the fault of a step is mended.
_FIELDS = {
    "app": "app_id",
    "app_secret": "app_secret",
    "code": "code",
    "token": "token",
    "permissions": "token",
    "waba": "waba_id",
    "phone_number": "phone_number_id",
    "registration": "pin",
}

MetaId = Annotated[str, Meta(pattern=r"^[0-9]{1,32}\Z", extra={"fix": "Copy Meta's id: digits, and nothing else."})]
Secret = Annotated[
    str,
    Meta(
        pattern=r"^[!-~]{8,256}\Z",
        extra={"fix": "Copy the app secret from the app's settings, page Basic.", "secret": True},
    ),
]
Token = Annotated[
    str,
    Meta(pattern=r"^[!-~]{8,4096}\Z", extra={"fix": "Paste the whole access token, without spaces.", "secret": True}),
]
Pin = Annotated[str, Meta(pattern=r"^([0-9]{6})?\Z", extra={"fix": "Six digits, or nothing.", "secret": True})]
VerifyToken = Annotated[
    str,
    Meta(
        pattern=r"^([!-~]{8,256})?\Z",
        extra={"fix": "8 to 256 letters, digits and signs without spaces, or nothing.", "secret": True},
    ),
]
Url = Annotated[str, Meta(max_length=2048)]
GraphUrl = Annotated[
    str, Meta(pattern=r"^https?://[!-~]{1,200}\Z", extra={"fix": "The address of a Graph API, such as Meta's."})
]


class Pasted(msgspec.Struct):
    """What somebody copied at Meta. `webhook` is where the brand's own events shall go."""

    app_id: MetaId
    app_secret: Secret
    waba_id: MetaId
    phone_number_id: MetaId
    token: Token
    pin: Pin = ""
    webhook: Url = ""
    verify_token: VerifyToken = ""
    graph_url: GraphUrl = META


class SignedUp(msgspec.Struct):
    """What a page with Embedded Signup got from Meta."""

    app_id: MetaId
    code: Token
    waba_id: MetaId
    phone_number_id: MetaId
    pin: Pin = ""
    on_phone: bool = False
    webhook: Url = ""


class Again(msgspec.Struct):
    """What connecting again may need."""

    token: Annotated[
        str, Meta(pattern=r"^([!-~]{8,4096})?\Z", extra={"fix": "Paste the whole token.", "secret": True})
    ] = ""
    pin: Pin = ""


async def show_paste(visit: Visit) -> Response:
    """Ask for what is copied at Meta."""
    return visit.render(_PASTE, step="", meta=META, known=await known_app(visit))


async def paste(visit: Visit) -> Response:
    """Connect a number by what was pasted."""
    try:
        given = await visit.form(Pasted)
        claim = Claim(
            app_id=given.app_id,
            app_secret=given.app_secret,
            waba_id=given.waba_id,
            phone_number_id=given.phone_number_id,
            token=given.token,
            graph_url=given.graph_url,
            verify_token=given.verify_token or None,
            pin=given.pin or None,
        )
        made = await visit.desk.onboarding.connect_by_credentials(
            visit.brand_id, claim, _webhook(given.webhook), actor=visit.actor
        )
    except QuixessError as error:
        return visit.refuse(_PASTE, placed(error), step=connection.named(error), meta=META, known="")
    return _tell(visit, made)


async def show_sign_up(visit: Visit) -> Response:
    """Ask for what Embedded Signup gave."""
    return visit.render(_SIGN_UP, step="", known=await known_app(visit))


async def sign_up(visit: Visit) -> Response:
    """Connect a number by the code of Embedded Signup."""
    try:
        given = await visit.form(SignedUp)
        claim = Claim(
            app_id=given.app_id,
            app_secret="",
            waba_id=given.waba_id,
            phone_number_id=given.phone_number_id,
            token="",
            graph_url="",
            pin=given.pin or None,
            on_phone=given.on_phone,
        )
        made = await visit.desk.onboarding.sign_up(
            visit.brand_id, given.app_id, given.code, claim, _webhook(given.webhook), actor=visit.actor
        )
    except QuixessError as error:
        return visit.refuse(_SIGN_UP, placed(error), step=connection.named(error), known="")
    return _tell(visit, made)


async def show_reconnect(visit: Visit) -> Response:
    """Ask whether there is a new token."""
    return ask(visit, _RECONNECT, await connection.find(visit), step="")


async def reconnect(visit: Visit) -> Response:
    """Connect a number again, with the token that it has or a new one."""
    one = await connection.find(visit)
    try:
        given = await visit.form(Again)
        made = await visit.desk.onboarding.reconnect(
            visit.brand_id, one.id, token=given.token or None, pin=given.pin or None, actor=visit.actor
        )
    except QuixessError as error:
        return ask(visit, _RECONNECT, one, placed(error, ("token", "pin")), step=connection.named(error))
    return _tell(visit, made)


async def show_part(visit: Visit) -> Response:
    """Ask whether it is this number."""
    return ask(visit, _PART, await connection.find(visit))


async def part(visit: Visit) -> Response:
    """Disconnect a number."""
    one = await connection.find(visit)
    ended = await visit.desk.parting.disconnect(visit.brand_id, one.id, actor=visit.actor)
    told = "The number is disconnected: nothing is sent from it any more."
    if ended.unsubscribed is False:
        told += " Meta did not take the app off the account: do it in the account's settings."
    return visit.go(HOME, toast=told)


async def send_from(visit: Visit) -> Response:
    """Have codes and templates go out by this number."""
    one = await connection.find(visit)
    try:
        async with visit.desk.db.transaction() as tx:
            await connections.send_from(tx, visit.brand_id, one.id, actor=visit.actor)
    except QuixessError as error:
        return visit.go(HOME, toast=error.detail)
    return visit.go(HOME, toast=f"Codes and templates go out by +{one.display_phone}.")


def ask(visit: Visit, template: str, one: Entry, error: QuixessError | None = None, **more: Any) -> Response:
    """Show a form about a number, or the form again with what was wrong."""
    given = {"one": one, "path": connection.path, **more}
    return visit.render(template, **given) if error is None else visit.refuse(template, error, **given)


def _tell(visit: Visit, made: Connected) -> Response:
    """Show what is told only once, or go back where there is nothing like that."""
    if made.verify_token is None and made.endpoint_secret is None:
        return visit.go(HOME, toast="The number is connected.")
    callback = made.callback_url if made.callback_url.startswith("http") else visit.base_url + made.callback_url
    return visit.render(_DONE, made=made, callback=callback)


def _webhook(url: str) -> Webhook | None:
    return Webhook(url) if url else None


def placed(error: QuixessError, fields: tuple[str, ...] | None = None) -> QuixessError:
    """Let an error stand beside the field that mends it, or above the form when the form has none for it."""
    if error.errors:
        return error
    field = _FIELDS.get(str(error.extra.get("step") or ""), "")
    pointer = f"/{field}" if field and (fields is None or field in fields) else ""
    return QuixessError(error.code, error.detail, errors=(FieldError(pointer, error.code, error.detail),))


async def known_app(visit: Visit) -> str:
    """Give the app that the brand's numbers belong to: the next one is of it, most likely."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        known = await connections.list_connections(tx, visit.brand_id)
    return next((one.app_id for one in reversed(known) if not one.simulated), "")


_MANAGE = Permission.MANAGE_CONNECTION
_ONE = HOME + "/{connection}"
PAGES = (
    Page("GET", f"{HOME}/new", _MANAGE, show_paste, title="Connect a number", step_up=True),
    Page("POST", f"{HOME}/new", _MANAGE, paste, title="Connect a number", step_up=True),
    Page("GET", f"{HOME}/sign-up", _MANAGE, show_sign_up, title="Embedded Signup", step_up=True),
    Page("POST", f"{HOME}/sign-up", _MANAGE, sign_up, title="Embedded Signup", step_up=True),
    Page("GET", f"{_ONE}/reconnect", _MANAGE, show_reconnect, title="Connect again", step_up=True),
    Page("POST", f"{_ONE}/reconnect", _MANAGE, reconnect, title="Connect again", step_up=True),
    Page("GET", f"{_ONE}/disconnect", _MANAGE, show_part, title="Disconnect", step_up=True),
    Page("POST", f"{_ONE}/disconnect", _MANAGE, part, title="Disconnect", step_up=True),
    Page("POST", f"{_ONE}/send-from", _MANAGE, send_from, step_up=True),
)
