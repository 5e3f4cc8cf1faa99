"""Drafts of templates, sound ones, to be spoiled by tests."""

from typing import Any

from quixess.templates.drafts import TemplateDraft
from quixess.templates.linting import lint

TRACK = "https://shop.example/orders/{{1}}"
HEADER: dict[str, Any] = {
    "type": "HEADER",
    "format": "TEXT",
    "text": "For {{1}}",
    "example": {"header_text": ["Ann"]},
}
BODY: dict[str, Any] = {
    "type": "BODY",
    "text": "Hello {{1}}, your order {{2}} left our store a moment ago.",
    "example": {"body_text": [["Ann", "A-1001"]]},
}
FOOTER: dict[str, Any] = {"type": "FOOTER", "text": "Bordercart"}
YES: dict[str, Any] = {"type": "QUICK_REPLY", "text": "Yes"}
LINK: dict[str, Any] = {
    "type": "URL",
    "text": "Track",
    "url": TRACK,
    "example": ["https://shop.example/orders/A-1001"],
}
APP = {"package_name": "com.example.shop", "signature_hash": "K8a/AINcGX7"}


def draft(*components: dict[str, Any], **more: Any) -> TemplateDraft:
    """Make a sound draft; components replace its own."""
    fields: dict[str, Any] = {"name": "order_left", "language": "en_US", "category": "UTILITY"}
    return TemplateDraft(**(fields | {"components": list(components) or [HEADER, BODY, FOOTER]} | more))


def code(otp_type: str = "COPY_CODE", **button: Any) -> TemplateDraft:
    """Make a sound draft of a one-time code."""
    return draft(
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": 10},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": otp_type} | button]},
        category="AUTHENTICATION",
        name="login_code",
    )


def buttons(*listed: dict[str, Any]) -> TemplateDraft:
    return draft(BODY, {"type": "BUTTONS", "buttons": list(listed)})


def broken(one: TemplateDraft) -> list[tuple[str, str]]:
    """Give what is found: rules, and where they are broken."""
    return [(found.rule, found.pointer) for found in lint(one)]
