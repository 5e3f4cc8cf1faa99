"""Who dies, when, and with how much on its way: processes that are killed and started again, and PostgreSQL."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from quixess.database.embedded import EmbeddedPostgres
from quixess.errors import QuixessError
from tests.chaos.tenants import Post
from tests.crash.processes import Site
from tests.processes import Program

# PostgreSQL flushes an ack that did not wait for the disk after three times wal_writer_delay (200 ms); a busy machine
# wakes its WAL writer later.
UNFLUSHED_S = 1.0


@dataclass(frozen=True, slots=True)
class Death:
    """A kill at `at` (Unix seconds); `over` is when PostgreSQL was back. `bound` is how many events it may repeat."""

    kind: str
    pid: int
    at: float
    over: float
    bound: int


@dataclass
class Kept:
    """A process that is started again whenever it ends. `strange` tells of ends that nobody brought about."""

    kind: str
    program: Program
    is_away: Callable[[], bool]  # PostgreSQL: without it nobody can start
    strange: list[str] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    forgiven: bool = False
    _killed: set[int] = field(default_factory=set)

    async def keep(self) -> None:
        """Keep it running until cancelled; then it is left to whoever cancelled."""
        while True:
            self.forgiven = self.is_away()
            became_ready = await self.program.launch()
            if became_ready:
                self.ready.set()
            assert self.program.process is not None
            status = await self.program.process.wait()
            self.ready.clear()
            if self.program.pid not in self._killed and (became_ready or not self.forgiven):
                last = "\n".join(self.program.lines[-5:])
                self.strange.append(f"a {self.kind} ended by itself with status {status}:\n{last}")
            await asyncio.sleep(0 if became_ready else 0.5)

    @property
    def alive(self) -> bool:
        return self.program.process is not None and self.program.process.returncode is None

    async def kill(self) -> int:
        """Kill it wherever it is, in its start too; returns its pid."""
        pid = self.program.pid
        self._killed.add(pid)
        await self.program.kill()
        return pid


@dataclass
class Reaper:
    """Kills processes at random, and PostgreSQL if it may, and notes what each death can have cost.

    `ahead_s` tells how far ahead PostgreSQL's clock was at least since a true time; `of_server` is held by whoever does
    something to the server.
    """

    site: Site
    kept: list[Kept]
    server: EmbeddedPostgres
    endpoint_id: UUID
    dice: random.Random
    posts: list[Post]
    of_server: asyncio.Lock = field(default_factory=asyncio.Lock)
    ahead_s: Callable[[float], float] = lambda _: 0.0
    deaths: list[Death] = field(default_factory=list)

    async def kill_on(self, pause: tuple[float, float]) -> None:
        """Kill one process, or two at once, again and again; the pause between is seconds from-to."""
        while True:
            await asyncio.sleep(self.dice.uniform(*pause))
            victims = [one for one in self.kept if one.alive]
            count = 2 if self.dice.random() < 0.2 else 1
            chosen = self.dice.sample(victims, min(count, len(victims)))
            await asyncio.gather(*(self._kill(one) for one in chosen))

    async def _kill(self, victim: Kept) -> None:
        at = time.time()
        pid = await victim.kill()
        bound = await self.unfinished_since(at) if victim.kind == "worker" else 0
        self.deaths.append(Death(victim.kind, pid, at, at, bound))

    async def unfinished_since(self, at: float) -> int:
        """Count what was on its way at that moment: what is leased yet, and what has ended since."""
        found = await self._ask(
            """SELECT (SELECT count(*) FROM delivery WHERE endpoint_id = $1 AND lease IS NOT NULL)
                    + (SELECT count(*) FROM outcome WHERE endpoint_id = $1 AND ended_at >= to_timestamp($2))""",
            self.endpoint_id,
            at + self.ahead_s(at),
        )
        return int(found)

    async def crash_on(self, pause: tuple[float, float]) -> None:
        """Stop PostgreSQL at once, as `pg_ctl stop -m immediate` does, and start it again, again and again."""
        while True:
            await asyncio.sleep(self.dice.uniform(*pause))
            async with self.of_server:
                await asyncio.shield(asyncio.create_task(self._crash(self.dice.uniform(0.0, 2.0))))

    async def _crash(self, away_s: float) -> None:
        """Crash it. What may be repeated: leased a moment before, or posted from then on until it was back."""
        since = time.time()
        leased = await self._ask("SELECT count(*) FROM delivery WHERE endpoint_id = $1 AND lease IS NOT NULL",
                                 self.endpoint_id)  # fmt: skip
        await asyncio.sleep(UNFLUSHED_S)
        pid, at = self.server.pid, time.time()
        assert pid is not None
        for one in self.kept:
            one.forgiven = True
        os.kill(pid, signal.SIGQUIT)
        while self.server.pid is not None:  # noqa: ASYNC110 - its end is a status to ask for
            await asyncio.sleep(0.02)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(self.server.start)
        over = time.time()
        bound = int(leased) + sum(since <= post.at <= over for post in self.posts)
        self.deaths.append(Death("postgres", pid, at, over, bound))

    async def _ask(self, sql: str, *arguments: object) -> int:
        """Ask the database, and wait while it is away."""
        while True:
            with contextlib.suppress(QuixessError):
                return int(await self.site.value(sql, *arguments))
            await asyncio.sleep(0.1)


@dataclass
class Scales:
    """The most that any of our processes took: resident memory in MiB, open files."""

    memory: float = 0.0
    files: int = 0

    async def weigh_on(self, kept: Iterable[Kept]) -> None:
        """Weigh all of them twice a second until cancelled."""
        while True:
            for one in kept:
                if one.alive:
                    with contextlib.suppress(OSError, StopIteration):
                        self._weigh(Path("/proc") / str(one.program.pid))
            await asyncio.sleep(0.5)

    def _weigh(self, at: Path) -> None:
        lines = (at / "status").read_text().splitlines()
        resident = next(line for line in lines if line.startswith("VmRSS:"))
        self.memory = max(self.memory, int(resident.split()[1]) / 1024)
        self.files = max(self.files, len(list((at / "fd").iterdir())))
