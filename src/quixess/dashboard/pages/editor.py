"""The editor of templates: begun from a preset, seen on a phone and checked while it is typed, submitted to Meta."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.datastructures import UploadFile
from starlette.responses import Response

from quixess.dashboard import drafting, headers
from quixess.dashboard.drafting import Typed
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages import templates
from quixess.dashboard.pages.templates import CATEGORIES, HOME
from quixess.errors import FieldError, QuixessError, invalid
from quixess.media.drafts import Draft
from quixess.media.uploading import Claim
from quixess.people import Permission
from quixess.templates import previewing
from quixess.templates.drafts import TemplateDraft, TemplateEdit
from quixess.templates.linting import LANGUAGES, lint
from quixess.templates.presets import PRESETS

_FORM = "pages/template_form.html"
_BLANK = {"text": "A message of your own", "raw": "Components as JSON"}
_PIECE = 256 * 1024
_OTP_TYPES = (("COPY_CODE", "Copy code"), ("ONE_TAP", "One tap"), ("ZERO_TAP", "Zero tap"))


class Begun(msgspec.Struct):
    """What a new template begins with: a preset, a form (`text`, `raw`), or another template by `name` and `like`."""

    preset: Annotated[str, Meta(max_length=40)] = ""
    name: Annotated[str, Meta(max_length=512)] = ""
    like: Annotated[str, Meta(max_length=40)] = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """What Meta would refuse or doubt: where in the form, and what to do."""

    where: str
    says: str
    blocks: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What a draft comes to: what people would see, None when that cannot be told, and what Meta would object to.

    `says` is why there is nothing to see.
    """

    content: dict[str, Any] | None
    objections: Sequence[Objection]
    says: str = ""


async def show_new(visit: Visit) -> Response:
    """Offer presets, or open the editor with what was chosen."""
    begun = visit.query(Begun)
    if begun.like:
        _, entry = await templates.look_up(visit, begun.name, begun.like)
        return await _show_form(visit, drafting.typed_of(templates.draft_of(entry)) | {"language": ""})
    if begun.preset in PRESETS:
        return await _show_form(visit, drafting.typed_of(PRESETS[begun.preset].draft))
    if begun.preset in _BLANK:
        return await _show_form(visit, {"kind": begun.preset, "language": "en_US", "category": "UTILITY"})
    return visit.render("pages/template_presets.html", presets=PRESETS.values(), blank=_BLANK)


async def show_edit(visit: Visit) -> Response:
    """Open the editor with a template that Meta has."""
    _, entry = await templates.find(visit)
    return await _show_form(visit, drafting.typed_of(templates.draft_of(entry)), entry=entry)


async def preview(visit: Visit) -> Response:
    """Show what was typed so far, and what is wrong with it, for the editor that asks while one types."""
    try:
        typed = await visit.form(Typed)
        seen = await _see(visit, typed, new=not visit.request.query_params.get("edit"))
    except QuixessError as error:
        seen = Seen(None, (), error.detail)
    return visit.fragment("parts/template_preview.html", seen=seen)


async def give_sample(visit: Visit) -> Response:
    """Give Meta's reviewers a file like those that the header will show, and go on with its handle."""
    entry = (await templates.find(visit))[1] if "name" in visit.request.path_params else None
    form = await visit.raw_form()
    try:
        await visit.form(Typed)
        given = await visit.desk.uploads.sample(visit.brand_id, lambda draft: _bring(form.get("header_file"), draft))
    except QuixessError as error:
        return await _show_form(visit, visit.sent, entry=entry, error=_at_file(error))
    finally:
        await form.close()
    fields = dict(visit.sent) | {"header_handle": given.handle, "header_shows": given.format}
    return await _show_form(visit, fields, entry=entry)


async def _bring(file: Any, draft: Draft) -> Claim:
    """Write what was sent as a file into a draft. Raises `invalid_request` when there is none."""
    if not isinstance(file, UploadFile) or not file.filename:
        raise invalid("/file", "required", "Choose a file first.")
    while piece := await file.read(_PIECE):
        await draft.take(piece)
    return Claim(file.content_type, None)


async def submit(visit: Visit) -> Response:
    """Submit a template, a one-time code in each of its languages."""
    typed: Any = None
    draft: TemplateDraft | None = None
    try:
        typed = await visit.form(Typed)
        draft = drafting.draft_of(typed)
        languages = drafting.languages_of(typed) or [""]
        done = await templates.submissions(visit).create(
            visit.brand_id, msgspec.structs.replace(draft, language=languages[0]), actor=visit.actor
        )
    except QuixessError as error:
        return await _show_form(visit, visit.sent, error=_placed(error, draft, typed))
    told = [f"{draft.name} is submitted in {languages[0]}."]
    if done.entry.template.category != done.asked_category:
        told.append(f"Meta made it {done.entry.template.category}.")
    told += [await _submit_also(visit, draft, language) for language in languages[1:]]
    return visit.go(templates.path(done.entry), toast=" ".join(told))


