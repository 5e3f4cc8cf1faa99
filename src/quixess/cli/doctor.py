"""`quixess doctor`: is everything as it must be, and what to do where it is not.

It changes nothing: it starts and migrates no database and makes no keyring. For each number Meta is asked four
questions, and our own public address a fifth. It ends with 0 when all is well, 1 for warnings, 2 for failures.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import typer

from quixess import access, health, settings
from quixess.access import AccessError
from quixess.cli import meaning, paint
from quixess.connections import Lines
from quixess.database import embedded, ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.events.envelope import moment
from quixess.health import Check, Examination, State
from quixess.settings import Settings, SettingsError
from quixess.vault import Keyring, VaultError

_STATUS = {State.PASS: 0, State.WARN: 1, State.FAIL: 2}
_COLOURS = {State.PASS: "green", State.WARN: "yellow", State.FAIL: "red", State.SKIP: "dim"}
_KEYRING = "Restore keyring.json from your backup, or set QUIXESS_KEYRING_FILE; `quixess serve` makes a first one."


@dataclass(frozen=True, slots=True)
class Group:
    """Checks of one thing. `about` is `installation`, or the `brd_…` or `con_…` id that `name` puts into words."""

    about: str
    name: str
    checks: list[Check]


def doctor(
    brand: Annotated[
        str | None, typer.Option("--brand", help="Look at this brand only (name or brd_… id); else at all of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Look at everything, from the database to each number at Meta, and name the fix of what is wrong."""
    try:
        found = settings.read(os.environ)
    except SettingsError as error:
        groups = [_installation([health.failed("settings", str(error), "See `quixess settings`.")])]
    else:
        groups = _examine(found, brand)
    state = health.worst(check for group in groups for check in group.checks)
    (_print_json if as_json else _print)(groups, state)
    raise SystemExit(_STATUS[state])


def _examine(found: Settings, brand: str | None) -> list[Group]:
    try:
        dsn = found.database_url or embedded.attach(found.data_dir)
        if dsn is None:
            said = "No PostgreSQL runs for this data directory."
            fix = "Start Quixess (`quixess up`), or set QUIXESS_DATABASE_URL to your own PostgreSQL."
            return [_installation([health.failed("database", said, fix)])]
        return asyncio.run(_look(found, dsn, brand))
    except embedded.EmbeddedPostgresError as error:
        fix = "Ask as the user who runs Quixess."
        return [_installation([health.failed("database", str(error), fix)])]
    except QuixessError as error:
        fix = "Try again; see what PostgreSQL's log says."
        return [_installation([health.failed("database", error.detail, fix)])]


async def _look(found: Settings, dsn: str, brand: str | None) -> list[Group]:
    checks = await health.examine_database(dsn)
    checks.append(health.examine_disk([found.data_dir, found.media_dir or found.data_dir / "media"]))
    if any(check.name in {"database", "migrations"} and check.state is State.FAIL for check in checks):
        return [_installation(checks)]
    async with _opened(dsn) as db:
        keyring = _read_keyring(found, checks)
        async with db.statement() as tx:
            if keyring is not None:
                file = None if found.keyring is not None else meaning.keyring_file(found)
                checks += await health.examine_keyring(tx, keyring, file)
            checks += await health.examine_work(tx)
        groups = [_installation(checks)]
        if keyring is None or any(check.name == "keyring" and check.state is State.FAIL for check in checks):
            return groups
        return groups + await _look_at_brands(found, db, keyring, brand)


@asynccontextmanager
async def _opened(dsn: str) -> AsyncIterator[Database]:
    db = await Database.open(dsn, writers=2, readers=1)
    try:
        yield db
    finally:
        await db.close()


def _read_keyring(found: Settings, checks: list[Check]) -> Keyring | None:
    """Read the keyring without making one; what is wrong with it becomes a check."""
    file = meaning.keyring_file(found)
    try:
        return Keyring.loads(found.keyring) if found.keyring is not None else Keyring.read(file)
    except VaultError as error:
        checks.append(health.failed("keyring", str(error), _KEYRING))
    except OSError as error:
        checks.append(health.failed("keyring", f"keyring.json cannot be read: {error.strerror}.", _KEYRING))
    return None


async def _look_at_brands(found: Settings, db: Database, keyring: Keyring, brand: str | None) -> list[Group]:
    async with db.transaction() as tx:
        try:
            brands = await access.list_brands(tx) if brand is None else [await access.find_brand(tx, brand)]
        except AccessError as error:
            raise typer.BadParameter(str(error), param_hint="--brand") from None
    lines = Lines(version=found.graph_version, timeout_s=found.send_timeout)
    examination = Examination(db, keyring, lines, found.public_url)
    groups: list[Group] = []
    try:
        for one in brands:
            checks, numbers = await examination.of_brand(one.id)
            groups.append(Group(ids.show("brd", one.id), f"Brand {one.name}", checks))
            for entry, examined in numbers:
                name = f"Number +{entry.display_phone} of {one.name}"
                groups.append(Group(ids.show("con", entry.id), name, examined))
    except (QuixessError, VaultError) as error:
        fix = "Run `quixess vault check`: it opens every secret there is."
        groups.append(_installation([health.failed("secrets", str(error), fix)]))
    finally:
        await lines.close()
    return groups


def _installation(checks: list[Check]) -> Group:
    return Group("installation", "Installation", checks)


def _print(groups: list[Group], state: State) -> None:
    widths = [len(check.name) for group in groups for check in group.checks]
    width = max(widths, default=0)
    for group in groups:
        paint.say(paint.paint(group.name, "bold"))
        for check in group.checks:
            since = f" Since {moment(check.since)}." if check.since and check.state is not State.PASS else ""
            word = paint.paint(check.state.value, _COLOURS[check.state])
            paint.say(f"  {word}  {check.name.ljust(width)}  {check.said}{since}")
            if check.fix is not None:
                paint.say(f"  {' ' * (width + 8)}{paint.paint('fix: ' + check.fix, 'bold')}")
        paint.say()
    paint.say({State.PASS: "All is well.", State.WARN: "There are warnings."}.get(state, "Something does not work."))


def _print_json(groups: list[Group], state: State) -> None:
    told: dict[str, Any] = {"state": state.value, "groups": [_told(group) for group in groups]}
    paint.say(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())


def _told(group: Group) -> dict[str, Any]:
    checks = [
        {
            "name": check.name,
            "state": check.state.value,
            "said": check.said,
            "fix": check.fix,
            "since": None if check.since is None else moment(check.since),
        }
        for check in group.checks
    ]
    return {"about": group.about, "name": group.name, "checks": checks}
