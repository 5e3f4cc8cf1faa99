"""Header, body and footer of all but one-time codes."""

import re
from collections.abc import Mapping
from typing import Any

from quixess.templates.linting import variables
from quixess.templates.linting.rules import Findings

_HEADER = _FOOTER = 60
_BODY = 1024
_FILES = {"IMAGE", "VIDEO", "DOCUMENT"}
_MARKS = re.compile(r"[\n\r*~`]|(?<!\w)_|_(?!\w)")
_LIKE_A_CODE = re.compile(
    r"\b(one[- ]time (code|password|passcode)|otp|verification code|security code|passcode)\b", re.IGNORECASE
)


def check_header(header: Mapping[str, Any], pointer: str, findings: Findings, *, named: bool) -> None:
    """Check a header: a line of text, or a file with a handle as example, or a place."""
    shown = str(header.get("format") or "").upper()
    if shown in _FILES:
        example = header.get("example")
        handles = example.get("header_handle") if isinstance(example, Mapping) else None
        given = isinstance(handles, list) and handles and all(isinstance(one, str) and one for one in handles)
        fix = "Give `example.header_handle`: a list with the handle that `quixess template sample FILE` gets from Meta."
        return findings.hold(given, f"{pointer}/example", "example_required", fix)
    if shown == "LOCATION":
        return None
    if shown != "TEXT":
        return findings.add(f"{pointer}/format", "header_format")
    text, place = header.get("text"), f"{pointer}/text"
    if not isinstance(text, str) or not text.strip():
        return findings.add(place, "text_required")
    findings.hold(len(text) <= _HEADER, place, "header_length")
    names = variables.check_form(text, place, findings, named=named)
    findings.hold(len(names) <= 1, place, "header_variables")
    findings.hold(not _MARKS.search(variables.VARIABLE.sub("", text)), place, "header_plain")
    return variables.check_examples(header, "header_text", names, pointer, findings, named=named)


def check_body(
    body: Mapping[str, Any],
    pointer: str,
    findings: Findings,
    *,
    named: bool,
    longest: int = _BODY,
    rule: str = "body_length",
) -> None:
    """Check a body: its length (`rule` says that it is `longest`), its variables, and that it is no one-time code."""
    text, place = body.get("text"), f"{pointer}/text"
    if not isinstance(text, str) or not text.strip():
        return findings.add(place, "text_required")
    findings.hold(len(text) <= longest, place, rule)
    names = variables.check_form(text, place, findings, named=named)
    variables.check_places(text, names, place, findings)
    variables.check_examples(body, "body_text", names, pointer, findings, named=named)
    return findings.hold(not (names and _LIKE_A_CODE.search(text)), place, "code_category")


def check_footer(footer: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    """Check a footer: a short line without variables."""
    text, place = footer.get("text"), f"{pointer}/text"
    if not isinstance(text, str) or not text.strip():
        return findings.add(place, "text_required")
    findings.hold(len(text) <= _FOOTER, place, "footer_length")
    return findings.hold("{{" not in text, place, "footer_variables")
