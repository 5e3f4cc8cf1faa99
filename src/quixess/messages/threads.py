"""Contacts and conversations: who a message is with, found or made in one go for a whole batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Row, Tx, columns

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody a brand talks with on one of its numbers: by phone (digits), by Meta's user id, or both."""

    brand_id: UUID
    connection_id: UUID
    phone: str | None
    user_id: str | None = None
    username: str | None = None
    name: str | None = None

    @property
    def key(self) -> tuple[UUID, UUID, str]:
        """What two mentions of one person in a batch have in common."""
        return (self.brand_id, self.connection_id, self.phone or f"user {self.user_id}")


@dataclass(frozen=True, slots=True)
class Thread:
    """A person's conversation."""

    contact_id: UUID
    conversation_id: UUID


async def find_threads(tx: Tx, people: Sequence[Person]) -> dict[tuple[UUID, UUID, str], Thread]:
    """Find or make the conversation of each person, by `Person.key`. A person named twice gets one contact."""
    wanted = _fold(people)
    found: dict[tuple[UUID, UUID, str], Thread] = {}
    for _ in range(_ROUNDS):
        missing = [person for key, person in wanted.items() if key not in found]
        if not missing:
            return found
        rows = await _select_threads(tx, missing)
        await _learn(tx, [(person, row) for person, row in zip(missing, rows, strict=True) if row["contact_id"]])
        contacts = [row["contact_id"] for row in rows]
        made = await _insert_contacts(tx, [p for p, contact in zip(missing, contacts, strict=True) if not contact])
        known = [made.get(p.key, contact) for p, contact in zip(missing, contacts, strict=True)]
        for person, contact, row in zip(missing, known, rows, strict=True):
            if contact is not None and row["conversation_id"] is not None:
                found[person.key] = Thread(contact, row["conversation_id"])
        lonely = [(p, c) for p, c in zip(missing, known, strict=True) if c is not None and p.key not in found]
        found |= await _insert_conversations(tx, lonely)
    raise RuntimeError("a contact or conversation kept vanishing while it was looked up")


def _fold(people: Sequence[Person]) -> dict[tuple[UUID, UUID, str], Person]:
    """Name each person once, in the order of the keys. A later mention wins, but what it leaves out is kept."""
    folded: dict[tuple[UUID, UUID, str], Person] = {}
    for person in sorted(people, key=lambda person: person.key):
        known = folded.get(person.key)
        folded[person.key] = person if known is None else _merge(known, person)
    return folded


def _merge(known: Person, later: Person) -> Person:
    return replace(
        later,
        user_id=later.user_id or known.user_id,
        username=later.username or known.username,
        name=later.name or known.name,
    )


async def _select_threads(tx: Tx, people: Sequence[Person]) -> list[Row]:
    return await tx.rows(
        """SELECT c.id AS contact_id, v.id AS conversation_id, c.user_id, c.username, c.name
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[])
                WITH ORDINALITY AS p(brand_id, connection_id, phone, user_id, ord)
           LEFT JOIN LATERAL (
             SELECT * FROM contact k WHERE k.brand_id = p.brand_id AND k.phone = p.phone
             UNION ALL
             SELECT k.* FROM phone_alias a JOIN contact k ON k.brand_id = a.brand_id AND k.id = a.contact_id
             WHERE a.brand_id = p.brand_id AND a.phone = p.phone
             UNION ALL
             SELECT * FROM contact k WHERE k.brand_id = p.brand_id AND k.user_id = p.user_id
             LIMIT 1) c ON true
           LEFT JOIN LATERAL (
             SELECT id FROM conversation t
             WHERE t.brand_id = p.brand_id AND t.connection_id = p.connection_id AND t.contact_id = c.id
             LIMIT 1) v ON true
           ORDER BY p.ord""",
        *columns(people, "brand_id", "connection_id", "phone", "user_id"),
    )


