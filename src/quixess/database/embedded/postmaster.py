"""What can be known about the postmaster of a cluster: from its pid file, from /proc, and from its socket.

The pid file `postmaster.pid` has eight lines: pid, data directory, start time, port, socket directory, listen
address, shared memory, status (PostgreSQL's source, `src/include/utils/pidfile.h`). It survives a `kill -9`,
and its pid may then belong to anybody, so nothing is believed on the strength of that file alone.
"""

import contextlib
import os
import signal
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DATABASE = "quixess"
SUPERUSER = "quixess"
PORT = 5432
PROTOCOL_3_0 = 196_608
PROBE_TIMEOUT_S = 2.0
CANNOT_CONNECT_NOW = b"C57P03\0"  # SQLSTATE field of an ErrorResponse


@dataclass(frozen=True, slots=True)
class Postmaster:
    """A postmaster as its pid file describes it."""

    pid: int
    sockets: str
    port: int
    status: str

    @property
    def dsn(self) -> str:
        """Return the URI that asyncpg and libpq take."""
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(self.sockets, safe='')}&port={self.port}"


def find_ready(cluster: Path) -> Postmaster | None:
    """Return the postmaster of `cluster` if it accepts connections now, else None."""
    found = read(cluster)
    if found is None or found.status != "ready" or not accepts(found):
        return None
    return found


def find_owner(cluster: Path) -> Postmaster | None:
    """Return the living postmaster of `cluster`, ready or not; None for a stale, foreign or zombie pid."""
    found = read(cluster)
    if found is None:
        return None
    if sys.platform != "linux":
        return found if accepts(found) else None
    return found if working_directory(found.pid) == str(cluster.resolve()) else None


def read(cluster: Path) -> Postmaster | None:
    """Return what the pid file says so far, None without one. A negative pid is a single-user server's."""
    try:
        text = (cluster / "postmaster.pid").read_text()
        lines = [*text.splitlines(), *[""] * 8]
        return Postmaster(abs(int(lines[0])), lines[4], int(lines[3] or PORT), lines[7].strip())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def accepts(found: Postmaster) -> bool:
    """Log in and out again. False when nobody listens, or while the server starts or shuts down.

    Any other answer is a yes, as with pg_isready: a server with too many clients is there.
    """
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(PROBE_TIMEOUT_S)
        try:
            line.connect(f"{found.sockets}/.s.PGSQL.{found.port}")
            line.sendall(login() + b"X" + struct.pack("!i", 4))
            answer = b""
            while part := line.recv(4096):  # hearing the server out keeps "broken pipe" out of its log
                answer += part
        except OSError:
            return False
    return answer != b"" and CANNOT_CONNECT_NOW not in answer


def login() -> bytes:
    """Return a StartupMessage of the PostgreSQL protocol 3.0."""
    facts = f"user\0{SUPERUSER}\0database\0{DATABASE}\0\0".encode()
    return struct.pack("!ii", 8 + len(facts), PROTOCOL_3_0) + facts


def working_directory(pid: int) -> str | None:
    """Return where `pid` works. A postmaster and its children work in the cluster; a zombie works nowhere.

    None also when we may not know: what is not ours to look at cannot be a server of ours.
    """
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return None


def clear_remains(cluster: Path, sockets: Path) -> None:
    """Remove the lock files a killed postmaster left. The caller holds the lock, and `find_owner` said None.

    PostgreSQL would refuse to start while a pid in them is alive, be it a stranger's or a zombie.
    """
    for path in (
        cluster / "postmaster.pid",
        sockets / f".s.PGSQL.{PORT}",
        sockets / f".s.PGSQL.{PORT}.lock",
    ):
        path.unlink(missing_ok=True)


def kill_orphans(cluster: Path) -> None:
    """Kill backends that outlive their postmaster: busy ones do not notice, and their work is lost anyway."""
    if sys.platform != "linux" or find_owner(cluster) is not None:
        return
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        with contextlib.suppress(OSError):  # gone by itself
            if working_directory(pid) == str(cluster.resolve()) and is_backend(pid):
                os.kill(pid, signal.SIGKILL)


def is_backend(pid: int) -> bool:
    """Tell a postmaster's child, which renames itself "postgres: …", from a postmaster that just starts."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"postgres: ")
