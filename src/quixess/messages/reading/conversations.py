"""Conversations: a brand's, the last active first, each with whom it is and what was said last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from quixess.database.core import Row, Tx
from quixess.messages.reading import finding, pages, people
from quixess.messages.reading.pages import LOOK, Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which conversations to list; what is None lets all pass. `since` bounds the last activity, `phone` is digits.

    `assignee` is the person who takes care of it, `unassigned` asks for those that nobody does. `query` is what search
    is asked for.
    """

    state: str | None = None
    phone: str | None = None
    user_id: str | None = None
    window_open: bool | None = None
    unread: bool | None = None
    since: datetime | None = None
    assignee: UUID | None = None
    unassigned: bool = False
    query: str | None = None

    @property
    def picks(self) -> bool:
        """Whether some rows may not pass that were active since then."""
        told = (self.state, self.window_open, self.unread, self.assignee)
        return self.unassigned or any(one is not None for one in told)


_SHOWN = """v.id, v.state, v.last_inbound_at, v.window_until, v.window_until > now() AS window_open, v.unread,
  v.assignee, v.created_at, v.active_at, c.id AS contact_id, c.phone, c.user_id, c.username, c.name,
  c.preferences -> 'marketing_messages' ->> 'value' AS marketing, l.phone_number_id,
  t.id AS last_id, t.direction, t.type, t.state AS last_state, t.content, t.occurred_at"""
# $2: whether the caller may read what was said.
_AROUND = """
  LEFT JOIN contact c ON c.brand_id = $1 AND c.id = v.contact_id
  LEFT JOIN connection l ON l.brand_id = $1 AND l.id = v.connection_id
  LEFT JOIN LATERAL (
    SELECT y.id, y.direction, y.type, y.state, CASE WHEN $2::boolean THEN y.content END AS content, y.occurred_at
    FROM message y WHERE y.brand_id = $1 AND y.conversation_id = v.id
    ORDER BY y.occurred_at DESC, y.id DESC LIMIT 1) t ON true"""
_PASSES = """
      ($3::text IS NULL OR v.state = $3)
  AND ($4::boolean IS NULL OR coalesce(v.window_until > now(), false) = $4)
  AND ($5::boolean IS NULL OR (v.unread > 0) = $5)
  AND ($6::uuid IS NULL OR v.assignee = $6) AND (NOT $7::boolean OR v.assignee IS NULL)"""
_WITHIN = "x.merged_into IS NULL AND (x.active_at, x.id) < ($8, $9) AND x.active_at >= $10"
_ACTIVE = f"""
  SELECT {_SHOWN} FROM (
    SELECT * FROM (
      SELECT * FROM conversation x WHERE x.brand_id = $1 AND {_WITHIN}
      ORDER BY x.active_at DESC, x.id DESC LIMIT {LOOK}) v
    WHERE {_PASSES} ORDER BY v.active_at DESC, v.id DESC LIMIT $11) v {_AROUND}
  ORDER BY v.active_at DESC, v.id DESC"""
_EDGE = f"""
  SELECT x.active_at, x.id FROM conversation x
  WHERE x.brand_id = $1 AND x.merged_into IS NULL AND (x.active_at, x.id) < ($2, $3) AND x.active_at >= $4
  ORDER BY x.active_at DESC, x.id DESC OFFSET {LOOK - 1} LIMIT 1"""
_NAMED = f"""
  SELECT {_SHOWN} FROM (
    SELECT v.* FROM unnest($12::uuid[]) AS n(id)
    CROSS JOIN LATERAL (SELECT * FROM conversation x WHERE x.brand_id = $1 AND x.id = n.id AND {_WITHIN} LIMIT 1) v
    WHERE {_PASSES} ORDER BY v.active_at DESC, v.id DESC LIMIT $11) v {_AROUND}
  ORDER BY v.active_at DESC, v.id DESC"""


async def list_conversations(
    tx: Tx, brand_id: UUID, wanted: Filter, *, limit: int, after: Sequence[Any] | None, with_content: bool
) -> Page:
    """List conversations, the last active first. `after` is the position of the page before.

    What was said is read, and searched, only `with_content`: the caller may know that there is a message and not what
    is in it. Raises `invalid_request` for a query that search cannot make anything of.
    """
    await pages.pin(tx)
    at, conversation_id = pages.read_moment(after)
    since = wanted.since or pages.EARLIEST
    picked = (wanted.state, wanted.window_open, wanted.unread, wanted.assignee, wanted.unassigned)
    passes = (with_content, *picked, at, conversation_id, since, limit + 1)
    named = await _named(tx, brand_id, wanted, with_content=with_content)
    if named is not None:
        return pages.cut(await tx.rows(_NAMED, brand_id, *passes, sorted(named)), limit, None, "active_at", "id")
    rows, edge = await tx.rows(_ACTIVE, brand_id, *passes), None
    if len(rows) <= limit and wanted.picks:
        edge = await tx.row(_EDGE, brand_id, at, conversation_id, since)
    place = None if edge is None else pages.position(edge, "active_at", "id")
    return pages.cut(rows, limit, place, "active_at", "id")


async def _named(tx: Tx, brand_id: UUID, wanted: Filter, *, with_content: bool) -> set[UUID] | None:
    """Find the conversations that are asked for by whom or what they are about; None when all are."""
    sets: list[set[UUID]] = []
    if wanted.phone is not None or wanted.user_id is not None:
        sets.append(await people.conversations_with(tx, brand_id, phone=wanted.phone, user_id=wanted.user_id))
    if wanted.query is not None:
        sets.append(await finding.conversations_about(tx, brand_id, wanted.query, in_messages=with_content))
    return set.intersection(*sets) if sets else None


async def get_conversation(tx: Tx, brand_id: UUID, conversation_id: UUID, *, with_content: bool) -> Row | None:
    """Find one conversation, or the one that it became part of. None when the brand has no such."""
    await pages.pin(tx)
    current = await people.current(tx, brand_id, conversation_id)
    if current is None:
        return None
    return await tx.row(
        f"SELECT {_SHOWN} FROM conversation v {_AROUND} WHERE v.brand_id = $1 AND v.id = $3",
        brand_id,
        with_content,
        current,
    )
