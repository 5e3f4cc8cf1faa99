"""How the hot statements run under the writer's own settings: by index, on empty tables and on full ones."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import pytest

from quixess import idempotency
from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.events import queue, replays
from quixess.events.queue import Share
from quixess.messages import store, threads, todos
from quixess.messages.model import State
from quixess.messages.store import Settled
from quixess.messages.threads import Person

HOT = {"delivery", "endpoint_due", "event", "message", "contact", "conversation", "idempotency", "intake_todo", "wamid"}
BRAND = ids.new()
SKEWED = """
  INSERT INTO event (brand_id, id, type, version, data, occurred_at)
  SELECT CASE n % 2 WHEN 0 THEN '{brand}' ELSE md5((n % 500)::text) END::uuid, uuidv7(), 'message.read', '1', '{{}}',
         now()
  FROM generate_series(1, 20000) n"""
FILL = """
  WITH known AS (SELECT n, uuidv7() AS id FROM generate_series(1, 2000) n),
       due AS (INSERT INTO endpoint_due SELECT id, $1, now() + n * interval '1 s' - interval '10 s' FROM known),
       one AS (INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
               SELECT $1, id, id, id, now() + n * interval '1 s' - interval '10 s' FROM known),
       many AS (INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
                SELECT $1, uuidv7(), (SELECT id FROM known WHERE n = 1), uuidv7(), now() + interval '1 h'
                FROM generate_series(1, 20000)),
       told AS (INSERT INTO event (brand_id, id, type, version, data, occurred_at)
                SELECT $1, id, 'message.read', '1', '{}', now() FROM known),
       people AS (INSERT INTO contact (brand_id, id, phone) SELECT $1, id, n::text FROM known),
       talks AS (INSERT INTO conversation (brand_id, id, connection_id, contact_id) SELECT $1, id, id, id FROM known),
       bound AS (INSERT INTO wamid SELECT id, n::text, $1, id FROM known),
       bodies AS (INSERT INTO intake_todo (id, app_id, next_at) SELECT id, '1', now() FROM known)
  INSERT INTO message (brand_id, id, connection_id, conversation_id, direction, type, state, rank, content, occurred_at)
  SELECT $1, id, id, id, 'outbound', 'text', 'read', 6, '{}', now() FROM known"""


class Planner(Tx):
    """Explains each statement instead of running it, and keeps the plans."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(tx._connection)
        self.plans: list[dict[str, Any]] = []

    async def rows(self, sql: str, *arguments: Any) -> list[Row]:
        """Explain, and find nothing."""
        found = await super().rows(f"EXPLAIN (FORMAT JSON) {sql}", *arguments)
        self.plans.append(msgspec.json.decode(found[0][0])[0]["Plan"])
        return []

    async def execute(self, sql: str, *arguments: Any) -> str:
        """Explain."""
        await self.rows(sql, *arguments)
        return "EXPLAIN 0"

    def scans(self) -> set[str]:
        """Each table that some plan reads from end to end."""
        nodes = [node for plan in self.plans for node in walk(plan)]
        read = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        return {name for name in read if name in HOT or name.rpartition("_")[0] in HOT}


def walk(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in walk(child))]


@pytest.fixture(params=["empty", "full"])
async def planner(request: pytest.FixtureRequest, dsn: str, db: Database) -> AsyncIterator[Planner]:
    if request.param == "full":
        connection = await asyncpg.connect(dsn)
        if connection.get_server_version().major < 18:
            await connection.execute(
                """CREATE FUNCTION uuidv7() RETURNS uuid LANGUAGE sql AS $$ SELECT encode(overlay(
                     uuid_send(gen_random_uuid()) PLACING substring(int8send((extract(epoch FROM clock_timestamp())
                     * 1000)::bigint) FROM 3) FROM 1 FOR 6), 'hex')::uuid $$"""
            )
        await connection.execute(FILL.replace("$1", f"'{BRAND}'::uuid"))
        await connection.execute("ANALYZE")
        await connection.close()
    async with db.statement() as tx:
        yield Planner(tx)


