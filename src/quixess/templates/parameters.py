"""Parameters: what a sender must fill in a template, read from the components that Meta listed.

A part that only Meta's own JSON can fill (a carousel, a list of products) is named in `raw`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from quixess.templates.cache import Template

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
MEDIA = ("image", "video", "document")

# Meta's type of a button → what fills it, and whether it must be filled.
_FILLED_BY = {"QUICK_REPLY": ("payload", False), "COPY_CODE": ("coupon_code", True), "FLOW": ("flow_token", False)}
_TAKES_NOTHING = {"URL", "PHONE_NUMBER", "VOICE_CALL", "REQUEST_CONTACT_INFO", "APP", "CATALOG"}
_OTP_BUTTONS = {"URL", "OTP", "COPY_CODE"}
_WHOLE = {"HEADER", "BODY", "FOOTER", "BUTTONS", "CALL_PERMISSION_REQUEST", "TAP_TARGET_CONFIGURATION"}

Name = Annotated[str, Meta(description="The name to fill it by; `1`, `2`, … in a template with numbers.")]
Example = Annotated[str | None, Meta(description="The example that Meta approved, if there is one.")]
Required = Annotated[bool, Meta(description="Whether a send without it is refused.")]


class Parameter(msgspec.Struct, frozen=True):
    """Something to fill in header or body."""

    name: Name
    type: Annotated[str, Meta(description="`text`, or what the header shows: image, video, document, location.")]
    required: Required = True
    example: Example = None


class ButtonParameter(msgspec.Struct, frozen=True):
    """Something to fill in a button."""

    index: Annotated[int, Meta(ge=0, description="Which button of the template, from 0.")]
    type: Annotated[str, Meta(description="`url`, `quick_reply`, `copy_code`, `flow`, or `otp`.")]
    name: Annotated[str, Meta(description="The member that fills it, such as `url_suffix`.")]
    required: Required
    text: Annotated[str | None, Meta(description="The button's label.")] = None
    example: Example = None


class Parameters(msgspec.Struct, frozen=True):
    """What a sender must fill. `raw` are parts that `variables` cannot fill: send `components` for those."""

    header: Annotated[list[Parameter], Meta(description="What the header takes.")]
    body: Annotated[list[Parameter], Meta(description="What the body takes, in the order of the text or by number.")]
    buttons: Annotated[list[ButtonParameter], Meta(description="What the buttons take.")]
    raw: Annotated[
        list[str], Meta(description="Parts that only `components` can fill: `carousel`, `limited_time_offer`, …")
    ]

    def expected(self) -> dict[str, list[Any]]:
        """Give the names of everything that must be filled, for the answer to somebody who did not."""
        return {
            "header": [one.name for one in self.header],
            "body": [one.name for one in self.body],
            "buttons": [one.index for one in self.buttons if one.required],
            "raw": self.raw,
        }


def describe(template: Template) -> Parameters:
    """Tell what a sender of this template must fill. Never fails: what makes no sense has nothing to fill."""
    header, body = component(template, "HEADER"), component(template, "BODY")
    return Parameters(
        header=_header(header),
        body=_texts(_body_text(template, body), body, "body_text"),
        buttons=[found for index, one in enumerate(buttons(template)) for found in _button(template, index, one)],
        raw=list(_raw(template, header)),
    )


def component(template: Template, kind: str) -> Mapping[str, Any]:
    """Give the HEADER, BODY, FOOTER or BUTTONS of a template, or an empty object."""
    return next((part for part in template.components if str(part.get("type")).upper() == kind), {})


def buttons(template: Template) -> list[dict[str, Any]]:
    """Give the buttons of a template in their order."""
    return [one for one in _list(component(template, "BUTTONS").get("buttons")) if isinstance(one, dict)]


def header_format(header: Mapping[str, Any]) -> str:
    """Tell what a HEADER shows: text, image, video, document, location, or something newer; empty without one."""
    return str(header.get("format") or "TEXT").lower() if header else ""


def variables(text: str) -> list[str]:
    """Give the names in `{{…}}`, each once: numbers in their order, other names as they stand."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(text)))
    return sorted(names, key=int) if all(name.isdecimal() for name in names) else names


