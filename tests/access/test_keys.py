"""API keys: what they look like, what the database keeps of them, and what can be done to them and what cannot."""

import asyncio
import hashlib
import hmac
import os
import re
import string
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from quixess import access
from quixess.access import AccessError, Caller, Key, Keys, Scope
from quixess.database import ids
from quixess.database.core import Database
from quixess.errors import QuixessError
from quixess.vault import Keyring

LETTERS = string.digits + string.ascii_letters
SHAPE = re.compile(r"qxs_[0-9A-Za-z]{46}")


@pytest.fixture
async def brand(db: Database) -> UUID:
    async with db.transaction() as tx:
        return (await access.create_brand(tx, "Bordercart")).id


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def mint(
    db: Database,
    keyring: Keyring,
    brand: UUID | None,
    *scopes: str,
    name: str = "test",
    expires_in: timedelta | None = None,
) -> tuple[str, Key]:
    async with db.transaction() as tx:
        return await access.mint_key(
            tx, keyring, brand, name=name, scopes=scopes or (Scope.SEND_OTP,), actor="tester", expires_in=expires_in
        )


async def who(db: Database, keyring: Keyring, secret: str) -> Caller | None:
    """Who a key speaks for; None for a key that is refused."""
    try:
        return await Keys(db, keyring).authenticate(secret.encode())
    except QuixessError as error:
        if error.code != "invalid_api_key":
            raise
        return None


# The secret ------------------------------------------------------------------------------------------------------


def test_a_secret_has_its_prefix_forty_random_letters_and_six_of_checksum() -> None:
    secrets = {access.make_secret() for _ in range(200)}
    assert len(secrets) == 200
    assert len({secret[4:12] for secret in secrets}) == 200
    for secret in secrets:
        assert SHAPE.fullmatch(secret)
        assert access.well_formed(secret.encode())
    test = access.make_secret(test=True)
    assert test.startswith("qxt_")
    assert access.well_formed(test.encode())


def test_no_change_of_a_single_character_passes_the_checksum() -> None:
    secret = access.make_secret()
    for at, right in enumerate(secret):
        for wrong in LETTERS + "_- \n\x00":
            if wrong != right:
                assert not access.well_formed((secret[:at] + wrong + secret[at + 1 :]).encode()), (at, wrong)


def test_two_letters_in_the_wrong_order_do_not_pass_either() -> None:
    secret = access.make_secret()
    for at in range(4, len(secret) - 1):
        if secret[at] != secret[at + 1]:
            swapped = secret[:at] + secret[at + 1] + secret[at] + secret[at + 2 :]
            assert not access.well_formed(swapped.encode()), at


def test_nothing_of_another_length_or_alphabet_passes() -> None:
    secret = access.make_secret()
    for wrong in (
        *(secret[:length] for length in range(len(secret))),
        secret + "0",
        secret + "\n",
        " " + secret,
        secret.upper(),
        "qxs_" + "ü" * 46,
        "sk_" + secret[4:],
    ):
        assert not access.well_formed(wrong.encode()), wrong


# What the database keeps -----------------------------------------------------------------------------------------


