"""Contacts and conversations: who a message is with, found or made in one go for a whole batch."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec.structs import replace

from quixess.database import ids
from quixess.database.core import Row, Tx, columns
from quixess.messages import identities

_ROUNDS = 6
_Key = tuple[UUID, UUID, str]


class Person(msgspec.Struct, frozen=True):
    """Somebody a brand talks with on one of its numbers: by phone (digits), by Meta's user id, or both.

    `at` is when the person went by these names; None for somebody who is written to now.
    """

    brand_id: UUID
    connection_id: UUID
    phone: str | None
    user_id: str | None = None
    username: str | None = None
    name: str | None = None
    parent_user_id: str | None = None
    at: datetime | None = None

    @property
    def key(self) -> tuple[UUID, UUID, str]:
        """What two mentions of one person in a batch have in common."""
        return (self.brand_id, self.connection_id, self.phone or f"user {self.user_id}")


class Thread(msgspec.Struct, frozen=True):
    """A person's conversation."""

    contact_id: UUID
    conversation_id: UUID


async def find_threads(tx: Tx, people: Sequence[Person]) -> dict[tuple[UUID, UUID, str], Thread]:
    """Find or make the conversation of each person, by `Person.key`. A person named twice gets one contact.

    Names that belong to two contacts, or to one under other names, join the contacts or move the names first. What is
    found stays so until the transaction ends: nobody takes a conversation up meanwhile.
    """
    wanted = _fold(people)
    found: dict[_Key, Thread] = {}
    reconciled: set[_Key] = set()
    for _ in range(_ROUNDS):
        missing = [person for key, person in wanted.items() if key not in found]
        if not missing:
            return found
        rows = await _select_threads(tx, missing)
        pairs = list(zip(missing, rows, strict=True))
        if clashing := [one for one, row in pairs if one.key not in reconciled and _clash(one, row)]:
            for person in clashing:
                await _reconcile(tx, person)
            reconciled |= {person.key for person in clashing}
            found.clear()
            continue
        await _learn(tx, [(person, row) for person, row in pairs if _contact_of(row)])
        made = await _insert_contacts(tx, [person for person, row in pairs if not _contact_of(row)])
        known = [(person, made.get(person.key) or _contact_of(row), row["conversation_id"]) for person, row in pairs]
        held = await _hold(tx, sorted({(one.brand_id, talk) for one, _, talk in known if talk}))
        found |= {person.key: Thread(contact, talk) for person, contact, talk in known if contact and talk in held}
        lonely = [(person, contact) for person, contact, talk in known if contact and not talk]
        found |= await _insert_conversations(tx, lonely)
    raise RuntimeError("a contact or conversation kept vanishing while it was looked up")


async def move(tx: Tx, old: Person, *, phone: str | None, user_id: str | None) -> None:
    """Move a person to another phone or user id, as Meta told at `old.at`. Nothing to do when nobody knows the person.

    Whoever was known under the new names is the same person, unless another user id speaks against it.
    """
    (row,) = await _select_threads(tx, [old])
    mover = row["by_user"] or row["by_phone"]
    if mover is None:
        return
    new = replace(old, phone=phone, user_id=user_id)
    (there,) = await _select_threads(tx, [new])
    others = {there["by_phone"], there["by_user"]} - {None, mover}
    if phone and there["by_phone"] in others and there["known_user_id"] not in {None, user_id}:
        await identities.part(tx, old.brand_id, there["by_phone"], phone)
        others -= {there["by_phone"]}
    await identities.unite(tx, old.brand_id, {mover, *others}, phone=phone, user_id=user_id, at=old.at)


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
        parent_user_id=later.parent_user_id or known.parent_user_id,
    )


async def _select_threads(tx: Tx, people: Sequence[Person]) -> list[Row]:
    """Find each person by phone and by user id, and the conversation with the contact that was found.

    `known_user_id` and `main_phone` are those of the contact with the phone, `known_phone` that of the other.
    """
    return await tx.rows(
        """SELECT c.id AS by_phone, c.user_id AS known_user_id, c.phone AS main_phone,
                  u.id AS by_user, u.phone AS known_phone, v.id AS conversation_id,
                  coalesce(c.username, u.username) AS username, coalesce(c.name, u.name) AS name,
                  coalesce(c.parent_user_id, u.parent_user_id) AS parent_user_id
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
                WITH ORDINALITY AS p(brand_id, connection_id, phone, user_id, at, ord)
           LEFT JOIN LATERAL (
             SELECT * FROM contact k WHERE k.brand_id = p.brand_id AND k.phone = p.phone
             UNION ALL
             SELECT k.* FROM phone_alias a CROSS JOIN LATERAL (
               SELECT * FROM contact o WHERE o.brand_id = a.brand_id AND o.id = a.contact_id LIMIT 1) k
             WHERE a.brand_id = p.brand_id AND a.phone = p.phone AND (a.until IS NULL OR p.at <= a.until)
             LIMIT 1) c ON true
           LEFT JOIN LATERAL (
             SELECT * FROM contact k WHERE k.brand_id = p.brand_id AND k.user_id = p.user_id
             UNION ALL
             SELECT k.* FROM user_alias a CROSS JOIN LATERAL (
               SELECT * FROM contact o WHERE o.brand_id = a.brand_id AND o.id = a.contact_id LIMIT 1) k
             WHERE a.brand_id = p.brand_id AND a.user_id = p.user_id
               AND (p.phone IS NULL OR k.phone IS NULL OR k.phone = p.phone OR k.id = c.id)
             LIMIT 1) u ON true
           LEFT JOIN LATERAL (
             SELECT id FROM conversation t
             WHERE t.brand_id = p.brand_id AND t.connection_id = p.connection_id AND t.contact_id = coalesce(c.id, u.id)
             LIMIT 1) v ON true
           ORDER BY p.ord""",
        *columns(people, "brand_id", "connection_id", "phone", "user_id", "at"),
    )


