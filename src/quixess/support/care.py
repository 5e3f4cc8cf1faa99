"""Care: who takes care of a conversation, whether it is done, and what of it was seen."""

from uuid import UUID

import structlog

from quixess import connections, feed
from quixess.connections import Lines
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.feed import Kind
from quixess.messages import windows
from quixess.messages.model import Recipient
from quixess.meta.graph import Outcome
from quixess.people import Member, Permission, may, members
from quixess.vault import Keyring

OPEN, CLOSED = "open", "closed"
_log = structlog.get_logger()


async def carers(tx: Tx, brand_id: UUID) -> list[Member]:
    """List the people who may answer customers."""
    found = await members.list_members(tx, brand_id)
    return [
        one
        for one in found
        if one.person.disabled_at is None and may(one.role, Permission.WRITE_INBOX, inbox=one.inbox)
    ]


async def assign(tx: Tx, brand_id: UUID, conversation_id: UUID, person_id: UUID | None) -> None:
    """Give a conversation into somebody's care, or into nobody's.

    Raises `conversation_not_found`, and `person_not_found` for somebody who may not answer.
    """
    if person_id is not None and person_id not in {one.person.id for one in await carers(tx, brand_id)}:
        raise QuixessError("person_not_found", "This person does not answer customers here: choose another one.")
    done = await tx.execute(
        "UPDATE conversation SET assignee = $3 WHERE brand_id = $1 AND id = $2 AND merged_into IS NULL",
        brand_id, conversation_id, person_id,
    )  # fmt: skip
    _tell(tx, brand_id, conversation_id, done)


async def settle(tx: Tx, brand_id: UUID, conversation_id: UUID, *, closed: bool) -> None:
    """Call a conversation done, or open again; done, nothing in it is unread. A new message opens it by itself.

    Raises `conversation_not_found`.
    """
    done = await tx.execute(
        """UPDATE conversation SET state = $3, unread = CASE WHEN $4 THEN 0 ELSE unread END
           WHERE brand_id = $1 AND id = $2 AND merged_into IS NULL""",
        brand_id, conversation_id, CLOSED if closed else OPEN, closed,
    )  # fmt: skip
    _tell(tx, brand_id, conversation_id, done)


async def see(db: Database, keyring: Keyring, lines: Lines, brand_id: UUID, conversation_id: UUID) -> None:
    """Write that all of a conversation was seen, and let the person's phone show it.

    Raises `conversation_not_found`. Meta is told last: when it is away, only the ticks on the phone are late.
    """
    async with db.reading(brand_id) as tx:
        talk = await windows.find_talk(tx, brand_id, Recipient(conversation_id=conversation_id))
        heard = None if talk is None else await windows.find_last_heard(tx, brand_id, talk)
    if talk is None:
        raise QuixessError("conversation_not_found", "The brand has no such conversation: reload the inbox.")
    if heard is None:
        return
    async with db.transaction() as tx:
        await windows.mark_read(tx, brand_id, talk.id, heard)
        (line,) = await connections.load(tx, keyring, [(brand_id, talk.connection_id)])
    if not talk.connected:
        return
    try:
        graph = await lines.to(line.graph_url)
        await graph.mark_read(line.credentials, heard.wamid)
    except Outcome as outcome:
        _log.warning("a message could not be marked as read", conversation=str(talk.id), error=type(outcome).__name__)


def _tell(tx: Tx, brand_id: UUID, conversation_id: UUID, done: str) -> None:
    if done == "UPDATE 0":
        raise QuixessError("conversation_not_found", "The brand has no such conversation any more: reload the inbox.")
    feed.tell(tx, brand_id, Kind.CONVERSATION, conversation_id)
