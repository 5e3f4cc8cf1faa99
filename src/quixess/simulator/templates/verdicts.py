"""What Meta decides of a template, and how it tells: status, quality, category, components.

Meta writes the language with a hyphen (`en-US`) in these webhooks, and with an underscore where it tells components;
the id is a JSON number.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from quixess.simulator import levers, templates
from quixess.simulator.model import Category, Json, RejectedReason, Settings, Template, TemplateStatus

STATUS_FIELD = "message_template_status_update"
QUALITY_FIELD = "message_template_quality_update"
CATEGORY_FIELD = "template_category_update"
COMPONENTS_FIELD = "message_template_components_update"
Score = Literal["GREEN", "YELLOW", "RED", "UNKNOWN"]
_Warning = Literal["FLAGGED", "LOCKED", "REINSTATED", "UNARCHIVED"]
_Decision = Literal["APPROVED", "REJECTED", "PENDING", "PAUSED", "DISABLED", "IN_APPEAL", "LIMIT_EXCEEDED"]
_End = Literal["PENDING_DELETION", "DELETED", "ARCHIVED"]
_BECOMES = {"REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED"}
_LEAVES = {"FLAGGED", "LOCKED"}
_WITHOUT_REASON = {"DISABLED", "PENDING_DELETION", "DELETED"}
_TITLES = {"PAUSED": "FIRST_PAUSE", "DISABLED": "DISABLED", "LOCKED": "LOCKED"}
_PAUSES_S = {"FIRST_PAUSE": 3 * 3600, "SECOND_PAUSE": 6 * 3600}
_DAY_S = 24 * 3600
_Line = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Verdict(msgspec.Struct, forbid_unknown_fields=True):
    """One decision: exactly one of `event`, `quality`, `category` (`impending`: announced for later), `components`."""

    waba_id: str | None = None
    language: str = "en_US"
    event: _Warning | _Decision | _End | None = None
    reason: RejectedReason | Literal["NONE"] | None = None
    title: _Line | None = None
    description: _Line | None = None
    quality: Score | None = None
    category: Category | None = None
    impending: bool = False
    components: list[Json] | None = None


def pass_on(template: Template, verdict: Verdict, at: float) -> tuple[str, Json]:
    """Change the template and return the field and value that tell; `at` in Unix seconds. Raises MistakeError."""
    given = [one for one in (verdict.event, verdict.quality, verdict.category, verdict.components) if one is not None]
    if len(given) != 1:
        raise levers.MistakeError("give exactly one of event, quality, category or components")
    if verdict.event is not None:
        return STATUS_FIELD, _rule(template, verdict, verdict.event, at)
    if verdict.quality is not None:
        return QUALITY_FIELD, _rate(template, verdict.quality, at)
    if verdict.category is not None:
        return CATEGORY_FIELD, _reclassify(template, verdict.category, at, impending=verdict.impending)
    return COMPONENTS_FIELD, _rewrite(template, verdict.components or [])


def status(template: Template, at: float, event: str | None = None, verdict: Verdict | None = None) -> Json:
    """`value` of a template's status; `event` is Meta's word, by default the status itself."""
    word, more = event or template.status.value, verdict or Verdict()
    told: Json = {"event": word} | _named(template, "-")
    told["reason"] = None if word in _WITHOUT_REASON else template.rejected_reason
    told["message_template_category"] = template.category.value
    if word == "REJECTED" and template.rejected_reason == "INVALID_FORMAT":
        told["rejection_info"] = {
            "reason": more.description or "The template has an invalid format.",
            "recommendation": "Check the variables and the examples, then submit the template again.",
        }
    if word == "DISABLED":
        told["disable_info"] = {"disable_date": _date(at)}
    title = more.title or _TITLES.get(word)
    if title is not None:
        told["other_info"] = {"title": title, "description": more.description or f"The template is {word.lower()}."}
    return told


def decide(template: Template, settings: Settings) -> bool:
    """End a review as the settings say; False if someone decided otherwise meanwhile."""
    pending = template.status is TemplateStatus.PENDING
    if pending:
        template.status = TemplateStatus.REJECTED if settings.review_rejects else TemplateStatus.APPROVED
        template.rejected_reason = settings.review_rejects or "NONE"
    return pending


def unpause(template: Template, at: float) -> tuple[str, Json]:
    """End a pause."""
    return STATUS_FIELD, _rule(template, Verdict(title="UNPAUSE", description="The pause is over."), "APPROVED", at)


def recategorise(template: Template, at: float) -> tuple[str, Json]:
    """Make the change of category that was announced."""
    return CATEGORY_FIELD, _reclassify(template, template.correct_category or template.category, at, impending=False)


def _rule(template: Template, verdict: Verdict, event: str, at: float) -> Json:
    if event == "PAUSED":
        event = _pause(template, verdict, at)
    elif event not in _LEAVES:
        template.paused_until = None
    if event not in _LEAVES:
        template.status = TemplateStatus(_BECOMES.get(event, event))
    template.rejected_reason = verdict.reason or ("INVALID_FORMAT" if event == "REJECTED" else "NONE")
    return status(template, at, event, verdict)


def _pause(template: Template, verdict: Verdict, at: float) -> str:
    """Pause for three hours, then for six; the third time the template is disabled (Meta's page "Template pausing")."""
    steps = list(_PAUSES_S)
    if verdict.title is None and template.pauses >= len(steps):
        template.paused_until = None
        return "DISABLED"
    verdict.title = verdict.title or steps[template.pauses]
    if verdict.title in steps:
        template.pauses = steps.index(verdict.title) + 1
    lasts_s = _PAUSES_S.get(verdict.title)
    template.paused_until = None if lasts_s is None else at + lasts_s
    return "PAUSED"


def _rate(template: Template, score: str, at: float) -> Json:
    before, template.quality, template.quality_at = template.quality, score, int(at)
    return {"previous_quality_score": before, "new_quality_score": score} | _named(template, "-")


def _reclassify(template: Template, category: Category, at: float, *, impending: bool) -> Json:
    """Announce or make the change. An announcement names the present category as the new one, as Meta does."""
    before, named = template.category, _named(template, "-")
    if impending:
        template.correct_category = category
        due = int(at) + _DAY_S
        template.category_due = due
        return named | {"new_category": before, "correct_category": category, "category_update_timestamp": due}
    template.category, template.correct_category, template.category_due = category, None, None
    template.previous_category = before
    return named | {"previous_category": before, "new_category": category}


def _rewrite(template: Template, components: list[Json]) -> Json:
    template.components = templates.component_list(components)
    told = _named(template, "_")
    for key, kind in (("title", "HEADER"), ("element", "BODY"), ("footer", "FOOTER")):
        text = templates.component(template, kind).get("text")
        if text is not None:
            told[f"message_template_{key}"] = text
    buttons = templates.component(template, "BUTTONS").get("buttons")
    if buttons:
        told["message_template_buttons"] = [_button(one) for one in buttons]
    return told


def _button(button: Json) -> Json:
    kept = ("type", "text", "url", "phone_number")
    return {f"message_template_button_{key}": button[key] for key in kept if key in button}


def _named(template: Template, joint: str) -> Json:
    return {
        "message_template_id": int(template.id),
        "message_template_name": template.name,
        "message_template_language": template.language.replace("_", joint),
    }


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
