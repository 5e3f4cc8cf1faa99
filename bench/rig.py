"""The rig: a PostgreSQL of its own, Quixess as processes over it, and the other ends of the wire."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from bench import meters, tables
from bench.processes import Measured, Peer
from bench.tenants import APP_SECRET
from quixess.database import embedded, migrate
from quixess.vault import Keyring

_STATEMENTS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_planning": "on"}


class Rig:
    """Everything that measurements stand on. One for a run: `with Rig() as rig`.

    With `looking` Quixess runs under bench.sampling and PostgreSQL counts its statements, which costs both some time.
    """

    def __init__(self, *, looking: bool = False) -> None:
        self.keyring = Keyring.make()
        self.dsn = ""
        self._looking = looking
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="quixess-bench-"))
        self._folder.chmod(0o711)  # as root PostgreSQL runs as somebody else, who has to get through
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._server = embedded.EmbeddedPostgres(self._folder, settings=_STATEMENTS if self._looking else None)
        self._server_dsn = self._server.start()
        self._stack.callback(self._server.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def stacks(self) -> Path:
        """The file that bench.sampling writes when Quixess ends."""
        return self._folder / "stacks.json"

    @property
    def version(self) -> str:
        """PostgreSQL's version."""
        return str(tables.ask(self._server_dsn, "SHOW server_version"))

    def database(self, name: str, *, migrated: bool = True, like: str = "template1") -> str:
        """Make a database, migrated to the schema of Quixess, and give its address. `like` names one to copy."""
        head, _, query = self._server_dsn.partition("?")
        dsn = f"{head.rpartition('/')[0]}/{name}?{query}"
        tables.ask(self._server_dsn, f"CREATE DATABASE {name} TEMPLATE {like}")
        if migrated:
            asyncio.run(migrate.run(dsn))
            self.dsn = dsn
        if self._looking:
            tables.ask(dsn, "CREATE EXTENSION pg_stat_statements")
        return dsn

    def peer(self, *words: str) -> Peer:
        """Start one of the other ends; it ends with the rig."""
        peer = Peer.start(*words)
        self._stack.callback(peer.end)
        return peer

    def quixess(self, dsn: str, *words: str) -> Measured:
        """Start a process of Quixess: `serve`, `work` or both. Tenants' endpoints may be on this machine."""
        env = os.environ | {
            "QUIXESS_DATABASE_URL": dsn,
            "QUIXESS_DATA_DIR": str(self._folder),
            "QUIXESS_KEYRING": self.keyring.dumps(),
            "QUIXESS_PORT": "0",
            "QUIXESS_LOG_LEVEL": "warning",
            "QUIXESS_OTP_PER_RECIPIENT": "1000000/10m,1000000/1d",  # at work, and never in the way
        }
        module = ["bench.sampling", str(self.stacks)] if self._looking else ["quixess"]
        return self._measured([*module, *words, "--ready-fd", "FD", "--parent", str(os.getpid())], env)

    def limit(self, name: str, meta: Peer, key: str) -> Measured:
        """Start the limit program over a database of its own."""
        dsn = self.database(name, migrated=False)
        return self._measured(["bench.limit", dsn, graph_url(meta), key, APP_SECRET, "FD"], dict(os.environ))

    def _measured(self, command: list[str], env: dict[str, str]) -> Measured:
        started = Measured.start(command, env)
        self._stack.callback(started.kill)
        return started

    def meters(self, **trees: int) -> Callable[[], meters.Reading]:
        """Give a way to read the meters of these processes and of PostgreSQL."""
        assert self._server.pid is not None
        found = trees | {"postgres": self._server.pid}
        return lambda: meters.read(found)


def graph_url(meta: Peer) -> str:
    """Tell where the fake Meta answers."""
    return f"http://127.0.0.1:{meta.ports[0]}"
