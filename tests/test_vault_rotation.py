"""The master key is changed while everything runs: nothing is lost, nothing stays behind, and it can be interrupted."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from quixess import connections, vault
from quixess.database import sealed
from quixess.database.core import Database
from quixess.vault import Keyring, Place, VaultError
from tests.cli.shell import Shell
from tests.world import World

HERE = Place("connection", "token", "row 1")
NOT_SEALED = {
    "api_key.key_hash",
    "attempt.excerpt",
    "idempotency.body",
    "idempotency.fingerprint",
    "intake.body",
    "link.token_hash",
    "notice.digest",
    "operator_token.token_hash",
    "recovery_code.code_hash",
    "replay.digest",
    "session.token_hash",
    "sign_in_delay.key",
}
"""Columns of bytes that are bodies, digests and hashes."""


async def columns_of_bytes(db: Database) -> set[str]:
    async with db.owner() as connection:
        rows = await connection.fetch(
            """SELECT c.table_name, c.column_name FROM information_schema.columns c
               JOIN pg_class t ON t.relname = c.table_name AND NOT t.relispartition AND t.relkind IN ('r', 'p')
               WHERE c.table_schema = 'public' AND c.data_type = 'bytea'"""
        )
    return {f"{row['table_name']}.{row['column_name']}" for row in rows}


async def test_every_column_of_bytes_is_known_to_be_sealed_or_not(db: Database) -> None:
    known = {f"{one.table}.{one.column}" for one in sealed.COLUMNS}
    found = await columns_of_bytes(db)
    assert found - NOT_SEALED == known, "A new column of bytes: list it in database/sealed.py, or here."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The keyring file of the world's installation."""
    return tmp_path / "keyring.json"


async def fill(world: World) -> None:
    """Put something into every sealed column there is."""
    ring = world.rooms.keyring
    await world.rows("UPDATE connection SET previous_token_until = now() + interval '1 day'")
    for table, column, row, bound, brand in (
        ("connection", "pin", world.connection_id, "pin", world.brand_id),
        ("connection", "previous_token", world.connection_id, "token", world.brand_id),
        ("endpoint", "headers", await endpoint_of(world), "headers", world.brand_id),
        ("endpoint", "previous_secret", await endpoint_of(world), "previous_secret", world.brand_id),
        ("meta_app", "previous_secret", world.meta.world["app_id"], "previous_secret", None),
    ):
        value = ring.seal(b"{}" if column == "headers" else b"whsec_AAAA", Place(table, bound, str(row), brand))
        await world.rows(f"UPDATE {table} SET {column} = $1 WHERE id::text = $2", value, str(row))
    await world.rows(
        "INSERT INTO sandbox (brand_id, key_id, secret) SELECT $1, id, $2 FROM api_key LIMIT 1",
        world.brand_id,
        ring.seal(b"qxs_AAAA", Place("sandbox", "secret", str(world.brand_id), world.brand_id)),
    )


async def endpoint_of(world: World) -> Any:
    (row,) = await world.rows("SELECT id FROM endpoint")
    return row["id"]


def text_of(path: Path) -> str:
    return path.read_text()


def rotated(path: Path) -> Keyring:
    vault.add_standby(path)
    return vault.promote(path)


async def test_a_rotation_wraps_everything_and_the_old_key_opens_nothing_any_more(world: World, path: Path) -> None:
    old = Keyring.loads(text_of(path))
    await fill(world)
    before = await sealed.check(world.rooms.db, old)
    assert before.shut == ()
    assert before.under.total() == 11

    ring = rotated(path)
    assert await sealed.reseal(world.rooms.db, ring) == (11, ())
    assert await sealed.reseal(world.rooms.db, ring) == (0, ())

    after = await sealed.check(world.rooms.db, Keyring.read(path))
    assert after.shut == ()
    assert after.under == {ring.leading: 11}
    vault.drop(path, list(old.keys))
    await connections.check_keyring(world.rooms.db, Keyring.loads(text_of(path)))
    with pytest.raises(VaultError, match="does not hold"):
        await connections.check_keyring(world.rooms.db, old)
    assert len((await sealed.check(world.rooms.db, old)).shut) == 11


async def test_running_gateways_and_workers_follow_the_file_through_all_of_it(world: World, path: Path) -> None:
    old = Keyring.loads(text_of(path))
    ring = rotated(path)
    sends = [asyncio.create_task(world.send_otp(f"+1281818{number:04}")) for number in range(10)]
    await sealed.reseal(world.rooms.db, Keyring.read(path))
    sends += [asyncio.create_task(world.send_otp(f"+1281819{number:04}")) for number in range(10)]
    assert {answer.status for answer in await asyncio.gather(*sends)} == {200}

    vault.drop(path, list(old.keys))
    assert (await world.send_otp()).status == 200
    value = world.rooms.keyring.seal(b"new", HERE)
    assert vault.key_of(value) == ring.leading
    assert Keyring.loads(text_of(path)).open(value, HERE) == b"new"


async def test_one_that_is_ended_in_the_middle_goes_on_where_it_was(world: World, path: Path) -> None:
    await fill(world)
    ring = rotated(path)
    left = 10
    while left:
        task = asyncio.create_task(sealed.reseal(world.rooms.db, ring))
        found = await sealed.check(world.rooms.db, ring)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert found.shut == ()
        if (now := 10 - found.under[ring.leading]) == left:
            await sealed.reseal(world.rooms.db, ring)
            now = 0
        left = now
    assert (await sealed.check(world.rooms.db, ring)).under == {ring.leading: 11}


