"""One run: load, deaths, and a verdict."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.chaos import judging, levers, stage
from tests.chaos.deaths import Reaper, Scales
from tests.chaos.judging import Verdict
from tests.chaos.levers import Levers
from tests.chaos.mishaps import Mishaps

_MOST_OPERATIONS = 80_000  # the simulated Meta remembers its 100,000 newest messages
_CRASH_PAUSE_S = (10.0, 15.0)
_ROUGH = {
    "duplicate_share": 0.1,
    "reorder": True,
    "batch_size": 3,
    "chances": {"http_500": 0.01, "html_500": 0.01, "reset_before_accept": 0.01, "status_first": 0.02},
}
_NO_LEVERS = "steps of clocks and a full disk: there is no C compiler (`cc`) here to build their levers"


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard. `seed` decides who dies when, and what is asked; not how the processes meet."""

    seconds: float
    seed: int
    operations: float = 50.0
    pause_s: tuple[float, float] = (1.0, 5.0)
    kill_postgres: bool = False
    mishaps: bool = False  # freezes, steps of clocks, a full disk, a rough Meta
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
    async with _on_stage(plan, dice) as (at, reaper, mishaps):
        began = time.monotonic()
        async with meanwhile(scales.weigh_on(at.kept), _telling(at, reaper, began, tell)):
            pace = min(plan.operations, _MOST_OPERATIONS / plan.seconds)
            deaths = [reaper.kill_on(plan.pause_s), *([reaper.crash_on(_CRASH_PAUSE_S)] if plan.kill_postgres else [])]
            async with meanwhile(at.load.run_on(pace), *deaths, *(mishaps.all() if plan.mishaps else [])):
                await asyncio.sleep(plan.seconds)
            mishaps.mend()
            await asyncio.gather(*(one.ready.wait() for one in at.kept))
            await at.load.finish()
            for rogue in at.rogues:
                rogue.reformed = plan.reform
            verdict = await judging.judge(at, reaper.deaths, scales)
            verdict.left_out = _NO_LEVERS if plan.mishaps and mishaps.of_postgres is None else ""
            return verdict


@asynccontextmanager
async def _on_stage(plan: Plan, dice: random.Random) -> AsyncIterator[tuple[stage.Stage, Reaper, Mishaps]]:
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(stage.home())
        library = levers.build(folder) if plan.mishaps else None
        own = [Levers(library, folder / f"levers-{number}") for number in range(stage.PROCESSES)] if library else []
        of_postgres = Levers(library, folder / "levers-postgres") if library else None
        programs = levers.postgres_with(of_postgres, folder) if of_postgres else None
        server = await stack.enter_async_context(stage.own_postgres(folder, programs))

        of_server = asyncio.Lock()  # held by whoever does something to it, until it is back

        def is_away() -> bool:
            return server.pid is None or of_server.locked() or (of_postgres is not None and of_postgres.full)

        envs = [one.env for one in own] or [{}] * stage.PROCESSES
        at = await stack.enter_async_context(stage.standing(dice, server.dsn, folder, is_away, envs))
        if plan.mishaps:
            for meta in (at.site.meta, at.other):
                await meta.lever("settings", _ROUGH)
        ahead_s = of_postgres.least_ahead_since if of_postgres else lambda _: 0.0
        reaper = Reaper(at.site, at.kept, server, at.endpoint_id, dice, at.keeper.posts, of_server, ahead_s)
        yield at, reaper, Mishaps(reaper, at.kept, dice, of_postgres, dict(enumerate(own)))


async def _telling(at: stage.Stage, reaper: Reaper, began: float, tell: Callable[[Progress], None]) -> None:
    while True:
        keeper = at.keeper
        passed = time.monotonic() - began
        told, kills = len(keeper.known), len(reaper.deaths)
        tell(Progress(passed, at.load.asked, len(at.site.written), told, keeper.repeats, kills))
        await asyncio.sleep(0.5)


@asynccontextmanager
async def meanwhile(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do all this for the length of a block; what fails ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()
