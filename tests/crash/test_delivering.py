"""A signed event is under way when the process dies: it comes, at most once too often, and the books say so."""

import asyncio
from functools import partial

import pytest

from tests.crash import ledger
from tests.crash.processes import Site
from tests.world import PHONE, eventually

pytestmark = pytest.mark.crash


async def test_dead_before_the_post_repeats_nothing(site: Site) -> None:
    await site.open(fail_at="delivery.before_post")
    await site.customer_says("Nobody has seen this yet")
    await site.restart("delivery.before_post")

    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=0, events=1, posts=1, repeats=0)
    assert await site.value("SELECT attempts FROM outcome") == 2


async def test_dead_while_the_tenant_thinks_costs_one_repeat_and_counts_as_an_attempt(site: Site) -> None:
    await site.open()
    wake = asyncio.Event()

    async def sleep() -> int:
        await wake.wait()
        return 200

    site.receiver.answers.append(sleep)
    await site.customer_says("Are you there?")
    await eventually(lambda: site.receiver.got)
    await site.restart()

    assert (await ledger.judge(site, in_flight=1)).repeats == 1
    wake.set()
    assert await site.value("SELECT attempts FROM outcome") == 2
    assert await site.value("SELECT number FROM attempt") == 2


async def test_dead_after_the_tenants_200_repeats_the_event_under_its_id_signed_anew(site: Site) -> None:
    await site.open(fail_at="delivery.after_post")
    await site.customer_says("Once or twice?")
    await site.restart("delivery.after_post")

    assert await ledger.judge(site, in_flight=1) == ledger.Verdict(sends=0, events=1, posts=2, repeats=1)
    (first, _), (second, _) = site.receiver.got
    one, again = site.receiver.events
    assert one["id"] == again["id"]
    assert one["occurred_at"] == again["occurred_at"]
    assert one["delivered_at"] < again["delivered_at"]
    assert int(first["webhook-timestamp"]) < int(second["webhook-timestamp"])
    for mark in ("X-Quixess-Signature-256", "webhook-signature"):
        assert first[mark] != second[mark]


async def test_dead_while_writing_a_retry_down_still_retries_and_stays_on_its_rung(site: Site) -> None:
    site.receiver.answers += [500, 503]
    await site.open(fail_at="delivery.in_retry:2")
    await site.customer_says("Third time lucky")
    await site.restart("delivery.in_retry")

    assert await ledger.judge(site, in_flight=1, refused=2) == ledger.Verdict(sends=0, events=1, posts=3, repeats=0)
    made = await site.rows("SELECT number, status FROM attempt ORDER BY number")
    assert [tuple(row) for row in made] == [(1, 500), (3, 200)]
    assert await site.value("SELECT attempts FROM outcome") == 3


async def test_dead_in_the_middle_of_a_batch_of_acks_repeats_no_more_than_was_in_flight(site: Site) -> None:
    """A new endpoint's window is four: so many are answered at one moment, and the second ack on its way kills us."""
    together = asyncio.Event()
    count, window = 8, 4

    async def answer() -> int:
        if len(site.receiver.got) >= window:
            together.set()
        await together.wait()
        return 200

    site.receiver.answers += [answer] * count
    await site.open(fail_at="delivery.in_ack:2")
    await asyncio.gather(*(site.customer_says(f"number {number}", _phone(number)) for number in range(count)))
    await site.restart("delivery.in_ack")

    verdict = await ledger.judge(site, in_flight=count)
    assert (verdict.events, verdict.repeats < count) == (count, True)


async def test_a_tenant_that_is_down_while_we_die_again_and_again_gets_everything_at_last(site: Site) -> None:
    site.receiver.answers += [503] * 6
    await site.open()
    for number in range(2):
        await site.customer_says(f"number {number}", _phone(number))
        posted = len(site.receiver.got)
        await eventually(partial(_more_than, site, posted))
        await site.restart()
    # One attempt may be under way at the first kill, two at the second.
    assert (await ledger.judge(site, in_flight=3, refused=6)).events == 2


def _more_than(site: Site, posts: int) -> bool:
    return len(site.receiver.got) > posts


def _phone(number: int) -> str:
    return f"{PHONE[:-2]}{number:02d}"
