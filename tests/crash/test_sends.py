"""A send is cut down at every step, and the same Idempotency-Key asks again: never two messages, never a lie.

Who asks again while a claim is leased waits for it up to two seconds; the leases here are shorter, so nobody gets 409.
"""

import asyncio

import pytest

from quixess import idempotency
from tests.crash import ledger
from tests.crash.processes import Site
from tests.processes import Program
from tests.world import eventually

pytestmark = pytest.mark.crash

KEY = "signup-4711"


async def test_dead_before_the_claim_commits_means_that_nothing_ever_was(site: Site) -> None:
    await site.open(fail_at="send.in_claim")
    assert await site.send(KEY) is None
    await site.restart("send.in_claim")
    assert await site.rows("SELECT 1 FROM message") == await site.rows("SELECT 1 FROM idempotency") == []

    first = await site.send(KEY)
    assert first is not None
    assert first.status == 200
    assert "idempotent-replayed" not in first.headers
    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=1, events=2, posts=2, repeats=0)


async def test_dead_between_claim_and_meta_is_doubt_until_silence_proves_it_was_not_sent(site: Site) -> None:
    await site.open_two(fail_at="send.after_claim")
    assert await site.send(KEY) is None
    await site.first.falls("send.after_claim")

    assert await site.statuses_until(202, KEY, at=site.second) == [202]
    await _long_after_the_deadline(site)
    assert await _answer(site, site.second) == (202, "unconfirmed")
    await _a_live_pipe_gives_it_up(site)
    assert await site.sends() == []


@pytest.mark.parametrize(("manner", "accepted"), [("slow", 1), ("slow_before", 0)])
async def test_dead_while_meta_thinks_is_doubt_until_meta_tells(site: Site, manner: str, accepted: int) -> None:
    await site.meta.lever("settings", {"slow_answer_s": 0.7, "sent_ms": 86_400_000})
    await site.open_two()
    await site.fault(manner)
    sending = asyncio.create_task(site.send(KEY))
    await eventually(lambda: _faults_used(site))
    await site.first.kill()
    assert await sending is None

    assert await site.statuses_until(202, KEY, at=site.second) == [202]
    sends = await site.sends()
    assert len(sends) == accepted
    for send in sends:
        await site.meta_tells(send, "delivered")
        assert await site.statuses_until(200, KEY, at=site.second) in ([200], [202, 200])
    assert len(await site.sends()) == accepted
    await ledger.judge(site, in_flight=0, silent=accepted)


async def test_dead_after_meta_accepted_is_settled_by_the_statuses_that_meta_repeats(site: Site) -> None:
    await site.open(fail_at="send.after_meta")
    assert await site.send(KEY) is None
    await site.restart("send.after_meta")

    assert (await site.statuses_until(200, KEY))[-1] == 200
    (sent,) = await site.sends()
    settled = await site.send(KEY)
    assert settled is not None
    assert settled.headers["idempotent-replayed"] == "true"
    assert settled.json["status"] == "accepted"
    assert settled.json["wa_message_id"] == sent["wamid"]
    assert (await ledger.judge(site, in_flight=0)).sends == 1
    assert await site.value("SELECT state FROM message") == "read"


async def test_dead_after_meta_accepted_and_no_status_is_given_up_and_still_yields_to_the_truth(site: Site) -> None:
    await site.open_two(fail_at="send.after_meta")
    await site.fault("no_status")
    assert await site.send(KEY) is None
    await site.first.falls("send.after_meta")

    assert await site.statuses_until(202, KEY, at=site.second) == [202]
    await _long_after_the_deadline(site)
    assert await _answer(site, site.second) == (202, "unconfirmed")
    await _a_live_pipe_gives_it_up(site)
    (sent,) = await site.sends()

    await site.meta_tells(sent, "delivered")
    assert (await site.statuses_until(200, KEY, at=site.second))[-1] == 200
    assert await site.value("SELECT state FROM message WHERE direction = 'outbound'") == "delivered"
    assert (await ledger.judge(site, in_flight=0, silent=1)).sends == 1


async def test_dead_after_the_settle_replays_the_stored_answer_byte_for_byte(site: Site) -> None:
    await site.open(fail_at="send.after_settle")
    assert await site.send(KEY) is None
    await site.first.falls("send.after_settle")
    stored = await site.value("SELECT body FROM idempotency WHERE state = 'final' AND status = 200")
    await site.restart("send.after_settle")

    replayed = await site.send(KEY)
    assert replayed is not None
    assert (replayed.status, replayed.body) == (200, stored)
    assert replayed.headers["idempotent-replayed"] == "true"
    assert (await ledger.judge(site, in_flight=0)).sends == 1


