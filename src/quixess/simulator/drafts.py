"""Reads the body of `POST /{PNID}/messages` as strictly as Meta does, and no stricter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quixess.simulator import errors, numbers
from quixess.simulator.model import Json

_LONGEST_TEXT = 4096
_LONGEST_CAPTION = 1024
_LONGEST_OPAQUE = 512
Owner = Callable[[str], str | None]
MEDIA = {"image", "audio", "video", "document", "sticker"}
TYPES = MEDIA | {"text", "template", "location", "contacts", "reaction", "interactive"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A send that may be accepted: `to` and `user_id` (Meta's `recipient`) as they were given, one of them at least.

    `phone` is Meta's `wa_id` of the recipient, `content` stands under its type's key.
    """

    to: str | None
    user_id: str | None
    phone: str
    type: str
    content: Any
    opaque: str | None


@dataclass(frozen=True, slots=True)
class TemplateCall:
    """Which template, in which language, with which components."""

    name: str
    language: str
    components: list[Json]


def recipient(body: Json, owner: Owner) -> str:
    """Return the phone of `to`, or of the user id in `recipient`; raises GraphError 100 or 131009."""
    if body.get("messaging_product") != "whatsapp":
        raise errors.parameter("The parameter messaging_product is required.")
    to = body.get("to")
    if to is None and body.get("recipient"):
        return _phone_of(body["recipient"], owner)
    if not isinstance(to, str) or not to.strip():
        raise errors.parameter("The parameter to is required.")
    try:
        return numbers.wa_id(to)
    except ValueError:
        raise errors.coded(131009, "Recipient phone number is not valid") from None


def read(body: Json, owner: Owner) -> Draft:
    """Check the whole send as far as one can without knowing templates; raises GraphError."""
    phone = recipient(body, owner)
    kind = body.get("type", "text")
    if kind not in TYPES:
        raise errors.parameter(f"Param type must be one of {{{', '.join(sorted(TYPES)).upper()}}}")
    content = body.get(kind)
    if not isinstance(content, list if kind == "contacts" else dict):
        raise errors.parameter(f"The parameter {kind} is required.")
    _check(kind, content)
    return Draft(
        to=body.get("to"),
        user_id=body.get("recipient"),
        phone=phone,
        type=kind,
        content=content,
        opaque=_opaque(body),
    )


def template_call(content: Json) -> TemplateCall:
    """Read the `template` object; raises GraphError 100 or 131008."""
    name, language = content.get("name"), content.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    if not isinstance(name, str) or not name:
        raise errors.coded(131008, "template: name is required")
    if not isinstance(code, str) or not code:
        raise errors.coded(131008, "template: language code is required")
    components = content.get("components", [])
    if not isinstance(components, list) or not all(isinstance(part, dict) for part in components):
        raise errors.parameter("Param template['components'] must be an array.")
    return TemplateCall(name=name, language=code, components=components)


def shown(draft: Draft) -> str:
    """Return the words of a free-form bubble; what has no words is named in brackets."""
    content = draft.content
    match draft.type:
        case "text":
            return str(content["body"])
        case "reaction":
            return str(content.get("emoji", ""))
        case "interactive":
            return str(content["body"]["text"])
        case _:
            caption = content.get("caption", "") if isinstance(content, dict) else ""
            return f"[{draft.type}] {caption}".strip()


def _phone_of(user_id: Any, owner: Owner) -> str:
    phone = owner(str(user_id))
    if phone is None:
        raise errors.coded(131009, "recipient is not the user id of a customer of this business")
    return phone


def _check(kind: str, content: Any) -> None:
    match kind:
        case "text":
            _check_text(content)
        case "location":
            _require(content, "location", "latitude", "longitude")
        case "reaction":
            _require(content, "reaction", "message_id")
        case "contacts" if not content:
            raise errors.parameter("The parameter contacts is required.")
        case "interactive":
            _check_interactive(content)
        case _ if kind in MEDIA:
            _check_media(kind, content)


def _check_text(content: Json) -> None:
    body = content.get("body")
    if not isinstance(body, str) or not body.strip():
        raise errors.parameter("The parameter text['body'] is required.")
    if len(body) > _LONGEST_TEXT:
        raise errors.parameter(f"Param text['body'] must be at most {_LONGEST_TEXT} characters long.")


def _check_media(kind: str, content: Json) -> None:
    if bool(content.get("id")) == bool(content.get("link")):
        raise errors.parameter(f"Param {kind} must have either an id or a link.")
    if len(str(content.get("caption", ""))) > _LONGEST_CAPTION:
        raise errors.parameter(f"Param {kind}['caption'] must be at most {_LONGEST_CAPTION} characters long.")


def _check_interactive(content: Json) -> None:
    body = content.get("body")
    _require(content, "interactive", "type", "action")
    if not isinstance(body, dict) or not isinstance(body.get("text"), str):
        raise errors.coded(131008, "interactive: body is required")


def _require(content: Json, kind: str, *keys: str) -> None:
    for key in keys:
        if content.get(key) in (None, "", {}):
            raise errors.coded(131008, f"{kind}: {key} is required")


def _opaque(body: Json) -> str | None:
    opaque = body.get("biz_opaque_callback_data")
    if opaque is not None and (not isinstance(opaque, str) or len(opaque) > _LONGEST_OPAQUE):
        limit = f"at most {_LONGEST_OPAQUE} characters long"
        raise errors.parameter(f"Param biz_opaque_callback_data must be {limit}.")
    return opaque
