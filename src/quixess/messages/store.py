"""All SQL for messages and their statuses: batches in, rows out.

Rows are sorted by their key before a statement, so that two batches never wait for each other in a circle.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from uuid import UUID

import msgspec

from quixess import feed
from quixess.database.core import Row, Tx, columns
from quixess.feed import Kind
from quixess.messages import threads, words
from quixess.messages.model import RANK, Outbound, Source, State
from quixess.messages.threads import Person, Thread


class Settled(msgspec.Struct, frozen=True):
    """The end of one send: what state it is in and what Meta said. `errors` and `pricing` are JSON text."""

    brand_id: UUID
    message_id: UUID
    connection_id: UUID
    state: State
    rank: int
    wamid: str | None = None
    errors: str | None = None
    pricing: str | None = None
    user_id: str | None = None


class Inbound(msgspec.Struct, frozen=True):
    """A message that Meta told of: a user's, or a copy of one that the brand sent without us.

    `content`, `context` and `referral` are JSON text; `text` is what search finds of it.
    """

    id: UUID
    person: Person
    wamid: str
    type: str
    content: str
    reply_to: str | None
    occurred_at: datetime
    context: str | None = None
    referral: str | None = None
    group_id: str | None = None
    direction: str = "inbound"
    state: State = State.RECEIVED
    source: Source = Source.LIVE
    text: str | None = None

    @property
    def rank(self) -> int:
        """Where its state stands."""
        return RANK[self.state]


class Status(msgspec.Struct, frozen=True):
    """One status of one message, in a group of one participant (a phone or user id, else empty).

    `inferred` marks a delivered that only a read told of.
    """

    brand_id: UUID
    message_id: UUID
    status: str
    occurred_at: datetime
    inferred: bool = False
    errors: str | None = None
    pricing: str | None = None
    participant: str = ""

    @property
    def key(self) -> tuple[UUID, str, str]:
        """What makes two statuses the same."""
        return (self.message_id, self.status, self.participant)


async def insert_outbound(tx: Tx, messages: Sequence[tuple[Outbound, Thread]], *, lease_s: float) -> None:
    """Write messages in the state `sending`, before any byte of theirs goes to Meta; look at them after `lease_s`."""
    await tx.execute(
        """WITH m AS (
             SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                                  $8::text[], $9::json[], $10::json[], $11::uuid[], $12::uuid[], $13::text[],
                                  $14::text[], $15::timestamptz[], $16::text[], $17::text[], $18::uuid[])
               AS m(brand_id, id, connection_id, type, phone, template_name, template_language, template_category,
                    content, metadata, key_id, lineage_id, idempotency_key, request_id, occurred_at, user_id, reply_to,
                    conversation_id)),
           watched AS (
             INSERT INTO unsettled (id, brand_id, next_at)
             SELECT id, brand_id, now() + $19 * interval '1 second' FROM m)
           INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, phone,
             attempt, template_name, template_language, template_category, content, metadata, key_id, lineage_id,
             idempotency_key, request_id, occurred_at, user_id, reply_to)
           SELECT m.brand_id, m.id, m.connection_id, m.conversation_id, 'outbound', m.type, 'sending', 0, m.phone,
             1, m.template_name, m.template_language, m.template_category, m.content, m.metadata, m.key_id,
             m.lineage_id, m.idempotency_key, m.request_id, m.occurred_at, m.user_id, m.reply_to
           FROM m""",
        *columns(
            [message for message, _ in messages],
            *("brand_id", "id", "connection.id", "type", "phone", "template_name", "template_language"),
            *("template_category", "content", "metadata", "key_id", "lineage_id", "idempotency_key", "request_id"),
            *("created_at", "user_id", "reply_to"),
        ),
        [thread.conversation_id for _, thread in messages],
        lease_s,
    )
    await words.index(tx, [(one.brand_id, one.id, one.text) for one, _ in messages if one.text is not None])
    for message, thread in messages:
        feed.tell(tx, message.brand_id, Kind.MESSAGE, message.id, within=thread.conversation_id)
    await threads.stir(
        tx,
        [
            (message.brand_id, thread.conversation_id, message.created_at)
            for message, thread in messages
            if message.template_category != "AUTHENTICATION"
        ],
    )


async def settle_outbound(tx: Tx, settled: Sequence[Settled]) -> None:
    """Write the ends of sends and bind their wamids; a message that is further on already keeps its state.

    Who knows that nothing was sent ends a doubt that somebody else named meanwhile, though both stand on one rank.
    """
    ordered = sorted(settled, key=attrgetter("message_id"))
    await tx.execute(
        """WITH s AS (SELECT *, CASE state WHEN 'not_sent' THEN 'unconfirmed' END AS ends
                      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::text[],
                                  $7::json[], $8::json[], $9::text[])
                      AS s(brand_id, id, connection_id, state, rank, wamid, errors, pricing, user_id)),
                bound AS (
                  INSERT INTO wamid (connection_id, wamid, brand_id, message_id)
                  SELECT connection_id, wamid, brand_id, id FROM s WHERE wamid IS NOT NULL
                  ORDER BY connection_id, wamid ON CONFLICT DO NOTHING),
                gone AS (DELETE FROM unsettled u USING s WHERE u.id = s.id AND u.id = ANY ($2::uuid[])
                                                               AND s.state <> 'unconfirmed')
           UPDATE message m SET
             state = CASE WHEN m.rank < s.rank OR m.state = s.ends THEN s.state ELSE m.state END,
             errors = CASE WHEN m.rank < s.rank THEN s.errors ELSE m.errors END,
             pricing = CASE WHEN m.pricing IS NULL OR m.rank <= s.rank THEN coalesce(s.pricing, m.pricing)
                            ELSE m.pricing END,
             user_id = coalesce(m.user_id, s.user_id),
             wamid = coalesce(s.wamid, m.wamid), rank = greatest(m.rank, s.rank)
           FROM s WHERE m.brand_id = s.brand_id AND m.id = s.id""",
        *columns(
            ordered,
            *("brand_id", "message_id", "connection_id", "state", "rank", "wamid", "errors", "pricing", "user_id"),
        ),
    )


async def give_up(tx: Tx, settled: Sequence[Settled]) -> None:
    """Mark sends in doubt as failed, on a rank that any later evidence still passes."""
    ordered = sorted(settled, key=lambda one: one.message_id)
    await tx.execute(
        """WITH s AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::json[])
                      AS s(brand_id, id, state, rank, errors)),
                gone AS (DELETE FROM unsettled u USING s WHERE u.id = s.id AND u.id = ANY ($2::uuid[]))
           UPDATE message m SET state = s.state, rank = s.rank, errors = s.errors
           FROM s WHERE m.brand_id = s.brand_id AND m.id = s.id AND m.state = 'unconfirmed'""",
        *columns(ordered, "brand_id", "message_id", "state", "rank", "errors"),
    )


async def insert_wamids(tx: Tx, found: Sequence[tuple[UUID, str, UUID, UUID]]) -> set[tuple[UUID, str]]:
    """Bind wamids to messages, each (connection, wamid, brand, message), and return those that were not bound yet."""
    rows = await tx.rows(
        """INSERT INTO wamid (connection_id, wamid, brand_id, message_id)
           SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[])
           ON CONFLICT DO NOTHING RETURNING connection_id, wamid""",
        *(list(column) for column in zip(*sorted(found, key=lambda one: one[:2]), strict=True)),
    )
    return {(row["connection_id"], row["wamid"]) for row in rows}


async def find_wamids(tx: Tx, wanted: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], UUID]:
    """Find the messages of these (connection, wamid) pairs."""
    rows = await tx.rows(
        """SELECT w.connection_id, w.wamid, w.message_id FROM unnest($1::uuid[], $2::text[]) AS p(connection_id, wamid)
           JOIN wamid w ON w.connection_id = p.connection_id AND w.wamid = p.wamid""",
        [connection for connection, _ in wanted],
        [wamid for _, wamid in wanted],
    )
    return {(row["connection_id"], row["wamid"]): row["message_id"] for row in rows}


async def load(tx: Tx, wanted: Sequence[tuple[UUID, UUID]]) -> dict[UUID, Row]:
    """Read messages, each given as (brand, message), by message id. One of another brand is not found."""
    rows = await tx.rows(
        """SELECT m.* FROM unnest($1::uuid[], $2::uuid[]) AS p(brand_id, id)
           JOIN message m ON m.brand_id = p.brand_id AND m.id = p.id""",
        *(list(column) for column in zip(*sorted(set(wanted)), strict=True)),
    )
    return {row["id"]: row for row in rows}


async def insert_inbound(tx: Tx, messages: Sequence[tuple[Inbound, Thread]]) -> None:
    """Write messages that Meta told of. Their wamids must be bound already: that is what makes each of them new."""
    await tx.execute(
        """INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, phone,
             user_id, wamid, content, reply_to, occurred_at, context, referral, group_id, source)
           SELECT m.brand_id, m.id, m.connection_id, m.conversation_id, m.direction, m.type, m.state, m.rank, m.phone,
             m.user_id, m.wamid, m.content, m.reply_to, m.occurred_at, m.context, m.referral, m.group_id, m.source
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::json[],
                       $9::text[], $10::timestamptz[], $11::json[], $12::json[], $13::text[], $14::text[], $15::text[],
                       $16::smallint[], $17::text[], $18::uuid[])
                AS m(brand_id, id, connection_id, type, phone, user_id, wamid, content, reply_to, occurred_at, context,
                     referral, group_id, direction, state, rank, source, conversation_id)""",
        *columns(
            [message for message, _ in messages],
            *("person.brand_id", "id", "person.connection_id", "type", "person.phone", "person.user_id", "wamid"),
            *("content", "reply_to", "occurred_at", "context", "referral", "group_id", "direction", "state", "rank"),
            "source",
        ),
        [thread.conversation_id for _, thread in messages],
    )
    await words.index(tx, [(one.person.brand_id, one.id, one.text) for one, _ in messages if one.text is not None])
    for message, thread in messages:
        feed.tell(tx, message.person.brand_id, Kind.MESSAGE, message.id, within=thread.conversation_id)


async def replace_contents(tx: Tx, contents: Sequence[tuple[UUID, UUID, str, str]]) -> None:
    """Put the true content where a placeholder stood, each (brand, message, type, content as JSON text)."""
    await tx.execute(
        """UPDATE message m SET type = c.type, content = c.content
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::json[]) AS c(brand_id, id, type, content)
           WHERE m.brand_id = c.brand_id AND m.id = c.id""",
        *(list(column) for column in zip(*sorted(contents), strict=True)),
    )


async def add_to_contents(tx: Tx, news: Sequence[tuple[UUID, UUID, str]]) -> None:
    """Add members to the content of messages, each (brand, message, JSON text of an object); a null takes none away."""
    await tx.execute(
        """UPDATE message m SET content = (m.content::jsonb || jsonb_strip_nulls(c.news::jsonb))::json
           FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS c(brand_id, id, news)
           WHERE m.brand_id = c.brand_id AND m.id = c.id""",
        *(list(column) for column in zip(*sorted(news), strict=True)),
    )


async def insert_statuses(tx: Tx, statuses: Sequence[Status]) -> set[tuple[UUID, str, str]]:
    """Record statuses, each once for ever, and return the keys (message, status, participant) that are new."""
    ordered = sorted(statuses, key=lambda one: (one.brand_id, *one.key))
    rows = await tx.rows(
        """INSERT INTO message_status (brand_id, message_id, status, occurred_at, inferred, errors, pricing,
                                       participant)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::boolean[], $6::json[],
                                $7::json[], $8::text[])
           ON CONFLICT DO NOTHING RETURNING message_id, status, participant""",
        *columns(ordered, "brand_id", "message_id", "status", "occurred_at", "inferred", "errors", "pricing"),
        [one.participant for one in ordered],
    )
    return {(row["message_id"], row["status"], row["participant"]) for row in rows}
