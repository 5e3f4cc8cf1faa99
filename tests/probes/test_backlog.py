"""How much waits: told right, and found at the same cost however much that is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from quixess import health
from quixess.database import ids
from quixess.database.core import Database
from quixess.health import backlog
from tests.probes.looking import number
from tests.world import World, eventually

BRAND, MANY = ids.new(), 5_000
STATES = ("healthy", "failing", "disabled")
FILL = """
  INSERT INTO brand (id, name) VALUES ('{brand}', 'Bordercart');
  INSERT INTO meta_app (id, secret, verify_token) VALUES ('1', '', '');
  INSERT INTO endpoint (brand_id, id, url, secret, state)
    SELECT '{brand}', gen_random_uuid(), 'https://shop', '', (ARRAY['healthy', 'failing', 'disabled'])[1 + n % 3]
    FROM generate_series(1, 30) n;
  INSERT INTO endpoint_due (endpoint_id, brand_id, next_at)
    SELECT id, brand_id, CASE WHEN state = 'healthy' THEN now() ELSE now() + interval '10 minutes' END FROM endpoint;
  INSERT INTO endpoint_due (endpoint_id, brand_id, next_at)
    SELECT gen_random_uuid(), '{brand}', 'infinity' FROM generate_series(1, {many});
  INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
    SELECT e.brand_id, gen_random_uuid(), e.id, gen_random_uuid(), now() - n * interval '1 second'
    FROM endpoint e, generate_series(1, {many} / 30) n;
  INSERT INTO intake_todo (id, app_id, lane, next_at)
    SELECT gen_random_uuid(), '1', n % 10, now() - n * interval '1 second' FROM generate_series(1, {many}) n;
  INSERT INTO unsettled (id, brand_id, next_at)
    SELECT gen_random_uuid(), '{brand}', now() FROM generate_series(1, {many}) n;
  INSERT INTO connection (brand_id, id, app_id, waba_id, phone_number_id, display_phone, graph_url, token, token_last4,
                          token_expires_at, token_fault)
    SELECT '{brand}', gen_random_uuid(), '1', '2', n::text, '+1', 'https://graph', '', '1234',
           CASE WHEN n % 1000 = 0 THEN now() + n * interval '1 minute' END, CASE WHEN n = 7 THEN 'refused' END
    FROM generate_series(1, {many}) n"""


async def fill(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(FILL.format(brand=BRAND, many=MANY))
    await connection.execute("ANALYZE")
    await connection.close()


async def test_nothing_waits_in_an_empty_house(db: Database) -> None:
    async with db.statement() as tx:
        found = await health.measure(tx, datetime.now(UTC))

    assert found.due_s == found.endpoints == dict.fromkeys(STATES, 0)
    assert (found.intake_s, found.broken, found.unsettled_s, found.unconfirmed, found.workers) == (0, 0, 0, 0, 0)
    assert (found.tokens_s, found.tokens_ending, found.tokens_at_fault) == (None, 0, 0)
    assert abs(found.clock_s) < 60
    assert set(found.live) == set(found.dead) == set(backlog.HOT)


async def test_what_waits_is_told_by_the_state_of_its_endpoint(dsn: str, db: Database) -> None:
    await fill(dsn)
    async with db.statement() as tx:
        found = await health.measure(tx, datetime.now(UTC) + timedelta(hours=1))

    for state in STATES:
        assert found.endpoints[state] == 10
        assert MANY // 30 <= found.due_s[state] < MANY
    assert MANY <= found.intake_s < 2 * MANY
    assert found.tokens_s is not None
    assert 0 < found.tokens_s <= 60_000
    assert (found.tokens_ending, found.tokens_at_fault) == (5, 1)
    assert 3500 < found.clock_s < 3700


async def test_a_backlog_costs_the_same_however_long_it_is(dsn: str, db: Database) -> None:
    """Each node of the plans touches some rows for each endpoint or lane at work, never the rows that wait."""
    await fill(dsn)
    now = datetime.now(UTC)
    todo = (
        ids.floor(now - timedelta(days=1)),
        1,
        timedelta(minutes=1),
        timedelta(days=7),
    )  # none older, and few counted
    for sql, arguments in ((backlog._DUE, ()), (backlog._TODO, todo)):
        async with db.statement() as tx:
            row = await tx.row(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
        assert row is not None
        plan = msgspec.json.decode(row[0])[0]["Plan"]
        nodes = list(walk(plan))
        assert {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"} <= {"worker_beat"}
        assert max(node["Actual Rows"] * node["Actual Loops"] for node in nodes) <= 60
        assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 600


def walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from walk(child)


async def test_a_send_that_nobody_heard_of_and_a_body_that_makes_no_sense_are_shown(watched: World) -> None:
    old = UUID(int=ids.floor(datetime.now(UTC) - timedelta(minutes=5)).int | 1)
    async with watched.rooms.db.transaction() as tx:
        await tx.execute("INSERT INTO unsettled VALUES ($1, $2, now() + interval '1 hour')", old, watched.brand_id)
        await tx.execute("INSERT INTO intake_todo (id, app_id, next_at, error) VALUES ($1, '1', 'infinity', 'no')", old)

    await eventually(lambda: watched.rows("SELECT 1 FROM worker_beat"))
    assert await number(watched, "quixess_sends_unconfirmed") == 1
    assert await number(watched, "quixess_send_oldest_unsettled_seconds") >= 300
    assert await number(watched, "quixess_intake_broken") == 1
    assert await number(watched, "quixess_workers_alive") == 1
