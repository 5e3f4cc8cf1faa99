"""What a report and an hour's count read, by generic plans as the roles have them: the hours asked for and no more."""

from datetime import timedelta

import asyncpg
import pytest

from quixess.database.core import Database
from quixess.metrics import RANGES, cells, reading
from quixess.metrics.counting import HOUR
from tests.database import test_lists
from tests.database.test_lists import OURS, Costs
from tests.metrics.history import HOUR as THIS_HOUR
from tests.metrics.history import NOW

MANY = 100_000
ASTRAY = {"Seq Scan", "Bitmap Heap Scan", "Hash Join", "Merge Join"}
CODES = f"""
  UPDATE message SET direction = 'outbound', template_category = 'AUTHENTICATION', state = 'delivered'
  WHERE brand_id = '{OURS}';
  INSERT INTO message_status (brand_id, message_id, status, occurred_at)
  SELECT brand_id, id, 'delivered', occurred_at FROM message WHERE brand_id = '{OURS}'"""


@pytest.fixture
async def filled(dsn: str, db: Database) -> Database:
    """A month and a half of codes that arrived."""
    await test_lists.fill(dsn, MANY)
    owner = await asyncpg.connect(dsn, server_settings={"synchronous_commit": "off", "role": "quixess_writer"})
    await owner.execute(CODES)
    await owner.execute("RESET ROLE")
    await owner.execute("ANALYZE message, message_status")
    await owner.close()
    return db


async def test_a_report_reads_the_rows_of_two_hours_whatever_else_there_is(filled: Database) -> None:
    for name in ("1h", "24h"):
        sources, _ = reading._sources(RANGES[name].until(NOW), NOW)
        async with filled.reading(OURS) as tx:
            costs = Costs(tx)
            await costs.rows(reading._SETS, *reading._arguments(OURS, sources))
            await reading._sum(costs, OURS, cells.CODES, "step", sources)
            await reading._sum(costs, OURS, cells.ATTEMPTS, "endpoint_id, answer, step", sources)
            await reading._sum(costs, OURS, cells.OUTCOMES, "endpoint_id, state", sources)
        assert costs.nodes.isdisjoint(ASTRAY), name
        assert costs.buffers < 20 * MANY / 45 / 24 * 2, name


async def test_an_hour_is_counted_by_reading_that_hour(filled: Database) -> None:
    hour = THIS_HOUR - timedelta(days=20)
    for kind in cells.KINDS:
        async with filled.transaction() as tx:
            costs = Costs(tx)
            await costs.rows(kind.busy, OURS, *cells.arguments([(hour, hour + HOUR)]))
            await costs.rows(kind.select, OURS, *cells.arguments([(hour, hour + HOUR)]))
        assert costs.nodes.isdisjoint(ASTRAY), kind.table
        assert costs.buffers < 20 * MANY / 45 / 24, kind.table
