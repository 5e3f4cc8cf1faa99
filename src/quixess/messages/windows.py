"""Windows: whether a person may be answered in free form, on which number, and which message is meant.

Meta lets a business write freely for 24 hours after a person's last message. All reads are made under row-level
security, in `Database.reading`, but for Meta's ids of messages, which no reader may see.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database import ids
from quixess.database.core import Tx, columns
from quixess.feed import Kind
from quixess.messages import store
from quixess.messages.model import Recipient

_LOOK_BACK = timedelta(days=1)  # a call may have come after what was written; older days need not be read
_NAMES = 5


class Talk(msgspec.Struct, frozen=True):
    """A conversation as an answer finds it. `phone` is digits; `closes_at` is None when the person never wrote."""

    id: UUID
    connection_id: UUID
    connected: bool
    phone: str | None
    user_id: str | None
    last_inbound_at: datetime | None
    closes_at: datetime | None
    open: bool


class Mentioned(msgspec.Struct, frozen=True):
    """A message that an answer refers to."""

    wamid: str
    type: str


class Heard(msgspec.Struct, frozen=True):
    """The last thing a person wrote."""

    wamid: str
    occurred_at: datetime


_TALK = """
  SELECT v.id, v.connection_id, c.state = 'active' AS connected, k.phone, k.user_id, v.last_inbound_at,
         v.window_until AS closes_at, coalesce(v.window_until > now(), false) AS open
  FROM conversation v
  JOIN contact k ON k.brand_id = v.brand_id AND k.id = v.contact_id
  JOIN connection c ON c.brand_id = v.brand_id AND c.id = v.connection_id"""
_TALKS = f"""
  SELECT a.place, t.* FROM unnest($2::uuid[], $3::text[], $4::text[])
    WITH ORDINALITY AS a(conversation_id, phone, user_id, place)
  CROSS JOIN LATERAL (
    ({_TALK}
       WHERE v.brand_id = $1 AND v.id = (
         SELECT coalesce(merged_into, id) FROM conversation WHERE brand_id = $1 AND id = a.conversation_id))
    UNION ALL
    ({_TALK}
       WHERE a.conversation_id IS NULL AND v.brand_id = $1 AND v.merged_into IS NULL AND c.state = 'active'
         AND v.contact_id = (
           SELECT id FROM contact WHERE brand_id = $1 AND phone = a.phone
           UNION ALL
           SELECT contact_id FROM phone_alias WHERE brand_id = $1 AND phone = a.phone AND until IS NULL
           UNION ALL
           SELECT id FROM contact WHERE brand_id = $1 AND user_id = a.user_id
           UNION ALL
           SELECT contact_id FROM user_alias WHERE brand_id = $1 AND user_id = a.user_id
           LIMIT 1)
       ORDER BY v.last_inbound_at DESC NULLS LAST, v.id LIMIT 1)
    LIMIT 1) t"""


async def find_talks(tx: Tx, brand_id: UUID, asked: Sequence[Recipient]) -> list[Talk | None]:
    """Find the conversation of each recipient: one that was taken up by another leads there.

    A phone or user id, old names included, leads to the one on a connected number in which the person wrote last.
    """
    rows = await tx.rows(_TALKS, brand_id, *columns(asked, "conversation_id", "phone", "user_id"))
    found = {row["place"]: Talk(*(row[name] for name in Talk.__struct_fields__)) for row in rows}
    return [found.get(place) for place in range(1, len(asked) + 1)]


async def find_talk(tx: Tx, brand_id: UUID, recipient: Recipient) -> Talk | None:
    """Find the conversation of one recipient, as `find_talks` does."""
    (talk,) = await find_talks(tx, brand_id, [recipient])
    return talk


async def find_message_id(tx: Tx, talk: Talk, wamid: str) -> UUID | None:
    """Find our id of a message by Meta's, on the number of a conversation. `tx` is a writer's: readers see no wamids.

    The message may be of any conversation there: look it up in the right one before anything is told of it.
    """
    found = await store.find_wamids(tx, [(talk.connection_id, wamid)])
    return found.get((talk.connection_id, wamid))


async def find_message(tx: Tx, brand_id: UUID, talk: Talk, message_id: UUID) -> Mentioned | None:
    """Find a message of a conversation that Meta knows; a call is none."""
    row = await tx.row(
        """SELECT wamid, type FROM message
           WHERE brand_id = $1 AND id = $2 AND conversation_id = $3 AND wamid IS NOT NULL AND type <> 'call'""",
        brand_id,
        message_id,
        talk.id,
    )
    return None if row is None else Mentioned(row["wamid"], row["type"])


async def find_last_heard(tx: Tx, brand_id: UUID, talk: Talk) -> Heard | None:
    """Find what the person wrote last, for it to be marked as read. Calls and notes of Meta's are not written."""
    if talk.last_inbound_at is None:
        return None
    row = await tx.row(
        """SELECT wamid, occurred_at FROM message
           WHERE brand_id = $1 AND conversation_id = $2 AND id >= $3 AND direction = 'inbound' AND source = 'live'
             AND wamid IS NOT NULL AND type NOT IN ('call', 'system', 'revoke')
           ORDER BY occurred_at DESC, id DESC LIMIT 1""",
        brand_id,
        talk.id,
        ids.floor(talk.last_inbound_at - _LOOK_BACK),
    )
    return None if row is None else Heard(row["wamid"], row["occurred_at"])


async def name_templates(tx: Tx, brand_id: UUID, connection_id: UUID) -> Sequence[str]:
    """Name up to five approved templates that a closed window can be opened with. Codes open none."""
    rows = await tx.rows(
        """SELECT DISTINCT name FROM template
           WHERE brand_id = $1 AND connection_id = $2 AND status = 'APPROVED' AND category <> 'AUTHENTICATION'
           ORDER BY name LIMIT $3""",
        brand_id,
        connection_id,
        _NAMES,
    )
    return [row["name"] for row in rows]


async def mark_read(tx: Tx, brand_id: UUID, conversation_id: UUID, heard: Heard) -> None:
    """Write that nothing is unread, unless the person wrote again after what was heard."""
    await tx.execute(
        """UPDATE conversation SET unread = 0
           WHERE brand_id = $1 AND id = $2 AND unread > 0 AND last_inbound_at <= $3""",
        brand_id,
        conversation_id,
        heard.occurred_at,
    )
    feed.tell(tx, brand_id, Kind.CONVERSATION, conversation_id)


async def shorten(tx: Tx, brand_id: UUID, conversation_id: UUID, by: timedelta) -> None:
    """Let a window end earlier, as if that much time had passed since the person wrote: for the sandbox."""
    await tx.execute(
        "UPDATE conversation SET window_until = window_until - $3::interval WHERE brand_id = $1 AND id = $2",
        brand_id,
        conversation_id,
        by,
    )
    feed.tell(tx, brand_id, Kind.CONVERSATION, conversation_id)
