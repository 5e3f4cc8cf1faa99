"""The machine: PostgreSQL and its tables, the clock, the disk, and the keyring that opens the secrets."""

import re
import shutil
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg

from quixess.database import ids, migrate
from quixess.database.core import Tx
from quixess.health.model import Check, failed, passed, skipped, warned
from quixess.vault import Keyring, Place, VaultError

_OLDEST = 15  # the major version of PostgreSQL
_AHEAD = timedelta(days=1)
_OFF_S = 60.0
_FAR_OFF_S = 240.0  # receivers take a signature for five minutes
_UPPER = re.compile(r"TO \('([0-9a-f-]+)'\)")
_GIB = 1 << 30
# By way of JSON, because a database that was not migrated for long has no such column.
_DONE = """SELECT name, coalesce((to_jsonb(migration) ->> 'beside')::boolean, false) AS beside FROM migration"""
_CANARY = Place("keyring_canary", "sealed", "only")


async def examine_database(dsn: str) -> list[Check]:
    """Look at PostgreSQL with a connection of its own: answers, version, migrations, partitions, clock."""
    try:
        connection = await asyncpg.connect(dsn, statement_cache_size=0, timeout=5)
    except OSError as error:
        return [_unreachable(error.strerror or "no answer")]
    except asyncpg.PostgresError as error:
        return [_unreachable(str(error))]
    except (asyncpg.InterfaceError, ValueError, OverflowError):
        return [_unreachable("the setting is no postgresql:// address")]
    try:
        asked = datetime.now(UTC)
        now = await connection.fetchval("SELECT clock_timestamp()")
        return [
            _judge_version(connection.get_server_version().major),
            judge_clock((asked - now).total_seconds()),
            *await _tables(connection),
        ]
    except asyncpg.PostgresError as error:
        return [_unreachable(str(error))]
    finally:
        await connection.close()


def judge_clock(ahead_s: float) -> Check:
    """Judge by how many seconds this machine's clock is ahead of PostgreSQL's."""
    off = abs(ahead_s)
    if off < _OFF_S:
        return passed("clock", "This machine's clock agrees with PostgreSQL's.")
    said = f"This machine's clock is {off:.0f} s {'ahead of' if ahead_s > 0 else 'behind'} PostgreSQL's."
    fix = "Set both by NTP (chrony, systemd-timesyncd): the time stands in signatures, which are good for five minutes."
    return (failed if off >= _FAR_OFF_S else warned)("clock", said, fix)


def examine_disk(folders: Sequence[Path]) -> Check:
    """Look at the room that is left for our files: the fullest of the disks on which these folders are."""
    known = [folder for folder in folders if folder.exists()]
    if not known:
        return skipped("disk", "There is no data directory on this machine yet.")
    free, total = min(((found.free, found.total) for found in map(shutil.disk_usage, known)), key=lambda one: one[0])
    return judge_disk(free, total)


def judge_disk(free: int, total: int) -> Check:
    """Judge the bytes that are free of so many."""
    share = 100 * free / total
    said = f"{free / _GIB:.1f} GiB ({share:.0f} %) are free on the disk of the data directory."
    fix = "Make room, or shorten QUIXESS_EVENT_DAYS, QUIXESS_MESSAGE_DAYS, QUIXESS_MEDIA_DAYS: what is old goes hourly."
    if free < _GIB // 2:
        return failed("disk", said, fix)
    return warned("disk", said, fix) if free < 2 * _GIB else passed("disk", said)


async def examine_keyring(tx: Tx, keyring: Keyring, file: Path | None) -> list[Check]:
    """See whether the keyring is the database's own, and whether others can read its file (None: it is a setting)."""
    row = await tx.row("SELECT sealed FROM keyring_canary")
    return [_judge_canary(keyring, None if row is None else row["sealed"]), _judge_file(file)]


