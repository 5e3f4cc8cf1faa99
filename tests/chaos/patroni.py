"""A PostgreSQL of several machines, as far as one can play it: Patroni, etcd and three nodes, to be killed.

Patroni comes from PyPI and etcd is built from the Go module proxy, both once, into `build/survival`. PostgreSQL is the
one of our development dependencies. Nothing of this is needed to run Quixess.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from quixess.database.embedded import places

HOME = Path(__file__).parents[2] / "build" / "survival"
PATRONI = ("patroni[etcd3]==4.1.5", "psycopg[binary]==3.3.9")
ETCD = "go.etcd.io/etcd/server/v3@v3.5.21"
NODES = 3
READY_S = 120.0
TTL_S, LOOP_S, RETRY_S = 20, 2, 5  # Patroni takes no shorter ttl
_ANY_LAG = 1 << 30


class MissingError(Exception):
    """Something that cannot be had here; the text names it."""


def install() -> tuple[Path, Path]:
    """Return the programs of Patroni and etcd, got once. Raises MissingError."""
    HOME.mkdir(parents=True, exist_ok=True)
    patroni, etcd = HOME / "venv" / "bin" / "patroni", Path(shutil.which("etcd") or HOME / "etcd")
    try:
        if not patroni.exists():
            _say("Installing Patroni from PyPI, once, about 20 s …")
            _run(sys.executable, "-m", "venv", str(HOME / "venv"))
            _run(str(patroni.with_name("python")), "-m", "pip", "--quiet", "install", *PATRONI)
        if not etcd.exists():
            _say("Building etcd from the Go module proxy, once, 1 to 4 minutes …")
            _build_etcd(etcd)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingError(f"Patroni or etcd cannot be had: {error}. An `etcd` on the PATH would do.") from error
    return patroni, etcd


def _build_etcd(target: Path) -> None:
    folder = HOME / "etcd-build"
    folder.mkdir(exist_ok=True)
    (folder / "go.mod").write_text("module etcdbuild\n\ngo 1.22\n")
    _run("go", "get", ETCD, cwd=folder)
    _run("go", "build", "-o", str(target), ETCD.partition("@")[0], cwd=folder, CGO_ENABLED="0")


def _run(*command: str, cwd: Path | None = None, **env: str) -> None:
    subprocess.run(command, cwd=cwd, env=os.environ | env, check=True, stdout=subprocess.DEVNULL)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@dataclass
class Node:
    """One machine: a Patroni and its PostgreSQL."""

    name: str
    port: int
    rest_port: int
    folder: Path
    command: tuple[str, ...]
    process: asyncio.subprocess.Process | None = None
    _stopped: list[int] = field(default_factory=list)

    async def start(self) -> None:
        """Switch it on."""
        with (self.folder / "patroni.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def freeze(self) -> None:
        """Stop every process of it, as a hypervisor would."""
        assert self.process is not None
        # Twice: what was being forked at the first look is there at the second.
        for _ in range(2):
            self._stopped = [self.process.pid, *_working_in(self.folder)]
            for pid in self._stopped:
                _signal(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if no time had passed."""
        for pid in self._stopped:
            _signal(pid, signal.SIGCONT)

    async def kill(self) -> None:
        """Take its power away: all processes at one moment, nothing is written any more."""
        if self.process is not None and self.process.returncode is None:
            self.freeze()
            for pid in self._stopped:
                _signal(pid, signal.SIGKILL)
            await self.process.wait()

    def hold_senders(self) -> None:
        """Stop what sends the log to the standbys: they hear nothing more of what is committed here."""
        for pid in _working_in(self.folder):
            with contextlib.suppress(OSError):
                if "walsender" in Path(f"/proc/{pid}/cmdline").read_text():
                    _signal(pid, signal.SIGSTOP)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _working_in(folder: Path) -> list[int]:
    """Find the processes whose working directory is in there: a PostgreSQL and all its children."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


@dataclass
class Cluster:
    """Three nodes that agree by etcd who is the primary."""

    nodes: list[Node]
    http: aiohttp.ClientSession

    @property
    def dsn(self) -> str:
        """The address for Quixess: every node, whoever writes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@{hosts}/quixess?target_session_attrs=read-write"

    async def primary(self) -> Node | None:
        """Return the node that is the primary by its own word and holds the lease, if one does."""
        for node in self.nodes:
            if await self._status(node, "primary") is not None:
                return node
        return None

    async def until_whole(self, *, synchronous: bool) -> Node:
        """Wait until every node follows the primary, one of them synchronously if so asked; return the primary."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            primary = await self.primary()
            said = await self._status(primary, "cluster") if primary else None
            members = json.loads(said)["members"] if said else []
            follow = [one["role"] for one in members if one["state"] == "streaming"]
            if len(follow) == NODES - 1 and ("sync_standby" in follow or not synchronous):
                assert primary is not None
                return primary
            await asyncio.sleep(0.2)
        raise AssertionError(f"Patroni's nodes are not whole after {READY_S:.0f} s: {self.nodes[0].folder.parent}")

    async def until_other_than(self, fallen: Node) -> Node:
        """Wait until another node is the primary."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            found = await self.primary()
            if found is not None and found is not fallen:
                return found
            await asyncio.sleep(0.1)
        raise AssertionError("Nobody took over.")

    async def _status(self, node: Node, what: str) -> str | None:
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self.http.get(f"http://127.0.0.1:{node.rest_port}/{what}") as answer:
                return await answer.text() if answer.status == 200 else None
        return None


