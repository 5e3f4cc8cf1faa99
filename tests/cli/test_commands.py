"""Every command an operator has, as processes: what works says what it did, what does not says why in one line."""

import asyncio
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from quixess import cli
from quixess.access import Scope
from quixess.database import ids
from tests.cli.shell import Shell
from tests.messages import hooks
from tests.world import OTP, World, eventually, listening

LOCAL = {"webhook_http": "1", "webhook_ports": "any", "webhook_networks": "127.0.0.0/8"}


@pytest.fixture
def quixess(dsn: str, tmp_path: Path) -> Shell:
    return Shell(dsn, tmp_path)


@pytest.fixture
def beside(world: World) -> Shell:
    """A shell beside a running gateway, over its database and data directory."""
    return Shell(world.dsn, world.settings.data_dir, LOCAL)


# Help ------------------------------------------------------------------------------------------------------------


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


def test_every_command_explains_itself() -> None:
    found = list(commands(typer.main.get_command(cli.app)))
    assert {
        ("up",), ("serve",), ("work",), ("simulate",), ("migrate",), ("settings",), ("brand", "create"),
        ("brand", "list"), ("brand", "suspend"), ("brand", "resume"), ("key", "create"), ("key", "list"),
        ("key", "scope"), ("key", "revoke"), ("endpoint", "set"), ("events", "list"), ("events", "replay"),
        ("intake", "list"), ("intake", "rerun"),
    } <= set(found)  # fmt: skip
    for path in found:
        said = CliRunner().invoke(cli.app, [*path, "--help"])
        assert said.exit_code == 0, path
        assert said.output.startswith("Usage: quixess" if not path else "Usage: "), path
        described = said.output.split("\n\n")[1].strip()
        assert described.endswith((".", "`.")), path
        assert "--ready-fd" not in said.output


