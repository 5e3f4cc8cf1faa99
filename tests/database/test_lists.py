"""What a page of a list costs: as much at its end as at its beginning, and only by index, as the reader sees it.

Each statement of a page runs by its generic plan under EXPLAIN (ANALYZE, BUFFERS): `-s` prints what it read. A month
and a half of messages lies in partitions, one in ten of another brand; two in five in one conversation.
"""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from quixess.database import ids, partitions
from quixess.database.core import Database, Row, Tx
from quixess.messages.reading import conversations, messages, pages
from quixess.messages.reading.pages import Page

OURS, THEIRS, TALK = ids.new(), ids.new(), ids.new()
LIMIT = 25
ASTRAY = {"Seq Scan", "Bitmap Heap Scan", "Hash Join", "Merge Join", "Sort", "Incremental Sort"}
ID = """(lpad(to_hex({start} + n::bigint * {span} / {many}), 12, '0') || '7' || substr(md5(n::text), 1, 3)
         || '8' || substr(md5(n::text), 4, 15))::uuid"""
BRAND = "(CASE n % 10 WHEN 0 THEN '{theirs}' ELSE '{ours}' END)::uuid"
FILL = f"""
  INSERT INTO brand (id, name) VALUES ('{{ours}}', 'Bordercart'), ('{{theirs}}', 'Rival');
  DROP INDEX message_thread, conversation_active;
  ALTER TABLE message DROP CONSTRAINT message_pkey;
  ALTER TABLE message_word DROP CONSTRAINT message_word_pkey;
  INSERT INTO conversation (brand_id, id, connection_id, contact_id, active_at)
    VALUES ('{{ours}}', '{{talk}}', '{{talk}}', '{{talk}}', now());
  INSERT INTO conversation (brand_id, id, connection_id, contact_id, active_at)
    SELECT {BRAND}, md5(n::text)::uuid, '{{talk}}', md5(n::text)::uuid, now() - (n * 10007 % {{many}}) * interval '1 s'
    FROM generate_series(1::bigint, {{many}}) n;
  INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, content, occurred_at)
    SELECT {BRAND}, {ID}, '{{talk}}',
           CASE WHEN n % 5 IN (1, 2) THEN '{{talk}}' ELSE md5((n % 5000)::text)::uuid END,
           'inbound', 'text', 'received', 9, json_build_object('body', 'Hi there'),
           to_timestamp(({{start}} + n::bigint * {{span}} / {{many}}) / 1000.0)
    FROM generate_series(1, {{many}}) n;
  INSERT INTO message_word (brand_id, word, message_id) SELECT brand_id, 'hi', id FROM message;
  CREATE INDEX message_thread ON message (conversation_id, occurred_at, id);
  CREATE INDEX conversation_active ON conversation (brand_id, active_at, id) WHERE merged_into IS NULL;
  ALTER TABLE message ADD PRIMARY KEY (brand_id, id);
  ALTER TABLE message_word ADD PRIMARY KEY (brand_id, word, message_id);
  ANALYZE message, message_word, conversation"""

Ask = Callable[[Tx, Sequence[Any] | None], Awaitable[Page]]


async def recorded(tx: Tx, after: Sequence[Any] | None) -> Page:
    return await messages.list_messages(tx, OURS, messages.Filter(), limit=LIMIT, after=after)


async def found(tx: Tx, after: Sequence[Any] | None) -> Page:
    return await messages.list_messages(tx, OURS, messages.Filter(query="Hi"), limit=LIMIT, after=after)


async def said(tx: Tx, after: Sequence[Any] | None) -> Page:
    page = await messages.list_thread(tx, OURS, TALK, limit=LIMIT, after=after, oldest_first=False)
    assert page is not None
    return page


async def active(tx: Tx, after: Sequence[Any] | None) -> Page:
    wanted = conversations.Filter()
    return await conversations.list_conversations(tx, OURS, wanted, limit=LIMIT, after=after, with_content=False)


