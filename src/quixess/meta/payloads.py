"""Message bodies for `POST /{phone_number_id}/messages`, as JSON bytes ready to send.

`to` is E.164 with the plus: without it Meta may put the business number's country code in front. Somebody known by
Meta's user id alone is a `recipient`: in `to` the id would be accepted and the message lost. `opaque`
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


def template(
    to: str | None,
    name: str,
    language: str,
    components: Sequence[dict[str, Any]],
    opaque: str,
    *,
    recipient: str | None = None,
) -> bytes:
    """Build a template message, to a phone or to a user id (`recipient`).

    `components` are in Meta's own send shape, and may be empty.
    """
    return _template(to, name, language, list(components), opaque, recipient)


def freeform(
    kind: str, content: Any, to: str | None, recipient: str | None, reply_to: str | None, opaque: str
) -> bytes:
    """Build a free-form message, to a phone or to a user id. `content` is Meta's object for that kind of message.

    `reply_to` is the wamid to quote; a reaction cannot quote.
    """
    message = _envelope(to, kind, content, opaque, recipient)
    if reply_to is not None:
        message["context"] = {"message_id": reply_to}
    return _encode(message)


def mark_read(wamid: str, *, typing: bool = False) -> bytes:
    """Build the note that a user's message, and all before it, was read; `typing` shows that an answer is coming."""
    note: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
    if typing:
        note["typing_indicator"] = {"type": "text"}
    return _encode(note)


def _template(
    to: str | None,
    name: str,
    language: str,
    components: list[dict[str, Any]],
    opaque: str,
    recipient: str | None = None,
) -> bytes:
    content: dict[str, Any] = {"name": name, "language": {"code": language}}
    if components:
        content["components"] = components
    return _encode(_envelope(to, "template", content, opaque, recipient))


def _envelope(to: str | None, kind: str, content: Any, opaque: str, recipient: str | None = None) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **({"to": to} if recipient is None else {"recipient": recipient}),
        "type": kind,
        kind: content,
        "biz_opaque_callback_data": opaque,
    }
