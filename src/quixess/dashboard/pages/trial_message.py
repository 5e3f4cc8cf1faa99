"""`/app/whatsapp/messages/test`: one message to one phone, made of an approved template, without a line of code."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access, templates
from quixess.access import Scope
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages import messages
from quixess.errors import QuixessError, at
from quixess.messages import phones
from quixess.messages.model import Recipient
from quixess.messages.orders import Order
from quixess.messages.otp import Otp
from quixess.messages.templated import Templated
from quixess.people import Permission, audit
from quixess.templates import ButtonParameter, Parameters, Template, Variables, catalogue
from quixess.templates.variables import Button, Header

_FORM = "pages/trial_message.html"
_HOME = f"{messages.HOME}/test"
_MOST = 200
_SENDABLE = ("APPROVED", "FLAGGED")
_SANDBOX_PHONE = "+1 555 010 0001"


class Trial(msgspec.Struct):
    """To whom, and by which template: its name and its language with a space between."""

    to: Annotated[str, Meta(max_length=40)]
    template_name: Annotated[str, Meta(max_length=600)]


async def ask(visit: Visit) -> Response:
    """Ask for phone and template."""
    return visit.render(_FORM, **_context(visit, await _choice(visit)))


async def send(visit: Visit) -> Response:
    """Send it, and show what becomes of it."""
    choice = await _choice(visit)
    try:
        asked = await visit.form(Trial)
        template = choice.get(asked.template_name)
        if template is None:
            raise at("/template_name", "template_not_found", "Choose one of the templates that are shown.")
        order = _order(visit, template, Recipient(phone=phones.read(asked.to)))
        caller = access.of_person(visit.visitor.person.id, visit.brand, Scope.SEND_OTP, Scope.SEND_TEMPLATE)
        request_id = visit.request.state.request_id
        reply = await visit.desk.sending.send(caller, visit.brand_id, order, key=None, request_id=request_id)
    except QuixessError as error:
        return visit.refuse(_FORM, _placed(error), **_context(visit, choice))
    told = msgspec.json.decode(reply.body)
    message_id = told.get("id") or told.get("message_id")
    async with visit.desk.db.transaction() as tx:
        await audit.note(
            tx,
            visit.brand_id,
            actor=visit.actor,
            action="message.tested",
            about=message_id,
            detail={"template": template.name},
        )
    done = "On its way" if reply.status < 400 else "Meta refused it: the message says why"
    return visit.go(f"{messages.HOME}?message={message_id}", toast=done)


def _placed(error: QuixessError) -> QuixessError:
    """Put what is about no field of the form beside the one it can only be about: the form is there to try again."""
    pointers = {one.pointer for one in error.errors}
    if error.status >= 500 or pointers & {"/to", "/template_name"}:
        return error
    return at("/template_name" if pointers else "/to", error.code, error.detail)


async def _choice(visit: Visit) -> Mapping[str, Template]:
    """List the templates that can be tried: approved ones that texts alone can fill."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        source = await catalogue.find_source(tx, visit.brand_id)
        if source is None:
            return {}
        wanted = catalogue.Filter(statuses=_SENDABLE)
        entries = await catalogue.list_templates(tx, visit.brand_id, source.connection_id, wanted, limit=_MOST)
    found = sorted((one.template for one in entries), key=lambda one: (one.category, one.name, one.language))
    return {f"{one.name} {one.language}": one for one in found if _by_texts(templates.describe_parameters(one))}


def _by_texts(parameters: Parameters) -> bool:
    buttons = all(one.name in {"url_suffix", "coupon_code"} for one in parameters.buttons if one.required)
    return not parameters.raw and buttons and all(one.type == "text" for one in parameters.header)


def _order(visit: Visit, template: Template, to: Recipient) -> Order:
    if template.category == "AUTHENTICATION":
        code = f"{secrets.randbelow(1_000_000):06d}"
        return Otp(to, code, template.name, template.language)
    desk = visit.desk
    return Templated(desk.db, desk.uploads.handle, to, template.name, template.language, _filled(template))


def _filled(template: Template) -> Variables:
    """Fill a template with the examples that Meta approved."""
    asked = templates.describe_parameters(template)
    header: dict[str, Any] = {one.name: one.example or one.name for one in asked.header}
    return Variables(
        body={one.name: one.example or one.name for one in asked.body} or None,
        header=Header(text=header) if header else None,
        buttons=[_button(one) for one in asked.buttons if one.required],
    )


def _button(asked: ButtonParameter) -> Button:
    given: dict[str, Any] = {asked.name: asked.example or "1"}
    return Button(asked.index, **given)


def _context(visit: Visit, choice: Mapping[str, Template]) -> dict[str, Any]:
    listed = [(name, f"{one.name} ({one.language}, {one.category.lower()})") for name, one in choice.items()]
    return {"choice": listed, "back": messages.HOME, "phone": _SANDBOX_PHONE if visit.shell.simulated else ""}


PAGES = (
    # Who may mint a key may send: with it they could.
    Page("GET", _HOME, Permission.MANAGE_KEYS, ask, title="Send a test message"),
    Page("POST", _HOME, Permission.MANAGE_KEYS, send, title="Send a test message"),
)
