"""Templates over the management API: presets, checked, previewed, submitted, edited, unpaused, deleted, fetched."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from quixess.api import body, query
from quixess.api.answers import Moment, as_json
from quixess.api.manage.endpoint import Desk, Managed, read_body
from quixess.api.manage.gate import Admitted
from quixess.api.templates import ListedTemplate, Synced, Word, show, synced
from quixess.errors import QuixessError
from quixess.events.envelope import moment
from quixess.meta.outcomes import Outcome
from quixess.templates import catalogue, previewing, refusing
from quixess.templates.catalogue import Filter
from quixess.templates.drafts import TemplateDraft, TemplateEdit
from quixess.templates.linting import Finding
from quixess.templates.presets import PRESETS
from quixess.templates.submitting import Submissions, Submitted

_MOST_LANGUAGES = 200


class NamesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which names to list."""

    status: Word | None = None
    category: Word | None = None
    search: Annotated[str, Meta(min_length=1, max_length=512, description="A part of the name.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="How many names.")] = 25
    after: Annotated[str, Meta(max_length=512, description="`next_after` of the page before.")] | None = None


class NamedTemplates(msgspec.Struct, frozen=True):
    """A name with all its languages."""

    name: Annotated[str, Meta(description="The templates' name.")]
    languages: Annotated[list[ListedTemplate], Meta(description="One template for each language.")]


class Names(msgspec.Struct, frozen=True):
    """A page of names, by the alphabet."""

    data: Annotated[list[NamedTemplates], Meta(description="The names.")]
    next_after: Annotated[str | None, Meta(description="`after` of the next page; null at the end.")]
    synced_at: Annotated[Moment, Meta(description="When Meta's list was fetched last.")] | None


class ShownPreset(msgspec.Struct, frozen=True):
    """A template that is ready to be submitted."""

    id: Annotated[str, Meta(description="Its name here, such as otp_copy_code.")]
    summary: Annotated[str, Meta(description="What it is for.")]
    needs_apps: Annotated[bool, Meta(description="Whether `supported_apps` must be replaced by your own.")]
    template: Annotated[TemplateDraft, Meta(description="The body of POST /templates.")]


class Presets(msgspec.Struct, frozen=True):
    """Every preset."""

    data: Annotated[list[ShownPreset], Meta(description="The presets.")]


class Breach(msgspec.Struct, frozen=True):
    """A rule of Meta's that a template breaks."""

    pointer: Annotated[str, Meta(description="Where, as a JSON Pointer into the template.")]
    rule: Annotated[str, Meta(description="The rule's name: docs/templates.md has them all.")]
    detail: Annotated[str, Meta(description="What to do.")]
    blocks: Annotated[bool, Meta(description="Whether it keeps the template from being submitted.")]


class Checked(msgspec.Struct, frozen=True):
    """What is wrong with a template."""

    ok: Annotated[bool, Meta(description="Whether it can be submitted.")]
    findings: Annotated[list[Breach], Meta(description="Breaches and warnings.")]


class Preview(msgspec.Struct, frozen=True):
    """What people will see."""

    content: Annotated[dict[str, Any], Meta(description="Header, body, footer and buttons, filled with the examples.")]
    text: Annotated[str, Meta(description="The same as lines of text.")]


class Taken(msgspec.Struct, frozen=True):
    """A template that Meta took."""

    template: Annotated[ListedTemplate, Meta(description="As Meta has it; PENDING until it is reviewed.")]
    asked_category: Annotated[str, Meta(description="The category asked for; the template may have got another.")]
    warnings: Annotated[list[Breach], Meta(description="What Meta may yet object to.")]


class Unpaused(msgspec.Struct, frozen=True):
    """A template whose pause ended."""

    template: Annotated[ListedTemplate, Meta(description="As Meta has it now.")]


class Deleted(msgspec.Struct, frozen=True):
    """A template that is deleted. Its name is blocked for 30 days in these languages."""

    name: Annotated[str, Meta(description="Its name.")]
    languages: Annotated[list[str], Meta(description="The languages that went.")]


async def _list(request: Request, admitted: Admitted, desk: Desk) -> Response:
    asked = query.read(request, NamesQuery)
    wanted = Filter(statuses=None if asked.status is None else (asked.status,), category=asked.category,
                    search=asked.search)  # fmt: skip
    async with desk.db.reading(admitted.brand.id) as tx:
        source = await catalogue.find_source(tx, admitted.brand.id)
        if source is None:
            return as_json(Names([], None, None))
        found = await catalogue.list_names(
            tx, admitted.brand.id, source.connection_id, wanted, limit=asked.limit + 1, after=asked.after
        )
    names = list(found)[: asked.limit]
    data = [NamedTemplates(name, [show(one) for one in found[name]]) for name in names]
    synced_at = moment(source.synced_at) if source.synced_at else None
    return as_json(Names(data, names[-1] if len(found) > asked.limit else None, synced_at))


async def _get(request: Request, admitted: Admitted, desk: Desk) -> Response:
    name = request.path_params["name"]
    async with desk.db.reading(admitted.brand.id) as tx:
        source = await catalogue.find_source(tx, admitted.brand.id)
        found = []
        if source is not None:
            found = await catalogue.list_templates(
                tx, admitted.brand.id, source.connection_id, Filter(name=name), limit=_MOST_LANGUAGES
            )
    if not found:
        raise QuixessError("template_not_found", "There is no such template here: check its name, or sync.")
    there = sorted(found, key=lambda entry: entry.template.language)
    return as_json(NamedTemplates(name, [show(one) for one in there]))


async def _presets(_request: Request, _admitted: Admitted, _desk: Desk) -> Response:
    return as_json(Presets([ShownPreset(one.id, one.summary, one.needs_apps, one.draft) for one in PRESETS.values()]))


async def _check(request: Request, admitted: Admitted, desk: Desk) -> Response:
    found = await _submissions(desk).review(admitted.brand.id, await read_body(request, TemplateDraft))
    return as_json(Checked(ok=not any(one.blocks for one in found), findings=_breaches(found)))


async def _preview(request: Request, admitted: Admitted, desk: Desk) -> Response:
    content = await _submissions(desk).preview(admitted.brand.id, await read_body(request, TemplateDraft))
    return as_json(Preview(content, previewing.in_words(content)))


async def _create(request: Request, admitted: Admitted, desk: Desk) -> Response:
    draft = await read_body(request, TemplateDraft)
    return as_json(_taken(await _submissions(desk).create(admitted.brand.id, draft, actor=admitted.actor)), 201)


async def _edit(request: Request, admitted: Admitted, desk: Desk) -> Response:
    edit = await read_body(request, TemplateEdit)
    name, language = request.path_params["name"], request.path_params["language"]
    done = await _submissions(desk).edit(admitted.brand.id, name, language, edit, actor=admitted.actor)
    return as_json(_taken(done))


async def _unpause(request: Request, admitted: Admitted, desk: Desk) -> Response:
    body.decode_optional(await request.body(), body.content_type(request), body.Nothing)
    name, language = request.path_params["name"], request.path_params["language"]
    entry = await _submissions(desk).unpause(admitted.brand.id, name, language, actor=admitted.actor)
    return as_json(Unpaused(show(entry)))


async def _delete(request: Request, admitted: Admitted, desk: Desk) -> Response:
    name, language = request.path_params["name"], request.path_params.get("language")
    gone = await _submissions(desk).delete(admitted.brand.id, name, language, actor=admitted.actor)
    return as_json(Deleted(name, sorted(gone)))


async def _sync(request: Request, admitted: Admitted, desk: Desk) -> Response:
    await body.read_optional(request, body.Nothing)
    try:
        return as_json(synced(await desk.sync.on_demand(admitted.brand.id, actor=admitted.actor)))
    except Outcome as outcome:
        raise refusing.explain(outcome) from None


def _submissions(desk: Desk) -> Submissions:
    return Submissions(desk.db, desk.keyring, desk.lines)


def _taken(done: Submitted) -> Taken:
    return Taken(show(done.entry), done.asked_category, _breaches(done.warnings))


def _breaches(found: list[Finding] | tuple[Finding, ...]) -> list[Breach]:
    return [Breach(one.pointer, one.rule, one.detail, one.blocks) for one in found]


OF_META = (
    "no_active_connection",
    "whatsapp_error",
    "whatsapp_rate_limited",
    "whatsapp_connection_unauthorized",
    "upstream_unavailable",
)
ENDPOINTS = (
    Managed(
        id="manage_list_templates",
        method="GET",
        path="/templates",
        summary="List the names of templates, each with all its languages.",
        handler=_list,
        query=NamesQuery,
        response=Names,
    ),
    Managed(
        id="manage_get_template",
        method="GET",
        path="/templates/{name}",
        summary="Get a template in all its languages.",
        handler=_get,
        response=NamedTemplates,
        errors=("template_not_found",),
    ),
    Managed(
        id="list_template_presets",
        method="GET",
        path="/template-presets",
        summary="List templates that are ready to be submitted.",
        handler=_presets,
        response=Presets,
    ),
    Managed(
        id="check_template",
        method="POST",
        path="/templates/lint",
        summary="Check a template against Meta's rules, without asking Meta.",
        handler=_check,
        request=TemplateDraft,
        response=Checked,
    ),
    Managed(
        id="preview_template",
        method="POST",
        path="/templates/preview",
        summary="Show what people will see of a template.",
        handler=_preview,
        request=TemplateDraft,
        response=Preview,
        errors=("template_rules", *OF_META),
    ),
    Managed(
        id="manage_sync_templates",
        method="POST",
        path="/templates/sync",
        summary="Fetch the templates from Meta now, and tell what changed.",
        handler=_sync,
        request=body.Nothing,
        response=Synced,
        errors=("rate_limited", *OF_META),
    ),
    Managed(
        id="create_template",
        method="POST",
        path="/templates",
        summary="Submit a template for Meta's review.",
        handler=_create,
        request=TemplateDraft,
        response=Taken,
        errors=("template_rules", "template_conflict", *OF_META),
    ),
    Managed(
        id="edit_template",
        method="PATCH",
        path="/templates/{name}/{language}",
        summary="Change a template; Meta reviews it again.",
        handler=_edit,
        request=TemplateEdit,
        response=Taken,
        errors=("template_rules", "template_not_found", "template_conflict", *OF_META),
    ),
    Managed(
        id="unpause_template",
        method="POST",
        path="/templates/{name}/{language}/unpause",
        summary="End the pause of a template that Meta paused for its pace.",
        handler=_unpause,
        request=body.Nothing,
        response=Unpaused,
        errors=("template_not_found", "template_conflict", *OF_META),
    ),
    Managed(
        id="delete_template",
        method="DELETE",
        path="/templates/{name}",
        summary="Delete a template in all its languages.",
        handler=_delete,
        response=Deleted,
        errors=("template_not_found", "template_conflict", *OF_META),
    ),
    Managed(
        id="delete_template_language",
        method="DELETE",
        path="/templates/{name}/{language}",
        summary="Delete a template in one language.",
        handler=_delete,
        response=Deleted,
        errors=("template_not_found", "template_conflict", *OF_META),
    ),
)
