"""Message bodies for `POST /{phone_number_id}/messages`, as JSON bytes ready to send.

`to` is E.164 with the plus: without it Meta may put the business number's country code in front. `opaque`
is `biz_opaque_callback_data`, at most 512 characters; Meta echoes it in every status of the message, which is
the only way to find out about a message whose answer was lost.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


def otp(to: str, template: str, language: str, code: str, opaque: str) -> bytes:
    """Build an AUTHENTICATION template message. The code (up to 15 characters) goes in twice.

    To Meta the button is a `url` button, although the template declares it as OTP; without it Meta answers
    131008.
    """
    parameters = [{"type": "text", "text": code}]
    button = {"type": "button", "sub_type": "url", "index": "0", "parameters": parameters}
    return _template(to, template, language, [{"type": "body", "parameters": parameters}, button], opaque)


def template(to: str, name: str, language: str, components: Sequence[dict[str, Any]], opaque: str) -> bytes:
    """Build a template message. `components` are in Meta's own send shape, and may be empty."""
    return _template(to, name, language, list(components), opaque)


def text(to: str, body: str, preview_url: bool, reply_to: str | None, opaque: str) -> bytes:
    """Build a free-form text of up to 4096 characters. `reply_to` is the wamid to quote."""
    message = _envelope(to, "text", {"body": body, "preview_url": preview_url}, opaque)
    if reply_to is not None:
        message["context"] = {"message_id": reply_to}
    return _encode(message)


def _template(to: str, name: str, language: str, components: list[dict[str, Any]], opaque: str) -> bytes:
    content: dict[str, Any] = {"name": name, "language": {"code": language}}
    if components:
        content["components"] = components
    return _encode(_envelope(to, "template", content, opaque))


def _envelope(to: str, kind: str, content: dict[str, Any], opaque: str) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": opaque,
    }
