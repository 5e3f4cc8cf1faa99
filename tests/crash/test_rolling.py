"""A rolling restart under load: every process ends in order, nobody notices, nothing is told twice.

Nobody dies here, so nothing has to be taken over: patience is that of an installation, and no repeat is excused.
"""

import asyncio
import random
from pathlib import Path

import pytest

from tests.crash import ledger, loading
from tests.crash.processes import Site, site_over
from tests.processes import Program
from tests.world import eventually

pytestmark = pytest.mark.crash

DRAIN_S = 20  # what docs/operations.md promises
PATIENT = {
    "QUIXESS_SEND_TIMEOUT": "10",
    "QUIXESS_SEND_LEASE": "30",
    "QUIXESS_DELIVERY_TIMEOUT": "15",
    "QUIXESS_DELIVERY_LEASE": "30",
}


async def test_one_process_after_the_other_is_restarted_and_nothing_is_lost_or_repeated(
    dsn: str, tmp_path: Path
) -> None:
    async def think() -> int:
        await asyncio.sleep(random.uniform(0.0, 0.2))
        return 200

    async with site_over(dsn, tmp_path, settings=PATIENT) as site:
        site.receiver.answers += [think] * 10_000
        await site.open_two()
        async with loading.loaded(site, site.first, site.second):
            for one in (site.first, site.second):
                await _until_more_is_told(site)
                await _restart(one)
            await _until_more_is_told(site)

        verdict = await ledger.judge(site, in_flight=0)
        assert verdict.repeats == 0
        assert verdict.sends == loading.sent(site) == len(site.answers)
        assert verdict.events == 2 * verdict.sends + len(site.written)


async def _until_more_is_told(site: Site) -> None:
    told = len(site.receiver.got)
    await eventually(lambda: len(site.receiver.got) >= told + 20)


async def _restart(one: Program) -> None:
    async with asyncio.timeout(DRAIN_S):
        assert await one.stop() == 0, one.lines
    await one.start()
