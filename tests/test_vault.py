"""The vault: a sealed value opens in its own place under its own keyring, and nowhere else."""

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from quixess import connections, vault
from quixess.cli.demo import Demo
from quixess.connections import App, Connection, Facts
from quixess.database.core import Database
from quixess.events.endpoints import Endpoint
from quixess.meta.graph import Credentials
from quixess.settings import Settings
from quixess.vault import Keyring, Place, VaultError

BRAND, RIVAL = UUID(int=1), UUID(int=2)
HERE = Place("connection", "token", "row 1", BRAND)
TOKEN = b"EAAG-a-token-of-Meta"


def test_what_is_sealed_opens_in_its_place(keyring: Keyring) -> None:
    sealed = keyring.seal(TOKEN, HERE)
    assert keyring.open(sealed, HERE) == TOKEN
    assert keyring.open(sealed, HERE) == TOKEN
    assert Keyring.loads(keyring.dumps()).open(sealed, HERE) == TOKEN
    assert TOKEN not in sealed


@pytest.mark.parametrize("value", [b"", b"\x00", b"x" * 100_000])
def test_any_bytes_can_be_sealed(keyring: Keyring, value: bytes) -> None:
    assert keyring.open(keyring.seal(value, HERE), HERE) == value


def test_the_same_value_sealed_twice_looks_different(keyring: Keyring) -> None:
    one, other = keyring.seal(TOKEN, HERE), keyring.seal(TOKEN, HERE)
    assert one != other
    shared = {one[at : at + 8] for at in range(9, len(one) - 8)} & {other[at : at + 8] for at in range(9, len(other))}
    assert shared == set()


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place("endpoint", "token", "row 1", BRAND),
        Place("connection", "pin", "row 1", BRAND),
        Place("connection", "token", "row 2", BRAND),
        Place("connection", "token", "row 1", RIVAL),
        Place("connection", "token", "row 1"),
    ],
    ids=["table", "column", "row", "brand", "no brand"],
)
def test_it_does_not_open_in_another_place_even_after_it_was_opened_in_its_own(
    keyring: Keyring, elsewhere: Place
) -> None:
    sealed = keyring.seal(TOKEN, HERE)
    assert keyring.open(sealed, HERE) == TOKEN
    with pytest.raises(VaultError, match="altered or copied"):
        keyring.open(sealed, elsewhere)


def test_places_are_told_apart_by_their_parts_and_not_by_their_text() -> None:
    assert bytes(Place("a", "bc", "d")) != bytes(Place("ab", "c", "d"))
    assert bytes(Place("a", "b", str(BRAND))) != bytes(Place("a", "b", "", BRAND))


def test_two_rows_that_were_swapped_both_refuse(keyring: Keyring) -> None:
    there = Place("connection", "token", "row 2", RIVAL)
    ours, theirs = keyring.seal(b"our token", HERE), keyring.seal(b"their token", there)
    for sealed, place in ((theirs, HERE), (ours, there)):
        with pytest.raises(VaultError, match="altered or copied"):
            keyring.open(sealed, place)


def test_a_key_that_the_ring_does_not_hold_is_named_as_the_fault(keyring: Keyring) -> None:
    sealed = keyring.seal(TOKEN, HERE)
    with pytest.raises(VaultError, match="under a key that this keyring does not hold"):
        Keyring.make().open(sealed, HERE)


def test_another_key_under_the_same_id_opens_nothing(keyring: Keyring) -> None:
    sealed = keyring.seal(TOKEN, HERE)
    forged = Keyring({name: os.urandom(32) for name in keyring.keys}, keyring.peppers)
    with pytest.raises(VaultError):
        forged.open(sealed, HERE)


def test_no_single_altered_byte_goes_unnoticed(keyring: Keyring) -> None:
    sealed = keyring.seal(TOKEN, HERE)
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(VaultError):
            keyring.open(altered, HERE)


def test_nothing_that_was_cut_or_lengthened_opens(keyring: Keyring) -> None:
    sealed = keyring.seal(TOKEN, HERE)
    for length in range(len(sealed)):
        with pytest.raises(VaultError):
            keyring.open(sealed[:length], HERE)
    with pytest.raises(VaultError):
        keyring.open(sealed + b"\x00", HERE)


def test_in_a_ring_of_two_keys_the_old_one_opens_and_the_new_one_seals(keyring: Keyring) -> None:
    before = keyring.seal(b"before", HERE)
    new = Keyring.make()
    ring = Keyring.loads(Keyring(new.keys | keyring.keys, keyring.peppers).dumps())
    after = ring.seal(b"after", HERE)

    assert ring.open(before, HERE) == b"before"
    assert ring.open(after, HERE) == b"after"
    assert new.open(after, HERE) == b"after"
    with pytest.raises(VaultError):
        keyring.open(after, HERE)


