"""Templates as the cache holds them, made of a few words."""

from typing import Any
from uuid import UUID

from quixess.templates import Template

ADDRESS = "https://shop.example/orders/{{1}}"
OTP_ADDRESS = "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}"


def template(
    body: str = "Hello.",
    *more: dict[str, Any],
    header: dict[str, Any] | None = None,
    buttons: list[dict[str, Any]] | None = None,
    category: str = "UTILITY",
    named: bool = False,
    example: dict[str, Any] | None = None,
) -> Template:
    """Make a template of a body text, and a header, buttons and other parts as Meta lists them."""
    parts: list[dict[str, Any]] = [{"type": "BODY", "text": body} | ({"example": example} if example else {})]
    if header is not None:
        parts.insert(0, {"type": "HEADER"} | header)
    if buttons is not None:
        parts.append({"type": "BUTTONS", "buttons": buttons})
    return Template(
        id=UUID(int=7),
        name="order_update",
        language="en_US",
        category=category,
        status="APPROVED",
        rejected_reason=None,
        components=[*parts, *more],
        parameter_format="NAMED" if named else "POSITIONAL",
    )


def otp() -> Template:
    """Make a template for one-time codes, as Meta lists it."""
    return template(
        "*{{1}}* is your verification code.",
        category="AUTHENTICATION",
        buttons=[{"type": "URL", "text": "Copy code", "url": OTP_ADDRESS}],
    )


def text(value: Any, name: str | None = None) -> dict[str, Any]:
    """One text parameter of Meta's."""
    return {"type": "text", "text": value} | ({"parameter_name": name} if name else {})


def body(*values: Any) -> dict[str, Any]:
    """Meta's component of a body, filled in order."""
    return {"type": "body", "parameters": [text(value) for value in values]}


def button(sub_type: str, index: Any, *parameters: dict[str, Any]) -> dict[str, Any]:
    """Meta's component of a button."""
    return {"type": "button", "sub_type": sub_type, "index": index, "parameters": list(parameters)}