DEEP: dict[str, tuple[Ask, str]] = {
    "messages": (recorded, "SELECT id FROM message WHERE brand_id = $1 ORDER BY id DESC"),
    "search": (found, "SELECT message_id FROM message_word WHERE brand_id = $1 AND word = 'hi' ORDER BY 1 DESC"),
    "a conversation": (
        said,
        f"""SELECT occurred_at, id FROM message WHERE brand_id = $1 AND conversation_id = '{TALK}'
            ORDER BY occurred_at DESC, id DESC""",
    ),
    "conversations": (active, "SELECT active_at, id FROM conversation WHERE brand_id = $1 ORDER BY 1 DESC, 2 DESC"),
}


@dataclass
class Costs(Tx):
    """Runs each statement by its generic plan, and adds up what it read."""

    tx: Tx
    buffers: int = 0
    filtered: int = 0
    nodes: set[str] = field(default_factory=set)

    async def rows(self, sql: str, *arguments: Any) -> list[Row]:
        await self.tx.execute(f"PREPARE page AS {sql}")
        told = f"({', '.join(map(literal, arguments))})" if arguments else ""
        (row,) = await self.tx.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page {told}")
        await self.tx.execute("DEALLOCATE page")
        plan = msgspec.json.decode(row[0])[0]["Plan"]
        self.buffers += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        for node in walk(plan):
            self.filtered += node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
            self.nodes.add(node["Node Type"])
        return await self.tx.rows(sql, *arguments)

    async def row(self, sql: str, *arguments: Any) -> Row | None:
        return next(iter(await self.rows(sql, *arguments)), None)

    async def execute(self, sql: str, *arguments: Any) -> str:
        return await self.tx.execute(sql, *arguments)


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return "'infinity'" if value == pages.LATEST else "'-infinity'" if value == pages.EARLIEST else f"'{value}'"
    if isinstance(value, (list, tuple)):
        return "'{" + ", ".join("NULL" if one is None else str(one) for one in value) + "}'"
    return f"'{value}'"


def walk(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in walk(child))]


async def fill(dsn: str, many: int) -> None:
    connection = await asyncpg.connect(
        dsn, server_settings={"synchronous_commit": "off", "maintenance_work_mem": "256MB", "work_mem": "64MB"}
    )
    now, span = datetime.now(UTC), timedelta(days=45)
    for back in (0, 23, 45):
        await partitions.ensure(connection, (now - timedelta(days=back)).date())
    start = int((now - span).timestamp() * 1000)
    told = {"many": many, "start": start, "span": span // timedelta(milliseconds=1)}
    await connection.execute(FILL.format(ours=OURS, theirs=THEIRS, talk=TALK, **told))
    await connection.close()


async def cost(db: Database, ask: Ask, after: Sequence[Any] | None) -> tuple[Costs, Page]:
    async with db.reading(OURS) as tx:
        await ask(tx, after)  # pays for reading the pages in
        costs = Costs(tx)
        return costs, await ask(costs, after)


@pytest.mark.parametrize("many", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
async def test_the_ten_thousandth_page_costs_what_the_first_does(dsn: str, db: Database, many: int) -> None:
    await fill(dsn, many)
    depth = many // 4
    for name, (ask, order) in DEEP.items():
        async with db.statement() as tx:
            place = await tx.row(f"{order} OFFSET {depth} LIMIT 1", OURS)
        assert place is not None
        first, top = await cost(db, ask, None)
        last, page = await cost(db, ask, pages.position(place, *place.keys()))
        sys.stdout.write(f"{many:,} {name}: {first.buffers} buffers, {last.buffers} on page {depth // LIMIT:,}\n")

        assert len(top.rows) == len(page.rows) == LIMIT
        assert {row["id"] for row in top.rows}.isdisjoint({row["id"] for row in page.rows})
        assert last.buffers <= 2 * first.buffers, name
        for costs in (first, last):
            assert costs.filtered == 0, name
            assert costs.nodes.isdisjoint({"Seq Scan", "Sort", "Incremental Sort", "Bitmap Heap Scan", "Hash Join"}), (
                name
            )
