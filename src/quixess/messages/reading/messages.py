"""Messages: lists of a brand's messages, newest first, a conversation's own, and all that is known of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.messages import store
from quixess.messages.reading import pages, people, search
from quixess.messages.reading.pages import LOOK, Page

MEDIA = ("image", "video", "audio", "document", "sticker")
_LONGEST_WAMID = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which messages to list; what is None lets all pass. `since` and `until` bound the time they were recorded.

    `phone` is digits, `key_id` the key that sent. `query` is what search is asked for, `metadata` what a send was
    given.
    """

    direction: str | None = None
    state: str | None = None
    type: str | None = None
    phone: str | None = None
    user_id: str | None = None
    conversation_id: UUID | None = None
    template_name: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    has_media: bool | None = None
    key_id: UUID | None = None
    query: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[UUID, UUID]:
        """The first id that passes and the first above that does not."""
        since = pages.BEFORE_ALL if self.since is None else ids.floor(self.since)
        return since, pages.AFTER_ALL if self.until is None else ids.floor(self.until)

    @property
    def about_somebody(self) -> bool:
        """Whether only the messages with some people are asked for."""
        return self.phone is not None or self.user_id is not None or self.conversation_id is not None

    @property
    def picks(self) -> bool:
        """Whether some rows may not pass that are recorded within the bounds."""
        told = (self.direction, self.state, self.type, self.template_name, self.has_media, self.key_id)
        return any(one is not None for one in told) or bool(self.metadata)

    def arguments(self) -> tuple[Any, ...]:
        """Give what `_PASSES` is asked with."""
        names, values = list(self.metadata), list(self.metadata.values())
        told = (self.direction, self.state, self.type, self.template_name, self.has_media, MEDIA, names, values)
        return (*told, self.key_id)


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of one message: its row, and the rows of its statuses."""

    row: Row
    statuses: list[Row]


_SHOWN = """m.id, m.wamid, m.conversation_id, m.direction, m.type, m.state, m.source, m.phone, m.user_id, m.content,
  m.reply_to, m.context, m.referral, m.group_id, m.template_name, m.template_language, m.template_category, m.errors,
  m.pricing, m.metadata, m.key_id, m.request_id, m.occurred_at, c.name, c.username, l.phone_number_id, l.waba_id,
  l.display_phone"""
_AROUND = """
  LEFT JOIN conversation v ON v.brand_id = $1 AND v.id = m.conversation_id
  LEFT JOIN contact c ON c.brand_id = $1 AND c.id = v.contact_id
  LEFT JOIN connection l ON l.brand_id = $1 AND l.id = m.connection_id"""
_PASSES = """
      ($2::text IS NULL OR m.direction = $2) AND ($3::text IS NULL OR m.state = $3)
  AND ($4::text IS NULL OR m.type = $4) AND ($5::text IS NULL OR m.template_name = $5)
  AND ($6::boolean IS NULL OR (m.type = ANY ($7::text[])) = $6)
  AND (cardinality($8::text[]) = 0 OR NOT EXISTS (
    SELECT FROM unnest($8::text[], $9::text[]) AS w(name, value)
    WHERE m.metadata ->> w.name IS DISTINCT FROM w.value))
  AND ($10::uuid IS NULL OR m.key_id = $10)"""
_RECORDED = f"""
  SELECT {_SHOWN} FROM (
    SELECT * FROM (
      SELECT * FROM message x WHERE x.brand_id = $1 AND x.id < $11 AND x.id >= $12 ORDER BY x.id DESC LIMIT {LOOK}) m
    WHERE {_PASSES} ORDER BY m.id DESC LIMIT $13) m {_AROUND} ORDER BY m.id DESC"""
_RECORDED_EDGE = f"""
  SELECT x.id FROM message x WHERE x.brand_id = $1 AND x.id < $2 AND x.id >= $3
  ORDER BY x.id DESC OFFSET {LOOK - 1} LIMIT 1"""
_FOUND = f"""
  SELECT {_SHOWN} FROM (
    SELECT m.* FROM unnest($11::uuid[]) WITH ORDINALITY AS f(id, place)
    CROSS JOIN LATERAL (SELECT * FROM message x WHERE x.brand_id = $1 AND x.id = f.id LIMIT 1) m
    WHERE {_PASSES} AND ($12::uuid[] IS NULL OR m.conversation_id = ANY ($12))
    ORDER BY f.place LIMIT $13) m {_AROUND}"""


def _spoken(after: str, order: str) -> str:
    return f"""
  SELECT {_SHOWN} FROM (
    SELECT * FROM (
      SELECT * FROM message x
      WHERE x.brand_id = $1 AND x.conversation_id = $11 AND (x.occurred_at, x.id) {after} ($12, $13)
      ORDER BY x.occurred_at {order}, x.id {order} LIMIT {LOOK}) m
    WHERE {_PASSES} AND m.id < $14 AND m.id >= $15
    ORDER BY m.occurred_at {order}, m.id {order} LIMIT $16) m {_AROUND}
  ORDER BY m.occurred_at {order}, m.id {order}"""


def _spoken_edge(after: str, order: str) -> str:
    return f"""
  SELECT x.occurred_at, x.id FROM message x
  WHERE x.brand_id = $1 AND x.conversation_id = $2 AND (x.occurred_at, x.id) {after} ($3, $4)
  ORDER BY x.occurred_at {order}, x.id {order} OFFSET {LOOK - 1} LIMIT 1"""


_NEWEST_FIRST = (_spoken("<", "DESC"), _spoken_edge("<", "DESC"))
_OLDEST_FIRST = (_spoken(">", "ASC"), _spoken_edge(">", "ASC"))


async def list_messages(tx: Tx, brand_id: UUID, wanted: Filter, *, limit: int, after: Sequence[Any] | None) -> Page:
    """List messages, the last recorded first; those with some people as a conversation shows them, by their own time.

    `after` is the position of the page before. Raises `invalid_request` for a query without a word, or too wide.
    """
    await pages.pin(tx)
    threads = await _threads(tx, brand_id, wanted) if wanted.about_somebody else None
    if threads is not None and not threads:
        return Page([])
    if wanted.query is not None:
        return await _list_found(tx, brand_id, wanted, threads, limit, after)
    if threads is not None:
        return await _list_spoken(tx, brand_id, wanted, threads, limit, after)
    return await _list_recorded(tx, brand_id, wanted, limit, after)


async def list_thread(
    tx: Tx, brand_id: UUID, conversation_id: UUID, *, limit: int, after: Sequence[Any] | None, oldest_first: bool
) -> Page | None:
    """List the messages of a conversation by when they were said. None when there is no such conversation."""
    await pages.pin(tx)
    conversation = await people.current(tx, brand_id, conversation_id)
    if conversation is None:
        return None
    return await _list_spoken(tx, brand_id, Filter(), {conversation}, limit, after, oldest_first=oldest_first)


async def get_message(db: Database, brand_id: UUID, shown: str) -> Story | None:
    """Find one message by its `msg_…` id or its wamid, with all its statuses. None when the brand has no such."""
    message_id = ids.parse("msg", shown) or await _bound_to(db, brand_id, shown)
    if message_id is None:
        return None
    async with db.reading(brand_id) as tx:
        await pages.pin(tx)
        row = await tx.row(
            f"""SELECT {_SHOWN} FROM message m {_AROUND} WHERE m.brand_id = $1 AND m.id = $2""", brand_id, message_id
        )
        statuses = await tx.rows(
            """SELECT s.status, s.participant, s.inferred, s.errors, s.occurred_at FROM message_status s
               WHERE s.brand_id = $1 AND s.message_id = $2""",
            brand_id,
            message_id,
        )
    return None if row is None else Story(row, statuses)


async def _bound_to(db: Database, brand_id: UUID, wamid: str) -> UUID | None:
    """Find what a wamid is bound to on the brand's own connections."""
    if "\x00" in wamid or len(wamid) > _LONGEST_WAMID:
        return None
    async with db.reading(brand_id) as tx:
        lines = await tx.rows("SELECT l.id FROM connection l WHERE l.brand_id = $1", brand_id)
    async with db.statement() as tx:
        bound = await store.find_wamids(tx, [(line["id"], wamid) for line in lines])
    return next(iter(bound.values()), None)


