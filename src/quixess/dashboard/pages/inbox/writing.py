"""Answers and notes from the composer, sent by the same verbs as those of the API."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from quixess import access
from quixess.dashboard.page import Page, Visit
from quixess.dashboard.pages.inbox import thread
from quixess.dashboard.pages.inbox.listing import HOME
from quixess.dashboard.pages.inbox.thread import Attached, Draft, Opened
from quixess.database import ids
from quixess.database.core import Row
from quixess.errors import QuixessError, invalid
from quixess.messages.model import Recipient, Reply
from quixess.messages.orders import Order
from quixess.messages.replies import Desk, Replying
from quixess.messages.speech import Speech
from quixess.messages.speech.plain import MediaContent, TextContent
from quixess.messages.speech.said import Kind
from quixess.people import Permission
from quixess.support import notes, talk
from quixess.support.notes import Note

_KINDS: Mapping[str, Kind] = {"image/jpeg": "image", "image/png": "image", "video/mp4": "video", "video/3gpp": "video"}
_WORDLESS = {"audio", "sticker"}


class Written(msgspec.Struct):
    """What was written, and as what. `client_id` is its Idempotency-Key, `quote` and `media` are ids."""

    text: Annotated[str, Meta(max_length=notes.LONGEST)] = ""
    kind: Literal["reply", "note"] = "reply"
    client_id: Annotated[str, Meta(pattern=r"^[0-9a-z]{8,64}\Z")] = msgspec.field(default_factory=thread.new_client_id)
    quote: Annotated[str, Meta(max_length=40)] = ""
    media: Annotated[str, Meta(max_length=40)] = ""


async def write(visit: Visit) -> Response:
    """Send an answer, or keep a note; without a script what is wrong is said above the composer."""
    written = await visit.form(Written)
    conversation = await thread.find(visit)
    try:
        if written.kind == "note":
            return await _keep(visit, conversation, written)
        return await _send(visit, conversation, written)
    except QuixessError as error:
        if visit.wants_fragment:
            raise
        return await _return(visit, conversation, written, error)


async def carry_out(visit: Visit, order: Order, client_id: str) -> Reply:
    """Send an order for the visitor, once. Raises what `Sending.send` raises."""
    return await visit.desk.sending.send(
        access.of_person(visit.visitor.person.id, visit.brand),
        visit.brand_id,
        order,
        key=client_id,
        request_id=visit.request.state.request_id,
    )


async def show_sent(visit: Visit, reply: Reply, **more: str) -> str:
    """Write the bubble of what was sent, or of what WhatsApp refused."""
    answer = msgspec.json.decode(reply.body)
    message_id = ids.parse("msg", answer.get("id") or answer.get("message_id") or "")
    item = None if message_id is None else await talk.find(visit.desk.db, visit.brand_id, message_id)
    return await thread.write_items(visit, [] if item is None else [item], **more)


async def _keep(visit: Visit, conversation: Row, written: Written) -> Response:
    async with visit.desk.db.transaction() as tx:
        note = await notes.add(tx, visit.brand_id, conversation["id"], visit.visitor.person.id, written.text)
    return await _answer(visit, conversation, [note], written)


async def _send(visit: Visit, conversation: Row, written: Written) -> Response:
    order = Replying(
        Desk(visit.desk.db, visit.desk.keyring, visit.desk.uploads.handle),
        Recipient(conversation_id=conversation["id"]),
        _speech(written, await thread.attached(visit, written.media)),
        reply_to=written.quote or None,
        mark_read=True,
    )
    reply = await carry_out(visit, order, written.client_id)
    if not visit.wants_fragment:
        return visit.go(f"{HOME}/{ids.show('cnv', conversation['id'])}#composer")
    html = await show_sent(visit, reply, conversation_id=ids.show("cnv", conversation["id"]), gone=written.client_id)
    return visit.parts(html)


async def _answer(visit: Visit, conversation: Row, items: list[Note], written: Written) -> Response:
    shown = ids.show("cnv", conversation["id"])
    if not visit.wants_fragment:
        return visit.go(f"{HOME}/{shown}#composer")
    html = await thread.write_items(visit, items, conversation_id=shown, gone=written.client_id)
    return visit.parts(html)


async def _return(visit: Visit, conversation: Row, written: Written, error: QuixessError) -> Response:
    """Show the conversation again, with what was written and why it did not go."""
    quote_id = ids.parse("msg", written.quote) if written.quote else None
    quote = None if quote_id is None else await talk.find(visit.desk.db, visit.brand_id, quote_id)
    draft = Draft(
        client_id=thread.new_client_id(),
        text=written.text,
        quote=None if isinstance(quote, Note) else quote,
        fault=error.detail,
    )
    return await thread.render(visit, conversation, Opened(), draft, status=error.status)


def _speech(written: Written, media: Attached | None) -> Speech:
    """Make a message of text and file. Raises `invalid_request` for none of both, and for words where none can go."""
    if media is None:
        if not written.text:
            raise invalid("/text", "required", "Write something first.")
        return Speech(type="text", text=TextContent(body=written.text))
    kind = _kind(media.mime_type)
    if kind in _WORDLESS and written.text:
        raise invalid("/text", "not_allowed", "No words can go with this file: send it without, then the words.")
    filename = media.filename if kind == "document" else None
    content = MediaContent(id=media.id, caption=written.text or None, filename=filename)
    return Speech(type=kind, media=content)


def _kind(mime_type: str) -> Kind:
    """Say as what a file is sent: Meta takes few types as pictures, everything else as a document."""
    essence = mime_type.partition(";")[0]
    if essence == "image/webp":
        return "sticker"
    return "audio" if essence.startswith("audio/") else _KINDS.get(essence, "document")


PAGES = (Page("POST", f"{HOME}/{{conversation}}/messages", Permission.WRITE_INBOX, write, title="Inbox"),)
