"""A road to the database that a test can cut and mend: the socket's name goes away, and every connection with it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg


@dataclass(frozen=True)
class Road:
    """`dsn` leads over the road, `straight` past it."""

    dsn: str
    straight: str
    name: Path
    socket: Path

    async def cut(self) -> None:
        """Let nobody in any more, and throw out who is in."""
        self.name.unlink()
        connection = await asyncpg.connect(self.straight)
        await connection.execute(
            """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )
        await connection.close()

    def mend(self) -> None:
        self.name.symlink_to(self.socket)


@contextmanager
def road(dsn: str) -> Iterator[Road]:
    """Lay a road to a database that is reached by a Unix socket."""
    parts = urlsplit(dsn)
    query = parse_qs(parts.query)
    socket = f".s.PGSQL.{query['port'][0]}"
    with tempfile.TemporaryDirectory(prefix="quixess-road-") as folder:
        over = parts._replace(query=f"host={quote(folder, safe='')}&port={query['port'][0]}").geturl()
        laid = Road(over, dsn, Path(folder) / socket, Path(query["host"][0]) / socket)
        laid.mend()
        yield laid