def _contact_of(row: Row) -> UUID | None:
    found: UUID | None = row["by_phone"] or row["by_user"]
    return found


def _clash(person: Person, row: Row) -> bool:
    """Tell whether what is known contradicts the names of a person."""
    if row["by_phone"] and row["by_user"]:
        return bool(row["by_phone"] != row["by_user"])
    if row["by_phone"]:
        return bool(person.user_id and row["known_user_id"])
    return bool(person.phone and row["known_phone"] not in {None, person.phone})


async def _reconcile(tx: Tx, person: Person) -> None:
    """Believe the latest names. The phone decides who it is; two people with a full set of names each stay two."""
    (row,) = await _select_threads(tx, [person])
    if person.phone is None or not _clash(person, row):
        return
    by_phone, by_user, phone = row["by_phone"], row["by_user"], row["main_phone"] or person.phone
    if by_phone and by_user and row["known_user_id"] and row["known_phone"] not in {None, phone}:
        await identities.part(tx, person.brand_id, by_phone, person.phone)
        by_phone, phone = None, person.phone
    known = {one for one in (by_phone, by_user) if one}
    await identities.unite(tx, person.brand_id, known, phone=phone, user_id=person.user_id, at=person.at)


async def _learn(tx: Tx, known: Sequence[tuple[Person, Row]]) -> None:
    """Keep a new name, username, phone or user id of a contact; write nothing when there is nothing new.

    One phone or user id goes to one contact: a second one in the batch proves the next time that they are one person.
    """
    news: dict[UUID, tuple[UUID, UUID, *tuple[str | None, ...]]] = {}
    given: dict[tuple[UUID, str], UUID] = {}
    for person, row in known:
        contact = row["by_phone"] or row["by_user"]
        user_id = person.user_id if row["by_phone"] and row["known_user_id"] is None else None
        phone = person.phone if not row["by_phone"] and row["known_phone"] is None else None
        if any(given.setdefault((person.brand_id, name), contact) != contact for name in (user_id, phone) if name):
            user_id = phone = None
        names = (person.name, person.username, person.parent_user_id, user_id, phone)
        was = (row["name"], row["username"], row["parent_user_id"], None, None)
        if any(now and now != before for now, before in zip(names, was, strict=True)):
            older = news.get(contact, (None,) * 7)[2:]
            merged = (now or before for now, before in zip(names, older, strict=True))
            news[contact] = (person.brand_id, contact, *merged)
    if news:
        await _update_contacts(tx, sorted(news.values(), key=lambda one: one[:2]))


async def _update_contacts(tx: Tx, news: Sequence[tuple[UUID, UUID, *tuple[str | None, ...]]]) -> None:
    await tx.execute(
        """UPDATE contact c SET name = coalesce(n.name, c.name), username = coalesce(n.username, c.username),
             parent_user_id = coalesce(n.parent_user_id, c.parent_user_id),
             user_id = CASE WHEN c.user_id IS NULL AND NOT EXISTS (
               SELECT 1 FROM contact o WHERE o.brand_id = n.brand_id AND o.user_id = n.user_id)
               THEN n.user_id ELSE c.user_id END,
             phone = CASE WHEN c.phone IS NULL AND NOT EXISTS (
               SELECT 1 FROM contact o WHERE o.brand_id = n.brand_id AND o.phone = n.phone)
               THEN n.phone ELSE c.phone END
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
                AS n(brand_id, id, name, username, parent_user_id, user_id, phone)
           WHERE c.brand_id = n.brand_id AND c.id = n.id""",
        *(list(column) for column in zip(*news, strict=True)),
    )


