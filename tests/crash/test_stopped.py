"""A process that slept longer than its lease wakes up in a world that went on without it."""

import asyncio
import signal

import pytest

from tests.crash import ledger
from tests.crash.processes import Site
from tests.world import eventually

pytestmark = pytest.mark.crash
AT_REST = """SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
             AND state = 'active' AND pid <> pg_backend_pid())"""


async def test_a_worker_that_slept_through_two_leases_acknowledges_nothing(site: Site) -> None:
    """SIGSTOP while the tenant thinks, SIGCONT when another worker has long delivered: its 200 comes too late."""
    wake = asyncio.Event()

    async def think() -> int:
        await wake.wait()
        return 200

    site.receiver.answers.append(think)
    await site.open()
    await site.customer_says("Are you asleep?")
    await eventually(lambda: site.receiver.got)
    assert site.first.process is not None
    site.first.process.send_signal(signal.SIGSTOP)
    await site.second.start()
    await eventually(lambda: site.rows("SELECT 1 FROM outcome WHERE ended_at < now() - interval '1500 ms'"))
    (ended,) = await site.rows("SELECT * FROM outcome")
    assert (ended["state"], ended["attempts"]) == ("delivered", 2)

    wake.set()
    site.first.process.send_signal(signal.SIGCONT)
    await eventually(lambda: _attempts(site, 2))
    assert await site.rows("SELECT * FROM outcome") == [ended]
    assert await site.rows("SELECT 1 FROM delivery") == []
    assert await ledger.judge(site, in_flight=1) == ledger.Verdict(sends=0, events=1, posts=2, repeats=1)


async def test_a_gateway_that_slept_through_two_leases_with_metas_body_tells_it_no_second_time(site: Site) -> None:
    """SIGSTOP under load: what it had at hand is taken over, and its own work is undone when it wakes."""
    await site.open_two()
    for number in range(20):
        await site.customer_says(f"number {number}")
    assert site.second.process is not None
    site.second.process.send_signal(signal.SIGSTOP)
    await eventually(lambda: site.rows(AT_REST))  # what it had sent is still done by PostgreSQL
    held = await site.value("SELECT count(*) FROM delivery WHERE lease IS NOT NULL")
    until = await site.value("SELECT now() + interval '3 s'")
    await eventually(lambda: site.rows("SELECT 1 WHERE now() > $1", until))
    under_way = held + len(site.receiver.got)
    site.second.process.send_signal(signal.SIGCONT)

    verdict = await ledger.judge(site, in_flight=under_way)
    assert verdict.events == 20
    assert await site.value("SELECT count(*) FROM message") == await site.value("SELECT count(*) FROM event") == 20


async def _attempts(site: Site, count: int) -> bool:
    return bool(await site.value("SELECT count(*) FROM attempt") == count)