async def _learn(tx: Tx, known: Sequence[tuple[Person, Row]]) -> None:
    """Keep a new name, username or user id of a contact; write nothing when there is nothing new."""
    news = [
        (person.brand_id, row["contact_id"], person.name, person.username, person.user_id)
        for person, row in known
        if (person.name and person.name != row["name"])
        or (person.username and person.username != row["username"])
        or (person.user_id and row["user_id"] is None)
    ]
    if news:
        await tx.execute(
            """UPDATE contact c SET name = coalesce(n.name, c.name), username = coalesce(n.username, c.username),
                 user_id = CASE WHEN c.user_id IS NULL AND NOT EXISTS (
                   SELECT 1 FROM contact o WHERE o.brand_id = n.brand_id AND o.user_id = n.user_id)
                   THEN n.user_id ELSE c.user_id END
               FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
                    AS n(brand_id, id, name, username, user_id)
               WHERE c.brand_id = n.brand_id AND c.id = n.id""",
            *(list(column) for column in zip(*sorted(news, key=lambda one: one[:2]), strict=True)),
        )


async def _insert_contacts(tx: Tx, people: Sequence[Person]) -> dict[tuple[UUID, UUID, str], UUID]:
    if not people:
        return {}
    made = [(ids.new(), person) for person in people]
    rows = await tx.rows(
        """INSERT INTO contact (brand_id, id, phone, user_id, username, name)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
           ON CONFLICT DO NOTHING RETURNING id""",
        [person.brand_id for _, person in made],
        [contact_id for contact_id, _ in made],
        [person.phone for _, person in made],
        [person.user_id for _, person in made],
        [person.username for _, person in made],
        [person.name for _, person in made],
    )
    kept = {row["id"] for row in rows}
    return {person.key: contact_id for contact_id, person in made if contact_id in kept}


async def _insert_conversations(tx: Tx, pairs: Sequence[tuple[Person, UUID]]) -> dict[tuple[UUID, UUID, str], Thread]:
    if not pairs:
        return {}
    made = [(ids.new(), person, contact_id) for person, contact_id in pairs]
    rows = await tx.rows(
        """INSERT INTO conversation (brand_id, id, connection_id, contact_id)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[])
           ON CONFLICT DO NOTHING RETURNING id""",
        [person.brand_id for _, person, _ in made],
        [conversation_id for conversation_id, _, _ in made],
        [person.connection_id for _, person, _ in made],
        [contact_id for _, _, contact_id in made],
    )
    kept = {row["id"] for row in rows}
    return {person.key: Thread(contact, conversation) for conversation, person, contact in made if conversation in kept}


async def add_aliases(tx: Tx, aliases: Sequence[tuple[UUID, str, UUID]]) -> None:
    """Learn that Meta knows contacts under other digits too, each (brand, digits, conversation)."""
    if aliases:
        await tx.execute(
            """INSERT INTO phone_alias (brand_id, phone, contact_id)
               SELECT a.brand_id, a.phone, v.contact_id
               FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS a(brand_id, phone, conversation_id)
               JOIN conversation v ON v.brand_id = a.brand_id AND v.id = a.conversation_id
               ON CONFLICT DO NOTHING""",
            *(list(column) for column in zip(*sorted(set(aliases)), strict=True)),
        )


async def open_windows(tx: Tx, heard: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Open or move the customer service window: 24 h from the user's message, each (brand, conversation, at)."""
    await tx.execute(
        """UPDATE conversation v SET last_inbound_at = greatest(v.last_inbound_at, h.at), unread = v.unread + h.news,
             window_until = greatest(v.window_until, h.at + interval '24 hours')
           FROM (SELECT brand_id, id, max(at) AS at, count(*)::int AS news
                 FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS h(brand_id, id, at)
                 GROUP BY brand_id, id ORDER BY brand_id, id) h
           WHERE v.brand_id = h.brand_id AND v.id = h.id""",
        *(list(column) for column in zip(*sorted(heard), strict=True)),
    )
