"""What the tests of the embedded server share: its places, its processes, its SQL, and another process."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg

import quixess
from quixess.database.embedded import places, postmaster

STARTER = """
import pathlib, sys
from quixess.database import embedded
server = embedded.EmbeddedPostgres(pathlib.Path(sys.argv[1]), binaries=pathlib.Path(sys.argv[3]))
print(server.start(die_with_parent=sys.argv[2] == "tied"), server.pid, flush=True)
sys.stdin.read()
server.stop()
"""
SOURCE = Path(quixess.__file__).parent.parent
PATIENCE_S = 20.0


def socket_dir(data_dir: Path) -> Path:
    return places.SOCKET_HOME / f"quixess-{places.fingerprint(data_dir)}"


def away(data_dir: Path) -> Path:
    return places.SHARED_HOME / places.fingerprint(data_dir)


def processes(data_dir: Path) -> list[int]:
    """Every process that works in the cluster, or in a draft of it."""
    homes = tuple(str(home / "postgres") for home in (data_dir, away(data_dir)))
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (postmaster.working_directory(pid) or "").startswith(homes)]


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def ask(dsn: str, *statements: str) -> object:
    """Run the statements, return the first value of the last one."""

    async def talk() -> object:
        connection = await asyncpg.connect(dsn=dsn)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(talk())


def write_a_row(dsn: str) -> None:
    ask(dsn, "CREATE TABLE kept (id int)", "INSERT INTO kept VALUES (7) RETURNING id")


@contextlib.contextmanager
def starter(
    data_dir: Path, mode: str = "tied", *, python: str = sys.executable, user: places.User | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Another process that starts the server; closing its input makes it stop the server and end."""
    process = subprocess.Popen(
        [python, "-c", STARTER, str(data_dir), mode, str(places.find_programs(None).folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        user=user.uid if user else None,
        group=user.gid if user else None,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> tuple[str, int]:
    """The DSN and the postmaster's pid that a starter printed."""
    assert process.stdout is not None
    dsn, pid = process.stdout.readline().split()
    return dsn, int(pid)


def clean(data_dir: Path) -> None:
    for pid in processes(data_dir):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not processes(data_dir))
    shutil.rmtree(socket_dir(data_dir), ignore_errors=True)
    shutil.rmtree(away(data_dir), ignore_errors=True)
    with contextlib.suppress(OSError):
        places.SHARED_HOME.rmdir()
