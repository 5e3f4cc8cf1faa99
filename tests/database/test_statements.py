"""All SQL of the source, as PostgreSQL's own parser reads it: the same statements run on one PostgreSQL and on Citus.

A tenant's rows are found by its brand in every statement, so that each can be sent to the one node that has them; and
what is written is the same wherever it is worked out, so that no volatile function takes part in it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import asyncpg
import pytest

from tests.database import statements
from tests.database.statements import Statement
from tests.house.source import tenant_tables

# Statements for all brands at once, each with the reason; on Citus they go to every node. Review every new line here.
FOR_ALL_BRANDS: dict[str, str] = {
    "connections.apps.forget_unused_app: connection": "An app is of no brand: asks whether any brand still uses it.",
    "connections.claiming.claim_rows: connection": "Takes what is due of all brands; the write goes by brand.",
    "connections.numbers.note_handshake: connection": "An app is of no brand: finds the brands with a number of it.",
    "database.sealed._rows: connection": "The walk over all sealed values, when the master key changes.",
    "database.sealed._rows: endpoint": "The same.",
    "events.queue.expire: delivery": "Retention of all brands; the write goes by the brand of the row found.",
    "events.replaying._claim: replay": "Takes the job that is due first, whosever it is.",
    "feed.board.sweep: feed": "Upkeep: what is too old goes, whosever it is.",
    "health.backlog._only: connection": "How many tokens end soon, over all brands: numbers for those who operate.",
    "media.catalogue.forget: media": "Retention of all brands; the write goes by the brand of the row found.",
    "media.catalogue.unnamed: media": "Files are stored once: asks whether any brand still names a hash.",
    "media.handles.forget_unfinished: media": "Upkeep: what was never finished goes, by its age alone.",
    "messages.settling._retry_parked: parked_status": "Upkeep: what waited for too long goes, whosever it is.",
    "metrics.counting.sweep: attempt_hour": "Retention of all brands.",
    "metrics.counting.sweep: code_hour": "Retention of all brands.",
    "metrics.counting.sweep: message_hour": "Retention of all brands.",
    "metrics.counting.sweep: outcome_hour": "Retention of all brands.",
    "notices.tokens._take: token_news": "Takes what is to be told of all brands; the write goes by the brand found.",
    "retention._forget: note": "Retention of all brands.",
    "retention._forget: parked_status": "Retention of all brands.",
}

Node = Mapping[str, Any]


def brandless(one: Statement, tables: frozenset[str]) -> list[str]:
    """Name the tenant tables that a statement reads or writes without saying of which brand."""
    return sorted(set(_brandless(one.tree, tables, frozenset())))


def _brandless(node: Any, tables: frozenset[str], named: frozenset[str]) -> Iterator[str]:
    if isinstance(node, list):
        for part in node:
            yield from _brandless(part, tables, named)
    if not isinstance(node, dict):
        return
    named |= {cte["CommonTableExpr"]["ctename"] for cte in node.get("withClause", {}).get("ctes", [])}
    if "fromClause" in node or "relation" in node:
        yield from _unbound(node, tables - named)
    for part in node.values():
        yield from _brandless(part, tables, named)


def _unbound(node: Node, tables: frozenset[str]) -> Iterator[str]:
    """Name the tables of one SELECT, UPDATE, DELETE or INSERT that none of its conditions binds to a brand."""
    if "cols" in node and "relation" in node:  # an INSERT; what it selects from is a SELECT of its own
        written = {column["ResTarget"]["name"] for column in node["cols"]}
        if node["relation"]["relname"] in tables and "brand_id" not in written:
            yield node["relation"]["relname"]
        return
    sources = [*node.get("fromClause", []), *node.get("usingClause", [])]
    conditions = [node.get("whereClause", {}), *(quals for source in sources for quals in _quals(source))]
    bound = {name for condition in conditions for name in _bound(condition, nested=False)}
    if any("brand_id" in _using(source) for source in sources):
        bound.add("")
    ranges = [found for source in sources for found in _ranges(source)]
    ranges += [node["relation"]] if "relation" in node else []
    for found in ranges:
        called = found.get("alias", {}).get("aliasname", found["relname"])
        if found["relname"] in tables and bound.isdisjoint({called, ""}):
            yield found["relname"]


def _ranges(source: Node) -> Iterator[Node]:
    if "RangeVar" in source:
        yield source["RangeVar"]
    join = source.get("JoinExpr", {})
    for side in ("larg", "rarg"):
        if side in join:
            yield from _ranges(join[side])


def _quals(source: Node) -> Iterator[Node]:
    join = source.get("JoinExpr", {})
    yield join.get("quals", {})
    for side in ("larg", "rarg"):
        if side in join:
            yield from _quals(join[side])


def _using(source: Node) -> set[str]:
    join = source.get("JoinExpr", {})
    sides = [_using(join[side]) for side in ("larg", "rarg") if side in join]
    return {column["String"]["sval"] for column in join.get("usingClause", [])}.union(*sides)


def _bound(node: Any, *, nested: bool) -> Iterator[str]:
    """Give the names before `.brand_id` in a condition, "" for a bare `brand_id` that is not of a query inside it."""
    if isinstance(node, list):
        for part in node:
            yield from _bound(part, nested=nested)
    elif isinstance(node, dict):
        words = [part.get("String", {}).get("sval", "*") for part in node.get("ColumnRef", {}).get("fields", [])]
        if words[-1:] == ["brand_id"] and (len(words) > 1 or not nested):
            yield words[0] if len(words) > 1 else ""
        for name, part in node.items():
            yield from _bound(part, nested=nested or name == "SelectStmt")


def volatile(one: Statement, tables: frozenset[str], unstable: frozenset[str]) -> list[str]:
    """Name the volatile functions in the part of a statement that writes a tenant table."""
    return sorted(set(_volatile(one.tree, tables)) & unstable)


def _volatile(node: Any, tables: frozenset[str]) -> Iterator[str]:
    if isinstance(node, list):
        for part in node:
            yield from _volatile(part, tables)
    elif isinstance(node, dict):
        if node.get("relation", {}).get("relname") in tables:
            yield from _called(node)
        for part in node.values():
            yield from _volatile(part, tables)


def _called(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for part in node:
            yield from _called(part)
    elif isinstance(node, dict):
        if "funcname" in node:
            yield node["funcname"][-1]["String"]["sval"]
        for part in node.values():
            yield from _called(part)


@pytest.fixture
async def unstable(dsn: str) -> frozenset[str]:
    """The names of PostgreSQL's volatile functions."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch(
        "SELECT proname::text AS name FROM pg_proc GROUP BY 1 HAVING bool_and(provolatile = 'v')"
    )
    await connection.close()
    return frozenset(row["name"] for row in rows)


