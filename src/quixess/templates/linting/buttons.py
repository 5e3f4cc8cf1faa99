"""Buttons of all but one-time codes: how many, in which order, and what each needs."""

import re
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Any

from quixess.templates.linting.rules import Findings
from quixess.templates.linting.variables import VARIABLE

_MOST = 10
_LABEL = 25
_LONGEST_URL = 2000
_URL = re.compile(r"https?://[^\s/?#]+\S*", re.IGNORECASE)
_FILLED = re.compile(r"(?:(?!\{\{)\S)+")  # Meta's own examples are a value in some, an address in others
_PHONE = re.compile(r"(?=.{2,20}\Z)\+?[0-9][0-9 ().-]*")
_COUPON = re.compile(r"[A-Za-z0-9]{1,20}")
# How many of a type there may be; those with None are bounded by the ten alone.
_AT_MOST: dict[str, int | None] = {
    "QUICK_REPLY": None,
    "URL": 2,
    "PHONE_NUMBER": 1,
    "COPY_CODE": 1,
    "FLOW": 1,
    "CATALOG": 1,
    "MPM": 1,
    "VOICE_CALL": 1,
    "REQUEST_CONTACT_INFO": 1,
}
# Meta has words of its own for these.
_LABELLED_BY_META = {"COPY_CODE", "REQUEST_CONTACT_INFO"}
_FLOW = ("flow_id", "flow_name", "flow_json")


def check_buttons(part: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    """Check a BUTTONS component."""
    shown, place = part.get("buttons"), f"{pointer}/buttons"
    if not isinstance(shown, list) or not all(isinstance(one, dict) for one in shown):
        return findings.add(place, "component_fields", "`buttons` must be a list of objects.")
    findings.hold(1 <= len(shown) <= _MOST, place, "buttons_number")
    kinds = [str(one.get("type")).upper() for one in shown]
    for index, (kind, button) in enumerate(zip(kinds, shown, strict=True)):
        most = _AT_MOST.get(kind)
        if most is not None and kinds[: index + 1].count(kind) > most:
            findings.add(f"{place}/{index}", "button_number")
        check_button(kind, button, f"{place}/{index}", findings)
    runs = [replies for replies, _ in groupby(kind == "QUICK_REPLY" for kind in kinds)]
    return findings.hold(runs.count(True) <= 1 and len(runs) <= 2, place, "buttons_order")


def check_label(button: Mapping[str, Any], pointer: str, findings: Findings, *, required: bool) -> None:
    """Check what is written on a button."""
    label = button.get("text")
    if label is None and not required:
        return
    fits = isinstance(label, str) and label.strip() and len(label) <= _LABEL and "{{" not in label
    findings.hold(fits, f"{pointer}/text", "button_label")


def listed(part: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Give the buttons of a BUTTONS component that are objects; none of what is no list."""
    found = part.get("buttons")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def only(example: Any) -> str | None:
    """Read the example of a button, which Meta takes as a text and as a list with one."""
    if isinstance(example, list) and len(example) == 1:
        example = example[0]
    return example if isinstance(example, str) and example else None


def check_button(kind: str, button: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    """Check what a button needs. `kind` is its type in capitals."""
    if kind == "OTP":
        return findings.add(f"{pointer}/type", "code_button", "OTP buttons stand in AUTHENTICATION templates only.")
    if kind not in _AT_MOST:
        return findings.add(f"{pointer}/type", "button_known")
    check_label(button, pointer, findings, required=kind not in _LABELLED_BY_META)
    if kind in _NEEDS:
        _NEEDS[kind](button, pointer, findings)
    return None


def _check_phone(button: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    number = button.get("phone_number")
    findings.hold(isinstance(number, str) and _PHONE.fullmatch(number), f"{pointer}/phone_number", "phone_form")


def _check_coupon(button: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    code = only(button.get("example"))
    if code is None:
        return findings.add(f"{pointer}/example", "example_required")
    return findings.hold(_COUPON.fullmatch(code), f"{pointer}/example", "coupon_form")


def _check_flow(button: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    named = sum(bool(button.get(one)) for one in _FLOW)
    fix = "A FLOW button has one of `flow_id`, `flow_name` and `flow_json`."
    findings.hold(named == 1, pointer, "button_fields", fix)


def _check_url(button: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    url, place = button.get("url"), f"{pointer}/url"
    if not isinstance(url, str) or len(url) > _LONGEST_URL or not _URL.fullmatch(VARIABLE.sub("x", url)):
        return findings.add(place, "url_form")
    found = list(VARIABLE.finditer(url))
    if not found:
        return findings.hold("{{" not in url, place, "url_variable")
    if len(found) > 1 or found[0].end() != len(url):
        return findings.add(place, "url_variable")
    if not _URL.fullmatch(url[: found[0].start()]):
        return findings.add(place, "url_form", "The host of a URL is fixed: the variable stands behind it.")
    example = only(button.get("example"))
    if example is None:
        fix = "Give `example`: a list with a value of the variable, or with the whole address."
        return findings.add(f"{pointer}/example", "example_required", fix)
    fix = "The example must be a value of the variable, or the whole address with one: no braces and no spaces."
    return findings.hold(_FILLED.fullmatch(example), f"{pointer}/example", "example_fits", fix)


_NEEDS: dict[str, Callable[[Mapping[str, Any], str, Findings], None]] = {
    "URL": _check_url,
    "PHONE_NUMBER": _check_phone,
    "COPY_CODE": _check_coupon,
    "FLOW": _check_flow,
}