def test_the_program_and_the_module_are_one() -> None:
    assert importlib.metadata.entry_points(group="console_scripts")["quixess"].load() is cli.main
    said = subprocess.run([sys.executable, "-m", "quixess", "--help"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("Usage: python -m quixess ")
    assert said.stderr == ""


async def test_a_word_that_is_no_command_is_refused(quixess: Shell) -> None:
    assert "nonsense" in await quixess.refused("brand", "nonsense")


# Brands and keys -------------------------------------------------------------------------------------------------


async def test_brands_are_made_and_listed(quixess: Shell) -> None:
    assert (await quixess.good("brand", "list")).lines == ["id  name  state  created"]
    made = await quixess.good("brand", "create", " Bordercart ")
    brand_id, name = made.out.split()
    assert name == "Bordercart"
    assert ids.parse("brd", brand_id) is not None

    (row,) = (await quixess.good("brand", "list")).words
    assert row[:3] == [brand_id, "Bordercart", "active"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[3])

    assert "'Bordercart' already" in await quixess.refused("brand", "create", "Bordercart")
    for command, state in (("suspend", "suspended"), ("resume", "active")):
        assert (await quixess.good("brand", command, "Bordercart")).lines == [state]
        assert (await quixess.good("brand", "list")).words[0][2] == state
    assert "no brand 'Nobody'" in await quixess.refused("brand", "suspend", "Nobody")
    assert "needs a name" in await quixess.refused("brand", "create", "  ")


async def test_a_key_is_minted_shown_once_extended_and_revoked(quixess: Shell) -> None:
    await quixess.good("brand", "create", "Bordercart")
    made = await quixess.good("key", "create", "--test", "--scope", Scope.SEND_OTP, "--name", "signup", "--days", "90")
    secret = made.out.strip()
    assert re.fullmatch(r"qxt_[0-9A-Za-z]{46}", secret)
    assert "not shown again" in made.err

    listed = await quixess.good("key", "list")
    (row,) = listed.words
    assert row[1:4] == [f"{secret[:8]}…{secret[-4:]}", "signup", "until"]
    assert row[-1] == "whatsapp:send_otp"
    assert secret not in listed.out

    extended = await quixess.good("key", "scope", row[0], "--add", Scope.REPLY, "--add", Scope.READ_MESSAGES)
    assert extended.out.strip() == "whatsapp:read_messages, whatsapp:reply, whatsapp:send_otp"
    assert (await quixess.good("key", "revoke", row[0])).out == "revoked\n"
    (row,) = (await quixess.good("key", "list", "--brand", "Bordercart")).words
    assert row[3] == "revoked"
    assert "revoked: mint a new one" in await quixess.refused("key", "scope", row[0], "--add", Scope.REPLY)


async def test_a_key_is_narrowed_shown_and_rotated(quixess: Shell) -> None:
    await quixess.good("brand", "create", "Bordercart")
    made = await quixess.good(
        "key", "create", "--scope", Scope.SEND_OTP, "--template", "signup_otp", "--template", "login_otp", "--to", "de",
        "--to", "+1", "--ip", "203.0.113.7", "--ip", "::ffff:10.0.0.0/104", "--requests-per-minute", "60",
        "--messages-per-day", "1000",
    )  # fmt: skip
    (row,) = (await quixess.good("key", "list")).words
    assert row[4:6] == ["never", "templates,destinations,ip_allow,requests_per_minute,messages_per_day"]
    shown = dict(line.split(maxsplit=1) for line in (await quixess.good("key", "show", row[0])).lines[1:])
    assert shown["templates"] == "signup_otp, login_otp"
    assert shown["destinations"] == "DE, 1"
    assert shown["ip_allow"] == "203.0.113.7/32, 10.0.0.0/8"
    assert (shown["requests_per_minute"], shown["messages_per_day"]) == ("60", "1000")

    rotated = await quixess.good("key", "rotate", row[0], "--overlap", "2h")
    assert re.fullmatch(r"qxs_[0-9A-Za-z]{46}\n", rotated.out)
    assert rotated.out != made.out
    assert "last used never" in rotated.err
    old, new = (await quixess.good("key", "list")).words
    assert (old[3], new[3]) == ("until", "active")
    assert new[-2] == old[-2] == row[-2]
    assert new[0] in (await quixess.good("key", "show", old[0])).out
    assert "was rotated to" in await quixess.refused("key", "rotate", old[0])
    for overlap in ("1", "2w", "-1h", "31d", ""):
        await quixess.refused("key", "rotate", new[0], "--overlap", overlap)


async def test_constraints_that_cannot_be_are_refused_and_the_text_says_which(quixess: Shell) -> None:
    await quixess.good("brand", "create", "Bordercart")
    for option, value, said in (
        ("--template", "Signup OTP", "templates"),
        ("--to", "Germany", "destinations"),
        ("--to", "4", "'4' is no destination"),
        ("--to", "XX", "'XX' is no destination"),
        ("--ip", "10.0.0.1/8", "'10.0.0.1/8' is no network"),
        ("--ip", "office", "'office' is no network"),
        ("--requests-per-minute", "0", "requests_per_minute"),
        ("--messages-per-day", "1000001", "messages_per_day"),
    ):
        assert said in await quixess.refused("key", "create", "--scope", Scope.REPLY, option, value), value
    assert (await quixess.good("key", "list")).words == []


async def test_what_cannot_be_minted_is_refused(quixess: Shell) -> None:
    assert "no brand yet: `quixess brand create NAME`" in await quixess.refused("key", "create", "--scope", "x")
    for name in ("Bordercart", "Rival"):
        await quixess.good("brand", "create", name)
    create = ("key", "create", "--brand", "Rival")
    assert "--brand" in await quixess.refused("key", "create", "--scope", Scope.REPLY)
    assert "no scope 'whatsapp:*'" in await quixess.refused(*create, "--scope", "whatsapp:*")
    assert "named twice" in await quixess.refused(*create, "--scope", Scope.REPLY, "--scope", Scope.REPLY)
    assert "no brand 'Nobody'" in await quixess.refused("key", "create", "--scope", Scope.REPLY, "--brand", "Nobody")
    assert "--scope" in await quixess.refused(*create)
    for days in ("0", "999999999"):
        assert "--days" in await quixess.refused(*create, "--scope", Scope.REPLY, f"--days={days}"), days
    assert (await quixess.good("key", "list")).words == []


async def test_what_is_no_key_cannot_be_changed(quixess: Shell) -> None:
    stranger = ids.show("key", ids.new())
    assert "by its key_… id" in await quixess.refused("key", "revoke", "key_1")
    assert "no such key" in await quixess.refused("key", "revoke", stranger)
    assert "no such key" in await quixess.refused("key", "scope", stranger, "--add", Scope.REPLY)
    assert "no such key" in await quixess.refused("key", "show", stranger)
    assert "no such key" in await quixess.refused("key", "rotate", stranger)


# Endpoints and events --------------------------------------------------------------------------------------------


async def test_an_endpoint_is_set_with_its_secret_shown_the_first_time(quixess: Shell) -> None:
    await quixess.good("brand", "create", "Bordercart")
    first = await quixess.good("endpoint", "set", "https://shop.example/hooks")
    assert re.fullmatch(r"whsec_[0-9A-Za-z+/]{43}=\n", first.out)
    assert "Events of Bordercart go to https://shop.example/hooks" in first.err
    again = await quixess.good("endpoint", "set", "https://shop.example/other")
    assert again.out == ""


async def test_an_endpoint_where_no_event_may_go_is_refused(quixess: Shell) -> None:
    await quixess.good("brand", "create", "Bordercart")
    for url in (
        "http://shop.example/",
        "https://shop.example:22/",
        "https://127.0.0.1/",
        "https://localhost/",
        "x",
        "",
    ):
        await quixess.refused("endpoint", "set", url)
    await quixess.refused("endpoint", "set", "https://shop.example/", "--brand", "Nobody")


async def test_events_are_listed_and_replayed_with_the_same_id(world: World, beside: Shell) -> None:
    await world.customer_says("Hi")
    await eventually(lambda: world.receiver.got)
    await hooks.rest(world)

    (row,) = (await beside.good("events", "list")).words
    assert row[1] == "message.received"
    assert row[3:] == ["delivered", "1"]
    assert row[0] == world.receiver.events[0]["id"]

    assert (await beside.good("events", "replay", row[0])).out == "queued 1\n"
    await eventually(lambda: len(world.receiver.events) == 2)
    assert world.receiver.events[1]["id"] == row[0]


async def test_an_event_that_cannot_be_replayed_is_refused(world: World, beside: Shell) -> None:
    for event_id in ("evt_1", ids.show("evt", ids.new()), ids.show("msg", ids.new())):
        assert f"no event {event_id} of Bordercart" in await beside.refused("events", "replay", event_id)
    assert "--limit" in await beside.refused("events", "list", "--limit", "0")
    assert "no brand 'Nobody'" in await beside.refused("events", "list", "--brand", "Nobody")


async def test_a_new_url_counts_from_the_next_event_on(world: World, beside: Shell) -> None:
    async with listening() as elsewhere:
        await beside.good("endpoint", "set", elsewhere.url, "--brand", "Bordercart")
        await world.customer_says("Hi")
        await eventually(lambda: elsewhere.got)
    assert world.receiver.got == []


async def test_a_key_made_and_revoked_here_counts_at_once_in_a_running_gateway(world: World, beside: Shell) -> None:
    made = await beside.good("key", "create", "--scope", Scope.SEND_OTP, "--name", "shop")
    assert (await world.send_otp(key=made.out.strip())).status == 200
    key_id = next(row[0] for row in (await beside.good("key", "list")).words if row[2] == "shop")
    await beside.good("key", "revoke", key_id)
    assert (await world.call("POST", OTP, key=made.out.strip(), body={})).status == 401


# Meta's bodies ---------------------------------------------------------------------------------------------------


async def test_a_body_that_could_not_be_worked_off_is_listed_and_run_again(world: World, beside: Shell) -> None:
    assert (await beside.good("intake", "list")).words == []
    broken = json.dumps(["not", "a", "webhook"]).encode()
    assert (await hooks.post(world, broken)).status == 200

    async def given_up() -> bool:
        return bool(await world.rows("SELECT id FROM intake_todo WHERE error IS NOT NULL"))

    await eventually(given_up)
    (row,) = (await beside.good("intake", "list")).words
    assert ids.parse("int", row[0]) is not None
    assert (row[1], row[3]) == (world.meta.world["app_id"], str(len(broken)))

    assert (await beside.good("intake", "rerun", row[0])).out == "queued 1\n"
    await eventually(given_up)
    assert (await beside.good("intake", "rerun")).out == "queued 1\n"
    assert "no int_… id" in await beside.refused("intake", "rerun", "7")


# The ground ------------------------------------------------------------------------------------------------------


async def test_migrate_says_what_it_did_and_doing_it_again_says_so(quixess: Shell) -> None:
    assert (await quixess.good("migrate")).out == "The database is up to date.\n"


async def test_a_database_that_cannot_be_reached_is_one_line_for_every_command(quixess: Shell) -> None:
    nobody = "postgresql://quixess:hunter2@127.0.0.1:1/quixess"
    told = await asyncio.gather(
        *(quixess.refused(*command, database_url=nobody) for command in (("brand", "list"), ("migrate",), ("serve",)))
    )
    for line in told:
        assert "The database cannot be reached" in line
        assert "QUIXESS_DATABASE_URL" in line
        assert "hunter2" not in line


async def test_settings_that_cannot_be_are_one_line_for_every_command(quixess: Shell) -> None:
    told = await asyncio.gather(
        *(
            quixess.refused(*command, port="nine")
            for command in (("brand", "list"), ("migrate",), ("up",), ("simulate",))
        )
    )
    assert set(told) == {"error: QUIXESS_PORT is not valid: expected 0-65535."}


async def test_a_keyring_of_another_installation_is_refused(quixess: Shell, tmp_path: Path) -> None:
    await quixess.good("brand", "create", "Bordercart")
    assert "keyring" in await quixess.refused("brand", "list", data_dir=str(tmp_path / "another"))
    assert "keyring" in await quixess.refused("brand", "list", keyring="not json")
