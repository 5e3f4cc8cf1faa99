"""Values: what may stand in a slot, by its kind. Limits are Meta's; each fault is told by name."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from quixess.database import ids
from quixess.templates.slots import Findings, Slot

LONGEST_BODY = 1024
LONGEST_HEADER = 60
LONGEST_URL = 2000
LONGEST_PAYLOAD = 128
_LONGEST_LINK = 2048
_LONGEST_FILENAME = 240

# Meta: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces".
_UGLY = re.compile(r"[\n\r\t\v\f\x85\u2028\u2029]| {5}")
_COUPON = re.compile(r"[0-9A-Za-z]{1,20}")
_CODE = re.compile(r"[0-9A-Za-z]{4,15}")
_LINK = re.compile(r"https?://[!-~]+")
_META_ID = re.compile(r"[0-9]{1,32}")
_FILENAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,240}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DEGREES = {"latitude": 90.0, "longitude": 180.0}


def judge(slot: Slot, findings: Findings) -> None:
    """Say what is wrong with a value, if anything is."""
    judges = _JUDGES.get(slot.kind)
    if judges is not None:
        judges(slot, findings)


def judge_code(slot: Slot, findings: Findings) -> None:
    """Say what is wrong with a one-time code, if anything is."""
    if not isinstance(slot.value, str) or not _CODE.fullmatch(slot.value):
        findings.blame(
            slot.pointer, "pattern", "In an AUTHENTICATION template this must be 4 to 15 letters and digits."
        )


def in_words(slot: Slot) -> str:
    """Give a text, an amount or a time as it is shown; empty for what has no words."""
    value = slot.value.get("fallback_value") if isinstance(slot.value, Mapping) else slot.value
    return value if isinstance(value, str) else ""


def _text(slot: Slot, findings: Findings) -> None:
    _judge_text(slot.value, slot.pointer, findings)


def _judge_text(value: Any, pointer: str, findings: Findings) -> None:
    name = pointer.rpartition("/")[2]
    if not isinstance(value, str):
        findings.blame(pointer, "wrong_type", f"`{name}` must be a string.")
    elif not value.strip():
        findings.blame(pointer, "too_short", f"`{name}` is empty: Meta takes no blank parameter.")
    elif _UGLY.search(value):
        findings.blame(pointer, "pattern", f"`{name}` may have no line break, no tab and at most 4 spaces in a row.")


def _currency(slot: Slot, findings: Findings) -> None:
    if not _is_object(slot, {"fallback_value", "code", "amount_1000"}, findings):
        return
    code, amount = slot.value.get("code"), slot.value.get("amount_1000")
    _judge_text(slot.value.get("fallback_value"), f"{slot.pointer}/fallback_value", findings)
    if not isinstance(code, str) or not _CURRENCY.fullmatch(code):
        findings.blame(f"{slot.pointer}/code", "pattern", "`code` must be a currency in ISO 4217, such as USD.")
    if type(amount) is not int:
        findings.blame(f"{slot.pointer}/amount_1000", "wrong_type", "`amount_1000` must be an integer.")


def _date_time(slot: Slot, findings: Findings) -> None:
    if _is_object(slot, {"fallback_value"}, findings):
        _judge_text(slot.value.get("fallback_value"), f"{slot.pointer}/fallback_value", findings)


def _media(slot: Slot, findings: Findings) -> None:
    named = {"filename"} if slot.kind == "document" else set[str]()
    if not _is_object(slot, {"id", "link"} | named, findings):
        return
    file, link, filename = (slot.value.get(name) for name in ("id", "link", "filename"))
    if (file is None) is (link is None):
        findings.blame(slot.pointer, "required", f"`{slot.kind}` needs either `id` or `link`.")
    if file is not None and not _is_file(file):
        findings.blame(f"{slot.pointer}/id", "pattern", "`id` must be a `med_…` of POST /media, or Meta's digits.")
    if link is not None and not (isinstance(link, str) and len(link) <= _LONGEST_LINK and _LINK.fullmatch(link)):
        findings.blame(f"{slot.pointer}/link", "pattern", f"`link` must be http or https, at most {_LONGEST_LINK}.")
    if filename is not None and not (isinstance(filename, str) and _FILENAME.fullmatch(filename)):
        detail = f"`filename` takes up to {_LONGEST_FILENAME} characters: no slashes, no control characters."
        findings.blame(f"{slot.pointer}/filename", "pattern", detail)


def _is_file(file: Any) -> bool:
    return isinstance(file, str) and (ids.parse("med", file) is not None or bool(_META_ID.fullmatch(file)))


def _location(slot: Slot, findings: Findings) -> None:
    if not _is_object(slot, {"latitude", "longitude", "name", "address"}, findings):
        return
    for name, most in _DEGREES.items():
        degrees = _number(slot.value.get(name))
        if degrees is None or not -most <= degrees <= most:
            findings.blame(
                f"{slot.pointer}/{name}", "out_of_range", f"`{name}` must lie between -{most:g} and {most:g}."
            )
    for name in ("name", "address"):
        if not isinstance(slot.value.get(name, ""), str):
            findings.blame(f"{slot.pointer}/{name}", "wrong_type", f"`{name}` must be a string.")


def _number(value: Any) -> float | None:
    """Read degrees. Meta's examples write them as numbers and as texts."""
    if type(value) in {int, float}:
        return float(value)
    return float(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,3}(\.[0-9]{1,20})?", value) else None


def _payload(slot: Slot, findings: Findings) -> None:
    if not isinstance(slot.value, str) or not 1 <= len(slot.value) <= LONGEST_PAYLOAD:
        findings.blame(slot.pointer, "too_long", f"`payload` takes 1 to {LONGEST_PAYLOAD} characters.")


def _coupon_code(slot: Slot, findings: Findings) -> None:
    if not isinstance(slot.value, str) or not _COUPON.fullmatch(slot.value):
        findings.blame(slot.pointer, "pattern", "`coupon_code` must be 1 to 20 letters and digits.")


def _flow_token(slot: Slot, findings: Findings) -> None:
    if not isinstance(slot.value, str) or not slot.value:
        findings.blame(slot.pointer, "wrong_type", "`flow_token` must be a string that is not empty.")


def _flow_data(slot: Slot, findings: Findings) -> None:
    if not isinstance(slot.value, dict):
        findings.blame(slot.pointer, "wrong_type", "`flow_data` must be an object.")


def _is_object(slot: Slot, members: set[str], findings: Findings) -> bool:
    if not isinstance(slot.value, dict):
        detail = f"A parameter of type {slot.kind} needs the object `{slot.kind}`, and no other."
        findings.blame(slot.pointer, "wrong_type", detail)
        return False
    if slot.value.keys() - members:
        known = ", ".join(sorted(members))
        findings.blame(
            slot.pointer, "unknown_field", f"`{slot.kind}` has a member that has no place: it takes {known}."
        )
    return True


_JUDGES: dict[str, Callable[[Slot, Findings], None]] = {
    "text": _text,
    "url_suffix": _text,
    "currency": _currency,
    "date_time": _date_time,
    "image": _media,
    "video": _media,
    "document": _media,
    "location": _location,
    "payload": _payload,
    "coupon_code": _coupon_code,
    "flow_token": _flow_token,
    "flow_data": _flow_data,
}
