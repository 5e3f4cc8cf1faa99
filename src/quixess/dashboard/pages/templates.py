"""`/app/whatsapp/templates`: what can be sent outside the window, how Meta judged it, and one in all its languages."""

import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import connections
from quixess.dashboard.page import Page, Visit
from quixess.errors import FieldError, QuixessError
from quixess.meta.outcomes import Outcome
from quixess.people import Permission
from quixess.templates import catalogue, describe_parameters, previewing, refusing
from quixess.templates.catalogue import Entry, Filter, Source
from quixess.templates.drafts import TemplateDraft, part
from quixess.templates.parameters import Parameter
from quixess.templates.submitting import Submissions

HOME = "/app/whatsapp/templates"
CATEGORIES = (("AUTHENTICATION", "Authentication"), ("UTILITY", "Utility"), ("MARKETING", "Marketing"))
_STATES: Mapping[str, tuple[str, str]] = {
    "APPROVED": ("Approved", "ok"),
    "PENDING": ("In review", "info"),
    "REJECTED": ("Rejected", "bad"),
    "PAUSED": ("Paused", "warn"),
    "FLAGGED": ("Flagged", "warn"),
    "DISABLED": ("Disabled", "bad"),
    "IN_APPEAL": ("In appeal", "info"),
    "PENDING_DELETION": ("Being deleted", "warn"),
    "DELETED": ("Deleted", ""),
    "LIMIT_EXCEEDED": ("Over the limit", "bad"),
    "ARCHIVED": ("Archived", ""),
}
_QUALITIES: Mapping[str, tuple[str, str]] = {
    "GREEN": ("High", "ok"),
    "YELLOW": ("Medium", "warn"),
    "RED": ("Low", "bad"),
}
# Meta's words, from its page on template review.
_REASONS: Mapping[str, str] = {
    "ABUSIVE_CONTENT": "Meta finds the words abusive. Write them anew, and edit the template.",
    "INVALID_FORMAT": "The form is wrong: variables at an edge, in a row or without an example. Mend it and edit.",
    "INCORRECT_CATEGORY": "The words belong to another category. Choose that one, and submit again.",
    "TAG_CONTENT_MISMATCH": "The words do not fit the language or the category. Change the one or the other.",
    "PROMOTIONAL": "It advertises, and so is MARKETING. Choose that category, or leave out what advertises.",
    "SCAM": "Meta takes it for a fraud. Say who writes and why, and leave out what looks like a trap.",
    "POLICY_VIOLATION": "It breaks WhatsApp's business policy. Read it, change the words, and edit the template.",
}
_AT_ONCE = 25
_MOST_LANGUAGES = 200


class Filters(msgspec.Struct):
    """Which names to list; `after` is the last of the page before."""

    q: Annotated[str, Meta(max_length=512)] = ""
    status: Annotated[str, Meta(max_length=40, pattern=r"^[A-Z_]*\Z")] = ""
    category: Annotated[str, Meta(max_length=40, pattern=r"^[A-Z_]*\Z")] = ""
    after: Annotated[str, Meta(max_length=512)] = ""


class Everywhere(msgspec.Struct):
    """Whether all languages go."""

    everywhere: bool = False


async def show(visit: Visit) -> Response:
    """List names by the alphabet, each with all its languages."""
    filters = visit.query(Filters)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        source = await catalogue.find_source(tx, visit.brand_id)
        found: dict[str, list[Entry]] = {}
        if source is not None:
            wanted = Filter(
                statuses=(filters.status,) if filters.status else None,
                category=filters.category or None,
                search=filters.q or None,
            )
            found = await catalogue.list_names(
                tx, visit.brand_id, source.connection_id, wanted, limit=_AT_ONCE + 1, after=filters.after or None
            )
    names = list(found)[:_AT_ONCE]
    return visit.render(
        "pages/templates.html",
        source=source,
        names={name: found[name] for name in names},
        filters=filters,
        narrowed=bool(filters.q or filters.status or filters.category),
        older=_address(filters, names[-1]) if len(found) > _AT_ONCE else None,
        newest=_address(filters, "") if filters.after else None,
        states=_STATES,
        categories=CATEGORIES,
        state=state,
        quality=quality,
        path=path,
    )