async def test_the_late_answer_of_a_slow_process_still_counts_after_its_lease(site: Site) -> None:
    """The lease is over by the database's clock while the first process still waits for Meta."""
    site.first.env = dict(site.first.env) | {"QUIXESS_SEND_TIMEOUT": "15", "QUIXESS_SEND_LEASE": "16"}
    await site.meta.lever("settings", {"slow_answer_s": 4.0})
    await site.open_two()
    await site.fault("slow")
    await site.meta.lever("settings", {"sent_ms": 86_400_000})
    slow = asyncio.create_task(site.send(KEY))
    await eventually(site.sends)
    running = await site.send(KEY, at=site.second)
    assert running is not None
    assert running.status == 409
    await site.rows("UPDATE idempotency SET locked_until = now()")
    await site.rows("UPDATE unsettled SET next_at = now()")

    async def doubted() -> bool:
        return bool(await site.value("SELECT state FROM message") == "unconfirmed")

    await eventually(doubted)
    doubt = await site.send(KEY, at=site.second)
    assert doubt is not None
    assert doubt.status == 202
    first = await slow
    assert first is not None
    assert (first.status, first.json["status"]) == (200, "accepted")
    later = await site.send(KEY, at=site.second)
    assert later is not None
    assert (later.status, later.body) == (200, first.body)
    assert (await ledger.judge(site, in_flight=0, silent=1)).sends == 1


async def test_fifty_at_once_with_one_key_are_one_message_and_one_answer_even_through_a_death(site: Site) -> None:
    await site.open(fail_at="send.after_settle")
    answers = await asyncio.gather(*(site.send(KEY) for _ in range(50)))
    assert {answer.status for answer in answers if answer is not None} <= {409}
    await site.restart("send.after_settle")

    again = await asyncio.gather(*(site.send(KEY) for _ in range(50)))
    assert {answer.status for answer in again if answer is not None} == {200}
    assert len({answer.body for answer in again if answer is not None}) == 1
    assert await ledger.judge(site, in_flight=0) == ledger.Verdict(sends=1, events=2, posts=2, repeats=0)
    assert await site.value("SELECT count(*) FROM message") == 1


async def test_a_sweeper_between_look_and_claim_sends_nobody_twice_and_fails_nobody(site: Site) -> None:
    keys = [f"old-{number}" for number in range(6)]
    await site.open()
    before = [await site.send(key) for key in keys]
    assert [answer.status for answer in before if answer is not None] == [200] * len(keys)
    site.answers.clear()
    await site.rows("UPDATE idempotency SET expires_at = now() - interval '2 hours'")

    sweeping = asyncio.create_task(_sweep_without_end(site))
    crowd = await asyncio.gather(*(site.send(key) for key in keys for _ in range(50)))
    sweeping.cancel()
    assert {answer.status for answer in crowd if answer is not None} <= {200, 409}
    for key in keys:
        assert (await site.statuses_until(200, key))[-1] == 200
    assert len(await site.sends()) == 2 * len(keys)


async def _sweep_without_end(site: Site) -> None:
    while True:
        async with site.on.db.transaction() as tx:
            await idempotency.sweep(tx)


async def _faults_used(site: Site) -> bool:
    return not (await site.meta.lever("faults"))["data"]


async def _answer(site: Site, at: Program) -> tuple[int, str]:
    answer = await site.send(KEY, at=at)
    assert answer is not None
    return answer.status, answer.json["status"]


async def _long_after_the_deadline(site: Site) -> None:
    """Let the deadline and two rounds of settling pass."""
    await eventually(lambda: site.rows("SELECT 1 FROM message WHERE occurred_at < now() - interval '3500 ms'"))


async def _a_live_pipe_gives_it_up(site: Site) -> None:
    """Any other webhook proves that the silence means something: the send is given up, and the tenant is told."""
    await site.customer_says("Where is my code?", "+15550001111")
    assert await site.statuses_until(502, KEY, at=site.second) in ([502], [202, 502])
    told = await site.send(KEY, at=site.second)
    assert told is not None
    assert (told.status, told.json["code"]) == (502, "outcome_unknown")
    (failed,) = await eventually(lambda: site.receiver.of_type("message.failed"))
    assert failed["data"]["message_id"] == told.json["message_id"]
    assert failed["data"]["errors"][0]["code"] == "outcome_unknown"
