"""How long a process takes until it answers, and how much memory it has then and after work."""

import statistics
import time
from pathlib import Path

from bench import rig, tables, tenants
from bench.processes import Measured, Peer
from bench.rig import Rig
from bench.rounds import Course

_TIMES = 3
_CONNECTIONS, _SECONDS = 64, 4.0


def run(at: Rig) -> None:
    """Measure the gateway with its worker, each alone, and the programs beside them."""
    dsn = at.database("bench_start")
    meta, generator = at.peer("bench.peers", "meta", "1"), at.peer("bench.load")
    tenant = tenants.make(dsn, at.keyring, "Bordercart", "http://127.0.0.1:9/", rig.graph_url(meta))
    for role in ("serve", "work", "serve --work"):
        _tell(at, role, *(_timed(at, dsn, role) for _ in range(_TIMES)))
    for name, start in (("the limit program", at.limit), ("the usual stack", at.usual)):
        began = time.monotonic()
        process = start(f"bench_start_{name.split()[1]}", meta, tenant.key)
        _tell(at, name, (time.monotonic() - began, memory_mb(process)))
        _load(at, process, generator, tenant.key, name)
    gateway = at.quixess(dsn, "serve", "--work")
    _load(at, gateway, generator, tenant.key, "serve --work")
    tables.until_empty(dsn, "unsettled")


def memory_mb(process: Measured) -> float:
    """Read the resident memory of a process, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _timed(at: Rig, dsn: str, role: str) -> tuple[float, float]:
    began = time.monotonic()
    process = at.quixess(dsn, *role.split())
    found = time.monotonic() - began, memory_mb(process)
    process.stop()
    return found


def _tell(at: Rig, name: str, *found: tuple[float, float]) -> None:
    seconds, memory = (statistics.median(column) for column in zip(*found, strict=True))
    at.say(f"{name}: ready after {seconds:.1f} s, {memory:.0f} MB")


def _load(at: Rig, process: Measured, generator: Peer, key: str, name: str) -> None:
    facts = {"host": f"127.0.0.1:{process.port}", "key": key, "people": 1_000}
    course = Course(generator, at.meters(measured=process.pid), process.port, "otp", facts)
    course.once(connections=_CONNECTIONS, seconds=_SECONDS)
    at.say(f"{name}: {memory_mb(process):.0f} MB after {course.answered:,} codes, {_CONNECTIONS} at a time")
    process.stop()
