"""Checks the parameters of a template send as Meta does, and makes the bubble that the phone shows."""

import re
from dataclasses import dataclass, field

from quixess.simulator import errors, templates
from quixess.simulator.model import Button, Category, Json, Template, TemplateStatus

_UNSENDABLE = {TemplateStatus.PAUSED: 132015, TemplateStatus.DISABLED: 132016}
_UGLY = re.compile(r"[\n\t]| {5,}")
_LONGEST_CODE = 15
_LONGEST_BODY = 1024
_LONGEST_HEADER_VALUE = 60
_LONGEST_URL = 2000
_LONGEST_PAYLOAD = 128
_LINK = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_COUPON = re.compile(r"[A-Za-z0-9]{1,20}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MEDIA_HEADERS = {"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"}
# A button of the template → the sub_type and the type of the parameter that it is sent with.
_SENT_AS = {
    "URL": ("url", "text"),
    "OTP": ("url", "text"),
    "QUICK_REPLY": ("quick_reply", "payload"),
    "COPY_CODE": ("copy_code", "coupon_code"),
    "FLOW": ("flow", "action"),
    "CATALOG": ("catalog", "action"),
    "MPM": ("mpm", "action"),
}
_LABEL = "text"  # Meta's own example fills a quick reply so, beside the documented payload
_TAKES_NOTHING = {"PHONE_NUMBER", "VOICE_CALL", "REQUEST_CONTACT_INFO"}


@dataclass(frozen=True, slots=True)
class Bubble:
    """What a phone shows. `code` is the one-time code, if the template carries one."""

    text: str
    header: str | None = None
    footer: str | None = None
    buttons: list[Button] = field(default_factory=list)
    code: str | None = None


def sendable(template: Template | None, name: str, language: str) -> Template:
    """Return the template, if Meta would send it; raises GraphError 132001, 132015 or 132016."""
    if template is not None and template.status is TemplateStatus.APPROVED:
        return template
    code = _UNSENDABLE.get(template.status, 132001) if template is not None else 132001
    details = f"template name ({name}) does not exist in {language}" if code == 132001 else ""
    raise errors.coded(code, details)


def render(template: Template, components: list[Json]) -> Bubble:
    """Return the bubble; raises GraphError 132000, 132005, 132012, 132018, 131008 or 131009."""
    parts = {str(part.get("type", "")).lower(): _parameters(part) for part in components}
    header = _header(template, parts.get("header", []))
    body = _fill(template, "body", templates.component(template, "BODY").get("text", ""), parts.get("body", []))
    if len(body) > _LONGEST_BODY:
        raise errors.coded(132005, f"body: text is longer than {_LONGEST_BODY} characters")
    return Bubble(
        text=body,
        header=header,
        footer=templates.component(template, "FOOTER").get("text"),
        buttons=_buttons(template, components),
        code=_code(template, parts.get("body", [])),
    )


def _header(template: Template, given: list[Json]) -> str | None:
    header = templates.component(template, "HEADER")
    wanted = str(header.get("format", "TEXT")).upper()
    if wanted not in _MEDIA_HEADERS:
        return _fill(template, "header", header.get("text", ""), given) or None
    received = str(given[0].get("type", "unknown")).upper() if given else "UNKNOWN"
    if received != wanted:
        raise errors.coded(132012, f"header: Format mismatch, expected {wanted}, received {received}")
    _check_shown(wanted.lower(), given[0].get(wanted.lower()))
    return f"[{wanted.lower()}]"


def _check_shown(kind: str, content: object) -> None:
    if not isinstance(content, dict):
        raise errors.coded(131008, f"header: {kind} is required")
    if kind == "location":
        for name in ("latitude", "longitude"):
            if content.get(name) in (None, ""):
                raise errors.coded(131008, f"header: {name} is required")
    elif bool(content.get("id")) is bool(content.get("link")):
        raise errors.coded(131008, f"header: {kind} must have either an id or a link")
    elif content.get("link") and not _LINK.fullmatch(str(content["link"])):
        raise errors.parameter(f"Param template['components']: the link of {kind} is not a valid URI.")


def _fill(template: Template, place: str, text: str, given: list[Json]) -> str:
    names = templates.variables(text)
    if all(name.isdigit() for name in names):
        names.sort(key=int)
    if len(given) != len(names):
        counts = f"({len(given)}) does not match the expected number of params ({len(names)})"
        raise errors.coded(132000, f"{place}: number of localizable_params {counts}")
    if template.parameter_format == "NAMED":
        given_names = [str(one.get("parameter_name", "")) for one in given]
        if set(given_names) != set(names):
            raise errors.coded(132012, f"{place}: parameter names do not match the template's")
        names = given_names
    values = [_value(one, place) for one in given]
    if place == "header" and any(len(value) > _LONGEST_HEADER_VALUE for value in values):
        raise errors.coded(132005, f"header: a parameter is longer than {_LONGEST_HEADER_VALUE} characters")
    return templates.fill(text, dict(zip(names, values, strict=True)))


def _value(parameter: Json, place: str) -> str:
    kind = str(parameter.get("type", "text"))
    content = parameter.get(kind)
    value = content.get("fallback_value") if isinstance(content, dict) else content
    if not isinstance(value, str) or not value.strip():
        raise errors.coded(131008, f"{place}: a parameter of type {kind} has no value")
    if kind == "currency" and not _is_money(content):
        raise errors.coded(131008, f"{place}: currency needs code and amount_1000")
    if _UGLY.search(value):
        raise errors.coded(132018, "Param text cannot have new-line/tab characters or more than 4 spaces in a row")
    return value


def _is_money(content: object) -> bool:
    amount = content.get("amount_1000") if isinstance(content, dict) else None
    return (
        isinstance(content, dict) and _CURRENCY.fullmatch(str(content.get("code"))) is not None and type(amount) is int
    )


def _code(template: Template, given: list[Json]) -> str | None:
    if template.category is not Category.AUTHENTICATION or not given:
        return None
    code = _value(given[0], "body")
    if len(code) > _LONGEST_CODE:
        raise errors.coded(131009, f"body: the one-time password is longer than {_LONGEST_CODE} characters")
    return code


def _buttons(template: Template, components: list[Json]) -> list[Button]:
    wanted: list[Json] = templates.component(template, "BUTTONS").get("buttons", [])
    given = {str(part.get("index", "0")): part for part in components if _is_button(part)}
    if any(not (index.isdigit() and int(index) < len(wanted)) for index in given):
        raise errors.coded(131009, "buttons: a button index is outside the template's buttons")
    return [_button(template, index, button, given.get(str(index))) for index, button in enumerate(wanted)]


def _button(template: Template, index: int, button: Json, part: Json | None) -> Button:
    kind, label, url = str(button.get("type", "")), str(button.get("text", "")), button.get("url")
    given = [] if part is None else _button_parameters(kind, index, part)
    variables = templates.variables(url) if isinstance(url, str) else []
    needed = kind == "COPY_CODE" or bool(variables)
    if needed and not given:
        shown = kind.title().replace("_", "")
        raise errors.coded(131008, f"buttons: Button at index {index} of type {shown} requires a parameter")
    if given and kind == "URL" and not variables:
        raise errors.coded(132018, f"buttons: Button at index {index} of type Url does not require parameters")
    if template.category is Category.AUTHENTICATION:
        return Button(type="copy_code", text=label)
    if needed and isinstance(url, str):
        url = templates.fill(url, dict.fromkeys(variables, _value(given[0], "buttons")))
        if len(url) > _LONGEST_URL:
            raise errors.coded(131009, f"buttons: the url is longer than {_LONGEST_URL} characters")
    return Button(type=kind.lower(), text=label, url=url if isinstance(url, str) else None)


def _button_parameters(kind: str, index: int, part: Json) -> list[Json]:
    """Check the parameters of one button of a send, as far as they do not depend on the template's texts."""
    if kind in _TAKES_NOTHING:
        raise errors.coded(132018, f"buttons: Button at index {index} does not require parameters")
    if kind not in _SENT_AS:
        return _parameters(part)
    sub_type, wanted = _SENT_AS[kind]
    if str(part.get("sub_type", "")).lower() != sub_type:
        raise errors.coded(132012, f"buttons: Button at index {index} must be sent with sub_type {sub_type}")
    given = _parameters(part)
    kinds = {wanted, _LABEL} if kind == "QUICK_REPLY" else {wanted}
    if any(one.get("type") not in kinds for one in given) or len(given) > 1:
        raise errors.coded(132012, f"buttons: Button at index {index} takes one parameter of type {wanted}")
    for one in given:
        if one["type"] == wanted:
            _check_button_value(wanted, one.get(wanted))
    return given


def _check_button_value(kind: str, value: object) -> None:
    if kind == "coupon_code" and not (isinstance(value, str) and _COUPON.fullmatch(value)):
        raise errors.coded(131009, "buttons: a coupon code has 1 to 20 letters and digits")
    if kind == "payload" and not (isinstance(value, str) and 1 <= len(value) <= _LONGEST_PAYLOAD):
        raise errors.coded(131009, f"buttons: a payload has 1 to {_LONGEST_PAYLOAD} characters")
    if kind == "action" and not isinstance(value, dict):
        raise errors.coded(131008, "buttons: action is required")


def _is_button(part: Json) -> bool:
    return str(part.get("type", "")).lower() == "button"


def _parameters(part: Json) -> list[Json]:
    given = part.get("parameters", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise errors.parameter("Param parameters must be an array of objects.")
    return given
