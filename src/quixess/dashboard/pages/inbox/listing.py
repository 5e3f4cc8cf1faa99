"""The left pane: conversations, the last active first, in five views and by search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Meta

from quixess.dashboard.page import Visit
from quixess.dashboard.pages.inbox.gist import gist
from quixess.database import ids
from quixess.database.core import Row
from quixess.errors import QuixessError
from quixess.messages.reading import conversations
from quixess.messages.reading.conversations import Filter
from quixess.messages.reading.messages import MEDIA

HOME: Final = "/app/whatsapp/inbox"
_AT_ONCE = 40
_VIEWS = (("open", "Open"), ("mine", "Mine"), ("nobody", "Nobody's"), ("unread", "Unread"), ("closed", "Resolved"))
_QUIET = frozenset({*MEDIA, "template"})


class Asked(msgspec.Struct):
    """Which conversations to list. `before` is where the page before it ended; `at` is the one that is open."""

    view: Literal["open", "mine", "nobody", "unread", "closed", "all"] = "open"
    q: Annotated[str, Meta(max_length=200)] = ""
    before: Annotated[str, Meta(max_length=100)] = ""
    at: Annotated[str, Meta(max_length=40)] = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One conversation as the list shows it."""

    id: str
    href: str
    name: str
    phone: str | None
    says: str
    ours: bool
    state: str
    at: datetime
    unread: int
    window_open: bool
    assignee: UUID | None
    current: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """The left pane. `trouble` is what is wrong with the search."""

    asked: Asked
    lines: Sequence[Line]
    views: Sequence[tuple[str, str, bool]]
    older: str | None
    newest: str | None
    fresh: str
    trouble: str = ""


async def look(visit: Visit, asked: Asked) -> Listing:
    """Read the conversations that are asked for."""
    wanted = _filter(visit, asked)
    trouble, rows, position = "", [], None
    after = _read_position(asked.before)
    try:
        async with visit.desk.db.reading(visit.brand_id) as tx:
            page = await conversations.list_conversations(
                tx, visit.brand_id, wanted, limit=_AT_ONCE, after=after, with_content=True
            )
        rows, position = page.rows, page.position
    except QuixessError as error:
        if error.code != "invalid_request":
            raise
        trouble = error.detail
    older = None if position is None else address(asked, before="_".join(position))
    return Listing(
        asked=asked,
        lines=[_line(row, asked) for row in rows],
        views=[(words, address(asked, view=view, q=""), asked.view == view and not asked.q) for view, words in _VIEWS],
        older=older,
        newest=address(asked) if asked.before else None,
        fresh=f"{HOME}/list?{_query(asked, before=asked.before, at=asked.at)}",
        trouble=trouble,
    )


def address(asked: Asked, conversation: str = "", **more: str) -> str:
    """Give the address of the inbox, or of one conversation in it, with the list as it is."""
    path = f"{HOME}/{conversation}" if conversation else HOME
    query = _query(asked, **more)
    return f"{path}?{query}" if query else path


def called(row: Any) -> str:
    """Say what a person is called: by their profile, their username or their number."""
    return row["name"] or row["username"] or (f"+{row['phone']}" if row["phone"] else "Somebody without a number")


def _query(asked: Asked, **more: str) -> str:
    kept = {"view": "" if asked.view == "open" else asked.view, "q": asked.q} | more
    return urlencode({name: value for name, value in kept.items() if value and (name, value) != ("view", "open")})


def _filter(visit: Visit, asked: Asked) -> Filter:
    if asked.q:
        return Filter(query=asked.q)
    return Filter(
        state={"closed": "closed", "all": None}.get(asked.view, "open"),
        assignee=visit.visitor.person.id if asked.view == "mine" else None,
        unassigned=asked.view == "nobody",
        unread=True if asked.view == "unread" else None,
    )


def _line(row: Row, asked: Asked) -> Line:
    shown = ids.show("cnv", row["id"])
    content = None if row["content"] is None else msgspec.json.decode(row["content"])
    return Line(
        id=shown,
        href=address(asked, shown),
        name=called(row),
        phone=row["phone"],
        says="" if row["type"] is None else gist(row["type"], content),
        ours=row["direction"] == "outbound",
        state=row["last_state"] or "",
        at=row["active_at"],
        unread=row["unread"],
        window_open=bool(row["window_open"]),
        assignee=row["assignee"],
        current=shown == asked.at,
    )


def _read_position(text: str) -> list[str] | None:
    if not text:
        return None
    moment, _, place = text.rpartition("_")
    try:
        return [datetime.fromisoformat(moment).isoformat(), str(UUID(place))]
    except ValueError:
        raise QuixessError("invalid_cursor", "This page of the inbox is none: begin with the newest.") from None