def test_a_hash_is_keyed_by_the_pepper_and_by_its_purpose(keyring: Keyring) -> None:
    expected = hmac.new(keyring.peppers[1], b"api key\x00value", hashlib.sha256).digest()
    assert keyring.hash(b"value", purpose=b"api key") == expected
    assert keyring.hash(b"value", purpose=b"request") != expected
    assert Keyring.make().hash(b"value", purpose=b"api key") != expected


def test_new_hashes_use_the_latest_pepper_and_old_ones_can_still_be_made(keyring: Keyring) -> None:
    later = Keyring(keyring.keys, keyring.peppers | {2: os.urandom(32)})
    assert later.pepper_version == 2
    assert later.hash(b"v", purpose=b"p") != keyring.hash(b"v", purpose=b"p")
    assert later.hash(b"v", purpose=b"p", version=1) == keyring.hash(b"v", purpose=b"p")


# The file --------------------------------------------------------------------------------------------------------


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def test_the_first_start_makes_the_file_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "keyring.json"
    before = os.umask(0)  # the mode is ours and not the umask's
    try:
        made = vault.read_or_make(path)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o600
    assert vault.read_or_make(path).dumps() == made.dumps()
    assert names_in(path.parent) == ["keyring.json"]


async def test_processes_that_make_it_at_once_all_use_the_same(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    program = (
        "import pathlib, sys; from quixess import vault\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"print(vault.read_or_make(pathlib.Path({str(path)!r})).dumps())"
    )
    pipe = subprocess.PIPE
    makers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdin=pipe, stdout=pipe) for _ in range(4)
    ]
    for maker in makers:
        assert maker.stdout is not None
        assert await maker.stdout.readline() == b"ready\n"
    told = [out.decode().strip() for out, _ in await asyncio.gather(*(maker.communicate(b"go\n") for maker in makers))]

    assert told == [path.read_text().strip()] * 4
    assert names_in(tmp_path) == ["keyring.json"]


KEY = b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"keys": {}, "peppers": {}}',
        json.dumps({"keys": {"0011": KEY}}),
        json.dumps({"keys": {"no hex": KEY}, "peppers": {"1": KEY}}),
        json.dumps({"keys": {"0011": "AAAA"}, "peppers": {"1": KEY}}),
        json.dumps({"keys": {"0011": KEY}, "peppers": {"one": KEY}}),
        json.dumps({"keys": {"0011": f"{KEY}*"}, "peppers": {"1": KEY}}),
        json.dumps({"keys": {"0011": 7}, "peppers": {"1": KEY}}),
        json.dumps({"keys": [KEY], "peppers": {"1": KEY}}),
    ],
)
def test_a_file_that_is_no_keyring_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(text)
    with pytest.raises(VaultError, match="from your backup"):
        vault.read_or_make(path)
    assert path.read_text() == text


# The installation ------------------------------------------------------------------------------------------------


async def test_the_first_keyring_becomes_the_databases_own_and_another_is_refused(
    db: Database, keyring: Keyring
) -> None:
    await connections.check_keyring(db, keyring)
    await connections.check_keyring(db, keyring)
    with pytest.raises(VaultError):
        await connections.check_keyring(db, Keyring.make())
    await connections.check_keyring(db, keyring)


async def test_of_two_first_keyrings_at_once_one_wins(db: Database) -> None:
    rings = [Keyring.make(), Keyring.make()]
    ends = await asyncio.gather(*(connections.check_keyring(db, ring) for ring in rings), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "VaultError"]


async def test_a_rotated_keyring_is_still_the_databases_own(db: Database, keyring: Keyring) -> None:
    await connections.check_keyring(db, keyring)
    await connections.check_keyring(db, Keyring(Keyring.make().keys | keyring.keys, keyring.peppers))


def test_no_repr_and_no_error_tells_a_secret(keyring: Keyring) -> None:
    secret = "s3cret-of-the-house"
    credentials = Credentials("1", "2", secret, secret)
    told = [
        keyring,
        HERE,
        Facts("1", secret, secret, "2", "3", "4", secret, "http://127.0.0.1"),
        App("1", (secret.encode(),), secret),
        credentials,
        Connection(BRAND, BRAND, "1", "2", "3", "4", "http://127.0.0.1", "active", credentials),
        Endpoint(BRAND, BRAND, "https://a.example", "healthy", None, False, datetime.now(UTC), (secret,)),
        Demo("brd_1", secret, secret, None, secret),
        Settings(database_url=f"postgresql://quixess:{secret}@db/quixess", keyring=secret),
    ]
    for one in told:
        assert secret not in repr(one), type(one)
        assert secret not in str(one), type(one)
    ring = json.loads(keyring.dumps())
    for key in (*ring["keys"].values(), *ring["peppers"].values()):
        assert key not in repr(keyring)
    for key in (*keyring.keys.values(), *keyring.peppers.values()):
        assert repr(key) not in repr(keyring)
    with pytest.raises(VaultError) as refused:
        Keyring.make().open(keyring.seal(secret.encode(), HERE), HERE)
    assert secret not in str(refused.value)
