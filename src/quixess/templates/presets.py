"""Presets: templates that are ready to be submitted, for what nearly everybody needs.

Those of one-time codes are Meta's own words, and so come in every language. The others are in English: a draft to be
put into words of one's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quixess.templates.drafts import TemplateDraft

_CODE_S = 600  # a code that comes after it has expired helps nobody
_MINUTES = 10


@dataclass(frozen=True, slots=True)
class App:
    """An Android app that may read a code: its package, and the 11 characters of its signature's hash."""

    package_name: str
    signature_hash: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A draft with a name to find it by. `needs_apps`: it must be told which Android apps may read the code."""

    id: str
    summary: str
    draft: TemplateDraft
    needs_apps: bool = False


_EXAMPLE_APPS = (App("com.example.shop", "K8a/AINcGX7"),)


def _code(otp_type: str, apps: Sequence[App] = ()) -> list[dict[str, Any]]:
    button: dict[str, Any] = {"type": "OTP", "otp_type": otp_type}
    if apps:
        button["supported_apps"] = [
            {"package_name": app.package_name, "signature_hash": app.signature_hash} for app in apps
        ]
    if otp_type == "ZERO_TAP":
        button["zero_tap_terms_accepted"] = True
    return [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": _MINUTES},
        {"type": "BUTTONS", "buttons": [button]},
    ]


def _otp(name: str, otp_type: str, apps: Sequence[App] = ()) -> TemplateDraft:
    return TemplateDraft(name, "en_US", "AUTHENTICATION", _code(otp_type, apps), message_send_ttl_seconds=_CODE_S)


def _text(kind: str, text: str, *examples: str) -> dict[str, Any]:
    part: dict[str, Any] = {"type": kind, "text": text}
    return part | {"example": {"body_text": [list(examples)]}} if examples else part


def _link(label: str, path: str) -> dict[str, Any]:
    url = f"https://shop.example/{path}/"
    return {"type": "URL", "text": label, "url": f"{url}{{{{1}}}}", "example": [f"{url}A-1001"]}


_ORDER = [
    _text("BODY", "Hello {{1}}, your order {{2}} is being prepared. We write again when it leaves.", "Ann", "A-1001"),
    {"type": "BUTTONS", "buttons": [_link("View order", "orders")]},
]
_APPOINTMENT = [
    _text(
        "BODY",
        "Hello {{1}}, we look forward to seeing you on {{2}} at {{3}}. Tell us if you cannot come.",
        "Ann",
        "12 May",
        "10:30",
    ),
    {
        "type": "BUTTONS",
        "buttons": [{"type": "QUICK_REPLY", "text": "I will come"}, {"type": "QUICK_REPLY", "text": "I cannot come"}],
    },
]
_DELIVERY = [
    {"type": "HEADER", "format": "TEXT", "text": "On its way"},
    _text(
        "BODY",
        "Hello {{1}}, your parcel {{2}} left our store today and should reach you on {{3}} before the evening.",
        "Ann",
        "A-1001",
        "14 May",
    ),
    _text("FOOTER", "Answer here if something is wrong."),
    {"type": "BUTTONS", "buttons": [_link("Track parcel", "track")]},
]

PRESETS: Mapping[str, Preset] = {
    one.id: one
    for one in (
        Preset("otp_copy_code", "A one-time code with a button that copies it.", _otp("signup_code", "COPY_CODE")),
        Preset(
            "otp_one_tap",
            "A one-time code that one tap puts into your Android app.",
            _otp("signup_code_one_tap", "ONE_TAP", _EXAMPLE_APPS),
            needs_apps=True,
        ),
        Preset(
            "otp_zero_tap",
            "A one-time code that your Android app gets without a tap; submitting it accepts Meta's terms for this.",
            _otp("signup_code_zero_tap", "ZERO_TAP", _EXAMPLE_APPS),
            needs_apps=True,
        ),
        Preset(
            "order_update", "An order is being prepared.", TemplateDraft("order_update", "en_US", "UTILITY", _ORDER)
        ),
        Preset(
            "appointment",
            "An appointment, with two quick answers.",
            TemplateDraft("appointment_reminder", "en_US", "UTILITY", _APPOINTMENT),
        ),
        Preset("delivery", "A parcel is on its way.", TemplateDraft("delivery_update", "en_US", "UTILITY", _DELIVERY)),
    )
}
"""Every preset by its id."""


def adapt(preset: Preset, *, name: str | None, language: str | None, apps: Sequence[App] = ()) -> TemplateDraft:
    """Make a preset one's own: another name, another language, and the apps that may read the code."""
    draft = preset.draft
    components = draft.components
    if apps and preset.needs_apps:
        components = _code(str(components[-1]["buttons"][0]["otp_type"]), apps)
    return TemplateDraft(
        name or draft.name,
        language or draft.language,
        draft.category,
        components,
        message_send_ttl_seconds=draft.message_send_ttl_seconds,
    )