async def _hold(tx: Tx, talks: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    """Keep conversations, each (brand, id), from being taken up by others; return those that were not yet.

    What is written to one that is taken up at the same moment would stay behind there.
    """
    if not talks:
        return set()
    rows = await tx.rows(
        """SELECT v.id, v.merged_into FROM unnest($1::uuid[], $2::uuid[]) AS t(brand_id, id)
           JOIN conversation v ON v.brand_id = t.brand_id AND v.id = t.id FOR KEY SHARE OF v""",
        *(list(column) for column in zip(*talks, strict=True)),
    )
    return {row["id"] for row in rows if row["merged_into"] is None}


async def _insert_contacts(tx: Tx, people: Sequence[Person]) -> dict[tuple[UUID, UUID, str], UUID]:
    if not people:
        return {}
    made = [(ids.new(), person) for person in people]
    rows = await tx.rows(
        """INSERT INTO contact (brand_id, id, phone, user_id, username, name, parent_user_id)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
           ON CONFLICT DO NOTHING RETURNING id""",
        [person.brand_id for _, person in made],
        [contact_id for contact_id, _ in made],
        *columns(people, "phone", "user_id", "username", "name", "parent_user_id"),
    )
    kept = {row["id"] for row in rows}
    return {person.key: contact_id for contact_id, person in made if contact_id in kept}


async def _insert_conversations(tx: Tx, pairs: Sequence[tuple[Person, UUID]]) -> dict[tuple[UUID, UUID, str], Thread]:
    if not pairs:
        return {}
    made = [(ids.new(), person, contact_id) for person, contact_id in pairs]
    rows = await tx.rows(
        """INSERT INTO conversation (brand_id, id, connection_id, contact_id, active_at)
           SELECT c.brand_id, c.id, c.connection_id, c.contact_id, least(c.at, now())
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[])
                AS c(brand_id, id, connection_id, contact_id, at)
           JOIN contact k ON k.brand_id = c.brand_id AND k.id = c.contact_id FOR KEY SHARE OF k
           ON CONFLICT DO NOTHING RETURNING id""",
        [person.brand_id for _, person, _ in made],
        [conversation_id for conversation_id, _, _ in made],
        [person.connection_id for _, person, _ in made],
        [contact_id for _, _, contact_id in made],
        [person.at for _, person, _ in made],
    )
    kept = {row["id"] for row in rows}
    return {person.key: Thread(contact, conversation) for conversation, person, contact in made if conversation in kept}


async def add_aliases(tx: Tx, aliases: Sequence[tuple[UUID, str, UUID]]) -> None:
    """Learn that Meta knows contacts under other digits too, each (brand, digits, conversation).

    Whoever wrote from these digits before anybody knew is the same person.
    """
    if not aliases:
        return
    twins = await tx.rows(
        """WITH a AS (
             SELECT a.brand_id, a.phone, coalesce(w.contact_id, v.contact_id) AS contact_id
             FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS a(brand_id, phone, conversation_id)
             JOIN conversation v ON v.brand_id = a.brand_id AND v.id = a.conversation_id
             LEFT JOIN conversation w ON w.brand_id = v.brand_id AND w.id = v.merged_into),
           kept AS (
             INSERT INTO phone_alias AS p (brand_id, phone, contact_id)
             SELECT DISTINCT ON (brand_id, phone) brand_id, phone, contact_id FROM a
             ON CONFLICT (brand_id, phone) DO UPDATE SET contact_id = excluded.contact_id, until = NULL
               WHERE p.until IS NOT NULL)
           SELECT a.brand_id, a.contact_id, k.id AS other, c.phone
           FROM a JOIN contact k ON k.brand_id = a.brand_id AND k.phone = a.phone AND k.id <> a.contact_id
           JOIN contact c ON c.brand_id = a.brand_id AND c.id = a.contact_id""",
        *(list(column) for column in zip(*sorted(set(aliases)), strict=True)),
    )
    for twin in twins:
        both = {twin["contact_id"], twin["other"]}
        await identities.unite(tx, twin["brand_id"], both, phone=twin["phone"], user_id=None, at=None)


async def open_windows(tx: Tx, heard: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Open or move the customer service window: 24 h from the user's message, each (brand, conversation, at).

    What is written stirs the conversation too, and opens one that was closed.
    """
    await tx.execute(
        """UPDATE conversation v SET last_inbound_at = greatest(v.last_inbound_at, h.at), unread = v.unread + h.news,
             window_until = greatest(v.window_until, h.at + interval '24 hours'), state = 'open',
             active_at = CASE WHEN h.at > v.active_at + interval '10 seconds' THEN h.at ELSE v.active_at END
           FROM (SELECT brand_id, id, max(at) AS at, count(*)::int AS news
                 FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS h(brand_id, id, at)
                 GROUP BY brand_id, id ORDER BY brand_id, id) h
           WHERE v.brand_id = h.brand_id AND v.id = h.id""",
        *(list(column) for column in zip(*sorted(heard), strict=True)),
    )


async def stir(tx: Tx, said: Sequence[tuple[UUID, UUID, datetime]]) -> None:
    """Move conversations up in their list, each (brand, conversation, at). Less than ten seconds move nothing.

    Most messages follow another within that time, and an entry of an index is written for each move.
    """
    if said:
        await tx.execute(
            """UPDATE conversation v SET active_at = s.at
               FROM (SELECT brand_id, id, max(at) AS at
                     FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS s(brand_id, id, at)
                     GROUP BY brand_id, id ORDER BY brand_id, id) s
               WHERE v.brand_id = s.brand_id AND v.id = s.id AND s.at > v.active_at + interval '10 seconds'""",
            *(list(column) for column in zip(*sorted(said), strict=True)),
        )
