"""Sites over the shared PostgreSQL or over one of their own, and a data directory that leaves nothing behind."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from quixess.database import embedded
from quixess.database.embedded import EmbeddedPostgres
from tests.crash.processes import Site, site_over
from tests.database.embedded import servers


@pytest.fixture
async def site(dsn: str, tmp_path: Path) -> AsyncIterator[Site]:
    """A brand on the simulated Meta and two processes that are not started yet."""
    async with site_over(dsn, tmp_path) as one:
        yield one


@pytest.fixture
def home() -> Iterator[Path]:
    """A data directory that PostgreSQL's user can reach when the tests run as root."""
    above = Path(tempfile.mkdtemp(prefix="quixess-crash-")).resolve()
    above.chmod(0o711)
    yield above / "data"
    servers.clean(above / "data")
    shutil.rmtree(above)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of the test's own, to be killed; it runs."""
    one = embedded.EmbeddedPostgres(home)
    one.start()
    yield one
    one.stop()


@pytest.fixture
async def own_site(server: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[Site]:
    """A site over that PostgreSQL."""
    async with site_over(server.dsn, tmp_path) as one:
        yield one