async def edit(visit: Visit) -> Response:
    """Change a template, which Meta reviews again."""
    _, entry = await templates.find(visit)
    typed: Any = None
    draft: TemplateDraft | None = None
    try:
        typed = await visit.form(Typed)
        draft = drafting.draft_of(typed)
        another = draft.category.upper() != entry.template.category
        wish = TemplateEdit(draft.components, draft.category if another else None, draft.message_send_ttl_seconds)
        name, language = entry.template.name, entry.template.language
        await templates.submissions(visit).edit(visit.brand_id, name, language, wish, actor=visit.actor)
    except QuixessError as error:
        return await _show_form(visit, visit.sent, entry=entry, error=_placed(error, draft, typed))
    return visit.go(templates.path(entry), toast=f"{name} is submitted again. Meta reviews it anew.")


async def _submit_also(visit: Visit, draft: TemplateDraft, language: str) -> str:
    """Submit a one-time code in one more language, and say what became of it."""
    also = msgspec.structs.replace(draft, language=language)
    try:
        await templates.submissions(visit).create(visit.brand_id, also, actor=visit.actor)
    except QuixessError as error:
        return f"Not in {language}: {error.detail}"
    return f"Also in {language}."


async def _show_form(
    visit: Visit, fields: Mapping[str, Any], *, entry: Any = None, error: QuixessError | None = None
) -> Response:
    """Show the editor with its fields, what they come to, and what was wrong with them."""
    try:
        typed = Typed(**{name: value for name, value in fields.items() if name not in {"minutes", "ttl"}})
        typed.minutes, typed.ttl = _number(fields.get("minutes")), _number(fields.get("ttl"))
        typed.security = fields.get("security") == "true"
        seen = await _see(visit, typed, new=entry is None)
    except QuixessError as fault:
        seen = Seen(None, (), fault.detail)
    given = {
        "entry": entry,
        "values": fields,
        "seen": seen,
        "categories": [one for one in CATEGORIES if one[0] != "AUTHENTICATION" or fields.get("kind") == "raw"],
        "languages": [("", "Choose a language"), *((one, one) for one in sorted(LANGUAGES))],
        "otp_types": _OTP_TYPES,
        "button_kinds": drafting.BUTTON_KINDS,
        "rows": drafting.BUTTONS,
        "shows": headers.SHOWS,
        "action": f"{HOME}/new" if entry is None else f"{templates.path(entry)}/edit",
        "sampling": f"{HOME if entry is None else templates.path(entry)}/samples",
        "back": HOME if entry is None else templates.path(entry),
    }
    return visit.render(_FORM, **given) if error is None else visit.refuse(_FORM, error, **given)


async def _see(visit: Visit, typed: Any, *, new: bool) -> Seen:
    """Check what was typed and render it. Meta is asked for the words of a one-time code, and may not answer."""
    draft, known = drafting.draft_of(typed), templates.submissions(visit)
    # A template that is edited has its own name and words already.
    found = await known.review(visit.brand_id, draft) if new else lint(draft)
    told = [Objection(*drafting.in_words(one, draft, typed), one.blocks) for one in found]
    blocked = any(one.blocks for one in lint(draft))
    try:
        if not blocked:
            return Seen(await known.preview(visit.brand_id, draft), told)
        if typed.kind == "text":
            return Seen(previewing.preview(draft), told)
    except QuixessError as error:
        return Seen(None, told, error.detail)
    return Seen(None, told, "What people will see is shown once this is mended.")


def _placed(error: QuixessError, draft: TemplateDraft | None, typed: Any) -> QuixessError:
    """Let each fault stand beside the field that brought it about, or above the form."""
    if draft is None or typed is None:
        return templates.above(error)
    return templates.above(QuixessError(error.code, error.detail, errors=tuple(_fields(error.errors, draft, typed))))


def _fields(faults: Iterable[FieldError], draft: TemplateDraft, typed: Any) -> Iterable[FieldError]:
    for fault in faults:
        field = drafting.field_of(fault, draft, typed)
        says = drafting.explain(fault.code, field, fault.detail) if field == "header_file" else fault.detail
        yield FieldError(f"/{field}" if field else "", fault.code, says)


def _at_file(error: QuixessError) -> QuixessError:
    """Let an error about the file, and one about no field, stand beside the file."""
    faults = error.errors or (FieldError("/file", error.code, error.detail),)
    moved = tuple(FieldError("/header_file", one.code, one.detail) if one.pointer == "/file" else one for one in faults)
    return QuixessError(error.code, error.detail, errors=moved)


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.removeprefix("-").isdecimal() and len(text) < 10 else None


_MANAGE = Permission.MANAGE_TEMPLATES
PAGES = (
    Page("GET", f"{HOME}/new", _MANAGE, show_new, title="New template"),
    Page("POST", f"{HOME}/new", _MANAGE, submit, title="New template"),
    Page("POST", f"{HOME}/preview", _MANAGE, preview),
    Page("POST", f"{HOME}/samples", _MANAGE, give_sample, title="New template", takes_file=True),
    Page("GET", HOME + "/{name}/{language}/edit", _MANAGE, show_edit, title="Edit the template"),
    Page("POST", HOME + "/{name}/{language}/edit", _MANAGE, edit, title="Edit the template"),
    Page("POST", HOME + "/{name}/{language}/samples", _MANAGE, give_sample, title="Edit the template", takes_file=True),
)
