"""Replies: an order to answer a person in free form, within the customer service window."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import msgspec
import structlog

from quixess import connections, errors
from quixess.connections import Connection
from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError, invalid
from quixess.events.envelope import moment
from quixess.media.uploading import Handle
from quixess.messages import phones, speech, windows
from quixess.messages.model import Recipient
from quixess.messages.orders import Known, Prepared
from quixess.messages.speech import Speech, Written
from quixess.messages.windows import Heard, Talk
from quixess.meta import payloads
from quixess.meta.graph import Graph
from quixess.vault import Keyring

Files = Callable[[UUID, UUID, Connection], Awaitable[Handle]]
_MARK_S = 3.0  # a note that only colours ticks holds no answer up for longer
_NOBODY = "unknown-"  # what stands for a user id where Meta told neither phone nor user id
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Desk:
    """What replies are prepared with. `files` gives Meta's handle of a brand's file on a connection."""

    db: Database
    keyring: Keyring
    files: Files


@dataclass(frozen=True, slots=True)
class Replying:
    """A free-form answer. `reply_to` is the message it quotes, our `msg_…` or a wamid.

    `mark_read` marks what the person wrote last, and with it all before, as read at Meta and here, before the answer
    goes out; `typing` shows that an answer is coming, which Meta does only together with marking.
    """

    operation: ClassVar[str] = "send_reply"
    template_name: ClassVar[None] = None

    desk: Desk = field(repr=False)
    to: Recipient
    speech: Speech = field(repr=False)
    reply_to: str | None = None
    mark_read: bool = False
    typing: bool = False
    metadata: dict[str, str] = field(default_factory=dict)

    def identity(self) -> list[Any]:
        """Give what makes two requests the same."""
        said = {name: value for name, value in msgspec.to_builtins(self.speech).items() if value is not None}
        options = [self.reply_to, self.mark_read, self.typing]
        return [self.to.as_json(), said, options, sorted(self.metadata.items())]

    async def prepare(self, known: Known) -> Prepared:
        """Find the conversation, what it refers to, and the handle of its file.

        Raises `conversation_not_found`, `window_closed`, `no_active_connection`, `quoted_message_not_found`,
        `invalid_phone` for the business number itself, `media_type_mismatch`, `media_too_large`, and what `files`
        raises.
        """
        talk = await self._find_talk(known)
        connection = await self._find_connection(known, talk)
        phone, user_id = self._address(talk)
        if phone is not None:
            phones.refuse_own(phone, connection.display_phone)
        target = await self._find_target(known.brand_id, talk)
        written = await self._write(known.brand_id, connection, target)
        kind, quoted = str(self.speech.type), None if self.speech.reaction else target
        to = None if phone is None else f"+{phone}"
        return Prepared(
            connection=connection,
            phone=phone,
            user_id=user_id,
            type=kind,
            content=written.shown,
            payload=partial(payloads.freeform, kind, written.object, to, user_id, quoted),
            reply_to=quoted,
            text=written.text,
            before=await self._plan_mark(known.brand_id, talk, connection),
        )

    async def _find_talk(self, known: Known) -> Talk:
        """Find the open conversation."""
        if self.to.phone is not None:
            phones.refuse_own(self.to.phone, known.connection.display_phone)
        talk = await known.talks.find(known.brand_id, self.to)
        if talk is None and self.to.conversation_id is not None:
            detail = "The brand has no such conversation: take its `cnv_…` id as it is."
            raise errors.at("/conversation_id", "conversation_not_found", detail)
        if talk is None or not talk.open:
            line = known.connection.id if talk is None else talk.connection_id
            async with self.desk.db.reading(known.brand_id) as tx:
                raise _closed(talk, list(await windows.name_templates(tx, known.brand_id, line)))
        return talk

    async def _find_connection(self, known: Known, talk: Talk) -> Connection:
        """Give the number that the conversation is on."""
        if not talk.connected:
            async with self.desk.db.statement() as tx:
                raise await connections.why_closed(tx, known.brand_id, talk.connection_id)
        if talk.connection_id == known.connection.id:
            return known.connection
        async with self.desk.db.statement() as tx:
            (line,) = await connections.load(tx, self.desk.keyring, [(known.brand_id, talk.connection_id)])
        return line

    def _address(self, talk: Talk) -> tuple[str | None, str | None]:
        """Give the name that the answer goes to: the one that was asked for, else the phone, else the user id."""
        if self.to.conversation_id is None:
            return self.to.phone, self.to.user_id
        if talk.phone is None and (talk.user_id is None or talk.user_id.startswith(_NOBODY)):
            detail = "Meta did not tell who wrote in this conversation: nobody can be answered there."
            raise invalid("/conversation_id", "unreachable", detail)
        return talk.phone, None if talk.phone is not None else talk.user_id

    async def _find_target(self, brand_id: UUID, talk: Talk) -> str | None:
        """Find the wamid of the message that is quoted or reacted to."""
        reaction = self.speech.reaction
        named = self.reply_to if reaction is None else reaction.message_id
        if named is None:
            return None
        message_id = ids.parse("msg", named)
        if message_id is None:
            async with self.desk.db.statement() as tx:
                message_id = await windows.find_message_id(tx, talk, named)
        async with self.desk.db.reading(brand_id) as tx:
            found = None if message_id is None else await windows.find_message(tx, brand_id, talk, message_id)
        if found is None:
            detail = "There is no such message in this conversation: quote one that was sent or received in it."
            raise errors.at(
                "/reply_to" if reaction is None else "/reaction/message_id", "quoted_message_not_found", detail
            )
        if reaction is not None and found.type == "reaction":
            detail = "There is no reacting to a reaction: name the message itself."
            raise invalid("/reaction/message_id", "not_allowed", detail)
        return found.wamid

    async def _write(self, brand_id: UUID, connection: Connection, target: str | None) -> Written:
        if self.speech.reaction is not None and target is not None:
            return speech.write_reaction(self.speech.reaction.emoji, target)
        file = speech.file_of(self.speech)
        if file is None or file.id is None:
            return speech.write(self.speech, None)
        handle = await self.desk.files(brand_id, file.id, connection)
        speech.check_fit(file, handle)
        return speech.write(self.speech, handle)

    async def _plan_mark(
        self, brand_id: UUID, talk: Talk, connection: Connection
    ) -> Callable[[Graph], Awaitable[None]] | None:
        if not (self.mark_read or self.typing):
            return None
        async with self.desk.db.reading(brand_id) as tx:
            heard = await windows.find_last_heard(tx, brand_id, talk)
        return None if heard is None else partial(self._mark, talk, connection, heard)

    async def _mark(self, talk: Talk, connection: Connection, heard: Heard, graph: Graph) -> None:
        """Mark as read. What goes wrong here is told in the log only: the answer goes out all the same."""
        try:
            async with asyncio.timeout(_MARK_S):
                await graph.mark_read(connection.credentials, heard.wamid, typing=self.typing)
                async with self.desk.db.statement() as tx:
                    await windows.mark_read(tx, connection.brand_id, talk.id, heard)
        except Exception as error:  # noqa: BLE001 - a row that others hold, a Meta that is away: no reason to be silent
            _log.warning("a message could not be marked as read", conversation=str(talk.id), error=str(error))


def _closed(talk: Talk | None, templates: list[str]) -> QuixessError:
    """Build the 409 of a closed window, with the way out."""
    heard, closes = (None, None) if talk is None else (talk.last_inbound_at, talk.closes_at)
    details = {
        "last_inbound_at": None if heard is None else moment(heard),
        "closed_at": None if closes is None else moment(closes),
        "send_with": "template",
        "approved_templates": templates,
    }
    why = "The person has not written here yet" if closes is None else "The last message is more than 24 hours old"
    return QuixessError(
        "window_closed",
        f"{why}: send an approved template with /send/template, and answer freely when they write.",
        extra={"details": details},
    )
