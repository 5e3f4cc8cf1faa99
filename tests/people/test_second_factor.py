"""The second factor: a code opens once, a secret rests sealed, and a lost phone is no lost account."""

import asyncio

import pyotp
import pytest

from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.people import Person, second_factor
from quixess.vault import Keyring
from tests.people.folk import make_person


async def step(db: Database) -> int:
    """The step of this moment, by the clock that counts."""
    async with db.statement() as tx:
        row = await tx.row("SELECT floor(extract(epoch FROM clock_timestamp()) / 30)::bigint AS step")
    assert row is not None
    return int(row["step"])


async def begin(db: Database, keyring: Keyring, person: Person) -> pyotp.TOTP:
    async with db.transaction() as tx:
        enrolment = await second_factor.begin(tx, keyring, person)
    return pyotp.TOTP(enrolment.secret)


async def switch_on(db: Database, keyring: Keyring, person: Person) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    """An app that was set up half a minute ago: its code of now is still unused."""
    app = await begin(db, keyring, person)
    async with db.transaction() as tx:
        codes = await second_factor.enable(tx, keyring, person, app.generate_otp(await step(db) - 1))
    return app, codes


async def opens(db: Database, keyring: Keyring, person: Person, code: str) -> bool:
    async with db.transaction() as tx:
        return await second_factor.matches(tx, keyring, person.id, code)


async def test_an_app_is_told_once_and_its_first_code_switches_it_on(db: Database, keyring: Keyring) -> None:
    person = await make_person(db)
    app = await begin(db, keyring, person)
    assert (await begin(db, keyring, person)).secret == app.secret  # the page was opened twice
    assert not await opens(db, keyring, person, app.generate_otp(await step(db)))  # not on yet
    async with db.transaction() as tx:
        codes = await second_factor.enable(tx, keyring, person, app.generate_otp(await step(db)))
    assert len(set(codes)) == 10
    async with db.statement() as tx:
        row = await tx.row("SELECT totp_secret FROM operator WHERE id = $1", person.id)
    assert row is not None
    assert app.secret.encode() not in bytes(row["totp_secret"])


async def test_a_wrong_first_code_switches_nothing_on(db: Database, keyring: Keyring) -> None:
    person = await make_person(db)
    app = await begin(db, keyring, person)
    for wrong in (app.generate_otp(await step(db) + 50), "", "12345", "abcdef", "１２３４５６", "0" * 40):
        async with db.transaction() as tx:
            with pytest.raises(QuixessError) as caught:
                await second_factor.enable(tx, keyring, person, wrong)
        assert caught.value.errors[0].pointer == "/code"
    assert not await opens(db, keyring, person, app.generate_otp(await step(db)))


async def test_a_code_opens_once_and_none_before_it_ever_again(db: Database, keyring: Keyring) -> None:
    person = await make_person(db)
    app, _ = await switch_on(db, keyring, person)
    now = await step(db)
    assert not await opens(db, keyring, person, app.generate_otp(now - 1))  # the one that switched it on
    code = app.generate_otp(now)
    assert await opens(db, keyring, person, f"{code[:3]} {code[3:]}")
    assert not await opens(db, keyring, person, code)
    assert not await opens(db, keyring, person, app.generate_otp(now - 1))
    assert await opens(db, keyring, person, app.generate_otp(now + 1))  # a phone whose clock is a little ahead
    assert not await opens(db, keyring, person, app.generate_otp(now + 5))


async def test_of_ten_that_use_one_code_at_once_one_gets_in(db: Database, keyring: Keyring) -> None:
    person = await make_person(db)
    app, _ = await switch_on(db, keyring, person)
    code = app.generate_otp(await step(db))
    assert sum(await asyncio.gather(*(opens(db, keyring, person, code) for _ in range(10)))) == 1


async def test_a_recovery_code_opens_once_however_it_is_typed(db: Database, keyring: Keyring) -> None:
    person = await make_person(db)
    other = await make_person(db, "ben@bordercart.example")
    _, codes = await switch_on(db, keyring, person)
    await switch_on(db, keyring, other)
    assert not await opens(db, keyring, other, codes[0])
    assert await opens(db, keyring, person, codes[0].upper().replace("-", " "))
    assert not await opens(db, keyring, person, codes[0])
    assert await opens(db, keyring, person, codes[1])
    async with db.statement() as tx:
        assert await second_factor.codes_left(tx, person.id) == 8
        rows = await tx.rows("SELECT * FROM recovery_code")
    assert not [code for code in codes if code.replace("-", "").encode() in b"".join(row["code_hash"] for row in rows)]


async def test_new_recovery_codes_end_the_old_ones(db: Database, keyring: Keyring) -> None:
    person = await make_person(db)
    _, old = await switch_on(db, keyring, person)
    async with db.transaction() as tx:
        new = await second_factor.renew_codes(tx, keyring, person.id)
    assert not await opens(db, keyring, person, old[3])
    assert await opens(db, keyring, person, new[3])


async def test_switched_off_nothing_of_it_opens_and_a_new_app_is_a_new_secret(db: Database, keyring: Keyring) -> None:
    person = await make_person(db)
    app, codes = await switch_on(db, keyring, person)
    async with db.transaction() as tx:
        with pytest.raises(QuixessError) as caught:
            await second_factor.begin(tx, keyring, person)
    assert caught.value.code == "second_factor_on"
    async with db.transaction() as tx:
        await second_factor.disable(tx, person.id)
    assert not await opens(db, keyring, person, app.generate_otp(await step(db)))
    assert not await opens(db, keyring, person, codes[5])
    assert (await begin(db, keyring, person)).secret != app.secret
