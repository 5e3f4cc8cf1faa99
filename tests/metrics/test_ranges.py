"""The arithmetic under metrics: windows, hours that are due, and times as steps."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quixess.database.core import Database
from quixess.metrics import RANGES, Waits
from quixess.metrics.counting import HOUR, due
from quixess.metrics.waits import STEP

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
AGAIN = (1, 3, 9, 27)


@given(MOMENTS, st.sampled_from(sorted(RANGES)))
def test_a_window_has_whole_steps_and_the_last_one_is_now(now: datetime, name: str) -> None:
    window = RANGES[name].until(now)
    step = window.range.step

    assert len(window.moments) == window.range.steps
    assert window.moments[0] == window.start
    assert window.moments[-1] <= now < window.moments[-1] + step
    assert (window.start - datetime(1970, 1, 1, tzinfo=UTC)) % step == timedelta()


@given(MOMENTS, st.integers(0, 60), st.integers(0, 60))
def test_to_go_on_in_two_steps_counts_every_hour_that_one_step_does(at: datetime, first: int, second: int) -> None:
    start = at.replace(minute=0, second=0, microsecond=0)
    middle, end = start + first * HOUR, start + (first + second) * HOUR

    assert set(due(start, end, AGAIN)) == {*due(start, middle, AGAIN), *due(middle, end, AGAIN)}


@given(MOMENTS, st.integers(1, 60))
def test_every_hour_is_counted_when_it_is_over_and_again_later(at: datetime, hours: int) -> None:
    start = at.replace(minute=0, second=0, microsecond=0)
    times = Counter(one for n in range(hours) for one in due(start + n * HOUR, start + (n + 1) * HOUR, AGAIN))

    assert all(times[start + n * HOUR] == 1 + sum(back < hours - n for back in AGAIN) for n in range(hours))


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_percentile_is_at_most_five_per_cent_off(times: list[int], share: float) -> None:
    waits = Waits()
    for time in times:
        waits.add(step_of(time), 1)
    exact = sorted(times)[max(-(-len(times) * int(share * 100) // 100) - 1, 0)]

    found = waits.percentile(share)
    assert found is not None
    assert found == pytest.approx(exact, rel=0.0501)


def step_of(ms: int) -> int:
    """The step of a time, by its definition: the highest power of 1.1 that is not above it."""
    step = 0
    while 1.1 ** (step + 1) <= ms:
        step += 1
    return step


async def test_sql_puts_times_on_the_same_steps(db: Database) -> None:
    times = [0, 1, 2, 10, 999, 1_000, 15_000, 86_400_000, 10**15]
    async with db.statement() as tx:
        rows = await tx.rows(f"SELECT {STEP.format(ms='ms')} AS step FROM unnest($1::bigint[]) AS ms", times)
    assert [row["step"] for row in rows] == [min(step_of(max(ms, 1)), 250) for ms in times]


def test_nothing_has_no_percentile() -> None:
    assert Waits().p50 is None
