"""Templates: how they are made, what Meta turns a one-time-code preset into, how a listing shows them."""

import re
from collections.abc import Iterable
from typing import Any

from quixess.simulator import errors, mint, model
from quixess.simulator.draws import Draws
from quixess.simulator.model import Category, Json, Template, TemplateStatus

_NAME = re.compile(r"[a-z0-9_]{1,512}")
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_PRESET_TEXTS = {
    "en": (
        "*{{1}}* is your verification code.",
        " For your security, do not share this code.",
        "This code expires in %d minutes.",
        "Copy code",
    ),
    "es": (
        "Tu código de verificación es *{{1}}*.",
        " Por tu seguridad, no lo compartas.",
        "Este código caduca en %d minutos.",
        "Copiar código",
    ),
}
_OTP_URL = "https://www.whatsapp.com/otp/code/?otp_type=%s&code=otp"
PRESET: list[Json] = [
    {"type": "BODY", "add_security_recommendation": True},
    {"type": "FOOTER", "code_expiration_minutes": 10},
    {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
]
_ORDER_UPDATE: list[Json] = [
    {
        "type": "BODY",
        "text": "Hello {{1}}, your order {{2}} is on its way.",
        "example": {"body_text": [["Ann", "A-1001"]]},
    }
]


def seeds(waba_id: str, ids: Iterable[str]) -> list[Template]:
    """Make the two templates of a new WABA, both approved: `signup_otp` and `order_update`, in en_US."""
    otp, order = ids
    made = [
        _approved(otp, "signup_otp", Category.AUTHENTICATION, preset("en_US", PRESET)),
        _approved(order, "order_update", Category.UTILITY, _ORDER_UPDATE),
    ]
    for one in made:
        one.waba_id = waba_id
    return made


def create(body: Json, waba_id: str, template_id: str) -> Template:
    """Make a template from the body of `POST /{WABA}/message_templates`; raises GraphError 100.

    An authentication preset is approved at once, anything else starts PENDING.
    """
    name, language = body.get("name"), body.get("language")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise errors.parameter("Param name must match ^[a-z0-9_]{1,512}$.")
    if not isinstance(language, str) or not language:
        raise errors.parameter("The parameter language is required.")
    category = _category(body.get("category"))
    components = component_list(body.get("components"))
    secret = category is Category.AUTHENTICATION
    return Template(
        id=template_id,
        waba_id=waba_id,
        name=name,
        language=language,
        category=category,
        status=TemplateStatus.APPROVED if secret else TemplateStatus.PENDING,
        components=preset(language, components) if secret else plain(components),
        parameter_format=str(body.get("parameter_format", "POSITIONAL")).upper(),
        message_send_ttl_seconds=_ttl(body.get("message_send_ttl_seconds")),
    )


def preset(language: str, components: list[Json]) -> list[Json]:
    """Turn an authentication preset into what Meta makes of it: its own fixed words, and a URL button.

    A list that already has those words (a BODY with `text`) is kept as it is.
    """
    parts = {str(part.get("type", "")).upper(): part for part in components}
    if "BODY" not in parts or "text" in parts["BODY"]:
        return plain(components)
    code_is, warning, expires, label = _PRESET_TEXTS.get(language.partition("_")[0], _PRESET_TEXTS["en"])
    warned = bool(parts["BODY"].get("add_security_recommendation"))
    body = {"type": "BODY", "text": code_is + (warning if warned else "")}
    made: list[Json] = [body | {"example": {"body_text": [["123456"]]}}]
    minutes = parts.get("FOOTER", {}).get("code_expiration_minutes")
    if isinstance(minutes, int):
        made.append({"type": "FOOTER", "text": expires % minutes})
    made.append({"type": "BUTTONS", "buttons": [_otp_button(parts.get("BUTTONS", {}), label)]})
    return made


def component_list(value: Any) -> list[Json]:
    """`value` as a list of objects; raises GraphError 100."""
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise errors.parameter("Param components must be an array.")
    return value


def plain(components: list[Json]) -> list[Json]:
    """Types in upper case on output, whatever was sent (Meta takes any case)."""
    return [part | {"type": str(part.get("type", "")).upper()} | _upper_buttons(part) for part in components]


def component(template: Template, kind: str) -> Json:
    """Return the HEADER, BODY, FOOTER or BUTTONS of a template, or an empty object."""
    return next((part for part in template.components if part.get("type") == kind), {})


def variables(text: str) -> list[str]:
    """Return the names in `{{…}}`, in order, each once."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def fill(text: str, values: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values[found.group(1)], text)


def listed(template: Template) -> Json:
    """One row of `GET /{WABA}/message_templates`."""
    row: Json = {
        "name": template.name,
        "parameter_format": template.parameter_format,
        "components": template.components,
        "language": template.language,
        "status": template.status.value,
        "category": template.category.value,
        "rejected_reason": template.rejected_reason,
        "quality_score": {"score": template.quality, "date": template.quality_at},
        "id": template.id,
    }
    if template.correct_category is not None:
        row["correct_category"] = template.correct_category.value
    if template.previous_category is not None:
        row["previous_category"] = template.previous_category.value
    if template.message_send_ttl_seconds is not None:
        row["message_send_ttl_seconds"] = template.message_send_ttl_seconds
    return row


def fresh_id(draws: Draws) -> str:
    """Draw a template's id. Above 2^50, so that a reader with small numbers is found out."""
    return mint.digits(draws.source("template"), 16)


def _approved(template_id: str, name: str, category: Category, components: list[Json]) -> Template:
    return Template(
        id=template_id,
        name=name,
        language="en_US",
        category=category,
        status=TemplateStatus.APPROVED,
        components=components,
    )


def _category(value: Any) -> Category:
    try:
        return Category(str(value).upper())
    except ValueError:
        known = ", ".join(Category)
        raise errors.parameter(f"Param category must be one of {{{known}}}.") from None


def _ttl(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _upper_buttons(part: Json) -> model.Json:
    buttons = part.get("buttons")
    if not isinstance(buttons, list):
        return {}
    if not all(isinstance(button, dict) for button in buttons):
        raise errors.parameter("Param buttons must be an array of objects.")
    return {"buttons": [button | {"type": str(button.get("type", "")).upper()} for button in buttons]}


def _otp_button(buttons: Json, label: str) -> Json:
    asked = next(iter(buttons.get("buttons") or [{}]))
    url = _OTP_URL % str(asked.get("otp_type", "COPY_CODE")).upper()
    return {
        "type": "URL",
        "text": asked.get("text") or label,
        "url": url + "{{1}}",
        "example": [url + "123456"],
    }
