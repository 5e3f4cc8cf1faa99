"""When a key was last used: known soon, written seldom, never waited for, and kept when the process stops."""

import asyncio
from pathlib import Path
from typing import Any

from quixess import access
from quixess.access import Keys, Scope
from quixess.access.uses import Uses
from quixess.cli import process
from quixess.cli.rooms import Roles
from quixess.database.core import Database, Row, Tx
from quixess.vault import Keyring
from tests.database import outage
from tests.world import World, building, eventually

ME = "/api/v1/whatsapp/external/me"
USED = "SELECT last_used_at FROM api_key WHERE name = 'test' AND last_used_at IS NOT NULL"


async def test_the_first_use_is_known_at_once_and_a_listing_shows_it(world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP)
    assert await world.rows(USED) == []
    assert (await world.call("GET", ME, key=secret)).status == 200
    await eventually(lambda: world.rows(USED))
    async with world.rooms.db.transaction() as tx:
        used = [key.last_used_at for key in await access.list_keys(tx, world.brand_id) if key.name == "test"]
    assert used != [None]
    assert (await world.call("GET", ME, key=secret)).json["last_used_at"] is not None


async def test_a_bad_key_is_no_use_and_a_request_that_is_refused_for_its_scope_is_one(world: World) -> None:
    """Who rotates a key wants to know whether anybody still holds the old one."""
    secret = await world.mint(Scope.READ_TEMPLATES)
    await world.send_otp(key=secret[:-1] + "-")
    assert await world.rows(USED) == []
    assert (await world.send_otp(key=secret)).status == 403
    await eventually(lambda: world.rows(USED))


async def test_a_minute_of_uses_is_one_write_and_the_last_one_is_kept_at_the_end(
    db: Database, keyring: Keyring, monkeypatch: Any
) -> None:
    async with db.transaction() as tx:
        keys = [
            (await access.mint_key(tx, keyring, None, name=f"k{n}", scopes=[Scope.REPLY], actor="test"))[1]
            for n in range(3)
        ]
    writes = 0
    rows = Tx.rows

    async def counted(tx: Tx, sql: str, *arguments: Any) -> list[Row]:
        nonlocal writes
        writes += "SET last_used_at" in sql
        return await rows(tx, sql, *arguments)

    monkeypatch.setattr(Tx, "rows", counted)
    uses = Uses(db)
    for _ in range(100):
        for key in keys:
            uses.note(key.id)
    await eventually(lambda: writes)

    async def seen() -> list[Any]:
        async with db.statement() as tx:
            return [row["last_used_at"] for row in await tx.rows("SELECT last_used_at FROM api_key ORDER BY id")]

    await eventually(lambda: _all(seen()))
    first = await seen()
    assert writes == 1
    for _ in range(100):
        uses.note(keys[0].id)
        await asyncio.sleep(0)
    assert writes == 1
    await uses.close()
    last = await seen()
    assert writes == 2
    assert last[0] > first[0]
    assert last[1:] == first[1:]


async def _all(found: Any) -> bool:
    return None not in await found


async def test_two_processes_never_turn_the_time_back(db: Database, keyring: Keyring) -> None:
    async with db.transaction() as tx:
        _, key = await access.mint_key(tx, keyring, None, name="k", scopes=[Scope.REPLY], actor="test")
        await tx.execute("UPDATE api_key SET last_used_at = now() + interval '1 hour'")
        later = (await access.get_key(tx, key.id)).last_used_at
    uses = Uses(db)
    uses.note(key.id)
    await uses.close()
    async with db.transaction() as tx:
        assert (await access.get_key(tx, key.id)).last_used_at == later


async def test_a_process_that_stops_leaves_no_use_unwritten(world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP)
    async with (
        process.running(world.settings, world.dsn, Roles(gateway=True, worker=False)) as other,
        world.http.get(f"{other.url}{ME}", headers={"X-API-Key": secret}) as answer,
    ):
        assert answer.status == 200
    assert len(await world.rows(USED)) == 1


async def test_no_request_waits_for_it_and_a_database_that_is_away_gets_it_later(dsn: str, tmp_path: Path) -> None:
    with outage.road(dsn) as road:
        async with building(road.dsn, tmp_path, roles=Roles(gateway=True, worker=False)) as world:
            secret = await world.mint(Scope.SEND_OTP)
            caller = await Keys(world.rooms.db, world.rooms.keyring).authenticate(secret.encode())
            await road.cut()
            world.rooms.keys.note_use(caller)
            assert (await world.send_otp(key=secret)).status == 503
            road.mend()
            await eventually(lambda: world.rows(USED))
