"""What may go wrong, on wish: the dialog "Simulate". Each lever is a call or two of the simulator's own."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.sandbox.standing import HOME, Asked, Stand, WhichPhone, need
from quixess.errors import QuixessError
from quixess.messages import windows
from quixess.messages.model import Recipient
from quixess.meta import codes
from quixess.people import Permission
from quixess.sandbox import PHONES, State, kit
from quixess.templates import Template, catalogue

STATES = {
    State.ON: ("Switched on", "Everything arrives and is read."),
    State.OFFLINE: ("Offline", "Messages stay “sent” until it is on again."),
    State.BLOCKED: ("Has blocked you", "Messages stay “sent” for ever."),
    State.NO_WHATSAPP: ("Not on WhatsApp", "Accepted, then failed with 131026."),
    State.NO_RECEIPTS: ("Read receipts off", "Delivered, and never “read”."),
}
_CODES = (131008, 131026, 131047, 131049, 130429, 131056, 132000, 132001, 132015, 190)
_DAY = timedelta(hours=24)
_MOST_TEMPLATES = 100
_VERDICTS = {
    "approve": ("Approve", "APPROVED", None),
    "reject": ("Reject: wrong format", "REJECTED", "INVALID_FORMAT"),
    "pause": ("Pause for bad quality", "PAUSED", None),
    "disable": ("Disable", "DISABLED", None),
}


class Turning(msgspec.Struct):
    """How the phones are from now on."""

    state: State
    phone: WhichPhone = "1"


class Failing(msgspec.Struct):
    """The code that the next send is refused with."""

    code: Literal[131008, 131026, 131047, 131049, 130429, 131056, 132000, 132001, 132015, 190]
    phone: WhichPhone = "1"


class Hiding(msgspec.Struct):
    """Whether the business is kept from the phone's number."""

    hidden: bool = False
    phone: WhichPhone = "1"


class Judging(msgspec.Struct):
    """What Meta decides of a template: `template` is its name and language with a space."""

    template: Annotated[str, Meta(max_length=540)]
    verdict: Literal["approve", "reject", "pause", "disable"]
    phone: WhichPhone = "1"


async def show(visit: Visit) -> Response:
    """Show the levers, as they stand."""
    stand = await need(visit, visit.query(Asked).phone)
    chat = await visit.desk.handset.look(stand.phone.digits, stand.number_id)
    async with visit.desk.db.statement() as tx:
        has = await kit.find(tx, visit.desk.keyring, visit.brand_id)
    return visit.render(
        "pages/sandbox_levers.html",
        stand=stand,
        hidden=chat.hide_phone,
        state=has.state if has else State.ON,
        states=[(state.value, label, "", says) for state, (label, says) in STATES.items()],
        codes=[(code, f"{code}: {codes.explain(code).meaning}") for code in _CODES],
        verdicts=[(name, label) for name, (label, _, _) in _VERDICTS.items()],
        templates=[
            (f"{one.name} {one.language}", f"{one.name} ({one.language})") for one in await _templates(visit, stand)
        ],
    )


async def turn(visit: Visit) -> Response:
    """Bring the phones into another state."""
    wish = await visit.form(Turning)
    stand = await need(visit, wish.phone)
    desk = visit.desk
    async with desk.db.statement() as tx:
        has = await kit.find(tx, desk.keyring, visit.brand_id)
    await desk.handset.turn(has.state if has else State.ON, wish.state, [phone.digits for phone in PHONES])
    async with desk.db.transaction() as tx:
        await kit.note_state(tx, visit.brand_id, wish.state)
    return visit.go(stand.home, toast=f"The phones: {STATES[wish.state][0].lower()}.")


async def fail_next(visit: Visit) -> Response:
    """Let the next send be refused."""
    wish = await visit.form(Failing)
    stand = await need(visit, wish.phone)
    await visit.desk.handset.fail_next(stand.phone.digits, wish.code)
    return visit.go(stand.home, toast=f"The next message to {stand.phone.name} is refused with {wish.code}.")


async def pass_a_day(visit: Visit) -> Response:
    """Let the 24-hour window end, as if a day had passed since the phone wrote.

    It is our window that is moved, not Meta's clock: else everything that is written later would come from tomorrow.
    """
    stand = await need(visit, (await visit.form(Asked)).phone)
    chat = await visit.desk.handset.look(stand.phone.digits, stand.number_id)
    async with visit.desk.db.transaction() as tx:
        talk = await windows.find_talk(tx, visit.brand_id, Recipient(stand.phone.digits, chat.user_id))
        if talk is not None and talk.open:
            await windows.shorten(tx, visit.brand_id, talk.id, _DAY)
    if talk is None or not talk.open:
        return visit.go(stand.home, toast="There is no open window: write from the phone first.")
    return visit.go(stand.home, toast=f"A day later: only a template reaches {stand.phone.name} now.")


async def hide(visit: Visit) -> Response:
    """Keep the number of the phone from the business, or show it again."""
    wish = await visit.form(Hiding)
    stand = await need(visit, wish.phone)
    await visit.desk.handset.hide(stand.phone.digits, stand.phone.name, hidden=wish.hidden)
    text = "keeps the number to themselves now: Meta tells a user id." if wish.hidden else "shows the number again."
    return visit.go(stand.home, toast=f"{stand.phone.name} {text}")


async def judge(visit: Visit) -> Response:
    """Let Meta decide something of a template."""
    wish = await visit.form(Judging)
    stand = await need(visit, wish.phone)
    name, _, language = wish.template.partition(" ")
    if not any((one.name, one.language) == (name, language) for one in await _templates(visit, stand)):
        raise QuixessError("template_not_found", "Choose one of the templates that are shown.")
    label, event, reason = _VERDICTS[wish.verdict]
    await visit.desk.handset.judge(stand.line.waba_id, name, language, event, reason)
    return visit.go(stand.home, toast=f"{name}: {label.lower()}.")


async def _templates(visit: Visit, stand: Stand) -> list[Template]:
    async with visit.desk.db.reading(visit.brand_id) as tx:
        known = await catalogue.list_templates(
            tx, visit.brand_id, stand.line.id, catalogue.Filter(), limit=_MOST_TEMPLATES
        )
    return [one.template for one in known]


PAGES = (
    Page("GET", f"{HOME}/simulate", Permission.USE_SANDBOX, show, title="Simulate"),
    Page("POST", f"{HOME}/state", Permission.USE_SANDBOX, turn),
    Page("POST", f"{HOME}/fail", Permission.USE_SANDBOX, fail_next),
    Page("POST", f"{HOME}/day", Permission.USE_SANDBOX, pass_a_day),
    Page("POST", f"{HOME}/hide", Permission.USE_SANDBOX, hide),
    Page("POST", f"{HOME}/verdict", Permission.USE_SANDBOX, judge),
)