def is_otp(template: Template, index: int) -> bool:
    """Tell whether a button carries the one-time code of the body."""
    listed = buttons(template)
    return (
        template.category == "AUTHENTICATION"
        and index < len(listed)
        and str(listed[index].get("type")).upper() in _OTP_BUTTONS
    )


def _header(header: Mapping[str, Any]) -> list[Parameter]:
    shown = header_format(header)
    if shown == "text":
        return _texts(_text(header.get("text")), header, "header_text")
    return [Parameter(shown, shown)] if shown in (*MEDIA, "location") else []


def _body_text(template: Template, body: Mapping[str, Any]) -> str:
    """Give the body's text. Meta may list a one-time-code preset without the words that it has."""
    return _text(body.get("text")) or ("{{1}}" if template.category == "AUTHENTICATION" else "")


def _texts(text: str, part: Mapping[str, Any], key: str) -> list[Parameter]:
    examples = _examples(part, key)
    return [Parameter(name, "text", example=examples.get(name)) for name in variables(text)]


def _examples(part: Mapping[str, Any], key: str) -> dict[str, str]:
    """Read Meta's examples by name: `header_text` is a list, `body_text` one in another, named ones are objects."""
    example = part.get("example")
    if not isinstance(example, dict):
        return {}
    named = [one for one in _list(example.get(f"{key}_named_params")) if isinstance(one, dict)]
    if named:
        return {str(one.get("param_name")): str(one.get("example")) for one in named}
    listed = _list(example.get(key))
    flat = listed[0] if listed and isinstance(listed[0], list) else listed
    return {str(number): str(one) for number, one in enumerate(flat, start=1)}


def _button(template: Template, index: int, button: Mapping[str, Any]) -> Iterator[ButtonParameter]:
    kind, label = str(button.get("type")).upper(), _text(button.get("text")) or None
    if is_otp(template, index):
        yield ButtonParameter(index, "otp", "url_suffix", required=False, text=label)
        return
    url = _text(button.get("url"))
    found = PLACEHOLDER.search(url) if kind == "URL" else None
    if found:
        example = _first(button.get("example"))
        shown = None if example is None else _suffix(example, url[: found.start()])
        yield ButtonParameter(index, "url", "url_suffix", required=True, text=label, example=shown)
    elif kind in _FILLED_BY:
        name, required = _FILLED_BY[kind]
        example = _first(button.get("example")) if kind == "COPY_CODE" else None
        yield ButtonParameter(index, kind.lower(), name, required=required, text=label, example=example)
        if kind == "FLOW":
            yield ButtonParameter(index, "flow", "flow_data", required=False, text=label)


def _raw(template: Template, header: Mapping[str, Any]) -> Iterator[str]:
    if header_format(header) not in ("", "text", "location", *MEDIA):
        yield "header"
    for part in template.components:
        kind = str(part.get("type")).upper()
        if kind == "LIMITED_TIME_OFFER":
            if _needs_expiry(part):
                yield "limited_time_offer"
        elif kind not in _WHOLE:
            yield kind.lower()
    for index, button in enumerate(buttons(template)):
        if str(button.get("type")).upper() not in _TAKES_NOTHING | _OTP_BUTTONS | _FILLED_BY.keys():
            yield f"buttons.{index}"


def _needs_expiry(part: Mapping[str, Any]) -> bool:
    offer = part.get("limited_time_offer")
    return isinstance(offer, dict) and bool(offer.get("has_expiration"))


def _suffix(example: str, start: str) -> str | None:
    """Read the value in an example, which Meta takes alone, in its address, and in another address as well."""
    if example.startswith(start):
        return example.removeprefix(start)
    return None if example.lower().startswith(("https://", "http://")) else example


def _first(example: Any) -> str | None:
    first: Sequence[Any] = _list(example) or [example]
    return first[0] if isinstance(first[0], str) else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
