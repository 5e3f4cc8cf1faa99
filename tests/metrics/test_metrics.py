"""What happened, counted: the same whether it is read from the rows or from the counts of the worker."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from quixess import metrics
from quixess.database import ids
from quixess.database.core import Database
from quixess.metrics import RANGES, Counting, Price, Report
from tests.metrics.history import HOUR, KEY, NOW, History, ago
from tests.world import World, eventually

PRICED = {"category": "authentication", "type": "regular", "billable": True, "model": "PMP"}
FREE = {"category": "service", "type": "free_customer_service", "billable": False, "model": "PMP"}
REFUSED = [{"code": 131026, "title": "Message undeliverable"}]


@pytest.fixture
async def past(db: Database) -> History:
    history = History(db)
    await history.begin()
    return history


async def look(history: History, name: str = "24h") -> Report:
    return await metrics.report(history.db, history.brand_id, RANGES[name].until(NOW))


async def fill(history: History) -> None:
    """A code that was read, one on its way, one refused; a template; an answer; and what should not count."""
    for hours in (0, 1, 2, 5, 26):
        at = ago(hours) if hours else NOW - timedelta(seconds=1)
        read = await history.message(at, "read", pricing=PRICED)
        await history.delivered(read, at + timedelta(seconds=4))
        await history.message(at, "accepted")
        await history.message(at, "failed", errors=REFUSED)
        await history.message(at, "delivered", template_name="order_update", template_category="UTILITY", key_id=None)
        await history.message(
            at, "received", direction="inbound", type="text", template_name=None, template_category=None, key_id=None
        )
        await history.message(at, "delivered", source="echo")
        await history.message(at, "received", direction="inbound", type="call")


def told(report: Report) -> Any:
    """Everything in a report that can be compared."""
    return (
        report.total.states,
        {moment: counts.states for moment, counts in report.steps.items()},
        (report.codes.times, report.codes.p50, report.codes.p95),
        {moment: waits.times for moment, waits in report.code_steps.items()},
        report.failures,
        [(*names, counts.states) for *names, counts in report.templates],
        [(key, counts.states) for key, counts in report.keys],
        report.priced,
        [(one.endpoint_id, one.answers, one.waits.p95, one.outcomes) for one in report.endpoints],
    )


async def test_what_was_sent_an_hour_ago_is_told_at_once_and_what_was_before_once_it_is_counted(past: History) -> None:
    await fill(past)
    assert (await look(past)).total.asked == 2 * 4
    await past.count()
    report = await look(past)

    assert (report.total.asked, report.total.received) == (4 * 4, 4)
    assert (report.total.sent, report.total.delivered, report.total.read, report.total.failed) == (12, 8, 4, 4)
    assert [counts.asked for counts in report.steps.values() if counts.asked] == [4, 4, 4, 4]
    assert (await look(past, "7d")).total.asked == (await look(past, "30d")).total.asked == 5 * 4


async def test_reasons_templates_keys_and_prices_are_told_apart(past: History) -> None:
    await fill(past)
    await past.count()
    report = await look(past)

    (failure,) = report.failures
    assert (failure.code, failure.messages) == (131026, 4)
    assert failure.meaning
    assert failure.fix
    assert [(name, category, counts.asked, counts.delivered) for name, category, counts in report.templates] == [
        ("signup_otp", "AUTHENTICATION", 12, 4),
        ("order_update", "UTILITY", 4, 4),
    ]
    assert [(key, counts.asked) for key, counts in report.keys] == [(KEY, 12), (None, 4)]
    (priced,) = report.priced
    assert (priced.category, priced.billable, priced.messages, priced.cost) == ("authentication", True, 4, None)


async def test_codes_that_are_no_numbers_of_metas_are_counted_too(past: History) -> None:
    codes = ("outcome_unknown", "not_sent", "12345678901234567890", 99_999_999_999, None)
    for hours in (0.0, 3.0):
        for code in codes:
            await past.message(ago(hours) if hours else NOW - timedelta(seconds=1), "failed", errors=[{"code": code}])
    await past.count()

    report = await look(past)
    assert {one.code: one.messages for one in report.failures} == {0: 6, "outcome_unknown": 2, 2147483647: 2}
    assert all(one.meaning and one.fix for one in report.failures)


async def test_a_brand_that_cannot_be_counted_holds_up_no_other(db: Database) -> None:
    broken, whole = History(db), History(db)
    for one in (broken, whole):
        await one.begin()
    await broken.message(ago(3), "read", pricing={"billable": "perhaps"})
    await whole.message(ago(3), "accepted")

    await whole.count()
    assert (await look(whole)).total.states["accepted"] == 1


async def test_new_brands_are_looked_for_now_and_then(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, first, second, third = Counting(db), History(db), History(db), History(db)
    await first.begin()
    assert await worker.run_once() == 1
    await second.begin()
    assert await worker.run_once() == 0

    monkeypatch.setattr("quixess.metrics.counting._WELCOME_EVERY_S", 0.0)
    worker = Counting(db)
    assert await worker.run_once() == 1
    await third.begin()
    assert await worker.run_once() == 1


async def test_counting_again_changes_nothing_and_two_workers_count_once(past: History) -> None:
    await fill(past)
    await past.count()
    before = told(await look(past, "30d"))

    await past.turn_back(200)
    await past.count()
    assert told(await look(past, "30d")) == before
    await past.turn_back(24)
    await asyncio.gather(*(Counting(past.db).run_once() for _ in range(3)))
    assert told(await look(past, "30d")) == before


async def test_counts_and_rows_tell_the_same(past: History) -> None:
    endpoint = ids.new()
    await fill(past)
    for hours in (1, 5, 7):
        await past.attempt(ago(hours), endpoint, 200, None, 80)
        await past.attempt(ago(hours), endpoint, 503, "http_5xx", 900)
        await past.attempt(ago(hours), endpoint, 200, "timeout", 15_000)
        await past.outcome(ago(hours), endpoint, "delivered")
    await past.count()
    counted = told(await look(past))
    async with past.db.statement() as tx:
        for table in ("message_hour", "code_hour", "attempt_hour", "outcome_hour"):
            await tx.execute(f"DELETE FROM {table}")
    missing = told(await look(past))
    await past.turn_back(48)
    await past.count()

    assert missing != counted
    assert told(await look(past)) == counted


async def test_a_message_that_is_read_later_moves_the_hour_it_was_sent_in(past: History) -> None:
    await past.message(ago(4), "sent")
    await past.count()
    assert (await look(past)).total.delivered == 0

    async with past.db.statement() as tx:
        await tx.execute("UPDATE message SET state = 'read' WHERE brand_id = $1", past.brand_id)
    await past.turn_back(1)  # the worker's last hour: it looks at the one three hours before it once more
    await past.count()
    assert (await look(past)).total.read == 1


async def test_an_hour_whose_rows_are_gone_keeps_its_counts(past: History) -> None:
    await past.message(ago(9), "read")
    await past.count()
    async with past.db.statement() as tx:
        await tx.execute("DELETE FROM message")
    await past.turn_back(24)
    await past.count()
    assert (await look(past)).total.read == 1


async def test_time_that_is_not_counted_yet_is_named(past: History) -> None:
    await past.message(ago(6), "read")
    await past.count()
    assert (await look(past)).missing is None
    await past.turn_back(5)

    report = await look(past)
    assert report.missing == (HOUR - timedelta(hours=5), HOUR - timedelta(hours=1))
    assert (await look(past, "1h")).missing is None


async def test_how_long_codes_take_is_told_and_a_guess_does_not_count(past: History) -> None:
    for seconds in (1, 2, 2, 3, 60):
        message_id = await past.message(ago(3), "delivered")
        await past.delivered(message_id, ago(3) + timedelta(seconds=seconds))
    guessed = await past.message(ago(3), "read")
    await past.delivered(guessed, ago(3) + timedelta(hours=2), inferred=True)
    other = await past.message(ago(3), "delivered", template_category="UTILITY")
    await past.delivered(other, ago(3) + timedelta(hours=2))
    await past.count()
    codes = (await look(past)).codes

    assert codes.times == 5
    assert codes.p50 == pytest.approx(2_000, rel=0.06)
    assert codes.p95 == pytest.approx(60_000, rel=0.06)


async def test_a_clock_of_metas_that_is_ahead_makes_no_code_late(past: History) -> None:
    message_id = await past.message(ago(3), "delivered")
    async with past.db.statement() as tx:
        await tx.execute(
            """INSERT INTO message_status (brand_id, message_id, status, occurred_at, recorded_at)
               VALUES ($1, $2, 'delivered', $3::timestamptz + interval '1 day', $3::timestamptz + interval '2 s')""",
            past.brand_id,
            message_id,
            ago(3),
        )
    await past.count()
    assert (await look(past)).codes.p95 == pytest.approx(2_000, rel=0.06)


async def test_endpoints_are_told_by_answer_time_and_end(past: History) -> None:
    good, bad = ids.new(), ids.new()
    for _ in range(3):
        await past.attempt(ago(2), good, 200, None, 50)
        await past.outcome(ago(2), good, "delivered")
    await past.attempt(ago(2), bad, 503, "http_5xx", 400)
    await past.attempt(ago(2), bad, None, "timeout", 15_000)
    await past.outcome(ago(2), bad, "exhausted")
    await past.count()
    first, second = (await look(past)).endpoints

    assert (first.endpoint_id, first.attempts, first.good, first.outcomes) == (good, 3, 3, {"delivered": 3})
    assert first.waits.p50 == pytest.approx(50, rel=0.06)
    assert (second.endpoint_id, second.answers) == (bad, {"5xx": 1, "timeout": 1})
    assert second.outcomes == {"exhausted": 1}


async def test_the_estimate_takes_the_brands_own_prices_for_what_arrived_and_is_billable(past: History) -> None:
    for _ in range(3):
        await past.message(ago(2), "delivered", pricing=PRICED)
    await past.message(ago(2), "sent", pricing=PRICED)  # Meta bills what is delivered
    await past.message(ago(2), "read", pricing=FREE)
    await past.message(ago(2), "read", pricing=PRICED | {"category": "authentication-international"})
    await past.count()
    assert (await look(past)).costs == {}
    prices = [
        Price("authentication", Decimal("0.02"), "EUR"),
        Price("authentication_international", Decimal("0.10"), "EUR"),
        Price("service", Decimal("1.00"), "EUR"),
    ]
    async with past.db.transaction() as tx:
        await metrics.set_prices(tx, past.brand_id, [Price("marketing", Decimal(9), "USD")])
        await metrics.set_prices(tx, past.brand_id, prices)
    report = await look(past)

    assert report.costs == {"EUR": Decimal("0.16")}
    assert [(one.category, one.messages, one.cost) for one in report.priced] == [
        ("authentication", 3, Decimal("0.06")),
        ("authentication-international", 1, Decimal("0.10")),
        ("service", 1, Decimal(0)),
    ]


async def test_a_brand_sees_its_own_counts_only(past: History) -> None:
    rival = History(past.db)
    await rival.begin()
    await rival.message(ago(3), "read")
    await past.message(ago(3), "sent")
    await past.count()

    assert (await look(past)).total.states == {"sent": 1}
    assert (await look(rival)).total.states == {"read": 1}


async def test_a_brand_in_which_nothing_happens_costs_no_counts(past: History) -> None:
    await past.count()
    report = await look(past, "30d")
    assert report.empty
    assert (report.codes.p50, report.costs, report.missing) == (None, {}, None)
    async with past.db.statement() as tx:
        row = await tx.row("SELECT counted_to, next_at FROM count_turn WHERE id = $1", past.brand_id)
    assert row is not None
    assert row["counted_to"] in (HOUR, HOUR - timedelta(hours=1), HOUR + timedelta(hours=1))


async def test_old_counts_are_let_go(past: History) -> None:
    await past.message(ago(9), "read")
    await past.count()
    async with past.db.transaction() as tx:
        assert await metrics.counting.sweep(tx, 100) == 0
        await tx.execute("UPDATE message_hour SET hour = hour - interval '41 days'")
        assert await metrics.counting.sweep(tx, 100) == 1


async def test_a_code_that_was_sent_and_delivered_is_in_the_last_hour(world: World) -> None:
    await world.meta.lever("settings", {"read_ms": 60_000})  # a read that overtakes makes the delivery a guess
    await world.send_otp()

    async def arrived() -> Report | None:
        now = (await world.rows("SELECT now() AS now"))[0]["now"]
        report = await metrics.report(world.rooms.db, world.brand_id, RANGES["1h"].until(now))
        return report if report.total.delivered and report.endpoints and report.priced else None

    report: Report = await eventually(arrived)
    assert (report.total.asked, report.codes.times) == (1, 1)
    assert [name for name, _, _ in report.templates] == ["signup_otp"]
    assert report.priced[0].category.startswith("authentication")
    assert report.endpoints[0].good >= 1
