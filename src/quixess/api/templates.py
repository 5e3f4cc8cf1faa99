"""GET /templates and POST /templates/sync: what a brand can send, and what a sender must fill in it."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from quixess.access import Scope
from quixess.api import body, query
from quixess.api.answers import Moment, as_json
from quixess.api.endpoint import EXTERNAL, Endpoint, Rooms
from quixess.api.gate import Pass
from quixess.api.pages import Paged
from quixess.database import ids
from quixess.errors import QuixessError
from quixess.events.envelope import moment
from quixess.messages import refusals
from quixess.meta.graph import NotSent, Outcome, Rejected, Unknown
from quixess.templates import Parameters, catalogue, describe_parameters
from quixess.templates.catalogue import Entry, Filter
from quixess.templates.listing import Difference

_LIST = "list_templates"
_SENDABLE = ("APPROVED", "FLAGGED")
_ALL = "all"
_MOST_LANGUAGES = 200
_LANGUAGE = r"^[a-z]{2,3}([_-][A-Z]{2})?\Z"

Word = Annotated[
    str, Meta(max_length=40, pattern=r"^[A-Z_]+\Z", description="Meta's word in capitals, such as UTILITY.")
]
Language = Annotated[str, Meta(max_length=10, pattern=_LANGUAGE, description="A language, such as en_US.")]
Name = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^[a-z0-9_]+\Z", description="A template's name.")]


class TemplatesQuery(Paged, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which templates to list."""

    status: Annotated[
        str,
        Meta(
            max_length=40,
            pattern=r"^(all|[A-Z_]+)\Z",
            description="Meta's word in capitals, or `all`. `APPROVED` has flagged ones too: they can be sent.",
        ),
    ] = "APPROVED"
    category: Word | None = None
    language: Language | None = None
    name: Name | None = None
    search: Annotated[str, Meta(min_length=1, max_length=512, description="A part of the name.")] | None = None


class TemplateQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """In which language to get a template."""

    language: Language | None = None


class ListedTemplate(msgspec.Struct, frozen=True):
    """A template in one language, as Meta told of it last."""

    id: Annotated[str, Meta(description="The template's `tpl_…` id.")]
    meta_template_id: Annotated[str, Meta(description="Meta's id.")]
    name: Annotated[str, Meta(description="Its name.")]
    language: Annotated[str, Meta(description="Its language, such as en_US.")]
    category: Annotated[str, Meta(description="AUTHENTICATION, MARKETING or UTILITY.")]
    status: Annotated[str, Meta(description="Meta's word: APPROVED, PENDING, REJECTED, PAUSED, DISABLED, FLAGGED, …")]
    quality: Annotated[str, Meta(description="GREEN, YELLOW or RED.")] | None
    rejected_reason: Annotated[str, Meta(description="Why Meta rejected it.")] | None
    parameter_format: Annotated[str, Meta(description="POSITIONAL or NAMED.")]
    components: Annotated[list[dict[str, Any]], Meta(description="Header, body, footer and buttons, as Meta has them.")]
    parameters: Annotated[Parameters, Meta(description="What a sender must fill.")]
    updated_at: Annotated[Moment, Meta(description="When it changed here last.")]


class Templates(msgspec.Struct, frozen=True):
    """A page of templates, those seen last first."""

    data: Annotated[list[ListedTemplate], Meta(description="The templates; each language is one.")]
    next_cursor: Annotated[str | None, Meta(description="`cursor` of the next page; null at the end.")]
    has_more: Annotated[bool, Meta(description="Whether there is a next page.")]
    synced_at: Annotated[Moment, Meta(description="When Meta's list was fetched last.")] | None


# One schema for both answers: a union of two objects without a tag is none that msgspec can write down.
NamedTemplate = msgspec.defstruct(
    "NamedTemplate",
    [
        ("data", list[ListedTemplate] | UnsetType, UNSET),
        *((field.name, field.type | UnsetType, UNSET) for field in msgspec.structs.fields(ListedTemplate)),
    ],
    module=__name__,
    frozen=True,
)
NamedTemplate.__doc__ = "Without `language`: `data`, one template for each. With it: that template."


