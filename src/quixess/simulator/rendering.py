"""Checks the parameters of a template send as Meta does, and makes the bubble that the phone shows."""

import re
from dataclasses import dataclass, field

from quixess.simulator import errors, templates
from quixess.simulator.model import Button, Category, Json, Template, TemplateStatus

_UNSENDABLE = {TemplateStatus.PAUSED: 132015, TemplateStatus.DISABLED: 132016}
_UGLY = re.compile(r"[\n\t]| {5,}")
_LONGEST_CODE = 15
_LONGEST_BODY = 1024
_MEDIA_HEADERS = {"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"}


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
    return f"[{wanted.lower()}]"


def _fill(template: Template, place: str, text: str, given: list[Json]) -> str:
    names = templates.variables(text)
    if len(given) != len(names):
        counts = f"({len(given)}) does not match the expected number of params ({len(names)})"
        raise errors.coded(132000, f"{place}: number of localizable_params {counts}")
    if template.parameter_format == "NAMED":
        given_names = [str(one.get("parameter_name", "")) for one in given]
        if set(given_names) != set(names):
            raise errors.coded(132012, f"{place}: parameter names do not match the template's")
        names = given_names
    return templates.fill(text, dict(zip(names, (_value(one, place) for one in given), strict=True)))


def _value(parameter: Json, place: str) -> str:
    kind = str(parameter.get("type", "text"))
    content = parameter.get(kind)
    value = content.get("fallback_value") if isinstance(content, dict) else content
    if not isinstance(value, str) or not value:
        raise errors.coded(131008, f"{place}: a parameter of type {kind} has no value")
    if _UGLY.search(value):
        raise errors.coded(132018, "Param text cannot have new-line/tab characters or more than 4 spaces in a row")
    return value


def _code(template: Template, given: list[Json]) -> str | None:
    if template.category is not Category.AUTHENTICATION or not given:
        return None
    code = _value(given[0], "body")
    if len(code) > _LONGEST_CODE:
        raise errors.coded(131009, f"body: the one-time password is longer than {_LONGEST_CODE} characters")
    return code


def _buttons(template: Template, components: list[Json]) -> list[Button]:
    wanted: list[Json] = templates.component(template, "BUTTONS").get("buttons", [])
    given = {str(part.get("index", "0")): _parameters(part) for part in components if _is_button(part)}
    if any(not (index.isdigit() and int(index) < len(wanted)) for index in given):
        raise errors.coded(131009, "buttons: a button index is outside the template's buttons")
    return [_button(template, index, button, given.get(str(index), [])) for index, button in enumerate(wanted)]


def _button(template: Template, index: int, button: Json, given: list[Json]) -> Button:
    kind, label, url = str(button.get("type", "")), str(button.get("text", "")), button.get("url")
    needed = kind == "COPY_CODE" or (isinstance(url, str) and bool(templates.variables(url)))
    if needed and not given:
        shown = kind.title().replace("_", "")
        raise errors.coded(131008, f"buttons: Button at index {index} of type {shown} requires a parameter")
    if template.category is Category.AUTHENTICATION:
        return Button(type="copy_code", text=label)
    if needed and isinstance(url, str):
        url = templates.fill(url, dict.fromkeys(templates.variables(url), _value(given[0], "buttons")))
    return Button(type=kind.lower(), text=label, url=url if isinstance(url, str) else None)


def _is_button(part: Json) -> bool:
    return str(part.get("type", "")).lower() == "button"


def _parameters(part: Json) -> list[Json]:
    given = part.get("parameters", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise errors.parameter("Param parameters must be an array of objects.")
    return given