def _judge_canary(keyring: Keyring, sealed: bytes | None) -> Check:
    if sealed is None:
        return skipped("keyring", "Nothing is sealed yet: the first process that starts makes this keyring its own.")
    try:
        keyring.open(sealed, _CANARY)
    except VaultError:
        fix = "Give this process the keyring.json that belongs to this database: restore it from your backup."
        return failed("keyring", "The keyring does not open what is sealed in this database.", fix)
    return passed("keyring", "The keyring opens what is sealed in this database.")


def _judge_file(file: Path | None) -> Check:
    if file is None:
        return skipped("keyring_file", "The keyring comes from a setting, not from a file in the data directory.")
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError as error:
        return failed("keyring_file", f"keyring.json cannot be looked at: {error.strerror}.", "Restore it.")
    if mode & 0o007:
        said = f"Everybody on this machine may open keyring.json (mode {mode:o})."
        return failed("keyring_file", said, "Run `chmod 600 keyring.json` in the data directory.")
    return passed("keyring_file", f"keyring.json is for its owner only (mode {mode:o}).")


def _unreachable(reason: str) -> Check:
    fix = "Start PostgreSQL, and check QUIXESS_DATABASE_URL and the way to it."
    return failed("database", f"The database cannot be reached: {reason}.", fix)


def _judge_version(major: int) -> Check:
    if major < _OLDEST:
        fix = f"Upgrade the server to PostgreSQL {_OLDEST} or later."
        return failed("database", f"PostgreSQL {major} is too old.", fix)
    return passed("database", f"PostgreSQL {major} answers.")


async def _tables(connection: asyncpg.Connection) -> list[Check]:
    there = await connection.fetchval("SELECT to_regclass('migration') IS NOT NULL")
    done = {row["name"]: row["beside"] for row in await connection.fetch(_DONE)} if there else {}
    bounds = await connection.fetch(
        """SELECT i.inhparent::regclass::text AS parent, pg_get_expr(c.relpartbound, c.oid) AS bounds
           FROM pg_partitioned_table p JOIN pg_inherits i ON i.inhparent = p.partrelid
           JOIN pg_class c ON c.oid = i.inhrelid"""
    )
    return [_judge_migrations(done), _judge_partitions([(row["parent"], row["bounds"]) for row in bounds])]


def _judge_migrations(done: Mapping[str, bool]) -> Check:
    known = migrate.known()
    if newer := sorted(done.keys() - known):
        said = f"The database was migrated by a newer Quixess ({', '.join(newer)})."
        if all(done[name] for name in newer):
            return warned("migrations", said, "This version may go on beside it: finish the upgrade, or the way back.")
        return failed("migrations", said, "Run that version of Quixess here, or a later one.")
    if missing := sorted(known - done.keys()):
        said = f"The database lacks {len(missing)} of {len(known)} migrations, the first is {missing[0]}."
        return failed("migrations", said, "Run `quixess migrate`.")
    return passed("migrations", f"All {len(known)} migrations are applied.")


def _judge_partitions(bounds: Sequence[tuple[str, str]]) -> Check:
    """Judge how far ahead of time the partitions reach, by the table that is nearest to its end."""
    ends: dict[str, datetime] = {}
    for parent, text in bounds:
        if (upper := _UPPER.search(text)) is not None:
            ends[parent] = max(ends.get(parent, datetime.min.replace(tzinfo=UTC)), ids.made_at(UUID(upper[1])))
    fix = "Run `quixess migrate` now, and a worker that is there to make them: `quixess work`."
    if not ends:
        return failed("partitions", "There are no partitions.", fix)
    table, end = min(ends.items(), key=lambda one: one[1])
    left = end - datetime.now(UTC)
    if left <= timedelta():
        return failed("partitions", f"The partitions of {table} have ended: its rows pile up in one.", fix, since=end)
    if left < _AHEAD:
        return warned("partitions", f"The partitions of {table} end in less than a day.", fix)
    return passed("partitions", f"Partitions are made for {left.days} days ahead.")
