"""What Meta checks in the texts of a new template before anybody reviews it: lengths, variables, samples.

Meta's page "Error codes" names the subcodes, and recorded answers the words. Carousels and offers pass unread.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from quixess.simulator import errors, templates
from quixess.simulator.model import Category, Json, Sample, Template

TOO_LONG, UNEXPECTED, MISSING = 2388040, 2388042, 2388043
HEADER_FORM, BODY_FORM, FOOTER_FORM = 2388047, 2388072, 2388073
NO_SAMPLE, TOO_MANY_VARIABLES, AT_THE_EDGE = 2388273, 2388293, 2388299
_LONGEST = {"HEADER": 60, "BODY": 1024, "FOOTER": 60, "BUTTONS": 25}
_LONGEST_URL = 2000
_MOST_BUTTONS = 10
_SHOWN = {
    "IMAGE": {"image/jpeg", "image/jpg", "image/png"},
    "VIDEO": {"video/mp4"},
    "DOCUMENT": {"application/pdf"},
}
_VARIABLE = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_NEIGHBOURS = re.compile(r"\}\}\s*\{\{")
_WORD = re.compile(r"\w+")
_EDGES = " \t\r\n.,;:!?¡¿()[]\"'*_~`-–—…"  # a full stop behind a variable does not help
_MARKS = re.compile(r"[\n\r*~`]|(?<!\w)_|_(?!\w)")
_PHONE = re.compile(r"(?=.{2,20}\Z)\+?[0-9][0-9 ().-]*")


def reviewed(template: Template, body: Json, samples: Iterable[Sample]) -> list[Json]:
    """Check the components of a Graph body; return those of the template as Meta lists them.

    In the place of a sample's handle Meta lists an address at its own CDN, which leads nowhere here. Raises GraphError
    100 with a subcode.
    """
    parts = templates.plain(templates.component_list(body.get("components")))
    if template.category is Category.AUTHENTICATION:
        _check_code(parts)
        return template.components
    kinds = [part["type"] for part in parts]
    if "BODY" not in kinds:
        raise _missing("BODY", "text")
    for part in parts:
        _check(part, named=template.parameter_format == "NAMED", samples=samples)
    return [_with_address(part, samples) for part in template.components]


def _check(part: Json, *, named: bool, samples: Iterable[Sample]) -> None:
    match part["type"]:
        case "HEADER" if str(part.get("format", "TEXT")).upper() == "TEXT":
            _check_title(part, named=named)
        case "HEADER":
            _check_file(part, samples)
        case "BODY":
            _check_body(part, named=named)
        case "FOOTER":
            text = _text(part)
            if "{{" in text or _MARKS.search(text):
                raise errors.unfit(FOOTER_FORM, "Variables, paragraphs and formatting are not supported in the footer.")
        case "BUTTONS":
            _check_buttons(part.get("buttons"))


def _check_code(parts: list[Json]) -> None:
    """Check a one-time code, whose words are Meta's own."""
    for part in parts:
        if part["type"] in {"BODY", "FOOTER"} and "text" in part:
            text = f"component of type {part['type']} has unexpected field(s) (text)"
            raise errors.unfit(UNEXPECTED, text)
        minutes = part.get("code_expiration_minutes")
        if minutes is not None and not (type(minutes) is int and 1 <= minutes <= 90):
            raise errors.parameter("Param code_expiration_minutes must be between 1 and 90.")


def _check_title(part: Json, *, named: bool) -> None:
    names = _names(_text(part), HEADER_FORM, named=named)
    if len(names) > 1:
        raise errors.unfit(HEADER_FORM, "The header can't include more than one variable parameter.")
    if _MARKS.search(_VARIABLE.sub("", part["text"])):
        raise errors.unfit(HEADER_FORM, "Paragraphs and special characters (*, _, ~, ```) are not supported.")
    _check_examples(part, "header_text", names, named=named)


def _check_body(part: Json, *, named: bool) -> None:
    text = _text(part)
    names = _names(text, BODY_FORM, named=named)
    bare = text.strip(_EDGES)
    if any(found.start() == 0 or found.end() == len(bare) for found in _VARIABLE.finditer(bare)):
        raise errors.unfit(AT_THE_EDGE, "Variables can't be at the start or end of the template.")
    if _NEIGHBOURS.search(text):
        raise errors.unfit(BODY_FORM, "Variables must be separated by text.")
    # How many words are enough is not documented; recorded refusals fit three for each variable, and one more.
    if names and len(_WORD.findall(_VARIABLE.sub(" ", text))) <= 3 * len(names):
        raise errors.unfit(
            TOO_MANY_VARIABLES,
            "This template has too many variables for its length. Reduce the number of variables or increase the "
            "message length.",
        )
    _check_examples(part, "body_text", names, named=named)


