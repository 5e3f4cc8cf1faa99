"""A key is rotated: two secrets for a while, one brand, one set of rights, one memory of what was sent."""

from datetime import UTC, datetime, timedelta

import pytest

from quixess import access
from quixess.access import AccessError, Constraints, Key, Scope
from quixess.database import ids
from quixess.database.core import Database
from quixess.vault import Keyring
from tests.world import World

DAY = timedelta(days=1)
NARROW = Constraints(templates=("signup_otp",), messages_per_day=2)


async def mint(db: Database, keyring: Keyring, name: str = "Bordercart", **more: object) -> tuple[str, Key]:
    async with db.transaction() as tx:
        brand = await access.create_brand(tx, name)
        return await access.mint_key(
            tx, keyring, brand.id, name="signup", scopes=[Scope.SEND_OTP], actor="tester", **more  # type: ignore[arg-type]
        )  # fmt: skip


async def rotate(db: Database, keyring: Keyring, key: Key, overlap: timedelta = DAY) -> tuple[str, Key]:
    async with db.transaction() as tx:
        return await access.rotate_key(tx, keyring, key.id, overlap, actor="tester")


async def look(db: Database, key: Key) -> Key:
    async with db.transaction() as tx:
        return await access.get_key(tx, key.id)


async def test_the_new_key_has_everything_of_the_old_one_but_its_secret(db: Database, keyring: Keyring) -> None:
    secret, old = await mint(db, keyring, constraints=NARROW, test=True)
    fresh, new = await rotate(db, keyring, old)
    assert fresh != secret
    assert fresh.startswith("qxt_")
    assert (new.brand_id, new.name, new.scopes, new.constraints) == (old.brand_id, old.name, old.scopes, NARROW)
    assert new.lineage_id == old.lineage_id == old.id
    assert (new.expires_at, new.revoked_at, new.rotated_to, new.last_used_at) == (None,) * 4
    assert (await look(db, old)).rotated_to == new.id
    _, newer = await rotate(db, keyring, new)
    assert newer.lineage_id == old.id


@pytest.mark.parametrize("overlap", [timedelta(), timedelta(hours=24), timedelta(days=30)])
async def test_the_old_key_ends_after_the_overlap_by_the_databases_clock(
    db: Database, keyring: Keyring, overlap: timedelta
) -> None:
    _, old = await mint(db, keyring)
    await rotate(db, keyring, old, overlap)
    async with db.statement() as tx:
        row = await tx.row("SELECT now() - expires_at AS since, created_at FROM api_key WHERE id = $1", old.id)
    assert row is not None
    assert timedelta() <= row["since"] + overlap < timedelta(minutes=1)


async def test_a_key_that_ends_before_the_overlap_does_not_live_longer_for_it(db: Database, keyring: Keyring) -> None:
    _, old = await mint(db, keyring, expires_in=timedelta(hours=1))
    await rotate(db, keyring, old, timedelta(days=7))
    assert (await look(db, old)).expires_at == old.expires_at


async def test_what_cannot_be_rotated_is_refused_and_the_text_says_why(db: Database, keyring: Keyring) -> None:
    _, old = await mint(db, keyring)
    _, new = await rotate(db, keyring, old)
    with pytest.raises(AccessError, match=ids.show("key", new.id)):
        await rotate(db, keyring, old)
    for overlap in (timedelta(seconds=-1), timedelta(days=31)):
        with pytest.raises(AccessError, match="0 to 30 days"):
            await rotate(db, keyring, new, overlap)
    async with db.transaction() as tx:
        await access.revoke_key(tx, new.id, actor="tester")
    with pytest.raises(AccessError, match="revoked or has expired"):
        await rotate(db, keyring, new)
    _, ended = await mint(db, keyring, "Rival", expires_in=-DAY)
    with pytest.raises(AccessError, match="revoked or has expired"):
        await rotate(db, keyring, ended)
    gone = Key(**{name: getattr(old, name) for name in Key.__slots__} | {"id": ids.new()})
    with pytest.raises(AccessError, match="no such key"):
        await rotate(db, keyring, gone)


async def test_a_rotation_is_audited(db: Database, keyring: Keyring) -> None:
    _, old = await mint(db, keyring)
    _, new = await rotate(db, keyring, old)
    async with db.statement() as tx:
        rows = await tx.rows("SELECT brand_id, actor, action, object FROM audit ORDER BY id")
    assert [(row["action"], row["object"]) for row in rows] == [
        ("key.minted", ids.show("key", old.id)),
        ("key.minted", ids.show("key", new.id)),
        ("key.rotated", ids.show("key", old.id)),
    ]
    assert {(row["brand_id"], row["actor"]) for row in rows} == {(old.brand_id, "tester")}


async def test_both_secrets_work_during_the_overlap_and_only_the_new_one_after_it(world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP)
    async with world.rooms.db.transaction() as tx:
        old = (await access.list_keys(tx, None))[-1]
        fresh, _ = await access.rotate_key(tx, world.rooms.keyring, old.id, DAY, actor="test")
    assert [(await world.send_otp(key=key)).status for key in (secret, fresh)] == [200, 200]
    await world.rows("UPDATE api_key SET expires_at = $2 WHERE id = $1", old.id, datetime.now(UTC) - DAY)
    assert [(await world.send_otp(key=key)).status for key in (secret, fresh)] == [401, 200]


async def test_an_answer_that_was_stored_for_the_old_key_is_there_for_the_new_one(world: World) -> None:
    """A retry after the rotation is no second message."""
    secret = await world.mint(Scope.SEND_OTP, constraints=NARROW)
    first = await world.send_otp(key=secret, idempotency_key="signup-1")
    async with world.rooms.db.transaction() as tx:
        old = (await access.list_keys(tx, None))[-1]
        fresh, _ = await access.rotate_key(tx, world.rooms.keyring, old.id, timedelta(), actor="test")
    again = await world.send_otp(key=fresh, idempotency_key="signup-1")
    assert (again.status, again.json["id"]) == (200, first.json["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(await world.sends()) == 1
    # And the quota of two a day is one quota: one went out with the old key.
    assert [(await world.send_otp(key=fresh)).status for _ in range(2)] == [200, 429]