async def test_a_delivery_claim_reads_by_index_only(planner: Planner) -> None:
    endpoint, lease = ids.new(), ids.new()
    await queue.due_endpoints(planner, [endpoint])
    shares = [Share(BRAND, endpoint, 8), Share(BRAND, endpoint, 4, ordered=True), Share(BRAND, endpoint, 1, probe=True)]
    await queue.claim_rows(planner, shares, lease, 30)
    await queue.event_bodies(planner, [{"brand_id": BRAND, "event_id": endpoint}])  # type: ignore[list-item]
    await queue.move_on(planner, shares, [endpoint])

    assert len(planner.plans) == 6
    assert planner.scans() == set()


async def test_a_delivery_claim_looks_only_at_what_is_due(planner: Planner) -> None:
    """By the order of the index: no sort, and what is parked behind is never touched."""
    await queue.due_endpoints(planner, [])
    await queue.claim_rows(planner, [Share(BRAND, ids.new(), 4)], ids.new(), 30)

    nodes = [node for plan in planner.plans for node in walk(plan)]
    used = {node["Index Name"]: node["Index Cond"] for node in nodes if "Index Name" in node and "Index Cond" in node}
    assert used["endpoint_due_next"] == "(next_at <= now())"
    assert used["delivery_due"].endswith("(next_at <= now()))")
    assert "Sort" not in {node["Node Type"] for node in nodes}


async def test_sends_and_statuses_find_their_message_by_index(planner: Planner) -> None:
    message = ids.new()
    await store.load(planner, [(BRAND, message)])
    settled = Settled(brand_id=BRAND, message_id=message, connection_id=ids.new(), state=State.SENT, rank=3)
    await store.settle_outbound(planner, [settled])
    await store.find_wamids(planner, [(message, "wamid.1")])

    assert len(planner.plans) == 3
    assert planner.scans() == set()


async def test_threads_windows_and_aliases_are_found_by_index(planner: Planner) -> None:
    person = Person(BRAND, ids.new(), "12818184370", "US.1")
    await threads._select_threads(planner, [person])
    await threads.open_windows(planner, [(BRAND, ids.new(), datetime.now(UTC))])
    await threads.add_aliases(planner, [(BRAND, "5491112345678", ids.new())])

    assert len(planner.plans) == 3
    assert planner.scans() == set()


async def test_people_are_found_by_their_names_and_never_among_all_of_the_brand(planner: Planner) -> None:
    """A plan made while the tables are empty is the one that the first thousands of people are found with."""
    person = Person(BRAND, ids.new(), "12818184370", "US.1")
    await threads._select_threads(planner, [person])
    await threads._hold(planner, [(BRAND, ids.new())])
    await threads._insert_conversations(planner, [(person, ids.new())])

    nodes = [node for plan in planner.plans for node in walk(plan)]
    found = [
        node for node in nodes if node.get("Relation Name") in {"contact", "conversation"} and "Scan Direction" in node
    ]
    assert len(found) == 7
    assert [node["Index Name"] for node in found if " AND " not in node.get("Index Cond", "")] == []


async def test_stored_answers_and_waiting_bodies_are_found_by_index(planner: Planner) -> None:
    await idempotency.look_up(planner, [(ids.new(), "signup-7")])
    await idempotency.release(planner, [(ids.new(), "signup-7", ids.new())])
    await todos.claim(planner, ids.new(), lease_s=30, limit=100)

    assert len(planner.plans) == 3
    assert planner.scans() == set()


async def test_a_large_brand_among_small_ones_has_its_events_found_by_their_ids(dsn: str, db: Database) -> None:
    """On average a brand has few events here, and reading all of them looks cheap: for this one it is not."""
    connection = await asyncpg.connect(dsn)
    if connection.get_server_version().major < 18:
        pytest.skip("uuidv7() is PostgreSQL 18's")
    await connection.execute(SKEWED.format(brand=BRAND))
    await connection.execute("ANALYZE")
    await connection.close()
    async with db.statement() as tx:
        planner = Planner(tx)
        await replays.find_bodies(planner, BRAND, [ids.new()])

    nodes = [node for plan in planner.plans for node in walk(plan) if "event_" in node.get("Relation Name", "")]
    assert nodes
    assert [node for node in nodes if " AND " not in node.get("Index Cond", "")] == []
