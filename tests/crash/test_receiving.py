"""Meta's bodies while the gateway dies: what was answered 200 is not lost, the rest comes again, each is told once."""

from functools import partial

import pytest

from tests.crash import ledger
from tests.crash.processes import Site
from tests.world import PHONE, eventually

pytestmark = pytest.mark.crash


async def test_a_body_on_disk_that_meta_repeats_because_we_died_before_answering_is_told_once(site: Site) -> None:
    await site.open(fail_at="intake.after_commit")
    await site.customer_says("Do you ship to Norway?")
    await site.restart("intake.after_commit")

    await eventually(partial(_bodies, site, 2))
    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=0, events=1, posts=1, repeats=0)
    assert await site.value("SELECT count(DISTINCT body) FROM intake") == 1
    assert await site.value("SELECT count(*) FROM message") == 1


@pytest.mark.parametrize("step", ["receiving.before_work", "receiving.before_commit", "receiving.after_commit"])
async def test_a_body_that_was_answered_200_is_told_though_meta_never_repeats_it(site: Site, step: str) -> None:
    await site.open(fail_at=step)
    await site.meta_hands_over("wamid.ONCE", "I shall say this only once")
    await site.restart(step)

    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=0, events=1, posts=1, repeats=0)
    assert await site.value("SELECT count(*) FROM intake") == await site.value("SELECT count(*) FROM message") == 1


async def test_the_statuses_of_a_send_are_told_once_each_when_the_second_one_kills_us(site: Site) -> None:
    await site.open(fail_at="receiving.before_commit:2")
    sent = await site.send("status-by-status")
    assert sent is not None
    assert sent.status == 200
    await site.restart("receiving.before_commit")

    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=1, events=2, posts=2, repeats=0)
    assert await site.value("SELECT state FROM message") == "read"


async def test_a_batch_that_meta_repeats_in_other_pieces_tells_each_status_once_though_we_die_in_it(site: Site) -> None:
    await site.open()
    for number in range(4):
        answer = await site.send(f"batch-{number}", to=f"{PHONE[:-1]}{number}")
        assert answer is not None
        assert answer.status == 200
    await site.customer_says("And a word from me")
    before = await ledger.judge(site, in_flight=0)
    assert before == ledger.Verdict(sends=4, events=9, posts=9, repeats=0)

    await site.first.kill()
    await site.first.start(fail_at="receiving.before_commit")
    await site.meta.lever("webhooks/redeliver", {"last": 13, "rebatch": True})
    await site.restart("receiving.before_commit")
    for last, rebatch in ((13, False), (7, True), (13, True)):
        await site.meta.lever("webhooks/redeliver", {"last": last, "rebatch": rebatch})
    assert await ledger.judge(site, in_flight=0) == before
    assert await site.value("SELECT count(*) FROM event") == before.events
    assert await site.value("SELECT count(*) FROM message_status") == 12


async def _bodies(site: Site, count: int) -> bool:
    return len(await site.rows("SELECT id FROM intake")) == count
