"""The row of a delivery that is held is found where it lies, whatever PostgreSQL believes of the queue (decision 0026).

It believed that a queue full of dead rows was short, took an index of the brand for the way to one row, and read all of
it for every batch that ended.
"""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from quixess.database import ids
from quixess.database.core import _WRITER
from tests.database import statements
from tests.database.test_all_plans import plan

BY_PLACE = {
    *("events.queue.claim_rows", "events.queue.write_ended", "events.queue.write_again", "events.queue.end"),
    *("events.queue.expire", "events.directory.remove", "events.health.resume"),
}
DEAD = """
  INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
    SELECT '{brand}', gen_random_uuid(), '{brand}', gen_random_uuid(), now() FROM generate_series(1, 50000);
  DELETE FROM delivery WHERE ctid > '(0,4)';
  ANALYZE delivery"""


@pytest.fixture(params=["never looked at", "found empty", "full of dead rows"])
async def believing(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A writer's connection to a database that believes this of its queue."""
    owner, stranger = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    await stranger.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    if request.param == "found empty":
        await owner.execute("VACUUM (ANALYZE) delivery")
    if request.param == "full of dead rows":
        await owner.execute(DEAD.format(brand=ids.new()))
    connection = await asyncpg.connect(dsn, server_settings=_WRITER, statement_cache_size=0)
    yield connection
    for one in (connection, stranger, owner):
        await one.close()


async def test_a_held_row_is_found_where_it_lies(believing: asyncpg.Connection) -> None:
    ways: dict[str, set[str]] = {}
    for one in statements.collect():
        if one.place in BY_PLACE and re.search(r"\b(UPDATE|DELETE FROM) delivery\b", one.text):
            ways.setdefault(one.place, set()).update(_ways_to_change(await plan(believing, one)))

    assert ways == {place: {"Tid Scan"} for place in BY_PLACE}


def _ways_to_change(node: dict[str, Any], *, changes: bool = False) -> Iterator[str]:
    """Name how the rows of deliveries are found that a plan changes or deletes; what it looks up before is left out."""
    changes = changes or (node["Node Type"] == "ModifyTable" and node["Operation"] != "Insert")
    if changes and node.get("Relation Name") == "delivery" and node["Node Type"] != "ModifyTable":
        yield node["Node Type"]
    for part in node.get("Plans", []):
        yield from _ways_to_change(part, changes=changes and part["Parent Relationship"] != "InitPlan")
