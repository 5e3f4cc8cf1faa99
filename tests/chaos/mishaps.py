"""What else happens to machines: processes freeze past their leases, clocks step, PostgreSQL's disk is full."""

import asyncio
import contextlib
import os
import random
import signal
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.deaths import Death, Kept, Reaper
from tests.chaos.levers import Levers

LEASE_S = 6.0
"""How long a process of the stage may hold what it took."""
_FREEZE_PAUSE_S, _STEP_PAUSE_S, _FILL_PAUSE_S = (8.0, 16.0), (5.0, 10.0), (15.0, 25.0)
# A receiver refuses what was signed more than five minutes ago, or in its future.
_MOST_OF_A_PROCESS_S, _MOST_OF_POSTGRESQL_S = 240.0, 20.0


@dataclass
class Mishaps:
    """Brings them about at random, and notes among the reaper's deaths what each can have cost.

    `of_postgres` and `of` are the levers of the server and of each process; none where they cannot be had.
    """

    reaper: Reaper
    kept: list[Kept]
    dice: random.Random
    of_postgres: Levers | None
    of: Mapping[int, Levers]

    def all(self) -> list[Coroutine[Any, Any, None]]:
        """Return everything that can be brought about here, each to be run until cancelled."""
        found = [self._freeze_on()]
        if self.of_postgres is not None:
            found += [self._step_on(self.of_postgres), self._fill_on(self.of_postgres)]
        return found

    def mend(self) -> None:
        """Set every clock right, and give the disk its room."""
        for one in (self.of_postgres, *self.of.values()):
            if one is not None:
                one.step(0.0)
                one.fill(full=False)

    async def _freeze_on(self) -> None:
        while True:
            await asyncio.sleep(self.dice.uniform(*_FREEZE_PAUSE_S))
            alive = [one for one in self.kept if one.ready.is_set() and one.alive]
            if alive:
                await asyncio.shield(asyncio.create_task(self._freeze(self.dice.choice(alive))))

    async def _freeze(self, victim: Kept) -> None:
        """Stop a process for longer than its leases; it wakes among others who have gone on without it."""
        pid, at = victim.program.pid, time.time()
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return  # it has just died of something else
        bound = await self.reaper.unfinished_since(at) if victim.kind == "worker" else 0
        await asyncio.sleep(LEASE_S + self.dice.uniform(0.5, 2.0))
        if victim.program.pid == pid and victim.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.reaper.deaths.append(Death(f"frozen {victim.kind}", pid, at, time.time(), bound))

    async def _step_on(self, of_postgres: Levers) -> None:
        while True:
            await asyncio.sleep(self.dice.uniform(*_STEP_PAUSE_S))
            if self.dice.random() < 0.4:
                await self._step_postgres(of_postgres)
            else:
                levers = self.dice.choice(list(self.of.values()))
                levers.step(self.dice.uniform(-_MOST_OF_A_PROCESS_S, _MOST_OF_A_PROCESS_S))

    async def _step_postgres(self, levers: Levers) -> None:
        """Step the clock that decides when leases end: forward, all that is under way is due again at once."""
        at = time.time()
        levers.step(self.dice.uniform(-_MOST_OF_POSTGRESQL_S, _MOST_OF_POSTGRESQL_S))
        bound = await self.reaper.unfinished_since(at)
        self.reaper.deaths.append(Death("step of PostgreSQL's clock", 0, at, at + LEASE_S, bound))

    async def _fill_on(self, of_postgres: Levers) -> None:
        while True:
            await asyncio.sleep(self.dice.uniform(*_FILL_PAUSE_S))
            async with self.reaper.of_server:
                await asyncio.shield(asyncio.create_task(self._fill(of_postgres)))

    async def _fill(self, levers: Levers) -> None:
        """Fill the disk of PostgreSQL for some seconds; if it ends of that, start it when there is room again."""
        since = time.time()
        for one in self.kept:
            one.forgiven = True
        levers.fill(full=True)
        await asyncio.sleep(self.dice.uniform(2.0, 4.0))
        levers.fill(full=False)
        await asyncio.sleep(0.5)  # it may be about to end
        if self.reaper.server.pid is None:
            await asyncio.to_thread(self.reaper.server.start)
        over = time.time() + LEASE_S  # what could not be written down is due again when its lease ends
        bound = sum(since - 1.0 <= post.at for post in self.reaper.posts)
        self.reaper.deaths.append(Death("full disk", 0, since, over, bound))
