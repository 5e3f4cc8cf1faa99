"""One-time codes: AUTHENTICATION templates, whose words are Meta's."""

import re
from collections.abc import Mapping
from typing import Any

from quixess.templates.linting.buttons import check_label
from quixess.templates.linting.rules import Findings

_PARTS = {"BODY", "FOOTER", "BUTTONS"}
_TYPES = {"COPY_CODE", "ONE_TAP", "ZERO_TAP"}
_AUTOFILL = 25
_MOST_APPS = 5
_PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
_HASH = re.compile(r"[A-Za-z0-9+/=]{11}")


def check_component(kind: str, part: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    """Check one component of a one-time code."""
    if kind not in _PARTS:
        return findings.add(pointer, "code_words_fixed")
    if kind == "BUTTONS":
        return _check_buttons(part, pointer, findings)
    findings.hold(part.get("text") is None, f"{pointer}/text", "code_words_fixed")
    if kind == "BODY":
        warned = part.get("add_security_recommendation", False)
        fix = "`add_security_recommendation` must be true or false."
        return findings.hold(
            isinstance(warned, bool), f"{pointer}/add_security_recommendation", "component_fields", fix
        )
    minutes = part.get("code_expiration_minutes")
    fits = type(minutes) is int and 1 <= minutes <= 90
    return findings.hold(fits, f"{pointer}/code_expiration_minutes", "code_expiration")


def _check_buttons(part: Mapping[str, Any], pointer: str, findings: Findings) -> None:
    listed = part.get("buttons")
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], dict):
        return findings.add(f"{pointer}/buttons", "code_button")
    button, place = listed[0], f"{pointer}/buttons/0"
    if str(button.get("type")).upper() != "OTP":
        return findings.add(f"{place}/type", "code_button")
    otp_type = str(button.get("otp_type")).upper()
    if otp_type not in _TYPES:
        return findings.add(f"{place}/otp_type", "code_button")
    check_label(button, place, findings, required=False)
    if otp_type == "COPY_CODE":
        return None
    autofill = button.get("autofill_text")
    fits = autofill is None or (isinstance(autofill, str) and 0 < len(autofill) <= _AUTOFILL)
    findings.hold(fits, f"{place}/autofill_text", "button_label")
    if otp_type == "ZERO_TAP":
        findings.hold(button.get("zero_tap_terms_accepted") is True, f"{place}/zero_tap_terms_accepted", "code_terms")
    return _check_apps(button.get("supported_apps"), f"{place}/supported_apps", findings)


def _check_apps(apps: Any, pointer: str, findings: Findings) -> None:
    if not isinstance(apps, list) or not 1 <= len(apps) <= _MOST_APPS:
        return findings.add(pointer, "code_apps")
    for index, app in enumerate(apps):
        package, signature = (str(app.get(key)) for key in ("package_name", "signature_hash")) if _is(app) else ("", "")
        findings.hold(_PACKAGE.fullmatch(package), f"{pointer}/{index}/package_name", "code_apps")
        findings.hold(_HASH.fullmatch(signature), f"{pointer}/{index}/signature_hash", "code_apps")
    return None


def _is(app: Any) -> bool:
    return isinstance(app, dict)
