"""Two versions over one database: an upgrade goes through the processes one by one, and back."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from quixess.database import migrate
from quixess.database.migrate import BESIDE, MigrationError
from quixess.health import State
from quixess.health.machine import examine_database
from tests.world import World

FILES = sorted(Path(migrate.__file__).parent.glob("migrations/*.sql"))
# What an older version would notice: something gone, renamed, stricter, or other than it was.
NOTICED = re.compile(
    r"\b(?:DROP|RENAME|TRUNCATE|REVOKE|DELETE FROM|UPDATE|SET NOT NULL|ALTER COLUMN|ADD CONSTRAINT|OR REPLACE|DISABLE|"
    r"ENABLE|CREATE UNIQUE INDEX|CREATE (?:CONSTRAINT )?TRIGGER)\b"
    r"|ADD COLUMN (?:(?!DEFAULT)[^,;])*NOT NULL(?![^,;]*DEFAULT)",
    re.IGNORECASE,
)


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def migrate_by_a_newer_version(owner: asyncpg.Connection, *, beside: bool) -> None:
    await owner.execute("ALTER TABLE message ADD COLUMN later text")
    await owner.execute("INSERT INTO migration (name, beside) VALUES ('9999_later.sql', $1)", beside)


def statements(file: Path) -> str:
    """Give the SQL of a migration, without comments; what is done to tables that it makes itself is left out."""
    sql = re.sub(r"--.*", "", file.read_text())
    made = re.findall(r"CREATE (?:UNLOGGED )?TABLE (\w+)", sql)
    pieces = [piece for piece in sql.split(";") if not re.search(rf"\bON? ?(?:{'|'.join(made) or '-'})\b", piece)]
    return ";".join(pieces)


async def test_an_older_version_starts_and_works_beside_what_only_adds(owner: asyncpg.Connection, dsn: str) -> None:
    await migrate_by_a_newer_version(owner, beside=True)

    assert await migrate.run(dsn) == []
    found = {check.name: check for check in await examine_database(dsn)}
    assert found["migrations"].state is State.WARN
    assert "9999_later.sql" in found["migrations"].said


async def test_a_process_goes_on_sending_while_the_database_is_migrated(
    world: World, owner: asyncpg.Connection
) -> None:
    assert (await world.send_otp()).status == 200

    await migrate_by_a_newer_version(owner, beside=True)

    assert (await world.send_otp()).status == 200


async def test_an_older_version_does_not_start_over_what_it_would_notice(owner: asyncpg.Connection, dsn: str) -> None:
    await migrate_by_a_newer_version(owner, beside=False)

    with pytest.raises(MigrationError, match="newer Quixess"):
        await migrate.run(dsn)
    found = {check.name: check for check in await examine_database(dsn)}
    assert found["migrations"].state is State.FAIL


async def test_what_may_stand_beside_is_written_down_with_the_file(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch("SELECT name, beside FROM migration")

    assert {row["name"]: row["beside"] for row in rows} == {
        file.name: file.read_text().startswith(BESIDE) for file in FILES
    }


async def test_a_table_of_migrations_from_before_gets_the_column(owner: asyncpg.Connection, dsn: str) -> None:
    await owner.execute("ALTER TABLE migration DROP COLUMN beside")

    assert {check.name: check.state for check in await examine_database(dsn)}["migrations"] is State.PASS
    assert await migrate.run(dsn) == []
    assert await owner.fetchval("SELECT bool_or(beside) FROM migration") is False


def test_a_file_that_says_so_only_adds() -> None:
    marked = [file for file in FILES if file.read_text().startswith(BESIDE)]

    assert marked
    for file in marked:
        assert not NOTICED.findall(statements(file)), f"{file.name}: older versions notice this."


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE message DROP COLUMN said",
        "ALTER TABLE message RENAME COLUMN said TO told",
        "ALTER TABLE message ADD COLUMN later text NOT NULL",
        "ALTER TABLE message ALTER COLUMN said TYPE jsonb",
        "ALTER TABLE message ADD CONSTRAINT short CHECK (length(said) < 9)",
        "CREATE UNIQUE INDEX one_message ON message (said)",
        "UPDATE message SET said = ''",
        "REVOKE SELECT ON message FROM quixess_reader",
    ],
)
def test_the_rule_notices(sql: str) -> None:
    assert NOTICED.search(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE later (id uuid NOT NULL PRIMARY KEY)",
        "ALTER TABLE message ADD COLUMN later text",
        "ALTER TABLE message ADD COLUMN later boolean NOT NULL DEFAULT false",
        "CREATE INDEX message_later ON message (later)",
        "GRANT SELECT ON later TO quixess_reader",
    ],
)
def test_the_rule_lets_pass(sql: str) -> None:
    assert not NOTICED.search(sql)
