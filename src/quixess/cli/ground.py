"""The ground under a command: settings, the database's address, and a short way to a transaction."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from quixess import access, connections, settings
from quixess.access import Brand
from quixess.cli import meaning, paint
from quixess.database import embedded, migrate
from quixess.database.core import Database, Tx
from quixess.errors import QuixessError
from quixess.feed import Feed
from quixess.settings import Settings, SettingsError
from quixess.vault import Keyring, VaultError

Result = TypeVar("Result")
RUNNING = "up.json"
ACTOR = "cli"
"""Who the audit says it was."""

BrandOption = Annotated[
    str | None, typer.Option("--brand", help="The brand's name or brd_… id; not needed while there is only one.")
]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a command stands on."""

    settings: Settings
    db: Database
    keyring: Keyring


def read_settings() -> Settings:
    """Read the settings of this process, or end with what is wrong."""
    try:
        found = settings.read(os.environ)
    except SettingsError as error:
        paint.fail(str(error))
    for name in settings.unknown(os.environ):
        paint.step(f"{name} is no setting of Quixess: `quixess settings` lists them.")
    return found


def local(found: Settings) -> Settings:
    """Loosen what a laptop needs: tenants' endpoints may be plain http on any port of this machine.

    Numbers may be connected by the simulator that runs beside, where its port is known.
    """
    beside = (f"http://{found.host}:{found.simulator_port}",) if found.simulator_port else ()
    loopback = ip_network("127.0.0.0/8")
    networks = found.webhook_networks if loopback in found.webhook_networks else (*found.webhook_networks, loopback)
    return replace(
        found,
        webhook_http=True,
        webhook_ports=(),
        webhook_networks=networks,
        webhook_private_answers=True,
        graph_urls=(*found.graph_urls, *beside),
    )


@contextmanager
def database_url(found: Settings) -> Iterator[str]:
    """Give the database's address. Without one in the settings the embedded server is used, started if need be."""
    if found.database_url is not None:
        yield found.database_url
        return
    server = embedded.EmbeddedPostgres(found.data_dir, binaries=found.postgres_binaries)
    try:
        dsn = server.start()
    except (embedded.EmbeddedPostgresError, OSError) as error:
        paint.fail(str(error))
    try:
        yield dsn
    finally:
        server.stop()


def run(command: Callable[[Ground], Awaitable[Result]]) -> Result:
    """Run a command that needs the database, and turn what goes wrong into one line."""
    found = read_settings()
    if _is_up(found.data_dir):
        found = local(found)
    with database_url(found) as dsn:
        try:
            return asyncio.run(_run(found, dsn, command))
        except (QuixessError, ValueError, VaultError, migrate.MigrationError) as error:
            paint.fail(error.detail if isinstance(error, QuixessError) else str(error))


async def _run(found: Settings, dsn: str, command: Callable[[Ground], Awaitable[Result]]) -> Result:
    async with stand(found, dsn) as ground:
        return await command(ground)


@asynccontextmanager
async def stand(found: Settings, dsn: str) -> AsyncIterator[Ground]:
    """Open the database, migrated, with the keyring that belongs to it. Pages that are open hear of what changes."""
    await migrate.run(dsn)
    db = await Database.open(dsn, writers=2, readers=2)
    feed = Feed(db)
    try:
        keyring = meaning.read_keyring(found)
        await connections.check_keyring(db, keyring)
        await feed.attend()
        yield Ground(found, db, keyring)
        await feed.flush()
    finally:
        await db.close()


async def pick_brand(tx: Tx, brand: str | None) -> Brand:
    """Find the brand that a command is about: the one it names, or the only one there is."""
    if brand is not None:
        return await access.find_brand(tx, brand)
    found = await access.list_brands(tx)
    if len(found) != 1:
        missing = "There is no brand yet: `quixess brand create NAME` makes one."
        paint.fail(missing if not found else "There are several brands: say which one with --brand.")
    return found[0]


def write_private(path: Path, facts: Mapping[str, object]) -> None:
    """Put a JSON file in place whole or not at all, readable by us only: keys and secrets may be in it."""
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file, indent=1)
    draft.replace(path)


def _is_up(data_dir: Path) -> bool:
    """Tell whether `quixess up` runs over this data directory."""
    try:
        pid = json.loads((data_dir / RUNNING).read_text())["pids"]["supervisor"]
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True
