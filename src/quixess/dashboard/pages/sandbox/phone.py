"""What the holder of the phone does: writes, quotes, shows something, reacts, taps a button."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.sandbox.standing import HOME, Stand, Wamid, WhichPhone, answer, choices, need
from quixess.errors import QuixessError
from quixess.people import Permission
from quixess.sandbox import Bubble, samples

_SUGGESTED = "Thanks!"
_PLACE = {"latitude": 52.5163, "longitude": 13.3777, "name": "Brandenburger Tor", "address": "Pariser Platz, Berlin"}
_NOTE = b"Order 1042\n2 x coffee\n1 x cake\n"
_FILES: dict[str, tuple[str, str, Callable[[], bytes], str | None, dict[str, Any]]] = {
    "photo": ("image", "image/png", samples.picture, None, {"caption": "Like this one"}),
    "voice": ("audio", "audio/ogg", samples.voice_note, None, {"voice": True}),
    "document": ("document", "text/plain", lambda: _NOTE, "order.txt", {"filename": "order.txt"}),
}


class Saying(msgspec.Struct):
    """A text, and the message that it quotes. Without a text the one that the field suggests."""

    phone: WhichPhone = "1"
    text: Annotated[str, Meta(max_length=4096)] = ""
    quote: Wamid = ""


class Showing(msgspec.Struct):
    """Something that is no text."""

    what: Literal["photo", "voice", "document", "location"]
    phone: WhichPhone = "1"


class Reacting(msgspec.Struct):
    """An emoji under a message."""

    message: Wamid
    emoji: Literal["👍", "❤️", "😂"] = "👍"
    phone: WhichPhone = "1"


class Tapping(msgspec.Struct):
    """A button under a message, counted from 0."""

    message: Wamid
    choice: Annotated[int, Meta(ge=0, le=100)]
    phone: WhichPhone = "1"


async def say(visit: Visit) -> Response:
    """Write a text, as the answer to a message or on its own."""
    said = await visit.form(Saying)
    stand = await need(visit, said.phone)
    message: dict[str, Any] = {"text": said.text or _SUGGESTED}
    if not said.quote:
        return await _write(visit, stand, message)
    await _find(visit, stand, said.quote)
    await _write(visit, stand, message | {"reply_to": said.quote})
    return visit.go(stand.home)


async def show(visit: Visit) -> Response:
    """Send a file or a place."""
    shown = await visit.form(Showing)
    stand = await need(visit, shown.phone)
    if shown.what == "location":
        return await _write(visit, stand, {"type": "location", "location": _PLACE})
    kind, mime_type, make, filename, more = _FILES[shown.what]
    media_id = await visit.desk.handset.lay_down(mime_type, make(), filename)
    return await _write(visit, stand, {"type": kind, kind: {"id": media_id, **more}})


async def react(visit: Visit) -> Response:
    """Put an emoji under a message."""
    given = await visit.form(Reacting)
    stand = await need(visit, given.phone)
    found = await _find(visit, stand, given.message)
    reaction = {"message_id": found.wamid, "emoji": given.emoji}
    return await _write(visit, stand, {"type": "reaction", "reaction": reaction})


async def tap(visit: Visit) -> Response:
    """Tap a button under a message."""
    tapped = await visit.form(Tapping)
    stand = await need(visit, tapped.phone)
    there = choices(await _find(visit, stand, tapped.message))
    if tapped.choice >= len(there):
        raise QuixessError("message_not_found", "This button is not there any more: load the page again.")
    return await _write(visit, stand, there[tapped.choice].message)


async def _write(visit: Visit, stand: Stand, message: dict[str, Any]) -> Response:
    await visit.desk.handset.write(stand.phone.digits, stand.number_id, stand.phone.name, message)
    return await answer(visit, stand)


async def _find(visit: Visit, stand: Stand, wamid: str) -> Bubble:
    """Find a message among those that the phone shows. Raises `message_not_found`."""
    chat = await visit.desk.handset.look(stand.phone.digits, stand.number_id)
    found = next((one for one in chat.messages if one.wamid == wamid), None)
    if found is None:
        raise QuixessError("message_not_found", "The phone does not show this message any more: load the page again.")
    return found


PAGES = (
    Page("POST", f"{HOME}/says", Permission.USE_SANDBOX, say),
    Page("POST", f"{HOME}/shows", Permission.USE_SANDBOX, show),
    Page("POST", f"{HOME}/reacts", Permission.USE_SANDBOX, react),
    Page("POST", f"{HOME}/taps", Permission.USE_SANDBOX, tap),
)
