"""Row-level security, the second net: read off the catalogue, then tried as the two roles the processes really have."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from tests.database import rows

OURS, THEIRS = ids.new(), ids.new()
NOT_A_TENANTS = {
    "api_key",
    "endpoint_due",
    "gap",
    "idempotency",
    "link",
    "media_todo",
    "membership",
    "number",
    "session",
    "unsettled",
    "wamid",
}
TENANTS = sorted(rows.INSERTS.keys() - {"intake"})
APPEND_ONLY = ("audit", "intake", "event", "attempt", "outcome", "request")
CATALOGUE = """
  SELECT c.oid, c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
         EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'brand_id') AS has_brand
  FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  ORDER BY 2"""


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def filled(db: Database) -> Database:
    """A row of ours and one of theirs in every tenant table."""
    async with db.transaction() as tx:
        for brand in (OURS, THEIRS):
            for table in TENANTS:
                await tx.execute(rows.INSERTS[table], brand, ids.new())
    return db


@pytest.fixture
async def reader(dsn: str, filled: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the reader's, without the pool that sets the brand."""
    connection = await asyncpg.connect(dsn, server_settings={"role": "quixess_reader"})
    yield connection
    await connection.close()


async def brands_in(connection: asyncpg.Connection, table: str) -> set[UUID]:
    return {row["brand_id"] for row in await connection.fetch(f"SELECT brand_id FROM {table}")}


# The catalogue ---------------------------------------------------------------------------------------------------


async def test_every_table_with_a_brand_is_a_tenants_or_on_the_reviewed_list(owner: asyncpg.Connection) -> None:
    with_brand = {row["name"] for row in await owner.fetch(CATALOGUE) if row["has_brand"]}
    assert with_brand == NOT_A_TENANTS | set(TENANTS)


async def test_every_tenant_table_has_row_level_security_enabled_and_forced(owner: asyncpg.Connection) -> None:
    found = {row["name"]: (row["enabled"], row["forced"]) for row in await owner.fetch(CATALOGUE)}
    assert {name for name, states in found.items() if states == (True, True)} == set(TENANTS)
    assert {name for name, states in found.items() if any(states)} == set(TENANTS)


async def test_every_tenant_table_has_both_policies_and_no_other(owner: asyncpg.Connection) -> None:
    found = await owner.fetch("SELECT tablename, policyname, permissive, roles, cmd, qual, with_check FROM pg_policies")
    by_table: dict[str, dict[str, tuple[object, ...]]] = {}
    for row in found:
        known = by_table.setdefault(row["tablename"], {})
        known[row["policyname"]] = (row["permissive"], row["roles"], row["cmd"], row["qual"], row["with_check"])

    own = "(brand_id = (NULLIF(current_setting('quixess.brand'::text, true), ''::text))::uuid)"
    assert by_table == {
        table: {
            "writer_sees_all": ("PERMISSIVE", ["quixess_writer"], "ALL", "true", "true"),
            "reader_sees_its_brand": ("PERMISSIVE", ["quixess_reader"], "SELECT", own, None),
        }
        for table in TENANTS
    }


async def test_the_reader_may_select_from_tenant_tables_and_do_nothing_else_anywhere(owner: asyncpg.Connection) -> None:
    rights = await owner.fetch(
        """SELECT c.relname AS name, a.privilege_type AS what FROM pg_class c, aclexplode(c.relacl) a
           WHERE a.grantee IN (0, 'quixess_reader'::regrole) AND c.relnamespace = 'public'::regnamespace"""
    )
    assert sorted((row["name"], row["what"]) for row in rights) == [(table, "SELECT") for table in TENANTS]


async def test_neither_role_may_log_in_or_pass_by_the_policies(owner: asyncpg.Connection) -> None:
    found = await owner.fetch(
        """SELECT rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb AS strong FROM pg_roles
           WHERE rolname IN ('quixess_reader', 'quixess_writer')"""
    )
    assert [row["strong"] for row in found] == [False, False]


async def test_no_view_hides_whose_rows_it_reads(owner: asyncpg.Connection) -> None:
    """A plain view reads with its owner's eyes and would show the rows of every brand."""
    found = await owner.fetch(
        """SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace
             AND NOT coalesce(reloptions @> ARRAY['security_invoker=true'], false)"""
    )
    assert found == []


