"""One PostgreSQL for the whole run, a database of its own for every test that asks, and worlds to play in."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as bounds

from quixess.database import embedded, migrate
from quixess.database.core import Database
from quixess.vault import Keyring
from tests.conformance import openapi
from tests.world import World, building

_ENV = "QUIXESS_TESTS_SERVER"
_TEMPLATE = "quixess_template"
_ROOM_BYTES = 2_000_000_000
_server: embedded.EmbeddedPostgres | None = None
_folder: str | None = None

bounds.register_profile("quixess", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # no test is timed
bounds.load_profile("quixess")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server once, before the workers of pytest-xdist inherit its address."""
    global _server, _folder  # noqa: PLW0603 - one server for one run
    if _ENV in os.environ or config.option.collectonly:
        return
    _folder = tempfile.mkdtemp(prefix="quixess-tests-", dir=_in_memory())
    Path(_folder).chmod(0o711)
    # Tests kill processes, whose writes the kernel keeps: fsync is for power cuts, and a third of the run.
    settings = {"synchronous_commit": "on", "fsync": "off", "max_connections": "400", "max_wal_size": "256MB"}
    _server = embedded.EmbeddedPostgres(Path(_folder), settings=settings)
    os.environ[_ENV] = _server.start()
    asyncio.run(_make_template(os.environ[_ENV]))


def _in_memory() -> str | None:
    """Name a folder in memory with room for the databases of a run: each is a thousand files, made and removed."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM_BYTES else None


def pytest_unconfigure() -> None:
    """Stop what this process started."""
    if _server is not None:
        _server.stop()
        os.environ.pop(_ENV, None)
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud that Meta's OpenAPI file was missing: a run without it proves less."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)}
    for reason in sorted(reason for reason in reasons if openapi.MISSING in reason):
        terminalreporter.write_line(reason, yellow=True, bold=True)


async def _make_template(server: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    await connection.close()
    await migrate.run(_named(server, _TEMPLATE))


def _named(server: str, database: str) -> str:
    head, _, query = server.partition("?")
    return f"{head.rpartition('/')[0]}/{database}?{query}"


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """Make a migrated, empty database for the length of a block, and give its address."""
    server, name = os.environ[_ENV], f"test_{uuid4().hex}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
    yield _named(server, name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def dsn() -> AsyncIterator[str]:
    """A migrated, empty database of the test's own."""
    async with database() as name:
        yield name


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    database = await Database.open(dsn, writers=4, readers=2)
    yield database
    await database.close()


@pytest.fixture
def keyring() -> Keyring:
    return Keyring.make()


@pytest.fixture
async def world(dsn: str, tmp_path: Path) -> AsyncIterator[World]:
    """A gateway with its worker, a simulated Meta, a tenant's receiver and the brand Bordercart, all connected."""
    async with building(dsn, tmp_path) as one:
        yield one
