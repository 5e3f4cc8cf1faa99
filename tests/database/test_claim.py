"""What a claim costs: as much with a million parked deliveries and ten thousand endpoints as with hardly any.

Each statement of a claim runs under EXPLAIN (ANALYZE, BUFFERS): `-s` prints time and buffers. The parked rows are what
an outage leaves behind: retries due in an hour, of endpoints that are due and of endpoints that are not.
"""

import sys
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import msgspec
import pytest

from quixess.database import ids
from quixess.database.core import Database, Row, Tx
from quixess.events import queue
from quixess.events.queue import Share

ENDPOINTS_DUE, ROWS_EACH = 25, 4
BUFFERS_A_ROW = 20
FILL = """
  INSERT INTO brand (id, name) VALUES ('{brand}', 'Bordercart');
  INSERT INTO endpoint (brand_id, id, url, secret)
    SELECT '{brand}', gen_random_uuid(), 'https://tenant.example/' || n, '' FROM generate_series(1, {endpoints}) n;
  DROP INDEX delivery_due, delivery_order, delivery_replay;
  ALTER TABLE delivery DROP CONSTRAINT delivery_pkey;
  INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at, attempt)
    SELECT '{brand}', gen_random_uuid(), e.id, gen_random_uuid(), now() + interval '1 hour' + n * interval '1 ms', 6
    FROM (SELECT id, row_number() OVER () AS k FROM endpoint) e, generate_series(1, {parked} / {endpoints}) n;
  INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
    SELECT '{brand}', gen_random_uuid(), e.id, gen_random_uuid(), now() - interval '1 minute'
    FROM (SELECT id FROM endpoint LIMIT 500) e, generate_series(1, 10);
  INSERT INTO endpoint_due (endpoint_id, brand_id, next_at)
    SELECT endpoint_id, brand_id, min(next_at) FROM delivery GROUP BY endpoint_id, brand_id;
  CREATE INDEX delivery_due ON delivery (brand_id, endpoint_id, next_at);
  ALTER TABLE delivery ADD PRIMARY KEY (brand_id, event_id, endpoint_id);
  CREATE INDEX delivery_order ON delivery (brand_id, endpoint_id, order_key, id) WHERE order_key IS NOT NULL;
  CREATE INDEX delivery_replay ON delivery (brand_id, replay_id) WHERE replay_id IS NOT NULL;
  ANALYZE"""


@dataclass
class Costs(Tx):
    """Runs each statement under EXPLAIN ANALYZE and adds up what it cost. The rows are then read for real."""

    tx: Tx
    buffers: int = 0
    ms: float = 0.0
    filtered: int = 0
    nodes: list[str] = field(default_factory=list)

    async def rows(self, sql: str, *arguments: Any) -> list[Row]:
        """Explain it in a savepoint that is taken back, then run it."""
        await self.tx.execute("SAVEPOINT before")
        (row,) = await self.tx.rows(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *arguments)
        await self.tx.execute("ROLLBACK TO SAVEPOINT before")
        said = msgspec.json.decode(row[0])[0]
        self.buffers += said["Plan"]["Shared Hit Blocks"] + said["Plan"]["Shared Read Blocks"]
        self.ms += said["Execution Time"]
        for node in walk(said["Plan"]):
            self.filtered += node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
            self.nodes.append(f"{node['Node Type']} {node.get('Relation Name', node.get('Index Name', ''))}")
        return await self.tx.rows(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> str:
        await self.rows(sql, *arguments)
        return ""


def walk(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", []) for node in walk(child))]


async def claim(db: Database) -> tuple[Costs, int]:
    """Claim as `Deliveries.claim` does, from the oldest due endpoints; returns the cost and the number of rows."""
    async with db.transaction() as tx:
        costs = Costs(tx)
        due = await queue.due_endpoints(costs, [])
        assert len(due) == ENDPOINTS_DUE
        shares = [Share(row["brand_id"], row["endpoint_id"], ROWS_EACH) for row in due]
        rows = await queue.claim_rows(costs, shares, ids.new(), 30.0)
        await queue.move_on(costs, shares, {row["endpoint_id"] for row in rows})
        return costs, len(rows)


async def fill(dsn: str, *, parked: int, endpoints: int) -> None:
    connection = await asyncpg.connect(
        dsn, server_settings={"synchronous_commit": "off", "maintenance_work_mem": "128MB"}
    )
    await connection.execute(FILL.format(brand=ids.new(), parked=parked, endpoints=endpoints))
    await connection.close()


@pytest.mark.parametrize(("parked", "endpoints"), [(1_000, 1_000), (1_000_000, 10_000)])
async def test_a_claim_of_a_hundred_reads_no_parked_row(dsn: str, db: Database, parked: int, endpoints: int) -> None:
    await fill(dsn, parked=parked, endpoints=endpoints)
    await claim(db)  # the first one pays for reading the pages in
    costs, rows = await claim(db)
    said = f"{parked:,} parked, {endpoints:,} endpoints: {costs.ms:.2f} ms, {costs.buffers / rows:.1f} buffers a row\n"
    sys.stdout.write(said)

    assert rows == ENDPOINTS_DUE * ROWS_EACH
    assert costs.buffers <= BUFFERS_A_ROW * rows
    assert costs.filtered == 0
    assert not [node for node in costs.nodes if node.startswith("Seq Scan")]