async def show_one(visit: Visit) -> Response:
    """Show a template in one of its languages: how it looks, how Meta judged it, and what a sender fills."""
    entries, chosen = await find(visit)
    draft = draft_of(chosen)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        known = await connections.list_connections(tx, visit.brand_id)
    return visit.render(
        "pages/template.html",
        entries=entries,
        chosen=chosen,
        content=look(draft),
        reason=_REASONS.get(chosen.reason or "", "Change what Meta objects to, and submit it again."),
        command=_command(visit, chosen),
        simulated=any(one.simulated for one in known if one.state == "active"),
        state=state,
        quality=quality,
        path=path,
        editable=chosen.template.status in {"APPROVED", "REJECTED", "PAUSED"},
    )


async def sync(visit: Visit) -> Response:
    """Fetch Meta's list now."""
    try:
        found = await visit.desk.sync.on_demand(visit.brand_id, actor=visit.actor)
    except Outcome as outcome:
        return visit.go(HOME, toast=refusing.explain(outcome).detail)
    except QuixessError as error:
        return visit.go(HOME, toast=error.detail)
    told = f"{found.total} at Meta: {found.added} new, {found.updated} changed, {found.removed} gone."
    return visit.go(HOME, toast=told)


async def unpause(visit: Visit) -> Response:
    """End a pause that Meta made for a template's pace."""
    _, chosen = await find(visit)
    name, language = chosen.template.name, chosen.template.language
    try:
        await submissions(visit).unpause(visit.brand_id, name, language, actor=visit.actor)
    except QuixessError as error:
        return visit.go(path(chosen), toast=error.detail)
    return visit.go(path(chosen), toast=f"The pause of {name} is over: it can be sent.")


async def show_delete(visit: Visit) -> Response:
    """Ask whether it is this template."""
    entries, chosen = await find(visit)
    return visit.render("pages/template_delete.html", entries=entries, chosen=chosen, path=path)


async def delete(visit: Visit) -> Response:
    """Delete a template in one language, or in all of them."""
    entries, chosen = await find(visit)
    everywhere = (await visit.form(Everywhere)).everywhere
    name, language = chosen.template.name, chosen.template.language
    try:
        gone = await submissions(visit).delete(
            visit.brand_id, name, None if everywhere else language, actor=visit.actor
        )
    except QuixessError as error:
        return visit.refuse("pages/template_delete.html", above(error), entries=entries, chosen=chosen, path=path)
    return visit.go(HOME, toast=f"{name} is deleted in {', '.join(sorted(gone))}. The name is blocked for 30 days.")


async def find(visit: Visit) -> tuple[list[Entry], Entry]:
    """Find the template that the path names, with its other languages. Raises `template_not_found`."""
    asked = visit.request.path_params
    return await look_up(visit, asked["name"], asked["language"])


async def look_up(visit: Visit, name: str, language: str) -> tuple[list[Entry], Entry]:
    """Find a template in a language, with its other languages. Raises `template_not_found`."""
    found: list[Entry] = []
    async with visit.desk.db.reading(visit.brand_id) as tx:
        source: Source | None = await catalogue.find_source(tx, visit.brand_id)
        if source is not None and "\x00" not in name:
            found = await catalogue.list_templates(
                tx, visit.brand_id, source.connection_id, Filter(name=name), limit=_MOST_LANGUAGES
            )
    chosen = next((one for one in found if one.template.language == language), None)
    if chosen is None:
        raise QuixessError("template_not_found", "There is no such template here in this language: sync, or go back.")
    return sorted(found, key=lambda one: one.template.language), chosen