class StatusChange(msgspec.Struct, frozen=True, rename={"old": "from", "new": "to"}):
    """A template that came (`from` is null), went (`to` is null), or has another status."""

    name: Annotated[str, Meta(description="The template's name.")]
    language: Annotated[str, Meta(description="Its language.")]
    old: Annotated[str | None, Meta(description="Its status before; null: it was not there.")]
    new: Annotated[str | None, Meta(description="Its status now; null: it is gone.")]


class Synced(msgspec.Struct, frozen=True):
    """What Meta's list changed here."""

    synced_at: Annotated[Moment, Meta(description="When Meta's list was fetched.")]
    total: Annotated[int, Meta(ge=0, description="How many templates Meta lists; each language counts.")]
    added: Annotated[int, Meta(ge=0, description="How many came.")]
    updated: Annotated[int, Meta(ge=0, description="How many are another in anything, their status or not.")]
    removed: Annotated[int, Meta(ge=0, description="How many went.")]
    changes: Annotated[list[StatusChange], Meta(description="What came, went, or has another status.")]


async def _list_templates(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = query.read(request, TemplatesQuery)
    position = rooms.cursors.read(passed.brand_id, _LIST, asked)
    before = UUID(position[0]) if position else None
    async with rooms.db.reading(passed.brand_id) as tx:
        source = await catalogue.find_source(tx, passed.brand_id)
        if source is None:
            return as_json(Templates([], None, has_more=False, synced_at=None))
        found = await catalogue.list_templates(
            tx, passed.brand_id, source.connection_id, _filter(asked), limit=asked.limit + 1, before=before
        )
    more = len(found) > asked.limit
    found = found[: asked.limit]
    cursor = rooms.cursors.write(passed.brand_id, _LIST, asked, (found[-1].template.id,)) if more else None
    synced_at = moment(source.synced_at) if source.synced_at else None
    return as_json(Templates([show(one) for one in found], cursor, more, synced_at))


async def _get_template(request: Request, passed: Pass, rooms: Rooms) -> Response:
    asked = query.read(request, TemplateQuery)
    wanted = Filter(name=request.path_params["name"])
    async with rooms.db.reading(passed.brand_id) as tx:
        source = await catalogue.find_source(tx, passed.brand_id)
        found = []
        if source is not None:
            found = await catalogue.list_templates(
                tx, passed.brand_id, source.connection_id, wanted, limit=_MOST_LANGUAGES
            )
    there = sorted(found, key=lambda entry: entry.template.language)
    if asked.language is not None:
        there = [one for one in there if _same(one.template.language, asked.language)]
    if not there:
        raise _unknown([one.template.language for one in found])
    shown = [show(one) for one in there]
    return as_json({"data": shown} if asked.language is None else shown[0])


async def _sync_templates(request: Request, passed: Pass, rooms: Rooms) -> Response:
    await body.read_optional(request, body.Nothing)
    actor = ids.show("key", passed.caller.key_id)
    try:
        found = await rooms.sync.on_demand(passed.brand_id, actor=actor)
    except Outcome as outcome:
        raise _refused(outcome) from None
    return as_json(synced(found))


def synced(found: Difference) -> Synced:
    """Give what Meta's list changed as answers have it."""
    return Synced(
        synced_at=moment(found.asked_at),
        total=found.total,
        added=found.added,
        updated=found.updated,
        removed=found.removed,
        changes=[StatusChange(one.name, one.language, one.old, one.new) for one in found.changes],
    )


def _filter(asked: TemplatesQuery) -> Filter:
    statuses = {_ALL: None, "APPROVED": _SENDABLE}.get(asked.status, (asked.status,))
    return Filter(statuses, asked.category, asked.language, asked.name, asked.search)


def _same(one: str, other: str) -> bool:
    return one.replace("-", "_") == other.replace("-", "_")


def _unknown(languages: list[str]) -> QuixessError:
    fix = f"name a language it has: {', '.join(sorted(languages))}." if languages else "check its name, or sync."
    detail = f"There is no such template here: {fix}"
    return QuixessError("template_not_found", detail, extra={"languages": sorted(languages)})


def _refused(outcome: Outcome) -> QuixessError:
    """Tell what Meta made of the wish to list. Nothing has changed then, so that a doubt is no harm."""
    error = outcome.error if isinstance(outcome, (Rejected, NotSent, Unknown)) else None
    if error is None:
        detail = "WhatsApp did not give its list of templates. Nothing was changed: try again."
        return QuixessError("upstream_unavailable", detail, retry_after_s=30)
    refusal = refusals.redact(error, ())
    if isinstance(outcome, NotSent):
        return refusals.not_sent(refusal, outcome.retry_after_s)
    dead = refusal.code in refusals.DEAD_TOKEN
    return QuixessError(
        "whatsapp_connection_unauthorized" if dead else "whatsapp_error",
        f"{refusal.explanation.meaning}. {refusal.explanation.fix}",
        extra={"retryable": refusal.explanation.retryable, "whatsapp_error": refusal.body},
    )


def show(entry: Entry) -> ListedTemplate:
    """Give a template as answers have it."""
    template = entry.template
    return ListedTemplate(
        id=ids.show("tpl", template.id),
        meta_template_id=entry.meta_id,
        name=template.name,
        language=template.language,
        category=template.category,
        status=template.status,
        quality=entry.quality,
        rejected_reason=entry.reason,
        parameter_format=entry.parameter_format,
        components=template.components,
        parameters=describe_parameters(template),
        updated_at=moment(entry.updated_at),
    )


_EXAMPLE = {
    "id": "tpl_01KAR3TZX8E2M8Q4T7W9Y1B3D5",
    "meta_template_id": "594425479261596",
    "name": "signup_otp",
    "language": "en_US",
    "category": "AUTHENTICATION",
    "status": "APPROVED",
    "quality": "GREEN",
    "rejected_reason": None,
    "parameter_format": "POSITIONAL",
    "components": [
        {"type": "BODY", "text": "*{{1}}* is your verification code.", "add_security_recommendation": True},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy code"}]},
    ],
    "parameters": {
        "header": [],
        "body": [{"name": "1", "type": "text", "required": True, "example": None}],
        "buttons": [],
        "raw": [],
    },
    "updated_at": "2026-05-15T09:58:11.204Z",
}
_SYNC_ANSWER = {
    "synced_at": "2026-05-15T09:58:11.204Z",
    "total": 14,
    "added": 1,
    "updated": 2,
    "removed": 0,
    "changes": [
        {"name": "order_update", "language": "de", "from": None, "to": "PENDING"},
        {"name": "signup_otp", "language": "en_US", "from": "PENDING", "to": "APPROVED"},
    ],
}

LIST_TEMPLATES = Endpoint(
    id=_LIST,
    method="GET",
    path="/templates",
    scope=Scope.READ_TEMPLATES,
    summary="List templates, and what a sender must fill in each.",
    description=(
        "From the cache, which Meta's webhooks and an hourly look at Meta's list keep true; `synced_at` tells of the "
        "last look. Those that were seen last come first."
    ),
    handler=_list_templates,
    query=TemplatesQuery,
    response=Templates,
    answer={"data": [_EXAMPLE], "next_cursor": None, "has_more": False, "synced_at": "2026-05-15T09:58:11.204Z"},
)
GET_TEMPLATE = Endpoint(
    id="get_template",
    method="GET",
    path="/templates/{name}",
    scope=Scope.READ_TEMPLATES,
    summary="Get a template in all its languages, or in one.",
    description="Without `language` the answer is `data`, one template for each language; with it that one template.",
    handler=_get_template,
    query=TemplateQuery,
    response=NamedTemplate,
    errors=("template_not_found",),
    answer={"data": [_EXAMPLE]},
    parameters={"name": "The template's name."},
)


SYNC_TEMPLATES = Endpoint(
    id="sync_templates",
    method="POST",
    prefix="/api/v1/whatsapp",
    path="/templates/sync",
    scope=Scope.READ_TEMPLATES,
    summary="Fetch the templates from Meta now, and tell what changed.",
    description=(
        "Seldom needed: Meta tells of each change by itself, and a send that misses a template asks for it. Every 30 "
        "seconds at most; earlier is 429 `rate_limited`. The same lies under the prefix of the other endpoints."
    ),
    handler=_sync_templates,
    request=body.Nothing,
    response=Synced,
    errors=(
        "no_active_connection",
        "whatsapp_rate_limited",
        "whatsapp_error",
        "whatsapp_connection_unauthorized",
        "upstream_unavailable",
    ),
    counted=False,
    examples={"nothing to say": {}},
    answer=_SYNC_ANSWER,
)
SYNC_TEMPLATES_EXTERNAL = replace(SYNC_TEMPLATES, id="sync_templates_external", prefix=EXTERNAL)
