"""`quixess doctor`: what is wrong with the installation, one thing at a time, each with its fix."""

import json
import shutil
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from quixess import health
from quixess.database import ids
from quixess.database.core import Database
from quixess.health import State
from quixess.vault import Keyring
from tests.cli.shell import Said, Shell
from tests.world import World, eventually


@pytest.fixture
async def quixess(world: World) -> Shell:
    return Shell(world.dsn, world.settings.data_dir)


@pytest.fixture
async def owner(dsn: str):
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


def checks(said: Said) -> dict[str, dict[str, Any]]:
    """The checks of a JSON answer by name; those of brands and numbers too."""
    return {check["name"]: check for group in json.loads(said.out)["groups"] for check in group["checks"]}


async def look(quixess: Shell, name: str, state: str, **settings: str) -> str:
    """Look once; the check has to be in this state. Gives what it says and its fix."""
    said = await quixess("doctor", "--json", **settings)
    check = checks(said)[name]
    assert check["state"] == state, check
    assert said.status == 2 if state == "fail" else said.status in {1, 2}, said
    assert check["fix"]
    return f"{check['said']} {check['fix']}"


async def beaten(world: World) -> None:
    async def lives() -> bool:
        return bool(await world.rows("SELECT id FROM worker_beat"))

    await eventually(lives)


async def test_a_well_installation_ends_with_0_and_tells_no_secret(quixess: Shell, world: World) -> None:
    await beaten(world)
    await world.customer_says("hello")
    await eventually(lambda: world.receiver.of_type("message.received"))

    said = await quixess.good("doctor")

    assert said.lines[-1] == "All is well."
    for words in ("Installation", "Brand Bordercart", "Number +", "keyring_file", "webhook_seen"):
        assert words in said.out
    for secret in ("access_token", "app_secret", "verify_token"):
        assert world.meta.world[secret] not in said.out + said.err
    as_json = await quixess.good("doctor", "--json", "--brand", "Bordercart")
    told = json.loads(as_json.out)
    assert told["state"] == "pass"
    abouts = [group["about"] for group in told["groups"]]
    assert abouts == ["installation", ids.show("brd", world.brand_id), ids.show("con", world.connection_id)]


async def test_a_warning_ends_with_1_and_a_failure_with_2(quixess: Shell, world: World) -> None:
    await beaten(world)

    warned = await quixess("doctor")
    assert (warned.status, warned.lines[-1]) == (1, "There are warnings.")
    await world.meta.lever(f"numbers/{world.meta.world['phone_number_id']}", {"quality_rating": "RED"})
    broken = await quixess("doctor")
    assert (broken.status, broken.lines[-1]) == (2, "Something does not work.")
    assert "fix: Send less marketing" in broken.out


async def test_a_brand_that_is_not_there_is_refused(quixess: Shell) -> None:
    assert (await quixess("doctor", "--brand", "Nobody")).status == 2


async def test_a_database_out_of_reach_and_a_setting_that_is_none_are_told(tmp_path: Path) -> None:
    shell = Shell("postgresql://nobody:hush@127.0.0.1:9/none", tmp_path)

    said = await look(shell, "database", "fail")

    assert "QUIXESS_DATABASE_URL" in said
    assert "hush" not in said
    assert "no postgresql:// address" in await look(shell, "database", "fail", database_url="mysql://x")
    assert "QUIXESS_PORT" in await look(shell, "settings", "fail", port="none")


async def test_a_data_directory_where_nothing_runs_is_left_as_it_is(tmp_path: Path) -> None:
    shell = Shell("", tmp_path / "none")

    assert "quixess up" in await look(shell, "database", "fail")
    assert not (tmp_path / "none").exists()


async def test_a_database_that_lacks_a_migration_or_has_a_newer_one_is_told(
    quixess: Shell, owner: asyncpg.Connection
) -> None:
    await owner.execute("INSERT INTO migration (name) VALUES ('9999_future.sql')")
    assert "newer Quixess" in await look(quixess, "migrations", "fail")
    await owner.execute("DELETE FROM migration WHERE name IN ('9999_future.sql', '0015_health.sql')")
    assert "quixess migrate" in await look(quixess, "migrations", "fail")


async def test_partitions_that_end_are_told(quixess: Shell, owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'event'::regclass"
    )
    days = sorted(row["name"] for row in rows if row["name"] != "event_default")

    for name in days[2:]:
        await owner.execute(f"DROP TABLE {name}")
    assert "less than a day" in await look(quixess, "partitions", "warn")
    await owner.execute(f"DROP TABLE {days[1]}")
    assert "partitions of event have ended" in await look(quixess, "partitions", "fail")