async def test_the_database_keeps_a_keyed_hash_and_never_the_key(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    secret, key = await mint(db, keyring, brand)
    assert (await who(db, keyring, secret)) is not None

    row = await owner.fetchrow("SELECT * FROM api_key")
    assert row is not None
    pepper = keyring.peppers[row["pepper_version"]]
    assert row["key_hash"] == hmac.new(pepper, b"api key\x00" + secret.encode(), hashlib.sha256).digest()
    assert row["key_hash"] != hashlib.sha256(secret.encode()).digest()
    assert (row["prefix8"], row["last4"]) == (secret[:8], secret[-4:])
    assert key.hint == f"{secret[:8]}…{secret[-4:]}"

    dump = str(await owner.fetch("SELECT t::text FROM api_key t")) + str(
        await owner.fetch("SELECT a::text FROM audit a")
    )
    for start in range(len(secret) - 9):  # no ten letters of it in a row
        assert secret[start : start + 10] not in dump
        assert secret[start : start + 10].encode().hex() not in dump


async def test_a_stolen_table_is_worth_nothing_without_the_keyring(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    """Who can write the table but has not the pepper cannot plant a key either."""
    secret, _ = await mint(db, keyring, brand)
    planted = access.make_secret()
    plain = hashlib.sha256(planted.encode()).digest()
    await owner.execute(
        """INSERT INTO api_key (id, lineage_id, brand_id, key_hash, pepper_version, prefix8, last4, name, scopes,
                                created_by)
           SELECT $1, $1, brand_id, $2, 1, prefix8, last4, name, scopes, created_by FROM api_key""",
        ids.new(),
        plain,
    )  # fmt: skip
    assert await who(db, keyring, planted) is None
    assert await who(db, Keyring.make(), secret) is None


async def test_keys_outlive_a_new_pepper(db: Database, keyring: Keyring, brand: UUID) -> None:
    old, old_key = await mint(db, keyring, brand)
    later = Keyring(keyring.keys, keyring.peppers | {2: os.urandom(32)})
    new, new_key = await mint(db, later, brand)

    found = [await who(db, later, secret) for secret in (old, new)]
    assert [caller.key_id for caller in found if caller] == [old_key.id, new_key.id]
    assert await who(db, keyring, new) is None


# Brand and scopes ------------------------------------------------------------------------------------------------


async def test_the_brand_of_a_key_never_changes_not_even_by_hand(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    secret, key = await mint(db, keyring, brand)
    async with db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    for other in (rival.id, None):
        with pytest.raises(asyncpg.CheckViolationError, match="the brand of an API key never changes"):
            await owner.execute("UPDATE api_key SET brand_id = $1 WHERE id = $2", other, key.id)
        with pytest.raises(asyncpg.CheckViolationError):
            async with db.transaction() as tx:
                await tx.execute("UPDATE api_key SET name = 'x', brand_id = $1", other)
    caller = await who(db, keyring, secret)
    assert caller is not None
    assert caller.brand_id == brand


async def test_a_key_without_a_brand_may_be_given_one_once(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    _, key = await mint(db, keyring, None)
    await owner.execute("UPDATE api_key SET brand_id = $1 WHERE id = $2", brand, key.id)
    with pytest.raises(asyncpg.CheckViolationError):
        await owner.execute("UPDATE api_key SET brand_id = NULL WHERE id = $1", key.id)


async def test_scopes_can_be_added_and_count_from_the_next_look(db: Database, keyring: Keyring, brand: UUID) -> None:
    secret, key = await mint(db, keyring, brand, Scope.SEND_OTP)
    async with db.transaction() as tx:
        extended = await access.extend_scopes(tx, key.id, [Scope.REPLY, Scope.READ_MESSAGES], actor="tester")
    assert extended.scopes == (Scope.READ_MESSAGES, Scope.REPLY, Scope.SEND_OTP)

    async with db.transaction() as tx:
        again = await access.extend_scopes(tx, key.id, [Scope.REPLY], actor="tester")
    assert again.scopes == extended.scopes
    caller = await who(db, keyring, secret)
    assert caller is not None
    assert caller.scopes == set(extended.scopes)


async def test_a_revoked_key_gets_no_more_scopes(db: Database, keyring: Keyring, brand: UUID) -> None:
    _, key = await mint(db, keyring, brand)
    async with db.transaction() as tx:
        await access.revoke_key(tx, key.id, actor="tester")
    for key_id in (key.id, ids.new()):
        with pytest.raises(AccessError, match="no such key, or it is revoked"):
            async with db.transaction() as tx:
                await access.extend_scopes(tx, key_id, [Scope.REPLY], actor="tester")


TRICKS: list[list[str]] = [  # attack 13
    ["whatsapp:*"],
    ["*"],
    ["whatsapp"],
    ["whatsapp:"],
    ["WhatsApp:send_otp"],
    ["whatsapp:SEND_OTP"],
    ["whatsapp:send_otp "],
    [" whatsapp:send_otp"],
    ["whatsapp:send_otp\n"],
    ["whatsapp:send_otp\x00"],
    ["whatsapp:send_otp,whatsapp:reply"],
    ["whatsapp:send_otp", "whatsapp:send_otp"],
    ["whatsapp:send_otp", "whatsapp:send_оtp"],  # a Cyrillic о
    ["whatsapp:send_otp", ""],
    ["admin"],
    ["Scope.SEND_OTP"],
    [],
]


def test_a_scope_that_is_not_one_of_the_seven_letter_by_letter_is_refused() -> None:
    for scopes in TRICKS:
        with pytest.raises(AccessError):
            access.check_scopes(scopes)


async def test_tricky_scopes_make_no_key_and_extend_none(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    _, key = await mint(db, keyring, brand)
    before = await owner.fetch("SELECT * FROM api_key")
    for scopes in TRICKS:
        with pytest.raises(AccessError):
            async with db.transaction() as tx:
                await access.mint_key(tx, keyring, brand, name="x", scopes=scopes, actor="tester")
        with pytest.raises(AccessError):
            async with db.transaction() as tx:
                await access.extend_scopes(tx, key.id, scopes, actor="tester")
    assert await owner.fetch("SELECT * FROM api_key") == before


def test_the_scopes_are_the_seven_of_the_api_and_none_has_a_wildcard() -> None:
    assert len(Scope) == 7
    assert all(re.fullmatch(r"whatsapp:[a-z]+_?[a-z]*", scope) for scope in Scope)


# Ends ------------------------------------------------------------------------------------------------------------


async def test_a_key_ends_when_the_databases_clock_says_so(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    """Asked on both sides of its last second; between two looks at the database's clock any answer is right."""
    secret, key = await mint(db, keyring, brand, expires_in=timedelta(seconds=1))
    assert key.expires_at is not None
    seen: set[bool] = set()
    while False not in seen:
        before = await owner.fetchval("SELECT clock_timestamp()")
        valid = await who(db, keyring, secret) is not None
        after = await owner.fetchval("SELECT clock_timestamp()")
        seen.add(valid)
        assert valid or after >= key.expires_at
        assert not valid or before <= key.expires_at
        await asyncio.sleep(0.05)
    assert await who(db, keyring, secret) is None


async def test_a_second_before_its_end_a_key_is_good_and_a_second_after_it_is_not(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    secret, _ = await mint(db, keyring, brand, expires_in=timedelta(days=90))
    assert await who(db, keyring, secret) is not None
    await owner.execute("UPDATE api_key SET expires_at = now() - interval '1 second'")
    assert await who(db, keyring, secret) is None
    await owner.execute("UPDATE api_key SET expires_at = now() + interval '1 hour'")
    assert await who(db, keyring, secret) is not None


async def test_a_key_is_revoked_once_and_for_good(db: Database, keyring: Keyring, brand: UUID) -> None:
    secret, key = await mint(db, keyring, brand)
    ends = []
    for _ in range(2):
        async with db.transaction() as tx:
            ends.append((await access.revoke_key(tx, key.id, actor="tester")).revoked_at)
    assert ends[0] is not None
    assert ends[0] == ends[1]
    assert await who(db, keyring, secret) is None
    with pytest.raises(AccessError, match="no such key"):
        async with db.transaction() as tx:
            await access.revoke_key(tx, ids.new(), actor="tester")


async def mint_and_break(db: Database, keyring: Keyring, brand: UUID) -> None:
    async with db.transaction() as tx:
        await access.mint_key(tx, keyring, brand, name="never", scopes=[Scope.REPLY], actor="tester")
        await tx.execute("SELECT 1 / 0")


async def test_what_was_done_to_a_key_is_audited_in_the_same_transaction(
    db: Database, keyring: Keyring, brand: UUID, owner: asyncpg.Connection
) -> None:
    _, key = await mint(db, keyring, brand)
    async with db.transaction() as tx:
        await access.extend_scopes(tx, key.id, [Scope.REPLY], actor="someone else")
    async with db.transaction() as tx:
        await access.revoke_key(tx, key.id, actor="tester")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await mint_and_break(db, keyring, brand)

    told = await owner.fetch("SELECT brand_id, actor, action, object FROM audit ORDER BY id")
    shown = ids.show("key", key.id)
    assert [tuple(row) for row in told] == [
        (brand, "tester", "key.minted", shown),
        (brand, "someone else", "key.extended", shown),
        (brand, "tester", "key.revoked", shown),
    ]
