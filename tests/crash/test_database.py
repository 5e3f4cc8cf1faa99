"""PostgreSQL is killed: nothing is sent without it, nothing that was answered is lost, all goes on when it is back."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from quixess.database.embedded import EmbeddedPostgres
from tests.crash import ledger, loading
from tests.crash.processes import Site
from tests.world import eventually

pytestmark = pytest.mark.crash

# PostgreSQL flushes an ack that did not wait for the disk after three times wal_writer_delay at most: 600 ms.
UNFLUSHED = timedelta(seconds=1)


async def test_without_a_database_nothing_is_sent_and_everybody_is_told_to_come_again(
    own_site: Site, server: EmbeddedPostgres
) -> None:
    site = own_site
    await site.open()
    await _kill(server)
    refused = await site.send("while-away")
    assert refused is not None
    assert (refused.status, refused.json["code"]) == (503, "database_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    await site.customer_says("Anybody home?")
    assert not await site.sends()
    assert not site.receiver.got

    await asyncio.to_thread(server.start)
    assert (await site.statuses_until(200, "while-away"))[-1] == 200
    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=1, events=3, posts=3, repeats=0)


async def test_a_database_that_dies_while_meta_accepts_leaves_a_doubt_that_meta_settles(
    own_site: Site, server: EmbeddedPostgres
) -> None:
    site = own_site
    await site.meta.lever("settings", {"slow_answer_s": 0.5, "sent_ms": 86_400_000})
    await site.open()
    await site.fault("slow")
    sending = asyncio.create_task(site.send("torn"))
    await eventually(site.sends)
    await _kill(server)
    doubt = await sending
    assert doubt is not None
    assert (doubt.status, doubt.json["status"]) == (202, "unconfirmed")

    await asyncio.to_thread(server.start)
    assert (await site.statuses_until(202, "torn"))[-1] == 202
    (sent,) = await site.sends()
    assert doubt.json["wa_message_id"] == sent["wamid"]
    await site.meta_tells(sent, "delivered")
    assert (await site.statuses_until(200, "torn"))[-1] == 200
    assert (await ledger.judge(site, in_flight=0, silent=1)).sends == 1


async def test_a_kill_9_of_postgresql_under_load_loses_nothing_that_was_answered(
    own_site: Site, server: EmbeddedPostgres
) -> None:
    site = own_site
    await site.open()
    async with loading.loaded(site, site.first):
        await eventually(lambda: len(site.receiver.got) >= 60)
        await _kill(server)
        killed = datetime.now(UTC)
        refused = _count(site, 503)
        await eventually(lambda: _count(site, 503) >= refused + 4)
        under_way = sum(_posted(event) > killed - UNFLUSHED for event in site.receiver.events)
        await asyncio.to_thread(server.start)
        before = _count(site, 200)
        await eventually(lambda: _count(site, 200) >= before + 20)

    verdict = await ledger.judge(site, in_flight=under_way)
    assert verdict.sends == await loading.sent_after_all(site, site.first)
    assert verdict.events == 2 * verdict.sends + len(site.written)


async def _kill(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await eventually(lambda: server.pid is None)


def _count(site: Site, status: int) -> int:
    return sum(answer.status == status for answers in site.answers.values() for answer in answers)


def _posted(event: dict[str, str]) -> datetime:
    return datetime.fromisoformat(event["delivered_at"])
