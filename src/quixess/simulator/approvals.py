"""What the owner of a WABA may do with templates, and when Meta says no: create, edit, delete, unpause.

Limits are those of Meta's page "Template management": 30 days for a name that was deleted, one edit of an approved
template in 24 hours and ten in 30 days.
"""

from quixess.simulator import errors, templates
from quixess.simulator.model import Block, Category, Json, Message, Settings, Template, TemplateStatus
from quixess.simulator.templates import wording
from quixess.simulator.world import World

_DAY_S = 24 * 3600
_BLOCKED_FOR_S = 30 * _DAY_S
_EDITS_A_MONTH = 10
FEW_TEMPLATES, MANY_TEMPLATES = 250, 6000
_EDITABLE = {TemplateStatus.APPROVED, TemplateStatus.REJECTED, TemplateStatus.PAUSED}


def create(world: World, waba_id: str, body: Json) -> Template:
    """Take a new template from a Graph body.

    Raises GraphError 100 with subcode 2388019 (too many), 2388023 (deleted lately) or 2388024 (there already), 80007.
    """
    template = templates.create(body, waba_id, templates.fresh_id(world.draws))
    if (waba_id, template.name, template.language) in world.templates:
        raise errors.duplicate_template(template.language)
    _check_block(world, template)
    template.components = wording.reviewed(template, body, world.samples.values())
    world.limits.check_creation(world.settings, waba_id, len(world.shelf(waba_id)), world.now())
    if world.settings.review_category is not None and template.category is not Category.AUTHENTICATION:
        template.category = world.settings.review_category
    world.put_template(template)
    return template


def upsert(world: World, waba_id: str, body: Json) -> list[Template]:
    """Make or change an authentication template in several languages at once; raises GraphError 100."""
    if str(body.get("category", "")).upper() != Category.AUTHENTICATION:
        raise errors.parameter("Param category must be one of {AUTHENTICATION}.")
    languages = body.get("languages")
    if not isinstance(languages, list) or not languages:
        raise errors.parameter("The parameter languages is required.")
    return [_upserted(world, waba_id, body | {"language": language}) for language in languages]


def edit(world: World, template: Template, body: Json) -> None:
    """Change components, category or time to live, and put the template under review again.

    Raises GraphError 100 for what may not be changed now, or not again so soon.
    """
    if template.status not in _EDITABLE:
        raise errors.unchangeable_template(f"A template whose status is {template.status.value} can't be edited.")
    approved = template.status is TemplateStatus.APPROVED
    asked = templates.create(_merged(template, body), template.waba_id, template.id)
    if "components" in body:
        asked.components = wording.reviewed(asked, body, world.samples.values())
    if approved and asked.category is not template.category:
        raise errors.unchangeable_template("The category of an approved template can't be changed.")
    if approved:
        _count_edit(world, template)
    template.components, template.category = asked.components, asked.category
    template.message_send_ttl_seconds = asked.message_send_ttl_seconds
    template.status, template.rejected_reason, template.paused_until = asked.status, "NONE", None
    world.touch()


def remove(world: World, waba_id: str, name: str, template_id: str | None) -> list[Template]:
    """Delete a template of a WABA in every language, or the one with that id; the name stays blocked there for 30 days.

    Raises GraphError 100 for an unknown or a disabled one.
    """
    doomed = [one for one in world.shelf(waba_id) if one.name == name and template_id in (None, one.id)]
    if not doomed:
        raise errors.parameter("Message template not found.")
    if any(one.status is TemplateStatus.DISABLED for one in doomed):
        raise errors.unchangeable_template("A disabled template can't be deleted.")
    until = world.now() + _BLOCKED_FOR_S
    for one in doomed:
        world.blocks.append(Block(one.name, one.language, until, waba_id))
        del world.templates[(waba_id, one.name, one.language)]
        under_way = any(_is_of(sent, one, world) for sent in world.sends() if sent.due)
        one.status = TemplateStatus.PENDING_DELETION if under_way else TemplateStatus.DELETED
        one.paused_until = one.category_due = None
    world.touch()
    return doomed


def told_limit(settings: Settings) -> int:
    """Return how many templates Meta says a WABA may have: 250, or 6000 of a verified business."""
    return FEW_TEMPLATES if 0 < settings.template_limit <= FEW_TEMPLATES else MANY_TEMPLATES


def check_unpause(template: Template) -> None:
    """Raise GraphError 100 unless the template is paused for its rate, not for its quality."""
    if template.status is not TemplateStatus.PAUSED or template.paused_until is not None:
        raise errors.unchangeable_template("Only a template that was paused for its rate can be unpaused.")


def previews(asked: dict[str, str]) -> list[Json]:
    """Show what an authentication preset says in each of `languages`; raises GraphError 100."""
    if asked.get("category", "").upper() != Category.AUTHENTICATION:
        raise errors.parameter("Param category must be one of {AUTHENTICATION}.")
    minutes = asked.get("code_expiration_minutes", "")
    parts: list[Json] = [
        {"type": "BODY", "add_security_recommendation": asked.get("add_security_recommendation") == "true"},
        {"type": "FOOTER", "code_expiration_minutes": int(minutes) if minutes.isdigit() else None},
        {"type": "BUTTONS", "buttons": [{"type": "OTP"}]},
    ]
    languages = [one.strip() for one in asked.get("languages", "en_US").split(",")]
    return [_preview(language, templates.preset(language, parts)) for language in languages]


def _preview(language: str, parts: list[Json]) -> Json:
    shown = {str(part["type"]): part for part in parts}
    label = shown["BUTTONS"]["buttons"][0]["text"]
    told: Json = {"body": shown["BODY"]["text"], "buttons": [{"text": label, "autofill_text": "Autofill"}]}
    if "FOOTER" in shown:
        told["footer"] = shown["FOOTER"]["text"]
    return told | {"language": language}


def _upserted(world: World, waba_id: str, body: Json) -> Template:
    known = world.templates.get((waba_id, str(body.get("name")), str(body["language"])))
    if known is None:
        return create(world, waba_id, body)
    asked = templates.create(body, waba_id, known.id)
    wording.reviewed(asked, body, ())
    known.components, known.message_send_ttl_seconds = asked.components, asked.message_send_ttl_seconds
    world.touch()
    return known


def _check_block(world: World, template: Template) -> None:
    now = world.now()
    world.blocks[:] = [one for one in world.blocks if one.until > now]
    wanted = (template.waba_id, template.name, template.language)
    if any((one.waba_id or world.identity.waba_id, one.name, one.language) == wanted for one in world.blocks):
        raise errors.blocked_template(template.language)


def _is_of(sent: Message, template: Template, world: World) -> bool:
    return sent.template == template.name and world.seen_from(sent.number_id).waba_id == template.waba_id


def _merged(template: Template, body: Json) -> Json:
    """Return the body of a creation that would make the template as it is to be."""
    return {
        "name": template.name,
        "language": template.language,
        "category": body.get("category", template.category.value),
        "components": body.get("components", template.components),
        "parameter_format": template.parameter_format,
        "message_send_ttl_seconds": body.get("message_send_ttl_seconds", template.message_send_ttl_seconds),
    }


def _count_edit(world: World, template: Template) -> None:
    now = world.now()
    template.edits = [at for at in template.edits if at > now - _BLOCKED_FOR_S]
    if any(at > now - _DAY_S for at in template.edits) or len(template.edits) >= _EDITS_A_MONTH:
        raise errors.unchangeable_template("An approved template can be edited once in 24 hours, ten times in 30 days.")
    template.edits.append(now)