def test_every_statement_on_a_tenants_rows_names_the_brand():
    found = {f"{one.place}: {table}" for one in statements.collect() for table in brandless(one, tenant_tables())}

    assert sorted(found - set(FOR_ALL_BRANDS)) == [], (
        "Find these tables' rows by `brand_id` too, in WHERE or ON; if the statement truly serves all brands, list it "
        "in FOR_ALL_BRANDS with the reason"
    )
    assert sorted(set(FOR_ALL_BRANDS) - found) == [], "Delete these lines of FOR_ALL_BRANDS: nothing needs them."


async def test_what_is_written_to_a_tenants_rows_does_not_depend_on_where_it_is_worked_out(unstable: frozenset[str]):
    assert {"random", "clock_timestamp", "nextval"} <= unstable
    assert "now" not in unstable
    found = {
        f"{one.place}: {name}" for one in statements.collect() for name in volatile(one, tenant_tables(), unstable)
    }

    assert sorted(found) == [], "Take now() or statement_timestamp(), or work the value out before the statement"


async def test_every_statement_is_one_that_postgresql_takes(dsn: str):
    """And so the two rules above look at statements as they are sent, and none is put together wrongly."""
    connection = await asyncpg.connect(dsn, server_settings={"role": "quixess_writer"}, statement_cache_size=0)
    for one in statements.collect():
        try:
            await connection.prepare(one.text)
        except asyncpg.PostgresError as error:
            pytest.fail(f"{one.place}: {error}\n{one.text}")
    await connection.close()


def test_all_rooms_are_read():
    floors = {one.place.partition(".")[0] for one in statements.collect()}

    assert {"access", "connections", "events", "feed", "idempotency", "media", "messages", "templates"} <= floors
    assert len(statements.collect()) > 350


TABLES = frozenset({"message", "event"})
BAD = {
    "a bare query": "SELECT * FROM message WHERE id = $1",
    "a bare update": "UPDATE message SET state = 'read' WHERE id = $1",
    "a bare delete": "DELETE FROM message m USING unnest($1::uuid[]) AS w(id) WHERE m.id = w.id",
    "an insert without it": "INSERT INTO message (id) VALUES ($1)",
    "a join by id alone": "SELECT 1 FROM event e JOIN message m ON m.id = e.message_id WHERE e.brand_id = $1",
    "a query inside": "SELECT 1 FROM event WHERE brand_id = $1 AND id IN (SELECT m.id FROM message m WHERE m.id = $2)",
    "a lateral": "SELECT 1 FROM brand b CROSS JOIN LATERAL (SELECT id FROM message WHERE id = b.id) m",
    "the brand of a query inside": "SELECT 1 FROM message WHERE id IN (SELECT id FROM wamid WHERE brand_id = $1)",
    "a part of a WITH": "WITH gone AS (DELETE FROM message WHERE id = $1 RETURNING id) SELECT id FROM gone",
}
GOOD = {
    "by a parameter": "SELECT * FROM message WHERE brand_id = $1 AND id = $2",
    "by what is wanted": "SELECT 1 FROM unnest($1::uuid[]) AS w(brand_id) JOIN message m ON m.brand_id = w.brand_id",
    "by USING": "SELECT 1 FROM event JOIN message USING (brand_id, id)",
    "from around": (
        "SELECT 1 FROM event e WHERE e.brand_id = $1"
        " AND EXISTS (SELECT FROM message m WHERE m.brand_id = e.brand_id AND m.id = e.id)"
    ),
    "an insert": "INSERT INTO message (brand_id, id) SELECT brand_id, id FROM unnest($1, $2) AS n(brand_id, id)",
    "a name that is not the table": "WITH message AS (SELECT 1) SELECT * FROM message",
    "a global table": "SELECT * FROM wamid WHERE connection_id = $1",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_rule_notices(text):
    assert len(brandless(Statement("here", text), TABLES)) == 1


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_the_rule_lets_pass(text):
    assert brandless(Statement("here", text), TABLES) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("UPDATE message SET at = clock_timestamp() WHERE brand_id = $1", ["clock_timestamp"]),
        ("INSERT INTO event (brand_id, id) VALUES ($1, gen_random_uuid())", ["gen_random_uuid"]),
        ("UPDATE message SET at = now() WHERE brand_id = $1", []),
        ("UPDATE wamid SET at = clock_timestamp()", []),
        ("SELECT random() FROM message WHERE brand_id = $1", []),
    ],
)
def test_what_is_volatile_is_noticed_where_it_is_written(text, found):
    unstable = frozenset({"clock_timestamp", "gen_random_uuid", "random"})

    assert volatile(Statement("here", text), TABLES, unstable) == found
