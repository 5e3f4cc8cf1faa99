"""The rig: a PostgreSQL of its own, the gateway or the worker as processes, the other ends, and brands to use them."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

import asyncpg

from bench import meters
from quixess import access, connections, templates
from quixess.access import Scope
from quixess.connections import Facts, Lines
from quixess.database import embedded, migrate
from quixess.database.core import Database
from quixess.events import endpoints
from quixess.vault import Keyring

Result = TypeVar("Result")
_EMPTY_S = 20
_ROOT = Path(__file__).resolve().parents[1]
_APP_ID, _WABA, _NUMBER = "210000000000001", "210000000000002", "210000000000003"
_APP_SECRET = "bench-app-secret-0123456789abcdef"


class BenchError(Exception):
    """A measurement cannot be made or is not valid; the text says why."""


@dataclass
class Child:
    """A process of ours that answers a line of JSON with a line of JSON."""

    process: "subprocess.Popen[str]"
    ports: list[int] = field(default_factory=list)

    @classmethod
    def start(cls, *words: str) -> Self:
        child = cls(
            subprocess.Popen(
                [sys.executable, "-m", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
            )
        )
        child.ports = child._hear()["ports"]
        return child

    @property
    def pid(self) -> int:
        return self.process.pid

    def ask(self, **what: Any) -> dict[str, Any]:
        """Send a line and wait for the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"{self.process.args!r} ended with status {self.process.wait()}")
        heard: dict[str, Any] = json.loads(line)
        return heard

    def end(self) -> None:
        """End the process, as its input ends."""
        self.process.communicate()


@dataclass(frozen=True)
class Tenant:
    """A brand that is connected: its key, and the secret that signs its events."""

    brand_id: UUID
    endpoint_id: UUID
    key: str
    endpoint_secret: str


@dataclass
class Quixess:
    """A process of Quixess. `url` is empty for a worker."""

    process: "subprocess.Popen[bytes]"
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> None:
        """Let it finish what is under way, and take what it said."""
        self.process.terminate()
        if self.process.wait(30):
            raise BenchError(f"Quixess ended with status {self.process.returncode}")

    def kill(self) -> None:
        """Make sure that it is gone, when a measurement broke off."""
        self.process.kill()
        self.process.wait()


class Rig:
    """Everything that measurements stand on. One for a run: `with Rig() as rig`."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.keyring = Keyring.make()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="quixess-bench-", dir="/tmp"))
        self._folder.chmod(0o711)  # as root PostgreSQL runs as somebody else, who has to get through
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._server = embedded.EmbeddedPostgres(self._folder)
        self._dsn = self._server.start()
        self._stack.callback(self._server.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def database(self, name: str) -> str:
        """Make a migrated database and give its address."""
        head, _, query = self._dsn.partition("?")
        dsn = f"{head.rpartition('/')[0]}/{name}?{query}"

        async def make() -> None:
            connection = await asyncpg.connect(self._dsn)
            await connection.execute(f"CREATE DATABASE {name}")
            await connection.close()
            await migrate.run(dsn)

        asyncio.run(make())
        return dsn

    def child(self, *words: str) -> Child:
        """Start one of the other ends; it ends with the rig."""
        child = Child.start(*words)
        self._stack.callback(child.end)
        return child

    def quixess(self, dsn: str, *words: str) -> Quixess:
        """Start a process of Quixess and wait until it is ready."""
        read, write = os.pipe()
        env = os.environ | {
            "QUIXESS_DATABASE_URL": dsn,
            "QUIXESS_DATA_DIR": str(self._folder),
            "QUIXESS_KEYRING": self.keyring.dumps(),
            "QUIXESS_PORT": "0",
            "QUIXESS_LOG_LEVEL": "warning",
        }
        command = [sys.executable, "-m", *words, "--ready-fd", str(write), "--parent", str(os.getpid())]
        process = subprocess.Popen(command, env=env, pass_fds=[write], cwd=_ROOT)
        os.close(write)
        with os.fdopen(read) as ready:
            url = ready.readline()
        if not url:
            raise BenchError(f"{' '.join(words)} did not become ready: status {process.wait()}")
        started = Quixess(process, url.strip())
        self._stack.callback(started.kill)
        return started

    def meters(self, **trees: int) -> Callable[[], meters.Reading]:
        """Give a way to read the meters of these processes and of PostgreSQL."""
        assert self._server.pid is not None
        found = trees | {"postgres": self._server.pid}
        return lambda: meters.read(found)

    def connect(self, dsn: str, name: str, event_url: str, graph_url: str | None = None) -> Tenant:
        """Make a brand with a key and an endpoint; with `graph_url` it is connected to the Meta that answers there."""

        async def work(db: Database) -> Tenant:
            async with db.transaction() as tx:
                brand = await access.create_brand(tx, name)
                key, _ = await access.mint_key(
                    tx, self.keyring, brand.id, name="bench", scopes=tuple(Scope), actor="bench"
                )
                endpoint, _ = await endpoints.set_url(tx, self.keyring, brand.id, event_url)
            if graph_url is not None:
                await _connect(db, self.keyring, brand.id, graph_url)
            return Tenant(brand.id, endpoint.id, key, endpoint.secrets[0])

        return _with_database(dsn, work)


def facts_of_webhooks(quixess: Quixess, people: int) -> dict[str, Any]:
    """Give what the load generator needs to sign webhooks as the connected Meta."""
    return {
        "host": f"127.0.0.1:{quixess.port}",
        "app_id": _APP_ID,
        "app_secret": _APP_SECRET,
        "waba_id": _WABA,
        "phone_number_id": _NUMBER,
        "people": people,
    }


def query(dsn: str, sql: str, *arguments: Any) -> Any:
    """Run a statement as the owner and give its first value."""

    async def ask() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(ask())


def until_empty(dsn: str, table: str) -> None:
    """Wait until a table has no rows. Raises BenchError when that takes too long."""
    until = time.monotonic() + _EMPTY_S
    while query(dsn, f"SELECT EXISTS (SELECT FROM {table})"):
        if time.monotonic() > until:
            raise BenchError(f"{table} was not worked off within {_EMPTY_S} s")
        time.sleep(0.02)


def fill(dsn: str, rows: dict[str, tuple[Sequence[str], Sequence[Sequence[Any]]]], first: str) -> None:
    """Run `first`, then fill tables: name → (columns, rows), in one transaction."""

    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        async with connection.transaction():
            await connection.execute(first)
            for table, (columns, records) in rows.items():
                await connection.copy_records_to_table(table, columns=list(columns), records=records)
        await connection.execute("ANALYZE")
        await connection.close()

    asyncio.run(work())


async def _connect(db: Database, keyring: Keyring, brand_id: UUID, graph_url: str) -> None:
    facts = Facts(
        app_id=_APP_ID,
        app_secret=_APP_SECRET,
        verify_token="bench",
        waba_id=_WABA,
        phone_number_id=_NUMBER,
        display_phone="15550783881",
        token="EAAbenchtoken" + "0" * 170,  # as long as Meta's
        graph_url=graph_url,
    )
    async with db.transaction() as tx:
        await connections.connect(tx, keyring, brand_id, facts)
        connection = (await connections.active(tx, keyring, [brand_id]))[brand_id]
    lines = Lines(version="v25.0", timeout_s=10)
    await templates.Sync(db, lines).run(connection)
    await lines.close()


def _with_database(dsn: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    async def run() -> Result:
        db = await Database.open(dsn, writers=2, readers=1)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(run())
