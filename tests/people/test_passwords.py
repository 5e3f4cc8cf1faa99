"""Passwords: what is taken, what everybody uses, and how they are kept."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from hypothesis import given
from hypothesis import strategies as st

from quixess.errors import QuixessError
from quixess.people import passwords

GOOD = "tall ship, small harbour"


@pytest.mark.parametrize(
    "good", [GOOD, "x7-Kp2!vQz9w", "ничего страшного", "🐟🐠🐡🦈🐬🐳🐋🦭🐙🦑🦐🦞", "a b c d e f g" * 9]
)
def test_long_ones_that_nobody_else_has_are_taken(good):
    passwords.check(good, email="anna@bordercart.example")


@pytest.mark.parametrize("length", [0, 1, 11, 129, 5000])
def test_short_and_endless_ones_are_refused(length):
    fault = refusal("abcdefghijkl1ö"[:length] if length < 12 else "xyzwvu"[:6] * (length // 6 + 1))
    assert (fault.pointer, fault.code) == ("/password", "length")


@pytest.mark.parametrize(
    "common",
    [
        "passwordpassword", "Password1234", "PASSWORD!!!!", "123456789012", "qwertyuiopas", "!!Welcome2026!!",
        "correcthorsebatterystaple", "iloveyou2026", "quixessquixess", "whatsapp12345", "aaaaaaaaaaaa",
        "ababababab12abab", "Administrator1", "changeme1234",
    ],
)  # fmt: skip
def test_what_everybody_uses_is_refused_whatever_stands_around_it(common):
    assert refusal(common).code == "too_common"


@pytest.mark.parametrize("own", ["anna.long@bordercart.example", "anna.longname2026"])
def test_the_own_address_is_no_password(own):
    with pytest.raises(QuixessError) as caught:
        passwords.check(own, email="anna.longname@bordercart.example" if "name" in own else own)
    assert caught.value.errors[0].code == "too_common"


def test_the_field_that_is_named_is_the_one_at_fault():
    with pytest.raises(QuixessError) as caught:
        passwords.check("short", field="new")
    assert caught.value.errors[0].pointer == "/new"
    assert "short" not in str(caught.value)


async def test_a_hash_costs_what_owasp_asks_for_and_is_never_twice_the_same():
    one, other = await passwords.make(GOOD), await passwords.make(GOOD)
    assert one != other
    cost = extract_parameters(one)
    assert (cost.type, cost.memory_cost, cost.time_cost, cost.parallelism) == (Type.ID, 19 * 1024, 2, 1)
    assert GOOD not in one


async def test_the_right_one_matches_and_no_other_does():
    stored = await passwords.make(GOOD)
    assert await passwords.matches(GOOD, stored)
    assert not await passwords.matches(GOOD + " ", stored)
    assert not await passwords.matches(GOOD.upper(), stored)
    assert not await passwords.matches(GOOD, None)
    assert not await passwords.matches("nobody has this password", None)
    assert not await passwords.matches(GOOD, "no hash at all")


async def test_letters_that_keyboards_write_in_two_ways_are_one():
    stored = await passwords.make("cafe\u0301 au lait noir")
    assert await passwords.matches("caf\u00e9 au lait noir", stored)


async def test_an_old_hash_is_known_for_what_it_is():
    assert passwords.is_outdated(PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(GOOD))
    assert not passwords.is_outdated(await passwords.make(GOOD))


@given(st.text(min_size=12, max_size=128))
def test_no_text_breaks_the_check(text):
    codes = set()
    try:
        passwords.check(text, email="anna@bordercart.example")
    except QuixessError as error:
        codes = {one.code for one in error.errors}
    assert codes <= {"length", "too_common"}


def refusal(password):
    with pytest.raises(QuixessError) as caught:
        passwords.check(password)
    return caught.value.errors[0]