async def test_every_unique_index_of_a_tenant_table_begins_with_the_brand(owner: asyncpg.Connection) -> None:
    """Else its violation tells one brand what another one has."""
    found = await owner.fetch(
        """SELECT i.indexrelid::regclass::text AS name, a.attname AS first FROM pg_index i
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
           WHERE i.indisunique AND i.indrelid = ANY ($1::text[]::regclass[])""",
        TENANTS,
    )
    assert len(found) >= len(TENANTS)
    assert [row["name"] for row in found if row["first"] != "brand_id"] == []


# As the roles themselves -----------------------------------------------------------------------------------------


async def test_a_reader_that_names_no_brand_sees_nothing_and_breaks_nothing(reader: asyncpg.Connection) -> None:
    for table in TENANTS:
        assert await brands_in(reader, table) == set(), table


async def test_a_reader_sees_its_brand_and_after_the_transaction_nothing_again(reader: asyncpg.Connection) -> None:
    async with reader.transaction():
        await reader.execute("SELECT set_config('quixess.brand', $1, true)", str(OURS))
        for table in TENANTS:
            assert await brands_in(reader, table) == {OURS}, table
    for table in TENANTS:
        assert await brands_in(reader, table) == set(), table


async def test_reading_for_a_brand_finds_no_row_of_another_even_when_asked_for_it(filled: Database) -> None:
    for table in TENANTS:
        async with filled.reading(THEIRS) as tx:
            assert {row["brand_id"] for row in await tx.rows(f"SELECT brand_id FROM {table}")} == {THEIRS}, table
            assert await tx.rows(f"SELECT * FROM {table} WHERE brand_id = $1", OURS) == [], table


async def test_an_error_in_one_reading_leaves_no_brand_behind_for_the_next(dsn: str, filled: Database) -> None:
    one = await Database.open(dsn, writers=1, readers=1)
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with one.reading(OURS) as tx:
            await tx.rows("SELECT 1 / 0")
    async with one.reading(THEIRS) as tx:
        assert {row["brand_id"] for row in await tx.rows("SELECT brand_id FROM message")} == {THEIRS}
    await one.close()


async def test_a_reader_writes_nothing_whatever_its_brand(reader: asyncpg.Connection) -> None:
    for table in TENANTS:
        for statement in (
            f"INSERT INTO {table} SELECT * FROM {table}",
            f"UPDATE {table} SET brand_id = brand_id",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.execute(statement)


async def test_a_reading_changes_nothing_even_where_a_right_was_granted_by_mistake(
    dsn: str, owner: asyncpg.Connection
) -> None:
    await owner.execute("GRANT INSERT ON contact TO quixess_reader")
    await owner.execute("CREATE POLICY mistaken ON contact FOR INSERT TO quixess_reader WITH CHECK (true)")
    db = await Database.open(dsn, writers=1, readers=1)
    with pytest.raises(QuixessError):
        async with db.reading(OURS) as tx:
            await tx.execute(rows.INSERTS["contact"], OURS, ids.new())
    async with db.statement() as tx:
        assert await tx.rows("SELECT * FROM contact") == []
    await db.close()


async def test_a_reader_cannot_look_into_tables_that_are_no_tenants(
    reader: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    others = [row["name"] for row in await owner.fetch(CATALOGUE) if row["name"] not in TENANTS]
    assert {"api_key", "idempotency", "intake", "meta_app", "keyring_canary", "session"} <= set(others)
    for table in others:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch(f"SELECT * FROM {table}")


async def test_a_reader_cannot_pass_by_the_policies_through_a_partition(
    reader: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    partitions = await owner.fetch("SELECT inhrelid::regclass::text AS name FROM pg_inherits i JOIN pg_class c"
                                   " ON c.oid = i.inhrelid WHERE c.relkind = 'r'")  # fmt: skip
    assert len(partitions) > 12
    for row in partitions:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.fetch(f"SELECT * FROM {row['name']}")


async def test_a_writer_adds_to_what_happened_and_never_changes_it(dsn: str) -> None:
    writer = await asyncpg.connect(dsn, server_settings={"role": "quixess_writer"})
    for table in APPEND_ONLY:
        await writer.execute(rows.INSERTS[table], OURS, ids.new())
        column = "app_id" if table == "intake" else "brand_id"
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await writer.execute(statement)
        assert await writer.fetchval(f"SELECT count(*) FROM {table}") == 1
    await writer.close()
