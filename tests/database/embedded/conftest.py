"""Data directories, and an end to every server that a test left in them."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from quixess.database import embedded
from tests.database.embedded import servers


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A cluster that was made, and stopped, once for all the tests that do not care about the first start."""
    with reachable_home() as home:
        server = embedded.EmbeddedPostgres(home / "data")
        server.start()
        server.stop()
        yield home / "data" / "postgres"


@pytest.fixture
def empty_dir() -> Iterator[Path]:
    """A data directory that any user can reach, and that nobody has made yet."""
    with reachable_home() as home:
        yield home / "data"


@pytest.fixture
def data_dir(empty_dir: Path, made_once: Path) -> Path:
    """A data directory that any user can reach, with a cluster."""
    empty_dir.mkdir()
    subprocess.run(["cp", "-a", made_once, empty_dir], check=True)
    return empty_dir


@contextlib.contextmanager
def reachable_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="quixess-test-", dir="/tmp")).resolve()
    home.chmod(0o755)
    yield home
    servers.clean(home / "data")
    shutil.rmtree(home)


@pytest.fixture
def private_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that only its owner can reach, like one under /root."""
    home = tmp_path.resolve() / "private"
    home.mkdir(mode=0o700)
    yield home / "data"
    servers.clean(home / "data")