async def test_two_at_once_do_no_harm(world: World, path: Path) -> None:
    await fill(world)
    ring = rotated(path)
    ends = await asyncio.gather(*(sealed.reseal(world.rooms.db, ring) for _ in range(4)))
    assert sum(done for done, _ in ends) == 11
    assert (await sealed.check(world.rooms.db, ring)).under == {ring.leading: 11}


async def test_a_value_that_does_not_open_is_named_and_left_alone(world: World, path: Path) -> None:
    foreign = Keyring.make().seal(b"?", HERE)
    await world.rows("UPDATE connection SET pin = $1", foreign)
    ring = rotated(path)

    done, shut = await sealed.reseal(world.rooms.db, ring)

    place = Place("connection", "pin", str(world.connection_id), world.brand_id)
    assert (done > 0, shut) == (True, (place,))
    assert (await world.rows("SELECT pin FROM connection"))[0]["pin"] == foreign


# The file -----------------------------------------------------------------------------------------------------------


def test_wrapping_anew_leaves_the_sealed_bytes_of_the_value_as_they_are(keyring: Keyring) -> None:
    before = keyring.seal(b"value", HERE)
    ring = Keyring(Keyring.make().keys | keyring.keys, keyring.peppers)
    after = ring.rewrap(before, HERE)
    assert ring.open(after, HERE) == b"value"
    assert after[-20:] == before[-20:]
    assert vault.key_of(after) == ring.leading
    with pytest.raises(VaultError):
        ring.rewrap(before, Place("connection", "token", "row 2"))


def test_a_key_on_standby_opens_and_does_not_seal(path: Path) -> None:
    first = vault.read_or_make(path)
    ring = vault.add_standby(path)
    assert (ring.leading, len(ring.keys)) == (first.leading, 2)
    led = vault.promote(path)
    assert (led.leading, led.standby) == (ring.standby, None)
    assert ring.open(led.seal(b"value", HERE), HERE) == b"value"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keyring.json"]


def test_one_rotation_has_to_end_before_the_next(path: Path) -> None:
    vault.read_or_make(path)
    with pytest.raises(VaultError, match="not finished"):
        vault.promote(path)
    vault.add_standby(path)
    with pytest.raises(VaultError, match="not finished"):
        vault.add_standby(path)
    ring = vault.promote(path)
    with pytest.raises(VaultError, match="cannot be dropped"):
        vault.drop(path, [ring.leading])


@pytest.mark.parametrize("text", ["", "{}", Keyring.make().dumps()], ids=["empty", "no keyring", "another one"])
def test_a_process_keeps_what_it_has_when_the_file_becomes_something_else(path: Path, text: str) -> None:
    ring = vault.read_or_make(path)
    path.write_text(text)
    assert vault.key_of(ring.seal(b"value", HERE)) in ring.keys
    path.unlink()
    assert ring.open(ring.seal(b"value", HERE), HERE) == b"value"
    assert text != ring.dumps()


async def test_of_many_that_add_a_key_at_once_one_does_and_no_key_is_lost(path: Path) -> None:
    vault.read_or_make(path)
    ends = await asyncio.gather(*(asyncio.to_thread(vault.add_standby, path) for _ in range(8)), return_exceptions=True)
    assert [type(end).__name__ for end in ends].count("Keyring") == 1
    assert len(Keyring.read(path).keys) == 2


# The command line ---------------------------------------------------------------------------------------------------


@pytest.fixture
def quixess(dsn: str, tmp_path: Path) -> Shell:
    return Shell(dsn, tmp_path)


async def test_an_operator_rotates_the_key_in_two_commands(world: World, quixess: Shell, path: Path) -> None:
    old = Keyring.read(path).leading

    said = await quixess.good("vault", "rotate")
    assert "quixess vault drop" in said.err
    listed = await quixess.good("vault", "check")
    assert [row[1:] for row in listed.words] == [["seals", "5"], ["opens", "0"]]

    await quixess.good("vault", "drop")
    new = Keyring.read(path)
    assert (old in new.keys, len(new.keys)) == (False, 1)
    assert [row[1:] for row in (await quixess.good("vault", "check")).words] == [["seals", "5"]]
    assert (await world.send_otp()).status == 200


async def test_with_several_machines_the_key_stands_by_first(world: World, quixess: Shell, path: Path) -> None:
    old = Keyring.read(path).leading
    await quixess.good("vault", "rotate", "--standby")
    assert Keyring.read(path).leading == old
    assert "stands by already" in await quixess.refused("vault", "rotate", "--standby")
    assert [row[1] for row in (await quixess.good("vault", "check")).words] == ["seals", "stands"]

    await quixess.good("vault", "rotate")
    assert Keyring.read(path).leading != old

    stale = Keyring({old: Keyring.read(path).keys[old]}, Keyring.read(path).peppers)
    late = stale.seal(b"123456", Place("connection", "pin", str(world.connection_id), world.brand_id))
    await world.rows("UPDATE connection SET pin = $1", late)
    assert "quixess vault reseal" in await quixess.refused("vault", "drop")
    await quixess.good("vault", "reseal")
    await quixess.good("vault", "drop")
    assert "no old key" in await quixess.refused("vault", "drop")


async def test_what_cannot_be_done_is_said_with_the_fix(world: World, quixess: Shell, path: Path) -> None:
    text = text_of(path)
    assert "QUIXESS_KEYRING" in await quixess.refused("vault", "rotate", keyring=text)
    assert "does not hold" in await quixess.refused("vault", "check", keyring=Keyring.make().dumps())

    await world.rows("UPDATE connection SET pin = $1", os.urandom(120))
    said = await quixess("vault", "check")
    assert said.status == 1
    assert f"connection.pin of {world.connection_id}" in said.err
    assert text_of(path) == text
