"""No statement of the source reads a table that grows with traffic from end to end, and so none gets slower with it.

Each is planned as the writer plans it, by a generic plan over empty tables: the plan that a process caches on its first
day, and keeps until PostgreSQL has looked at the table again.
"""

import re
from collections.abc import Iterator
from typing import Any

import asyncpg
import msgspec

from quixess.database.core import _WRITER
from tests.database import statements
from tests.database.statements import Statement

GROWING = {
    "attempt", "contact", "conversation", "delivery", "endpoint_due", "event", "feed", "gap", "idempotency", "intake",
    "intake_todo", "media", "media_todo", "message", "message_status", "message_word", "notice", "outcome",
    "parked_status", "phone_alias", "rate_bucket", "request", "unsettled", "user_alias", "wamid",
}  # fmt: skip
# Those that are empty in a quiet hour; the others never are again.
EMPTIED = {
    "delivery", "feed", "gap", "idempotency", "intake_todo", "media_todo", "parked_status", "rate_bucket", "unsettled",
}  # fmt: skip
# Each with the reason. Review every new line here.
WHOLE: dict[str, str] = {
    "health.backlog._only: intake_todo": "No further than its bound: the first of each lane, and what is broken.",
    "health.backlog._only: unsettled": "No further than its bound, the oldest first.",
    "health.work.examine_work: unsettled": "The oldest alone.",
    "idempotency.sweep: idempotency": "Once an hour: an index on the time would be written with every send.",
    "limits.sweep: rate_bucket": "Once an hour: an index on the time would be written with every request.",
    "media.catalogue.claim: media_todo": "The first ones by their time, up to a limit.",
    "media.handles.drop: media": "A partial index that holds what is being uploaded, and nothing else.",
    "media.handles.finish: media": "The same.",
    "messages.settling._retry_parked: parked_status": "Holds what came within the last minutes and found no message.",
    "messages.todos.list_broken: intake_todo": "A partial index of what is broken.",
    "notices.keeping.sweep: notice": "Once an hour, by the age of the id, brand after brand.",
}


# Of the tables that are empty in a quiet hour, beside those above.
WHOLE_WHEN_EMPTIED = {
    "health.work.examine_work: intake_todo": "What is broken, for the page of health: few, or there is worse trouble.",
    "messages.todos.run_again: intake_todo": "An operator's command: all that is broken, or one of it.",
}


def touches(one: Statement) -> bool:
    return not GROWING.isdisjoint(re.findall(r"\w+", one.text))


async def plan(connection: asyncpg.Connection, one: Statement) -> dict[str, Any]:
    """Plan a statement without its arguments, as `plan_cache_mode` of the writer has it."""
    most = max(map(int, re.findall(r"\$(\d+)", one.text)), default=0)
    await connection.execute(f"PREPARE one AS {one.text}")
    arguments = f"({', '.join(['NULL'] * most)})" if most else ""
    said = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE one {arguments}")
    await connection.execute("DEALLOCATE one")
    found: dict[str, Any] = msgspec.json.decode(said)[0]["Plan"]
    return found


def read_whole(node: dict[str, Any]) -> Iterator[str]:
    """Name the tables that a plan reads from end to end, or by an index without a condition."""
    name = node.get("Relation Name", "")
    if name and (node["Node Type"] == "Seq Scan" or ("Index Name" in node and "Index Cond" not in node)):
        yield re.sub(r"_(?:default|\d+)$", "", name)
    for part in node.get("Plans", []):
        yield from read_whole(part)


async def read_from_end_to_end(connection: asyncpg.Connection, tables: set[str]) -> set[str]:
    """Name the statements that read these tables from end to end, each with the table."""
    return {
        f"{one.place}: {table}"
        for one in statements.collect()
        if touches(one)
        for table in read_whole(await plan(connection, one))
        if table in tables
    }


async def test_no_statement_reads_a_growing_table_from_end_to_end(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, server_settings=_WRITER, statement_cache_size=0)
    found = await read_from_end_to_end(connection, GROWING)
    await connection.close()

    assert sorted(found - set(WHOLE)) == []
    assert sorted(set(WHOLE) - found) == [], "Delete these lines of WHOLE: nothing needs them."


async def test_nor_when_autovacuum_found_its_tables_empty(dsn: str) -> None:
    """Then, as far as PostgreSQL knows, to read one whole costs nothing, and that plan is kept until it looks again.

    `= ANY` of what is joined, beside the join, or a look-up for each row leave it no such choice.
    """
    owner = await asyncpg.connect(dsn)
    await owner.execute("VACUUM (ANALYZE)")
    await owner.close()
    connection = await asyncpg.connect(dsn, server_settings=_WRITER, statement_cache_size=0)
    found = await read_from_end_to_end(connection, EMPTIED)
    await connection.close()

    assert found - set(WHOLE) == set(WHOLE_WHEN_EMPTIED)


async def test_the_rule_notices(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, server_settings=_WRITER, statement_cache_size=0)
    by_state = await plan(connection, Statement("here", "SELECT * FROM delivery WHERE attempt = $1"))
    by_key = await plan(connection, Statement("here", "SELECT * FROM event WHERE brand_id = $1 AND id = $2"))
    await connection.close()

    assert set(read_whole(by_state)) == {"delivery"}
    assert set(read_whole(by_key)) == set()
