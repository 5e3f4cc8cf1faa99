"""The connections to PostgreSQL are cut, or all of them wait: it goes on, and Meta is answered meanwhile."""

import asyncio

import pytest

from tests.crash import ledger, loading
from tests.crash.processes import Site
from tests.world import eventually

pytestmark = pytest.mark.crash

CUT = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'quixess%'"""

LEASED = "SELECT count(*) FROM delivery WHERE lease IS NOT NULL"


async def test_connections_that_are_cut_again_and_again_under_load_stall_nobody(site: Site) -> None:
    """What was posted and could not be written down stays leased: so much may be told twice."""
    await site.open_two()
    under_way = 0
    async with loading.loaded(site, site.first, site.second), site.on.db.owner() as butcher:
        for _ in range(3):
            told = len(site.receiver.got)
            await eventually(lambda told=told: len(site.receiver.got) >= told + 10)  # type: ignore[misc]
            await butcher.execute(CUT)
            under_way += await butcher.fetchval(LEASED)
            await asyncio.sleep(0.5)  # a third of a lease: what the last of them took along is leased yet
            under_way += await butcher.fetchval(LEASED)
        told = len(site.receiver.got)
        await eventually(lambda: len(site.receiver.got) >= told + 10)

    verdict = await ledger.judge(site, in_flight=under_way)
    assert verdict.sends == await loading.sent_after_all(site, site.first)
    assert verdict.events == 2 * verdict.sends + len(site.written)
    assert [line for one in (site.first, site.second) for line in one.lines if '"level": "error"' in line] == []


async def test_a_worker_whose_connections_all_wait_for_a_lock_keeps_metas_bodies_all_the_same(site: Site) -> None:
    await site.open()
    async with site.on.db.owner() as holder, holder.transaction():
        await holder.execute("LOCK TABLE delivery IN ACCESS EXCLUSIVE MODE")
        for number in range(30):
            await site.meta_hands_over(f"wamid.LOCKED{number}", "Is anybody there?")  # answered 200, or it fails here
        kept = await site.rows("SELECT 1 FROM intake")
        assert len(kept) == 30
        assert site.receiver.got == []

    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=0, events=30, posts=30, repeats=0)
