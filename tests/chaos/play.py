"""One run: load, deaths, and a verdict."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.chaos import judging, stage
from tests.chaos.deaths import Reaper, Scales
from tests.chaos.judging import Verdict

_MOST_OPERATIONS = 80_000  # the simulated Meta remembers its 100,000 newest messages
_CRASH_PAUSE_S = (10.0, 15.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. `seed` decides who dies when, and what is asked; not how the processes meet."""

    seconds: float
    seed: int
    operations: float = 50.0
    pause_s: tuple[float, float] = (1.0, 5.0)
    kill_postgres: bool = False
    reform: bool = True  # at the end the rogues learn manners and get what waits for them; it takes half a minute


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands: what was asked and written, what the good tenant got, and how many died."""

    passed_s: float
    asked: int
    written: int
    told: int
    repeats: int
    kills: int


async def run(plan: Plan, tell: Callable[[Progress], None] = lambda _: None) -> Verdict:
    """Play, and judge. `tell` hears twice a second where the run stands."""
    dice = random.Random(plan.seed)
    scales = Scales()
    async with stage.standing(dice) as at:
        reaper = Reaper(at.site, at.kept, at.server, at.endpoint_id, dice, at.keeper.posts)
        began = time.monotonic()
        async with _meanwhile(scales.weigh_on(at.kept), _telling(at, reaper, began, tell)):
            pace = min(plan.operations, _MOST_OPERATIONS / plan.seconds)
            deaths = [reaper.kill_on(plan.pause_s), *([reaper.crash_on(_CRASH_PAUSE_S)] if plan.kill_postgres else [])]
            async with _meanwhile(at.load.run_on(pace), *deaths):
                await asyncio.sleep(plan.seconds)
            await asyncio.gather(*(one.ready.wait() for one in at.kept))
            await at.load.finish()
            for rogue in at.rogues:
                rogue.reformed = plan.reform
            return await judging.judge(at, reaper.deaths, scales)


async def _telling(at: stage.Stage, reaper: Reaper, began: float, tell: Callable[[Progress], None]) -> None:
    while True:
        keeper = at.keeper
        passed = time.monotonic() - began
        told, kills = len(keeper.known), len(reaper.deaths)
        tell(Progress(passed, at.load.asked, len(at.site.written), told, keeper.repeats, kills))
        await asyncio.sleep(0.5)


@asynccontextmanager
async def _meanwhile(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do all this for the length of a block; what fails ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()