def submissions(visit: Visit) -> Submissions:
    """Give what asks Meta for changes of templates."""
    return Submissions(visit.desk.db, visit.desk.keyring, visit.desk.lines)


def draft_of(entry: Entry) -> TemplateDraft:
    """Take a template as somebody would submit it anew."""
    one = entry.template
    return TemplateDraft(one.name, one.language, one.category, one.components, entry.parameter_format)


def look(draft: TemplateDraft) -> dict[str, Any]:
    """Render a template that Meta has, its variables filled with examples."""
    if draft.category.upper() != "AUTHENTICATION":
        return previewing.preview(draft)
    words = {
        "body": part(draft, "BODY").get("text"),
        "footer": part(draft, "FOOTER").get("text"),
        "buttons": part(draft, "BUTTONS").get("buttons"),
    }
    return previewing.read_code(draft, words)


def state(entry: Entry) -> tuple[str, str]:
    """Give the state of a template in a word, and the tone of its pill."""
    status = entry.template.status
    return _STATES.get(status, (status.replace("_", " ").capitalize(), ""))


def quality(entry: Entry) -> tuple[str, str]:
    """Give Meta's rating of a template in a word, and its tone; empty without one."""
    return _QUALITIES.get(entry.quality or "", ("", ""))


def path(entry: Entry) -> str:
    """Give the address of a template."""
    return f"{HOME}/{quote(entry.template.name, safe='')}/{quote(entry.template.language, safe='')}"


def above(error: QuixessError) -> QuixessError:
    """Let an error that names no field stand above the form that brought it about."""
    if error.errors:
        return error
    return QuixessError(error.code, error.detail, errors=(FieldError("", error.code, error.detail),))


def _command(visit: Visit, entry: Entry) -> str:
    """Write the command that sends a template."""
    template, base = entry.template, f"{visit.base_url}/api/v1/whatsapp/external/send"
    to = {"to": "+15550100001", "template_name": template.name, "language": template.language}
    code = template.category == "AUTHENTICATION"
    body = to | ({"code": "482913"} if code else {"variables": _variables(entry)})
    return (
        f"curl -X POST '{base}/{'otp' if code else 'template'}' \\\n"
        '  -H "X-API-Key: $QUIXESS_KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d '{json.dumps(body, ensure_ascii=False).replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'"
    )


def _variables(entry: Entry) -> dict[str, Any]:
    takes = describe_parameters(entry.template)
    found: dict[str, Any] = {}
    if takes.header:
        first = takes.header[0]
        shown = {"link": "https://shop.example/file"} if first.type != "location" else {"latitude": 0, "longitude": 0}
        found["header"] = {"text": _value(first)} if first.type == "text" else {first.type: shown}
    if takes.body:
        named = entry.parameter_format == "NAMED"
        found["body"] = {one.name: _value(one) for one in takes.body} if named else list(map(_value, takes.body))
    pressed = [{"index": one.index, one.name: one.example or "…"} for one in takes.buttons if one.required]
    return found | ({"buttons": pressed} if pressed else {})


def _value(one: Parameter) -> str:
    return one.example or "…"


def _address(filters: Filters, after: str) -> str:
    asked = {"q": filters.q, "status": filters.status, "category": filters.category, "after": after}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{HOME}?{query}" if query else HOME


_MANAGE = Permission.MANAGE_TEMPLATES
PAGES = (
    Page("GET", HOME, _MANAGE, show, title="Templates"),
    Page("POST", f"{HOME}/sync", _MANAGE, sync),
    Page("GET", HOME + "/{name}/{language}", _MANAGE, show_one, title="Template"),
    Page("POST", HOME + "/{name}/{language}/unpause", _MANAGE, unpause),
    Page("GET", HOME + "/{name}/{language}/delete", _MANAGE, show_delete, title="Delete the template"),
    Page("POST", HOME + "/{name}/{language}/delete", _MANAGE, delete, title="Delete the template"),
)
