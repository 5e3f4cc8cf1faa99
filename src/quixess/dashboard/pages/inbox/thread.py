"""The middle and the right pane: one conversation, what was said in it, whose it is, and how long one may answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from msgspec import Meta
from starlette.responses import Response

from quixess import access
from quixess.dashboard import live
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.inbox import listing
from quixess.dashboard.pages.inbox.gist import gist
from quixess.dashboard.pages.inbox.listing import HOME, Asked
from quixess.database import ids
from quixess.database.core import Row
from quixess.errors import QuixessError
from quixess.messages.reading import conversations
from quixess.people import Permission, accounts
from quixess.support import canned, care, talk
from quixess.support.notes import Note
from quixess.support.talk import Place, Said, Stretch

CLOSING: Final = timedelta(hours=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Opened(Asked):
    """Which part of a thread: the last one, or that `older` than a place. `quote` is a message to be quoted."""

    older: Annotated[str, Meta(max_length=100)] = ""
    quote: Annotated[str, Meta(max_length=40)] = ""
    media: Annotated[str, Meta(max_length=40)] = ""
    composer: Annotated[str, Meta(max_length=20)] = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What stands in the composer. `client_id` makes one message of it, however often it is sent."""

    client_id: str
    text: str = ""
    quote: Said | None = None
    media: "Attached | None" = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that is to go with an answer."""

    id: str
    filename: str
    mime_type: str
    size: int


async def show(visit: Visit) -> Response:
    """Show the list alone."""
    asked = visit.query(Asked)
    return visit.render("pages/inbox.html", listing=await listing.look(visit, asked), talk=None)


async def show_list(visit: Visit) -> Response:
    """Show the list anew, as a part of the page."""
    return visit.fragment("parts/inbox_list.html", listing=await listing.look(visit, visit.query(Asked)))


async def show_one(visit: Visit) -> Response:
    """Show the list with one conversation beside it; to htmx only what it asks for: older messages, or a quote."""
    asked = visit.query(Opened)
    conversation = await find(visit)
    if visit.wants_fragment and asked.quote:
        draft = await _draft(visit, asked)
        return visit.fragment("parts/inbox_quote.html", draft=draft, gist=gist)
    if visit.wants_fragment and asked.older:
        context = await _thread(visit, conversation, _read_place(asked.older))
        return visit.fragment("parts/inbox_older.html", **context)
    if conversation["id"] != ids.parse("cnv", visit.request.path_params["conversation"]):
        return visit.go(listing.address(asked, ids.show("cnv", conversation["id"])))
    return await render(visit, conversation, asked, await _draft(visit, asked))


async def show_head(visit: Visit) -> Response:
    """Show anew what may change without a message: the window, who takes care, whether it is done."""
    asked = visit.query(Opened)
    conversation = await find(visit)
    context = await _around(visit, conversation)
    changed = asked.composer != context["window"]
    draft = Draft(new_client_id())
    return visit.fragment("parts/inbox_fresh.html", asked=asked, composer_changed=changed, draft=draft, **context)


async def render(visit: Visit, conversation: Row, asked: Opened, draft: Draft, *, status: int = 200) -> Response:
    """Show a conversation with something in its composer."""
    asked.at = ids.show("cnv", conversation["id"])
    context = await _around(visit, conversation)
    context |= await _thread(visit, conversation, _read_place(asked.older))
    return visit.render(
        "pages/inbox.html",
        status,
        listing=await listing.look(visit, asked),
        asked=asked,
        draft=draft,
        newest=listing.address(asked, asked.at) if asked.older else None,
        **context,
    )


async def find(visit: Visit) -> Row:
    """Find the conversation of the address, or the one that it became part of. Raises `conversation_not_found`."""
    conversation_id = ids.parse("cnv", visit.request.path_params["conversation"])
    row = None
    if conversation_id is not None:
        async with visit.desk.db.reading(visit.brand_id) as tx:
            row = await conversations.get_conversation(tx, visit.brand_id, conversation_id, with_content=False)
    if row is None:
        raise QuixessError(
            "conversation_not_found", "The brand has no such conversation. The inbox lists those it has."
        )
    return row


def new_client_id() -> str:
    """Make an id for an answer that is about to be written."""
    return ids.new().hex


@live.pushes("thread")
async def push(visit: Visit, object_id: UUID) -> str | None:
    """Write what came or changed in a thread, for the pages that show it."""
    item = await talk.find(visit.desk.db, visit.brand_id, object_id)
    return "" if item is None else await write_items(visit, [item])


async def write_items(visit: Visit, items: Sequence[Said | Note], **more: Any) -> str:
    """Write items as a part that htmx puts in its place, and only once."""
    context = await _shown(visit, Stretch(items))
    return visit.desk.rendering.page("parts/inbox_items.html", visit, {"conversation_id": None} | context | more)


async def _around(visit: Visit, conversation: Row) -> dict[str, Any]:
    """Read what stands around the thread."""
    async with visit.desk.db.statement() as tx:
        carers = await care.carers(tx, visit.brand_id)
    async with visit.desk.db.reading(visit.brand_id) as tx:
        answers = await canned.list_canned(tx, visit.brand_id)
    assignee = next((one.person for one in carers if one.person.id == conversation["assignee"]), None)
    return {
        "talk": conversation,
        "name": listing.called(conversation),
        "conversation_id": ids.show("cnv", conversation["id"]),
        "here": f"{HOME}/{ids.show('cnv', conversation['id'])}",
        "window": _window(conversation),
        "carers": carers,
        "assignee": assignee,
        "canned": answers,
    }


async def _thread(visit: Visit, conversation: Row, before: Place | None) -> dict[str, Any]:
    stretch = await talk.read(visit.desk.db, visit.brand_id, conversation["id"], before=before)
    return {"conversation_id": ids.show("cnv", conversation["id"])} | await _shown(visit, stretch)


async def _shown(visit: Visit, stretch: Stretch) -> dict[str, Any]:
    """Give what the templates of a thread are written with."""
    names = await _names(visit, stretch.items)
    days = {_seq(_midnight(talk.place(item)[0])): _midnight(talk.place(item)[0]) for item in stretch.items}
    return {
        "items": [(_of(item), seq(item), item) for item in stretch.items],
        "days": list(days.items()),
        "older": None if stretch.older is None else _write_place(stretch.older),
        "bubble_id": bubble_id,
        "gist": gist,
        "teller": lambda item: _teller(item, names),
    }


async def _names(visit: Visit, items: Sequence[Said | Note]) -> Mapping[UUID, str]:
    """Name the people and keys that wrote for the brand."""
    writers = {item.author if isinstance(item, Note) else item.person_id for item in items}
    persons = [one for one in writers if one is not None]
    keys = any(isinstance(item, Said) and item.key_id is not None for item in items)
    async with visit.desk.db.statement() as tx:
        named = await accounts.names(tx, persons) if persons else {}
        listed = await access.list_keys(tx, visit.brand_id) if keys else []
    return named | {key.id: key.name for key in listed}


def _teller(item: Said | Note, names: Mapping[UUID, str]) -> str:
    """Say who wrote for the brand: a person, a key, or its phone app. Nothing for the customer."""
    if isinstance(item, Note):
        return names.get(item.author, "Somebody who left")
    if item.inbound:
        return ""
    if item.source != "live":
        return "Phone app"
    if item.key_id is not None:
        return f"Key {names[item.key_id]}" if item.key_id in names else "A key"
    return names.get(item.person_id, "") if item.person_id is not None else ""


def _of(item: Said | Note) -> str:
    return "note" if isinstance(item, Note) else "message"


def seq(item: Said | Note) -> str:
    """Give a text by which a browser puts items in order: digits in two groups."""
    at, item_id = talk.place(item)
    return f"{_seq(at)} {item_id.int}"


def bubble_id(item: Said | Note) -> str:
    """Name the bubble of an item: a message that a page sent has the name that the page gave it."""
    if isinstance(item, Note):
        return ids.show("note", item.id)
    return item.sent_as or ids.show("msg", item.id)


def _seq(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _window(conversation: Row) -> str:
    """Say whether one may answer: `open`, `closing` for the last two hours, `closed`."""
    if not conversation["window_open"]:
        return "closed"
    return "closing" if conversation["window_until"] - datetime.now(UTC) < CLOSING else "open"


async def _draft(visit: Visit, asked: Opened) -> Draft:
    quote = None
    message_id = ids.parse("msg", asked.quote) if asked.quote else None
    if message_id is not None:
        found = await talk.find(visit.desk.db, visit.brand_id, message_id)
        quote = found if isinstance(found, Said) else None
    return Draft(new_client_id(), quote=quote, media=await attached(visit, asked.media))


async def attached(visit: Visit, shown: str) -> Attached | None:
    """Find a file of the brand that is to go with an answer; None without one."""
    media_id = ids.parse("med", shown) if shown else None
    if media_id is None:
        return None
    copy = await visit.desk.shelf.take(visit.brand_id, media_id)
    copy.file.close()
    return Attached(shown, copy.filename or shown, copy.mime_type, copy.size)


def _write_place(place: Place) -> str:
    return f"{place[0].isoformat()}_{place[1].hex}"


def _read_place(text: str) -> Place | None:
    if not text:
        return None
    moment, _, message = text.rpartition("_")
    try:
        return datetime.fromisoformat(moment), UUID(message)
    except ValueError:
        raise QuixessError(
            "invalid_cursor", "There is no such part of the conversation: begin with the last."
        ) from None


PAGES = (
    Page("GET", HOME, Permission.READ_INBOX, show, title="Inbox"),
    Page("GET", f"{HOME}/list", Permission.READ_INBOX, show_list),
    Page("GET", f"{HOME}/{{conversation}}", Permission.READ_INBOX, show_one, title="Inbox"),
    Page("GET", f"{HOME}/{{conversation}}/head", Permission.READ_INBOX, show_head),
)