async def _threads(tx: Tx, brand_id: UUID, wanted: Filter) -> set[UUID]:
    """Find the conversations that are asked for, by all that they are named by."""
    sets: list[set[UUID]] = []
    if wanted.conversation_id is not None:
        current = await people.current(tx, brand_id, wanted.conversation_id)
        sets.append(set() if current is None else {current})
    if wanted.phone is not None or wanted.user_id is not None:
        sets.append(await people.conversations_with(tx, brand_id, phone=wanted.phone, user_id=wanted.user_id))
    return set.intersection(*sets)


async def _list_recorded(tx: Tx, brand_id: UUID, wanted: Filter, limit: int, after: Sequence[Any] | None) -> Page:
    since, until = wanted.bounds
    before = min(until, pages.read_id(after))
    rows = await tx.rows(_RECORDED, brand_id, *wanted.arguments(), before, since, limit + 1)
    edge = None
    if len(rows) <= limit and wanted.picks:
        edge = await tx.row(_RECORDED_EDGE, brand_id, before, since)
    return pages.cut(rows, limit, None if edge is None else pages.position(edge, "id"), "id")


async def _list_found(
    tx: Tx, brand_id: UUID, wanted: Filter, threads: set[UUID] | None, limit: int, after: Sequence[Any] | None
) -> Page:
    since, until = wanted.bounds
    before = min(until, pages.read_id(after))
    alone = not wanted.picks and threads is None
    found = await search.find(
        tx, brand_id, search.read(wanted.query or ""), before=before, since=since, most=limit + 1 if alone else None
    )
    told = None if threads is None else sorted(threads)
    rows = await tx.rows(_FOUND, brand_id, *wanted.arguments(), found.ids, told, limit + 1)
    rows.sort(key=lambda row: row["id"], reverse=True)
    return pages.cut(rows, limit, None if found.edge is None else [str(found.edge)], "id")


