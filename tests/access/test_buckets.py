"""Buckets in PostgreSQL: exact whoever takes at the same time, all of a row or nothing, and full again in time."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess import limits, worker
from quixess.database.core import Database
from quixess.limits import Level, Limits, Verdict, Want

HOUR = 3600


def want(bucket: str = "b", quota: int = 5, window_s: int = HOUR) -> Want:
    return Want(bucket, "policy", quota, window_s)


async def take(db: Database, *rows: Sequence[Want]) -> list[bool]:
    """Take rows in one batch; tells which of them passed."""
    async with db.transaction() as tx:
        return [not verdict.denied for verdict in await limits.take(tx, rows)]


async def pass_time(db: Database, seconds: float) -> None:
    async with db.transaction() as tx:
        await tx.execute("UPDATE rate_bucket SET tat = tat - $1", int(seconds * 1_000_000))


async def test_a_full_bucket_gives_its_quota_at_once_and_then_one_after_the_other(db: Database) -> None:
    assert [await take(db, [want()]) for _ in range(7)] == [[True]] * 5 + [[False]] * 2
    await pass_time(db, HOUR / 5)
    assert [await take(db, [want()]) for _ in range(2)] == [[True], [False]]
    await pass_time(db, HOUR * 100)
    assert [await take(db, [want()]) for _ in range(6)] == [[True]] * 5 + [[False]]


async def test_of_five_in_one_batch_the_first_two_pass_when_two_are_left(db: Database) -> None:
    assert await take(db, *[[want()]] * 3) == [True] * 3
    assert await take(db, *[[want()]] * 5) == [True, True, False, False, False]
    assert await take(db, [want()]) == [False]


async def test_a_batch_larger_than_a_bucket_that_nobody_used_yet_gets_its_quota(db: Database) -> None:
    assert await take(db, *[[want()]] * 9) == [True] * 5 + [False] * 4


async def test_who_wants_two_tokens_gets_both_or_none(db: Database) -> None:
    small, large = want("small", quota=1), want("large", quota=3)
    assert await take(db, [small, large], [large, small], [large], [small], [large], [large]) == [
        True, False, True, False, True, False,
    ]  # fmt: skip


async def test_who_wants_nothing_passes_and_touches_nothing(db: Database) -> None:
    assert await take(db, [], []) == [True, True]
    assert await take(db, [], [want()]) == [True, True]
    async with db.statement() as tx:
        assert len(await tx.rows("SELECT * FROM rate_bucket")) == 1


async def test_what_a_transaction_took_comes_back_when_it_fails(db: Database) -> None:
    async def take_and_fail() -> None:
        async with db.transaction() as tx:
            await limits.take(tx, [[want(quota=1)]])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await take_and_fail()
    assert await take(db, [want(quota=1)]) == [True]


async def test_verdicts_tell_what_is_left_and_how_long_to_wait(db: Database) -> None:
    async with db.transaction() as tx:
        first, second, third = await limits.take(tx, [[want(quota=2)]] * 3)
    assert [level.left for level in (*first.levels, *second.levels)] == [1, 0]
    assert [level.reset_s for level in (*first.levels, *second.levels)] == [HOUR // 2, HOUR]
    assert [level.left for level in third.denied] == [0]
    assert third.wait_s == HOUR / 2
    async with db.statement() as tx:
        unused, used = await limits.levels(tx, [want("unused"), want(quota=2)])
    assert (unused.left, unused.reset_s) == (5, 0)
    assert (used.left, used.want.quota) == (0, 2)


async def test_tokens_that_are_given_back_can_be_taken_again(db: Database) -> None:
    await take(db, *[[want()]] * 5)
    async with db.transaction() as tx:
        await limits.give_back(tx, [want(), want(), want("never seen")])
    assert await take(db, *[[want()]] * 3) == [True, True, False]


async def test_a_bucket_holds_no_more_than_its_quota_whatever_is_given_back(db: Database) -> None:
    await take(db, [want()])
    async with db.transaction() as tx:
        await limits.give_back(tx, [want()] * 50)
    assert await take(db, *[[want()]] * 6) == [True] * 5 + [False]


# 64
async def test_exactly_the_quota_passes_however_many_come_over_however_many_ways(dsn: str) -> None:
    """500 at once over two pools, one by one and in batches: 50 pass, not one more and not one less."""
    first, second = await Database.open(dsn), await Database.open(dsn)
    buckets = [Limits(first), Limits(second)]
    try:
        alone = [take(db, [want(quota=50)]) for db in (first, second) for _ in range(100)]
        together = [bucket.take([want(quota=50)]) for bucket in buckets for _ in range(150)]
        passed = [one for found in await asyncio.gather(*alone) for one in found]
        passed += [not verdict.denied for verdict in await asyncio.gather(*together)]
    finally:
        await first.close()
        await second.close()
    assert Counter(passed) == {True: 50, False: 450}


async def test_buckets_in_another_order_lock_nobody_out(dsn: str) -> None:
    first, second = await Database.open(dsn), await Database.open(dsn)
    a, b = want("a", 10_000, HOUR * 10_000), want("b", 10_000, HOUR * 10_000)
    try:
        rows = [take(db, wants, wants) for _ in range(50) for db, wants in ((first, [a, b]), (second, [b, a]))]
        assert all(all(passed) for passed in await asyncio.gather(*rows))
        async with first.statement() as tx:
            assert [level.left for level in await limits.levels(tx, [a, b])] == [10_000 - 200] * 2
    finally:
        await first.close()
        await second.close()


async def test_buckets_that_have_been_full_for_an_hour_are_swept_however_many(db: Database) -> None:
    await take(db, *[[want(f"idle {number}")] for number in range(7)])
    await pass_time(db, 2 * HOUR)
    await take(db, [want("busy")])
    await worker.sweep_all(db, limits.sweep, most=3)
    async with db.statement() as tx:
        assert [row["key"] for row in await tx.rows("SELECT key FROM rate_bucket")] == ["busy"]


PLANS = st.lists(st.lists(st.sampled_from("abc"), unique=True, max_size=3), max_size=12)


@given(
    rows=PLANS, quotas=st.fixed_dictionaries({"a": st.integers(1, 4), "b": st.integers(1, 4), "c": st.integers(1, 9)})
)
def test_one_batch_decides_as_rows_one_after_the_other_would(rows: list[list[str]], quotas: dict[str, int]) -> None:
    """The model: counters that go down, and a row that takes from all of its buckets or from none."""
    buckets = limits._Buckets(now=1_000, tats=dict.fromkeys("abc", 0))
    left = dict(quotas)
    for row in rows:
        fits = all(left[name] > 0 for name in row)
        verdict = buckets.judge([want(name, quotas[name]) for name in row])
        assert (not verdict.denied) == fits
        if fits:
            for name in row:
                left[name] -= 1
            assert [level.left for level in verdict.levels] == [left[name] for name in row]
        else:
            assert {level.want.bucket for level in verdict.denied} == {name for name in row if left[name] == 0}


# Headers and refusals ---------------------------------------------------------------------------------------------


def test_headers_name_each_policy_its_window_and_what_is_left() -> None:
    minute, day = Want("m", "requests", 60, 60), Want("d", "messages_per_day", 1000, 86_400)
    told = limits.describe([Level(minute, 12, 30), Level(day, 0, 86_000)])
    assert told == {
        "RateLimit-Policy": '"requests";q=60;w=60, "messages_per_day";q=1000;w=86400',
        "RateLimit": '"requests";r=12;t=30, "messages_per_day";r=0;t=86000',
    }
    assert limits.describe([]) == {}
    assert limits.merge({}, told) == limits.merge(told, {}) == told
    assert limits.merge(told, {"RateLimit": '"x";r=1;t=1'})["RateLimit"].endswith(', "x";r=1;t=1')


@given(wait_s=st.floats(0, 100_000))
def test_a_refusal_asks_to_wait_long_enough_and_at_most_a_fifth_longer(wait_s: float) -> None:
    verdict = Verdict(denied=(Level(want(), 0, 60),), wait_s=wait_s)
    refused = limits.refuse(verdict, "rate_limited", "Wait.")
    assert refused.retry_after_s is not None
    assert max(wait_s, 1) <= refused.retry_after_s <= wait_s * 1.2 + 1
    assert refused.extra == {"violated_policies": [{"policy": "policy", "quota": 5, "window_s": HOUR}]}


def test_a_fleet_does_not_return_at_once() -> None:
    assert len({limits.spread(1000.0) for _ in range(50)}) > 5
