"""Drafts: templates as somebody wants to have them, before Meta has seen them."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from quixess.errors import FieldError, QuixessError

_MOST = 32
Components = Annotated[
    list[dict[str, Any]],
    Meta(max_length=_MOST, description="Header, body, footer and buttons, as Meta writes them, with examples."),
]
Category = Annotated[str, Meta(max_length=40, description="AUTHENTICATION, MARKETING or UTILITY.")]
Lifetime = Annotated[
    int | None,
    Meta(description="For how many seconds Meta tries to deliver; -1 is 30 days. Meta's own choice when left out."),
]


class TemplateDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A template in one language that is to be submitted."""

    name: Annotated[str, Meta(max_length=1000, description="Its name: a-z, 0-9 and _, at most 512.")]
    language: Annotated[str, Meta(max_length=40, description="One of Meta's codes, such as en_US.")]
    category: Category
    components: Components
    parameter_format: Annotated[
        str, Meta(max_length=40, description="POSITIONAL ({{1}}) or NAMED ({{first_name}}).")
    ] = "POSITIONAL"
    message_send_ttl_seconds: Lifetime = None

    def as_meta(self) -> dict[str, Any]:
        """Give the body of Meta's `POST /{WABA}/message_templates`."""
        body: dict[str, Any] = {
            "name": self.name,
            "language": self.language,
            "category": self.category.upper(),
            "components": self.components,
        }
        if self.parameter_format.upper() != "POSITIONAL":
            body["parameter_format"] = self.parameter_format.upper()
        if self.message_send_ttl_seconds is not None:
            body["message_send_ttl_seconds"] = self.message_send_ttl_seconds
        return body


class TemplateEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to change in a template; name and language never do. `components` replace all that it had."""

    components: Components | None = None
    category: Category | None = None
    message_send_ttl_seconds: Lifetime = None

    def as_meta(self) -> dict[str, Any]:
        """Give the body of Meta's `POST /{TEMPLATE_ID}`."""
        asked = {
            "components": self.components,
            "category": None if self.category is None else self.category.upper(),
            "message_send_ttl_seconds": self.message_send_ttl_seconds,
        }
        return {name: value for name, value in asked.items() if value is not None}


def part(draft: TemplateDraft, kind: str) -> dict[str, Any]:
    """Give the first HEADER, BODY, FOOTER or BUTTONS of a draft, or an empty object."""
    return next((one for one in draft.components if str(one.get("type")).upper() == kind), {})


def show(draft: TemplateDraft, shown: str, handle: str) -> TemplateDraft:
    """Give a draft whose header shows a file: `shown` is IMAGE, VIDEO or DOCUMENT, `handle` Meta's of an example.

    A draft without a header gets one. Raises `template_rules` when it has one that shows something else.
    """
    header = {"type": "HEADER", "format": shown, "example": {"header_handle": [handle]}}
    places = [index for index, one in enumerate(draft.components) if str(one.get("type")).upper() == "HEADER"]
    if not places:
        return msgspec.structs.replace(draft, components=[header, *draft.components])
    at = places[0]
    asked = str(draft.components[at].get("format")).upper()
    if asked != shown:
        fix = f"The file is shown by a header with the format {shown}: change the header, or give another file."
        place = FieldError(f"/components/{at}/format", "header_format", fix)
        raise QuixessError("template_rules", fix, errors=(place,))
    return msgspec.structs.replace(draft, components=[*draft.components[:at], header, *draft.components[at + 1 :]])