@asynccontextmanager
async def running(folder: Path, *, synchronous: bool) -> AsyncIterator[Cluster]:
    """Run a cluster with an empty database `quixess`, and leave nothing of it behind."""
    patroni, etcd = await asyncio.to_thread(install)
    client, peer, *ports = _free_ports(2 + 2 * NODES)
    timeout = aiohttp.ClientTimeout(total=1)
    # Each question on a connection of its own: a node that froze and woke would answer an old one.
    connector = aiohttp.TCPConnector(force_close=True)
    nodes = [
        _node(folder, f"node{number}", ports[2 * number], ports[2 * number + 1], client, patroni, synchronous)
        for number in range(NODES)
    ]
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        with _etcd(folder, etcd, client, peer):
            cluster = Cluster(nodes, http)
            try:
                await _start(cluster, synchronous=synchronous)
                yield cluster
            finally:
                await asyncio.gather(*(node.kill() for node in nodes))


async def _start(cluster: Cluster, *, synchronous: bool) -> None:
    await asyncio.gather(*(node.start() for node in cluster.nodes))
    primary = await cluster.until_whole(synchronous=synchronous)
    connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{primary.port}/postgres")
    await connection.execute("CREATE DATABASE quixess")
    await connection.close()


@contextlib.contextmanager
def _etcd(folder: Path, program: Path, client: int, peer: int) -> Iterator[None]:
    with (folder / "etcd.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *_ending_with_us("KILL"), program, "--name=one", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync",
                f"--listen-client-urls=http://127.0.0.1:{client}", f"--advertise-client-urls=http://127.0.0.1:{client}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=one=http://127.0.0.1:{peer}",
            ],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _node(folder: Path, name: str, port: int, rest: int, etcd: int, patroni: Path, synchronous: bool) -> Node:
    home = folder / name
    home.mkdir()
    plan = home / "patroni.yml"
    plan.write_text(json.dumps(_plan(home, name, port, rest, etcd, synchronous)))  # JSON is YAML
    # PostgreSQL refuses root. In a user namespace root is somebody else, who still may read what root may.
    disguise = ("unshare", "--user", "--map-user=65534", "--map-group=65534") if os.geteuid() == 0 else ()
    return Node(name, port, rest, home, (*disguise, *_ending_with_us("TERM"), str(patroni), str(plan)))


def _ending_with_us(signal_name: str) -> tuple[str, ...]:
    """Give the words before a command whose process gets this signal when this program dies, however it dies.

    Patroni stops its PostgreSQL on SIGTERM. Where util-linux is missing, a program that is killed leaves its nodes.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", signal_name) if setpriv else ()


def _plan(home: Path, name: str, port: int, rest: int, etcd: int, synchronous: bool) -> dict[str, Any]:
    accounts = {kind: {"username": who, "password": "x"} for kind, who in
                (("superuser", "postgres"), ("replication", "replicator"), ("rewind", "rewinder"))}  # fmt: skip
    return {
        "scope": "quixess",
        "name": name,
        "restapi": {"listen": f"127.0.0.1:{rest}", "connect_address": f"127.0.0.1:{rest}"},
        "etcd3": {"host": f"127.0.0.1:{etcd}"},
        "bootstrap": {
            "dcs": {
                "ttl": TTL_S,
                "loop_wait": LOOP_S,
                "retry_timeout": RETRY_S,
                "maximum_lag_on_failover": _ANY_LAG,
                "synchronous_mode": synchronous,
                "primary_start_timeout": 0,
                "postgresql": {"use_pg_rewind": True, "parameters": _PARAMETERS},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
        },
        "postgresql": {
            "listen": f"127.0.0.1:{port}",
            "connect_address": f"127.0.0.1:{port}",
            "data_dir": str(home / "data"),
            "bin_dir": str(places.find_programs(None).folder),
            "pgpass": str(home / "pgpass"),
            "authentication": accounts,
            "pg_hba": ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
            "basebackup": [{"checkpoint": "fast"}],
            "parameters": {"unix_socket_directories": ""},
        },
    }


_PARAMETERS = {
    "max_connections": 200,
    "shared_buffers": "64MB",
    "wal_keep_size": "256MB",
    "synchronous_commit": "on",
    "fsync": "on",
    "log_min_messages": "warning",
    "idle_in_transaction_session_timeout": "60s",
}


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports
