"""Identities: the names one person goes by, phones and Meta's user ids, and what joins contacts or parts them.

A user id comes with the phone, before it or instead of it, and both change. When two contacts prove to be one person,
the older one stays: its conversations take up the other's messages, and the other's conversations lead there.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from quixess import feed
from quixess.database.core import Row, Tx
from quixess.feed import Kind
from quixess.messages import phones


async def unite(
    tx: Tx, brand_id: UUID, contacts: Collection[UUID], *, phone: str | None, user_id: str | None, at: datetime | None
) -> None:
    """Make one contact of these and give it the phone (digits) and user id it goes by since `at`.

    None keeps what is known. Names it had before stay its aliases. Contacts that are gone meanwhile do not count.
    """
    known = await tx.rows(
        "SELECT * FROM contact WHERE brand_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE",
        brand_id,
        sorted(contacts),
    )
    if not known:
        return
    kept = known[0]["id"]
    for other in known[1:]:
        await _take_conversations(tx, brand_id, kept, other["id"])
        await _take_names(tx, brand_id, kept, other)
    phone = phone or _first(known, "phone")
    user_id = user_id or _first(known, "user_id")
    await tx.execute(
        """UPDATE contact SET phone = $3, user_id = $4, name = coalesce(name, $5), username = coalesce(username, $6)
           WHERE brand_id = $1 AND id = $2""",
        *(brand_id, kept, phone, user_id, _first(known, "name"), _first(known, "username")),
    )
    await _keep_phones(tx, brand_id, kept, phone, {row["phone"] for row in known}, at)
    await _keep_user_ids(tx, brand_id, kept, user_id, {row["user_id"] for row in known})


async def part(tx: Tx, brand_id: UUID, contact_id: UUID, phone: str) -> None:
    """Take a phone (digits) from a contact that has another name: the number belongs to somebody else now."""
    await tx.execute(
        "DELETE FROM phone_alias WHERE brand_id = $1 AND phone = $2 AND contact_id = $3", brand_id, phone, contact_id
    )
    await tx.execute(
        """UPDATE contact SET phone = NULL
           WHERE brand_id = $1 AND id = $2 AND phone = $3 AND user_id IS NOT NULL""",
        brand_id,
        contact_id,
        phone,
    )


def _first(rows: Collection[Row], name: str) -> str | None:
    return next((row[name] for row in rows if row[name] is not None), None)


async def _take_conversations(tx: Tx, brand_id: UUID, kept: UUID, gone: UUID) -> None:
    pairs = await tx.rows(
        """SELECT g.id AS gone, k.id AS kept FROM conversation g
           LEFT JOIN conversation k
             ON k.brand_id = g.brand_id AND k.contact_id = $2 AND k.connection_id = g.connection_id
           WHERE g.brand_id = $1 AND g.contact_id = $3 ORDER BY g.id FOR UPDATE OF g""",
        brand_id,
        kept,
        gone,
    )
    for pair in pairs:
        if pair["kept"] is None:
            await tx.execute(
                "UPDATE conversation SET contact_id = $3 WHERE brand_id = $1 AND id = $2", brand_id, pair["gone"], kept
            )
        else:
            await _join(tx, brand_id, pair["kept"], pair["gone"])


async def _join(tx: Tx, brand_id: UUID, kept: UUID, gone: UUID) -> None:
    """Let one conversation take up another; the other's row stays, because tenants may know its id."""
    await tx.execute(
        "UPDATE message SET conversation_id = $2 WHERE brand_id = $1 AND conversation_id = $3", brand_id, kept, gone
    )
    await tx.execute(
        """UPDATE conversation k SET unread = k.unread + g.unread, assignee = coalesce(k.assignee, g.assignee),
             last_inbound_at = greatest(k.last_inbound_at, g.last_inbound_at),
             window_until = greatest(k.window_until, g.window_until), active_at = greatest(k.active_at, g.active_at)
           FROM conversation g WHERE k.brand_id = $1 AND k.id = $2 AND g.brand_id = $1 AND g.id = $3""",
        brand_id,
        kept,
        gone,
    )
    await tx.execute(
        """UPDATE conversation SET merged_into = $2, unread = 0, window_until = NULL
           WHERE brand_id = $1 AND (id = $3 OR merged_into = $3)""",
        brand_id,
        kept,
        gone,
    )
    for conversation_id in (kept, gone):
        feed.tell(tx, brand_id, Kind.CONVERSATION, conversation_id)


async def _take_names(tx: Tx, brand_id: UUID, kept: UUID, other: Row) -> None:
    for table in ("phone_alias", "user_alias"):
        await tx.execute(
            f"UPDATE {table} SET contact_id = $2 WHERE brand_id = $1 AND contact_id = $3", brand_id, kept, other["id"]
        )
    await tx.execute("DELETE FROM contact WHERE brand_id = $1 AND id = $2", brand_id, other["id"])
    await tx.execute(
        """UPDATE contact SET preferences = $3::jsonb || preferences,
             parent_user_id = coalesce(parent_user_id, $4) WHERE brand_id = $1 AND id = $2""",
        brand_id,
        kept,
        other["preferences"],
        other["parent_user_id"],
    )


async def _keep_phones(
    tx: Tx, brand_id: UUID, contact_id: UUID, phone: str | None, had: Collection[str | None], at: datetime | None
) -> None:
    """Keep the numbers a contact had: another way of writing the same one for ever, one given up until `at`."""
    await tx.execute("DELETE FROM phone_alias WHERE brand_id = $1 AND phone = $2", brand_id, phone)
    for old in sorted(one for one in had if one is not None and one != phone):
        same = phone is not None and phones.alike(old, phone)
        await tx.execute(
            """INSERT INTO phone_alias (brand_id, phone, contact_id, until)
               VALUES ($1, $2, $3, CASE WHEN $4 THEN NULL ELSE coalesce($5, now()) END)
               ON CONFLICT (brand_id, phone) DO UPDATE SET contact_id = excluded.contact_id, until = excluded.until""",
            *(brand_id, old, contact_id, same, at),
        )


async def _keep_user_ids(
    tx: Tx, brand_id: UUID, contact_id: UUID, user_id: str | None, had: Collection[str | None]
) -> None:
    await tx.execute("DELETE FROM user_alias WHERE brand_id = $1 AND user_id = $2", brand_id, user_id)
    for old in sorted(one for one in had if one is not None and one != user_id):
        await tx.execute(
            """INSERT INTO user_alias (brand_id, user_id, contact_id) VALUES ($1, $2, $3)
               ON CONFLICT (brand_id, user_id) DO UPDATE SET contact_id = excluded.contact_id""",
            *(brand_id, old, contact_id),
        )