def _check_file(part: Json, samples: Iterable[Sample]) -> None:
    """Check the sample of a header that shows a file; a place needs none."""
    shown = str(part["format"]).upper()
    if shown == "LOCATION":
        return
    if shown not in _SHOWN:
        raise errors.parameter("Param format must be one of {TEXT, IMAGE, VIDEO, DOCUMENT, LOCATION}.")
    handle = _handle(part)
    known = next((one for one in samples if one.handle is not None and one.handle == handle), None)
    if known is None:
        text = f"Templates with {shown} header type need an example/sample, but it was not provided."
        raise errors.unfit(NO_SAMPLE, text)
    if known.mime_type not in _SHOWN[shown]:
        raise errors.unfit(HEADER_FORM, f"The sample of a header of type {shown} is of another type.")


def _check_buttons(buttons: Any) -> None:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= _MOST_BUTTONS:
        raise errors.parameter(f"Param buttons must have 1 to {_MOST_BUTTONS} elements.")
    for place, button in enumerate(buttons):
        if len(str(button.get("text", ""))) > _LONGEST["BUTTONS"]:
            raise _too_long("BUTTONS")
        _check_button(button, place)
    runs = [replies for replies, _ in groupby(button["type"] == "QUICK_REPLY" for button in buttons)]
    if len(runs) > 2:
        raise errors.parameter("Param buttons: quick replies must stand together.")


def _check_button(button: Json, place: int) -> None:
    url = str(button.get("url", ""))
    if len(url) > _LONGEST_URL:
        raise _too_long("BUTTONS")
    if (button["type"] == "COPY_CODE" or _VARIABLE.search(url)) and not button.get("example"):
        raise _missing("BUTTONS", "example")
    if button["type"] == "PHONE_NUMBER" and not _PHONE.fullmatch(str(button.get("phone_number", ""))):
        text = f"(#192) Param buttons[{place}]['phone_number'] is not a valid phone number."
        raise errors.GraphError(400, 192, text)


def _text(part: Json) -> str:
    text, kind = part.get("text"), part["type"]
    if not isinstance(text, str) or not text.strip():
        raise _missing(kind, "text")
    if len(text) > _LONGEST[kind]:
        raise _too_long(kind)
    return text


def _names(text: str, subcode: int, *, named: bool) -> list[str]:
    """Return the variables of a text: numbers from 1 on, or names in lower case."""
    names = templates.variables(text)
    rest = _VARIABLE.sub("", text)
    if named:
        sound = all(_NAME.fullmatch(name) for name in names)
        form = "lowercase characters, underscores and numbers with two sets of curly brackets"
    else:
        sound = sorted(names) == sorted(str(n + 1) for n in range(len(names)))
        form = "whole numbers with two sets of curly brackets"
    if not sound or "{{" in rest or "}}" in rest:
        text = "This template contains variable parameters with incorrect formatting. Variable parameters must be "
        raise errors.unfit(subcode, f"{text}{form}.")
    return names


def _check_examples(part: Json, key: str, names: list[str], *, named: bool) -> None:
    """Check that there is an example for each variable."""
    example = part.get("example")
    listed = example.get(f"{key}_named_params" if named else key) if isinstance(example, dict) else None
    if key == "body_text" and not named and isinstance(listed, list) and listed:
        listed = listed[0] if isinstance(listed[0], list) else listed
    if names and not (isinstance(listed, list) and len(listed) == len(names)):
        raise _missing(part["type"], "example")


def _handle(part: Json) -> str | None:
    example = part.get("example")
    handles = example.get("header_handle") if isinstance(example, dict) else None
    return handles[0] if isinstance(handles, list) and handles and isinstance(handles[0], str) else None


def _with_address(part: Json, samples: Iterable[Sample]) -> Json:
    known = next((one for one in samples if one.handle is not None and one.handle == _handle(part)), None)
    if known is None:
        return part
    address = f"https://scontent.whatsapp.net/v/t61.29466-34/{known.id.partition('?')[0].removeprefix('upload:')}"
    return part | {"example": {"header_handle": [address]}}


def _missing(kind: str, field: str) -> errors.GraphError:
    return errors.unfit(MISSING, f"component of type {kind} is missing expected field(s) ({field})")


def _too_long(kind: str) -> errors.GraphError:
    return errors.unfit(TOO_LONG, f"Your {kind.lower()} exceeds the maximum number of characters.")
