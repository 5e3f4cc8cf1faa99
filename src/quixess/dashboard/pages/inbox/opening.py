"""A template into a conversation: what opens a closed window, chosen, filled in, looked at and sent."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import templates
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.inbox import listing, thread, writing
from quixess.dashboard.pages.inbox.listing import HOME
from quixess.database import ids
from quixess.database.core import Row
from quixess.errors import QuixessError, invalid
from quixess.messages.model import Recipient
from quixess.messages.templated import Templated
from quixess.people import Permission
from quixess.templates import Parameter, Parameters, Template, Variables, catalogue
from quixess.templates.catalogue import Entry, Filter

_MOST = 100
_SENDABLE = ("APPROVED", "FLAGGED")
_FILES = ("image", "video", "document")


class Chosen(msgspec.Struct):
    """Which template, `tpl_…`, and the id of the message that is to be made of it."""

    template: Annotated[str, Meta(max_length=40)] = ""
    client_id: Annotated[str, Meta(pattern=r"^[0-9a-z]{8,64}\Z")] = msgspec.field(default_factory=thread.new_client_id)


async def show(visit: Visit) -> Response:
    """Show the templates to choose from, or the form of the one that is chosen, filled as far as it is."""
    chosen = visit.query(Chosen)
    conversation = await thread.find(visit)
    found = await _find(visit, chosen.template) if chosen.template else None
    if found is None:
        return visit.render("pages/inbox_templates.html", entries=await _list(visit), **_around(conversation))
    given = visit.request.query_params
    if visit.request.headers.get("hx-target", "").endswith("template-preview"):
        return visit.fragment("parts/inbox_template_preview.html", shown=_preview(found, given))
    return _form(visit, conversation, found, chosen, given)


async def send(visit: Visit) -> Response:
    """Send what was filled in, by the same verb as the API."""
    chosen = await visit.form(Chosen)
    conversation = await thread.find(visit)
    found = await _find(visit, chosen.template)
    given = {name: str(value) for name, value in (await visit.raw_form()).items() if isinstance(value, str)}
    here = f"{HOME}/{ids.show('cnv', conversation['id'])}"
    try:
        reply = await writing.carry_out(visit, _order(visit, conversation, found, given), chosen.client_id)
    except QuixessError as error:
        return _form(visit, conversation, found, Chosen(chosen.template), given, error)
    refused = reply.status >= 400
    return visit.go(here, toast="WhatsApp refused the template: see below" if refused else "Template sent")


def _order(visit: Visit, conversation: Row, template: Template, given: Mapping[str, str]) -> Templated:
    phone = conversation["phone"]
    if phone is None and conversation["user_id"] is None:
        raise invalid("/conversation", "unreachable", "Nobody knows who this is: nothing can be sent there.")
    return Templated(
        visit.desk.db,
        visit.desk.uploads.handle,
        Recipient(phone=phone) if phone is not None else Recipient(user_id=conversation["user_id"]),
        template.name,
        template.language,
        _variables(templates.describe_parameters(template), given),
    )


def _form(
    visit: Visit,
    conversation: Row,
    template: Template,
    chosen: Chosen,
    given: Mapping[str, str],
    error: QuixessError | None = None,
) -> Response:
    context = {
        "template": template,
        "parameters": templates.describe_parameters(template),
        "given": given,
        "shown": _preview(template, given),
        "client_id": chosen.client_id,
        "fault": None if error is None else error.detail,
        "wrong": [] if error is None else [one.detail for one in error.errors],
    }
    status = 200 if error is None else 422
    return visit.render("pages/inbox_template.html", status, **_around(conversation), **context)


def _around(conversation: Row) -> dict[str, Any]:
    shown = ids.show("cnv", conversation["id"])
    return {"here": f"{HOME}/{shown}", "name": listing.called(conversation), "phone": conversation["phone"]}


async def _list(visit: Visit) -> Sequence[Entry]:
    """List what may be sent from here: not what only Meta's own JSON can fill, and no codes."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        source = await catalogue.find_source(tx, visit.brand_id)
        if source is None:
            return ()
        found = await catalogue.list_templates(tx, visit.brand_id, source.connection_id, Filter(_SENDABLE), limit=_MOST)
    return sorted(
        (one for one in found if _fits(one.template)), key=lambda one: (one.template.name, one.template.language)
    )


async def _find(visit: Visit, shown: str) -> Template:
    template_id = ids.parse("tpl", shown)
    for entry in await _list(visit):
        if entry.template.id == template_id:
            return entry.template
    raise QuixessError("template_not_found", "There is no such approved template any more: choose another one.")


def _fits(template: Template) -> bool:
    parameters = templates.describe_parameters(template)
    placed = any(one.type == "location" for one in parameters.header)
    return template.category != "AUTHENTICATION" and not parameters.raw and not placed


def _variables(parameters: Parameters, given: Mapping[str, str]) -> Variables:
    """Read the form: `body.1`, `header.1`, `header.image`, `button.0`."""
    body = {one.name: value for one in parameters.body if (value := given.get(f"body.{one.name}", "").strip())}
    buttons = [
        {"index": one.index, one.name: value}
        for one in parameters.buttons
        if one.required and (value := given.get(f"button.{one.index}", "").strip())
    ]
    told = {"body": body or None, "header": _header(parameters, given), "buttons": buttons}
    return msgspec.convert(told, Variables)


def _header(parameters: Parameters, given: Mapping[str, str]) -> dict[str, Any] | None:
    texts = {}
    for one in parameters.header:
        value = given.get(f"header.{one.name}", "").strip()
        if value and one.type in _FILES:
            return {one.type: {"id" if value.startswith("med_") else "link": value}}
        if value:
            texts[one.name] = value
    return {"text": texts} if texts else None


def _preview(template: Template, given: Mapping[str, str]) -> Mapping[str, Any]:
    """Show the message as far as it is filled; what is not stays as `{{name}}`."""
    parameters = templates.describe_parameters(template)
    named = template.parameter_format == "NAMED"

    def texts(section: str, wanted: Sequence[Parameter]) -> dict[str, Any]:
        listed = []
        for one in wanted:
            text = given.get(f"{section}.{one.name}", "").strip() or f"{{{{{one.name}}}}}"
            listed.append({"type": "text", "text": text} | ({"parameter_name": one.name} if named else {}))
        return {"type": section, "parameters": listed}

    header = [one for one in parameters.header if one.type == "text"]
    return templates.render(template, [texts("header", header), texts("body", parameters.body)])


PAGES = (
    Page("GET", f"{HOME}/{{conversation}}/template", Permission.WRITE_INBOX, show, title="Send a template"),
    Page("POST", f"{HOME}/{{conversation}}/template", Permission.WRITE_INBOX, send, title="Send a template"),
)
