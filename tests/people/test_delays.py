"""Delays: a few tries are free, then each waits longer; nobody is locked out for good, or by somebody else."""

import asyncio

import pytest

from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.people import delays
from quixess.vault import Keyring

EMAIL, HOME, ELSEWHERE = "anna@bordercart.example", "203.0.113.7", "198.51.100.9"


async def refused(db: Database, key: bytes) -> int:
    """How long the next try has to wait; 0 when it counts."""
    try:
        await delays.take_turn(db, key)
    except QuixessError as error:
        return error.retry_after_s or 0
    return 0


async def let_pass(db: Database, key: bytes, seconds: float) -> None:
    async with db.statement() as tx:
        await tx.execute(
            """UPDATE sign_in_delay SET until = until - $2 * interval '1 second',
                                        last_at = last_at - $2 * interval '1 second' WHERE key = $1""",
            key, seconds,
        )  # fmt: skip


async def test_five_tries_are_free_then_each_waits_twice_as_long_and_never_over_a_quarter_of_an_hour(
    db: Database, keyring: Keyring
) -> None:
    key = delays.of_account(keyring, EMAIL, HOME)
    for _ in range(5):
        assert await refused(db, key) == 0
    waits = []
    for _ in range(14):
        async with db.statement() as tx:
            row = await tx.row("SELECT extract(epoch FROM until - last_at)::float8 AS wait FROM sign_in_delay")
        assert row is not None
        waits.append(row["wait"])
        assert await refused(db, key) > 0
        await let_pass(db, key, row["wait"])
        assert await refused(db, key) == 0
    assert waits[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert set(waits[10:]) == {900}


async def test_a_hundred_tries_at_once_are_a_hundred_tries(db: Database, keyring: Keyring) -> None:
    key = delays.of_account(keyring, EMAIL, HOME)
    waits = await asyncio.gather(*(refused(db, key) for _ in range(100)))
    assert waits.count(0) <= 6  # the sixth begins the first wait


async def test_who_is_slowed_down_elsewhere_signs_in_at_home(db: Database, keyring: Keyring) -> None:
    for _ in range(8):
        await refused(db, delays.of_account(keyring, EMAIL, ELSEWHERE))
    assert await refused(db, delays.of_account(keyring, EMAIL, ELSEWHERE)) > 0
    assert await refused(db, delays.of_account(keyring, EMAIL, HOME)) == 0


async def test_who_goes_through_many_accounts_is_slowed_down_as_an_address(db: Database, keyring: Keyring) -> None:
    place = delays.of_address(keyring, ELSEWHERE)
    keys = [delays.of_account(keyring, f"{number}@bordercart.example", ELSEWHERE) for number in range(51)]
    for key in keys[:50]:
        await delays.take_turn(db, key, address=place)
    with pytest.raises(QuixessError) as caught:
        await delays.take_turn(db, keys[50], address=place)
    assert caught.value.code == "rate_limited"


async def test_success_and_a_day_are_forgiving(db: Database, keyring: Keyring) -> None:
    key, other = delays.of_account(keyring, EMAIL, HOME), delays.of_code(keyring, ids.new())
    for _ in range(7):
        await refused(db, key)
        await refused(db, other)
    async with db.transaction() as tx:
        await delays.forgive(tx, key)
    assert await refused(db, key) == 0
    await let_pass(db, other, 90_000)
    for _ in range(4):
        assert await refused(db, other) == 0
    await let_pass(db, key, 90_000)
    async with db.transaction() as tx:
        assert await delays.sweep(tx, 10) == 1


async def test_no_address_and_no_account_stands_in_the_table(db: Database, keyring: Keyring) -> None:
    await refused(db, delays.of_account(keyring, EMAIL, HOME))
    async with db.statement() as tx:
        (row,) = await tx.rows("SELECT * FROM sign_in_delay")
    assert len(row["key"]) == 32
