"""The rig: a PostgreSQL of its own, Quixess as processes over it, and the other ends of the wire."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Self

from bench import meters, report, tables
from bench.processes import Measured, Peer
from bench.report import Goal, Round
from bench.summary import Summary
from bench.tenants import APP_SECRET
from quixess.database import embedded, migrate
from quixess.vault import Keyring

STATEMENTS = {"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track_planning": "on"}


class Rig:
    """Everything that measurements stand on. One for a run: `with Rig() as rig`.

    With `looking` Quixess runs under bench.sampling and PostgreSQL counts its statements, which costs both some time.
    `settings` are PostgreSQL's, beside those of the embedded server.
    """

    def __init__(self, *, looking: bool = False, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self.keyring = Keyring.make()
        self.dsn = ""
        self.summary = Summary()
        self._looking = looking
        self._settings = dict(settings) | (STATEMENTS if looking else {})
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="quixess-bench-"))
        self._folder.chmod(0o711)  # as root PostgreSQL runs as somebody else, who has to get through
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        self._server = embedded.EmbeddedPostgres(self._folder, settings=self._settings)
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
        if "shared_preload_libraries" in self._settings:
            tables.ask(dsn, "CREATE EXTENSION pg_stat_statements")
        return dsn

    def drop(self, name: str) -> None:
        """Drop a database that nobody needs any more, to have its disk back."""
        tables.ask(self._server_dsn, f"DROP DATABASE {name} WITH (FORCE)")

    def peer(self, *words: str) -> Peer:
        """Start one of the other ends; it ends with the rig."""
        peer = Peer.start(*words)
        self._stack.callback(peer.end)
        return peer

    def quixess(self, dsn: str, *words: str, within: Sequence[str] = (), **settings: str) -> Measured:
        """Start a process of Quixess: `serve`, `work` or both. Tenants' endpoints may be on this machine.

        `within` is a command that runs it somewhere else, `settings` are more of Quixess' own, by lower-case name.
        """
        env = os.environ | {
            "QUIXESS_DATABASE_URL": dsn,
            "QUIXESS_DATA_DIR": str(self._folder),
            "QUIXESS_KEYRING": self.keyring.dumps(),
            "QUIXESS_PORT": "0",
            "QUIXESS_LOG_LEVEL": "warning",
            "QUIXESS_OTP_PER_RECIPIENT": "1000000/10m,1000000/1d",  # at work, and never in the way
        }
        env |= {f"QUIXESS_{name.upper()}": value for name, value in settings.items()}
        module = ["bench.sampling", str(self.stacks)] if self._looking else ["quixess"]
        return self._measured([*module, *words, "--ready-fd", "FD", "--parent", str(os.getpid())], env, within)

    def limit(self, name: str, meta: Peer, key: str) -> Measured:
        """Start the limit program over a database of its own."""
        return self.other(["bench.limit"], self.database(name, migrated=False), graph_url(meta), key, APP_SECRET)

    def usual(self, name: str, meta: Peer, key: str) -> Measured:
        """Start the usual stack over a database of its own."""
        dsn = self.database(name, migrated=False)
        return self.other(["bench.usual", "serve"], dsn, graph_url(meta), key, APP_SECRET)

    def other(self, program: list[str], *words: str) -> Measured:
        """Start a program that is measured beside Quixess."""
        return self._measured([*program, *words, "FD"], dict(os.environ))

    def tell(
        self,
        operation: str,
        ours: Sequence[Round],
        goal: Goal | None = None,
        *,
        limit: Sequence[Round] = (),
        usual: Sequence[Round] = (),
    ) -> None:
        """Say what was measured, now and once more in the table at the end."""
        print(report.table(operation, ours, goal))
        for name, theirs in (("the limit program", limit), ("the usual stack", usual)):
            if theirs:
                print(report.against(name, ours, theirs))
        self.summary.add(operation, ours, limit, usual)

    def say(self, line: str) -> None:
        """Say something that is no operation, now and once more below the table."""
        print(line)
        self.summary.note(line)

    def _measured(self, command: list[str], env: dict[str, str], within: Sequence[str] = ()) -> Measured:
        started = Measured.start(command, env, within)
        self._stack.callback(started.kill)
        return started

    def meters(self, **trees: int | Sequence[int]) -> Callable[[], meters.Reading]:
        """Give a way to read the meters of these processes, by name, and of PostgreSQL."""
        assert self._server.pid is not None
        found = trees | {"postgres": self._server.pid}
        return lambda: meters.read(found)


def graph_url(meta: Peer) -> str:
    """Tell where the fake Meta answers."""
    return f"http://127.0.0.1:{meta.ports[0]}"
