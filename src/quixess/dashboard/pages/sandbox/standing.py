"""Where a request of the sandbox stands: the brand's simulated number, one of the phones, and what it shows."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess.connections import Entry
from quixess.dashboard.page import Visit
from quixess.errors import QuixessError
from quixess.meta import codes
from quixess.people import Permission
from quixess.sandbox import PHONES, Bubble, Chat, Phone, kit

HOME = "/app/sandbox"
WhichPhone = Literal["1", "2"]
Wamid = Annotated[str, Meta(max_length=200)]


class Asked(msgspec.Struct):
    """Which of the phones is looked at, and which message an answer would quote."""

    phone: WhichPhone = "1"
    quote: Wamid = ""


@dataclass(frozen=True, slots=True)
class Stand:
    """The number that sends, and the phone that is looked at: `which` of them, and who it is."""

    line: Entry
    which: WhichPhone
    phone: Phone

    @property
    def number_id(self) -> str:
        """Meta's id of the number."""
        return self.line.phone_number_id

    @property
    def home(self) -> str:
        """The page with this phone on it."""
        return HOME if self.which == "1" else f"{HOME}?phone={self.which}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A button under a message that the phone's holder can tap, and what that writes."""

    label: str
    message: dict[str, Any]


async def find(visit: Visit, which: WhichPhone) -> Stand | None:
    """Find where a request stands; None for a brand that has no number of the simulator's."""
    async with visit.desk.db.reading(visit.brand_id) as tx:
        line = await kit.find_line(tx, visit.brand_id, visit.desk.handset)
    return None if line is None else Stand(line, which, PHONES[int(which) - 1])


async def need(visit: Visit, which: WhichPhone) -> Stand:
    """Find where a request stands. Raises `no_active_connection`."""
    found = await find(visit, which)
    if found is None:
        text = "The sandbox works with a simulated number only: this brand has none. Run `quixess simulate`."
        raise QuixessError("no_active_connection", text)
    return found


async def look(visit: Visit, stand: Stand) -> dict[str, Any]:
    """Give what the thread of a phone is made of; `chat` is None while the simulator does not answer."""
    chat: Chat | None = None
    try:
        chat = await visit.desk.handset.look(stand.phone.digits, stand.number_id)
    except QuixessError as error:
        if error.code != "upstream_unavailable":
            raise
    texts = {one.wamid: one.text for one in chat.messages} if chat else {}
    return {
        "stand": stand,
        "chat": chat,
        "texts": texts,
        "choices": choices,
        "explain": lambda code: codes.explain(code).meaning,
    }


async def answer(visit: Visit, stand: Stand) -> Response:
    """Answer what the phone did: with the thread as it is now, or with the way back to the page."""
    shown = await look(visit, stand)
    toast = _hint(visit, shown["chat"])
    if visit.wants_fragment:
        return visit.fragment("parts/sandbox_thread.html", toast=toast, **shown)
    return visit.go(stand.home, toast=toast)


def choices(bubble: Bubble) -> list[Choice]:
    """List what can be tapped under a message: quick replies, reply buttons, rows of a list."""
    if bubble.own:
        return []
    taps = [_quick_reply(bubble, one.text) for one in bubble.buttons if one.type == "quick_reply"]
    action = (bubble.content or {}).get("action", {}) if bubble.type == "interactive" else {}
    taps += [_reply(bubble, "button_reply", one["reply"]) for one in action.get("buttons", ()) if "reply" in one]
    rows = [row for section in action.get("sections", ()) for row in section.get("rows", ())]
    return taps + [_reply(bubble, "list_reply", row) for row in rows]


def _hint(visit: Visit, chat: Chat | None) -> str | None:
    """Say what can be done now, the first time that the phone writes."""
    if chat is None or sum(one.own for one in chat.messages) != 1 or not visit.may(Permission.READ_INBOX):
        return None
    return f"Answer {chat.name} from the inbox: 24 h left."


def _quick_reply(bubble: Bubble, label: str) -> Choice:
    return Choice(label, {"type": "button", "button": {"text": label}, "reply_to": bubble.wamid})


def _reply(bubble: Bubble, kind: str, given: dict[str, Any]) -> Choice:
    told = {name: given[name] for name in ("id", "title", "description") if given.get(name)}
    message = {"type": "interactive", "interactive": {"type": kind, kind: told}, "reply_to": bubble.wamid}
    return Choice(str(given.get("title", "")), message)
