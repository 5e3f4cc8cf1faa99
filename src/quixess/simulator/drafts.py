"""Reads the body of `POST /{PNID}/messages` as strictly as Meta does, and no stricter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quixess.simulator import errors, freeform, numbers
from quixess.simulator.model import Json

_LONGEST_OPAQUE = 512
Owner = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A send that may be accepted: `to` and `user_id` (Meta's `recipient`) as they were given, one of them at least.

    `phone` is Meta's `wa_id` of the recipient, `content` stands under its type's key, `quoted` is a wamid.
    """

    to: str | None
    user_id: str | None
    phone: str
    type: str
    content: Any
    opaque: str | None
    quoted: str | None = None


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
    if kind not in freeform.TYPES:
        raise errors.parameter(f"Param type must be one of {{{', '.join(sorted(freeform.TYPES)).upper()}}}")
    content = body.get(kind)
    if not isinstance(content, list if kind == "contacts" else dict):
        raise errors.parameter(f"The parameter {kind} is required.")
    freeform.check(kind, content)
    return Draft(
        to=body.get("to"),
        user_id=body.get("recipient"),
        phone=phone,
        type=kind,
        content=content,
        opaque=_opaque(body),
        quoted=_quoted(kind, body.get("context")),
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


def _phone_of(user_id: Any, owner: Owner) -> str:
    phone = owner(str(user_id))
    if phone is None:
        raise errors.coded(131009, "recipient is not the user id of a customer of this business")
    return phone


def _quoted(kind: str, context: Any) -> str | None:
    """Read the wamid of the message that is quoted."""
    if context is None:
        return None
    wamid = context.get("message_id") if isinstance(context, dict) else None
    if not isinstance(wamid, str) or not wamid:
        raise errors.coded(131008, "context: message_id is required")
    if kind == "reaction":
        raise errors.coded(131009, "context: a reaction quotes no message")
    return wamid


def _opaque(body: Json) -> str | None:
    opaque = body.get("biz_opaque_callback_data")
    if opaque is not None and (not isinstance(opaque, str) or len(opaque) > _LONGEST_OPAQUE):
        limit = f"at most {_LONGEST_OPAQUE} characters long"
        raise errors.parameter(f"Param biz_opaque_callback_data must be {limit}.")
    return opaque