async def _list_spoken(
    tx: Tx,
    brand_id: UUID,
    wanted: Filter,
    threads: set[UUID],
    limit: int,
    after: Sequence[Any] | None,
    *,
    oldest_first: bool = False,
) -> Page:
    """List each conversation for itself, in the order of its index, and put them together."""
    since, until = wanted.bounds
    listed, edge_of = _OLDEST_FIRST if oldest_first else _NEWEST_FIRST
    at, message_id = pages.read_moment(after, oldest_first=oldest_first)
    found: list[Row] = []
    edges: list[Row] = []
    for thread in sorted(threads):
        rows = await tx.rows(listed, brand_id, *wanted.arguments(), thread, at, message_id, until, since, limit + 1)
        found += rows
        if len(rows) <= limit and (edge := await tx.row(edge_of, brand_id, thread, at, message_id)) is not None:
            edges.append(edge)
    return _merge(found, edges, limit, oldest_first=oldest_first)


def _merge(found: list[Row], edges: list[Row], limit: int, *, oldest_first: bool) -> Page:
    """Put conversations together, as far as all of them were looked at."""

    def place(row: Row) -> tuple[datetime, UUID]:
        return row["occurred_at"], row["id"]

    found.sort(key=place, reverse=not oldest_first)
    if not edges:
        return pages.cut(found, limit, None, "occurred_at", "id")
    edge = (min if oldest_first else max)(edges, key=place)
    known = [row for row in found if (place(row) <= place(edge) if oldest_first else place(row) >= place(edge))]
    return pages.cut(known, limit, pages.position(edge, "occurred_at", "id"), "occurred_at", "id")
