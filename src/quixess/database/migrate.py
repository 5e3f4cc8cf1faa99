"""Migrations: numbered SQL files, applied once, in order, under an advisory lock.

A file that begins with the line `BESIDE` only adds what older versions do not notice: they start over it, so that an
upgrade can go through the processes one by one, and back (docs/operations.md, "Upgrades"). Any other ends them.
"""

import asyncio
import time
from pathlib import Path

import asyncpg
import structlog

from quixess.database import partitions
from quixess.database.core import OWNER, Tx
from quixess.database.reaching import reach

STARTS_S = 30.0
"""How long a PostgreSQL that is starting up is waited for."""
_ASK_EVERY_S = 0.5
_FOLDER = Path(__file__).parent / "migrations"
_LOCK = 0x51_58_4D_49_47  # one number for all Quixess processes of a database
_MINIMUM = 150000
BESIDE = "-- Older versions may go on beside this.\n"
_TABLE = """CREATE TABLE IF NOT EXISTS migration (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now(), beside boolean NOT NULL DEFAULT false
)"""
_HAS_COLUMN = """SELECT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = 'migration'::regclass AND attname = 'beside' AND NOT attisdropped
)"""
_log = structlog.get_logger()


class MigrationError(Exception):
    """The database is not one this version can work with; the text names the fix."""


async def run(dsn: str) -> list[str]:
    """Bring the database to this version and return the names of the files applied.

    Ten processes may start at once: one applies, the others wait for it and find nothing to do. Raises MigrationError
    when the database cannot be reached, may not be changed, or belongs to another version. One that is starting up is
    waited for, half a minute at most.
    """
    connection = await _connect(dsn)
    try:
        _refuse_old_server(connection)
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        applied = await _apply_missing(connection)
        await partitions.ensure(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"The database's user may not do this ({error.args[0]}): docs/operations.md tells what it needs."
        ) from error
    else:
        return applied
    finally:
        await connection.close()


def known() -> frozenset[str]:
    """Name the migrations of this version."""
    return frozenset(file.name for file in _FOLDER.glob("*.sql"))


async def lacking(tx: Tx) -> frozenset[str]:
    """Name what this version needs and the database has not got. What a newer version has added is no lack."""
    return known() - {row["name"] for row in await tx.rows("SELECT name FROM migration")}


async def _connect(dsn: str) -> asyncpg.Connection:
    """Connect; a server that says that it is starting up or recovers from a crash is waited for."""
    until = None
    while True:
        try:
            return await _try(dsn)
        except asyncpg.CannotConnectNowError as error:
            if until is None:
                until = time.monotonic() + STARTS_S
                _log.warning("waiting for PostgreSQL", reason=str(error))
            elif time.monotonic() >= until:
                raise _unreachable(str(error)) from None
        await asyncio.sleep(_ASK_EVERY_S)


async def _try(dsn: str) -> asyncpg.Connection:
    """Connect, or say what is wrong with the address without repeating it: a password may be in it."""
    try:
        return await reach(dsn, statement_cache_size=0, server_settings=OWNER, timeout=60)
    except asyncpg.CannotConnectNowError:
        raise
    except OSError as error:
        reason = error.strerror or "no answer"
    except asyncpg.PostgresError as error:
        reason = str(error)
    except asyncpg.exceptions.TargetServerAttributeNotMatched:
        reason = "none of its hosts is the primary"
    except (asyncpg.InterfaceError, ValueError, OverflowError):
        reason = "it is no postgresql:// address"
    raise _unreachable(reason)


def _unreachable(reason: str) -> MigrationError:
    return MigrationError(f"The database cannot be reached ({reason}): check QUIXESS_DATABASE_URL.")


def _refuse_old_server(connection: asyncpg.Connection) -> None:
    version = connection.get_server_version()
    if version.major * 10000 < _MINIMUM:
        raise MigrationError(f"PostgreSQL {version.major} is too old: Quixess needs PostgreSQL 15 or later.")


async def _apply_missing(connection: asyncpg.Connection) -> list[str]:
    await connection.execute(_TABLE)
    if not await connection.fetchval(_HAS_COLUMN):  # asked first: ALTER TABLE waits for everybody who reads the table
        await connection.execute("ALTER TABLE migration ADD COLUMN IF NOT EXISTS beside boolean NOT NULL DEFAULT false")
    done = {row["name"]: row["beside"] for row in await connection.fetch("SELECT name, beside FROM migration")}
    files = sorted(_FOLDER.glob("*.sql"))
    _refuse_newer_database({name for name, beside in done.items() if not beside}, {file.name for file in files})
    missing = [file for file in files if file.name not in done]
    for file in missing:
        async with connection.transaction():
            sql = file.read_text()
            await connection.execute(sql)
            await connection.execute(
                "INSERT INTO migration (name, beside) VALUES ($1, $2)", file.name, sql.startswith(BESIDE)
            )
    return [file.name for file in missing]


def _refuse_newer_database(done: set[str], known: set[str]) -> None:
    if unknown := sorted(done - known):
        raise MigrationError(
            f"The database was migrated by a newer Quixess ({', '.join(unknown)}): run that version or a later one."
        )