async def test_a_keyring_that_is_not_the_databases_or_not_there_is_told(
    quixess: Shell, world: World, tmp_path: Path
) -> None:
    file = world.settings.data_dir / "keyring.json"
    text = file.read_text()
    file.write_text(Keyring.make().dumps())
    assert "does not open" in await look(quixess, "keyring", "fail")
    file.write_text("{}")
    assert "backup" in await look(quixess, "keyring", "fail")
    file.unlink()
    assert "cannot be read" in await look(quixess, "keyring", "fail")
    assert not file.exists()
    file.write_text(text)
    file.chmod(0o604)
    assert "chmod 600" in await look(quixess, "keyring_file", "fail")


async def test_no_worker_is_told_and_one_that_fell_silent_with_its_last_sign(db: Database) -> None:
    async with db.transaction() as tx:
        found = {check.name: check for check in await health.examine_work(tx)}
    assert (found["worker"].state, found["worker"].since) == (State.FAIL, None)

    async with db.transaction() as tx:
        await health.beat(tx, ids.new())
        assert {check.name: check for check in await health.examine_work(tx)}["worker"].state is State.PASS
        await tx.execute("UPDATE worker_beat SET at = now() - interval '5 minutes'")
        silent = {check.name: check for check in await health.examine_work(tx)}["worker"]
    assert silent.state is State.FAIL
    assert silent.since is not None
    assert "quixess work" in (silent.fix or "")


async def test_bodies_that_wait_or_make_no_sense_and_sends_in_doubt_are_told(db: Database) -> None:
    old = "UUID '01890a5d-ac96-774b-bcce-b302099a8057'"
    async with db.transaction() as tx:
        await tx.execute(
            f"""INSERT INTO intake_todo (id, app_id, next_at, error) VALUES
                  ({old}, '1', now() - interval '5 minutes', NULL), ($1, '1', now(), 'no JSON')""",
            ids.new(),
        )
        await tx.execute(f"INSERT INTO unsettled (id, brand_id, next_at) VALUES ({old}, $1, now())", ids.new())
        found = {check.name: check for check in await health.examine_work(tx)}

    states = {name: found[name].state for name in ("intake", "intake_errors", "unsettled_sends")}
    assert states == {"intake": State.FAIL, "intake_errors": State.WARN, "unsettled_sends": State.WARN}
    assert "quixess intake list" in (found["intake_errors"].fix or "")
    assert found["unsettled_sends"].since is not None


async def test_endpoints_that_fail_or_are_missing_and_late_deliveries_are_told(quixess: Shell, world: World) -> None:
    async def write(sql: str, *arguments: Any) -> None:
        async with world.rooms.db.transaction() as tx:
            await tx.execute(sql, *arguments)

    await write("UPDATE endpoint SET state = 'failing', state_reason = 'timeout'")
    assert "asked again by itself" in await look(quixess, "endpoints", "warn")
    await write("UPDATE endpoint SET state = 'disabled', state_reason = 'gone'")
    assert "quixess endpoint enable" in await look(quixess, "endpoints", "fail")
    await write("UPDATE endpoint SET deleted_at = now()")
    assert "quixess endpoint set" in await look(quixess, "endpoints", "warn")


async def test_late_deliveries_are_told(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        row = await tx.row("SELECT id FROM endpoint WHERE brand_id = $1", world.brand_id)
        assert row is not None
        await tx.execute(
            """INSERT INTO delivery (brand_id, id, endpoint_id, event_id, next_at)
               VALUES ($1, $2, $3, $4, now() - interval '5 minutes')""",
            world.brand_id, ids.new(), row["id"], ids.new(),
        )  # fmt: skip
        found = {check.name: check for check in await health.examine_endpoints(tx, world.brand_id)}
        await tx.execute("DELETE FROM delivery")

    assert found["deliveries"].state is State.FAIL
    assert "quixess work" in (found["deliveries"].fix or "")


async def test_a_brand_without_a_number_is_a_warning(quixess: Shell) -> None:
    await quixess.good("brand", "create", "Rival")

    said = await quixess("doctor", "--json", "--brand", "Rival")

    assert checks(said)["connections"]["state"] == "warn"
    assert "quixess connection add" in checks(said)["connections"]["fix"]


async def test_a_secret_that_does_not_open_is_told_and_ends_nothing_else(quixess: Shell, world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        await tx.execute("UPDATE connection SET token = '\\x00'::bytea")

    assert "quixess vault check" in await look(quixess, "secrets", "fail")


@pytest.mark.parametrize(("ahead_s", "state"), [(1, "pass"), (-90, "warn"), (600, "fail")])
def test_a_clock_that_is_off_is_judged_by_how_far(ahead_s: float, state: str) -> None:
    check = health.judge_clock(ahead_s)

    assert check.state == state
    assert (check.fix is None) == (state == "pass")


@pytest.mark.parametrize(("free", "state"), [(100 << 30, "pass"), (1 << 30, "warn"), (1 << 20, "fail")])
def test_a_disk_that_fills_is_judged_by_what_is_left(
    free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage(200 << 30, (200 << 30) - free, free))

    check = health.examine_disk([tmp_path, tmp_path / "missing"])

    assert check.state == state
    assert (check.fix is None) == (state == "pass")
