"""Endpoints from the command line: several a brand, changed, rotated, switched off and on, removed, tried out."""

import re
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from quixess.database import ids
from tests.cli.shell import Shell
from tests.messages import hooks
from tests.world import World, eventually, listening

LOCAL = {"webhook_http": "1", "webhook_ports": "any", "webhook_networks": "127.0.0.0/8"}
SECRET = re.compile(r"whsec_[0-9A-Za-z+/]{43}=")
SHOP, OTHER = "https://shop.example/hooks", "https://other.example/hooks"


@pytest.fixture
async def quixess(dsn: str, tmp_path: Path) -> Shell:
    shell = Shell(dsn, tmp_path)
    await shell.good("brand", "create", "Bordercart")
    return shell


@pytest.fixture
def beside(world: World) -> Shell:
    """A shell beside a running gateway, over its database and data directory."""
    return Shell(world.dsn, world.settings.data_dir, LOCAL)


async def facts(quixess: Shell, *which: str) -> dict[str, str]:
    said = await quixess.good("endpoint", "show", *which)
    return {line[:18].strip(): line[18:].strip() for line in said.lines[1:]}


async def test_endpoints_are_added_listed_and_shown_without_their_secrets(quixess: Shell) -> None:
    assert (await quixess.good("endpoint", "list")).words == []
    first = await quixess.good("endpoint", "set", SHOP)
    made = await quixess.good(
        "endpoint", "add", OTHER, "--name", "support", "--types", "message.received, call.ended",
        "--schedule", "1,2.5,30", "--ordered", "--header", "X-Shop=7=8", "--header", "Authorization=Bearer hunter2",
    )  # fmt: skip
    secret = made.out.strip()
    assert SECRET.fullmatch(secret)
    assert secret != first.out.strip()
    assert "keep it now, it is not shown again" in made.err
    endpoint_id = made.err.splitlines()[1].split()[0]
    assert f"{endpoint_id} support: events of Bordercart go to {OTHER}" in made.err

    listed = await quixess.good("endpoint", "list", "--brand", "Bordercart")
    assert [row[1:] for row in listed.words] == [
        ["-", "healthy", "no", "default", SHOP],
        ["support", "healthy", "no", "call.ended,message.received", OTHER],
    ]
    shown = await facts(quixess, "support")
    assert shown == await facts(quixess, endpoint_id)
    assert shown | {"since": "", "created": ""} == {
        "id": endpoint_id, "name": "support", "url": OTHER, "state": "healthy", "reason": "-", "since": "",
        "next due": "-", "types": "call.ended,message.received", "schedule": "1,2.5,30", "ordered": "yes",
        "headers": "Authorization,X-Shop", "old secret until": "-", "created": "",
    }  # fmt: skip
    assert "hunter2" not in str(shown)
    assert secret not in listed.out + str(shown)


async def test_only_what_is_named_is_changed(quixess: Shell) -> None:
    await quixess.good(
        "endpoint", "add", SHOP, "--name", "shop", "--types", "message.read", "--schedule", "5", "--header", "X-A=1"
    )
    before = await facts(quixess)
    said = await quixess.good("endpoint", "change", "shop", "--url", OTHER, "--ordered", "--name", "other")
    assert (said.out, "next attempt" in said.err) == ("", True)
    after = await facts(quixess)
    assert after == before | {"url": OTHER, "ordered": "yes", "name": "other"}

    reset = ("--types", "default", "--schedule", "default", "--unordered", "--no-headers")
    await quixess.good("endpoint", "change", *reset)
    plain = {"types": "default", "schedule": "default", "ordered": "no", "headers": "-"}
    assert await facts(quixess) == after | plain
    assert "Name what to change" in await quixess.refused("endpoint", "change")


async def test_a_secret_is_rotated_with_an_overlap_that_can_be_ended(quixess: Shell) -> None:
    first = (await quixess.good("endpoint", "set", SHOP)).out
    second = await quixess.good("endpoint", "rotate")
    assert SECRET.fullmatch(second.out.strip())
    assert second.out != first
    assert "for 24 hours" in second.err
    assert (await facts(quixess))["old secret until"] != "-"

    ended = await quixess.good("endpoint", "rotate", "--end-overlap")
    assert (ended.out, "only the current secret signs" in ended.err) == ("", True)
    assert (await facts(quixess))["old secret until"] == "-"
    third = await quixess.good("endpoint", "rotate", "--overlap-hours", "0")
    assert "signs no more" in third.err
    assert (await facts(quixess))["old secret until"] == "-"
    for hours in ("169", "-1"):
        assert "--overlap-hours" in await quixess.refused("endpoint", "rotate", f"--overlap-hours={hours}")


async def test_an_endpoint_is_named_by_its_id_or_its_name_or_not_at_all_while_it_is_the_only_one(
    quixess: Shell,
) -> None:
    assert "no endpoint yet: `quixess endpoint add URL`" in await quixess.refused("endpoint", "show")
    await quixess.good("endpoint", "add", SHOP, "--name", "shop")
    assert "no endpoint nobody" in await quixess.refused("endpoint", "show", "nobody")
    await quixess.good("endpoint", "show")
    await quixess.good("endpoint", "add", OTHER, "--name", "shop")
    assert "has several endpoints: name one" in await quixess.refused("endpoint", "show")
    assert "several endpoints called shop" in await quixess.refused("endpoint", "disable", "shop")
    assert "no endpoint" in await quixess.refused("endpoint", "enable", ids.show("end", ids.new()))
    assert "ENDPOINT" in await quixess.refused("endpoint", "remove")
    assert "no brand 'Nobody'" in await quixess.refused("endpoint", "list", "--brand", "Nobody")


async def test_what_cannot_be_is_refused_in_one_line(quixess: Shell) -> None:
    add = ("endpoint", "add", SHOP)
    assert "Use https." in await quixess.refused("endpoint", "add", "http://shop.example/")
    assert "message.received" in await quixess.refused(*add, "--types", "message.*")
    assert "such as 1,5,30" in await quixess.refused(*add, "--schedule", "soon")
    assert "24 hours" in await quixess.refused(*add, "--schedule", "1,nan")
    assert "use Authorization, or X-" in await quixess.refused(*add, "--header", "Host=x")
    for headers in (("X-A",), ("X-A=1", "X-A=2")):
        options = [word for header in headers for word in ("--header", header)]
        assert "NAME=VALUE" in await quixess.refused(*add, *options)
    await quixess.good(*add)
    assert "has this URL already" in await quixess.refused(*add)
    assert "200 printable" in await quixess.refused("endpoint", "disable", "--reason", "x" * 201)


async def test_an_endpoint_is_tried_switched_off_and_on_and_removed_beside_a_running_gateway(
    world: World, beside: Shell
) -> None:
    async with listening() as inbox:
        made = await beside.good("endpoint", "add", inbox.url, "--name", "inbox", "--types", "message.received")
        tried = await beside.good("endpoint", "test", "inbox")
        await eventually(lambda: inbox.got)
        headers, body = inbox.got[0]
        Webhook(made.out.strip()).verify(body, headers)
        assert headers["X-Quixess-Event-Id"] == tried.out.strip()
        assert "quixess events list" in tried.err
        await hooks.rest(world)

        assert (await beside.good("endpoint", "disable", "inbox", "--reason", "Moving.")).out == "disabled\n"
        assert "until `quixess endpoint enable`" in (await beside.good("endpoint", "test", "inbox")).err
        shown = await facts(beside, "inbox")
        assert (shown["state"], shown["reason"], shown["next due"] != "-") == ("disabled", "Moving.", True)
        assert (await beside.good("endpoint", "list")).words[1][2:4] == ["disabled", "yes"]
        assert (await beside.good("endpoint", "enable", "inbox")).out == "healthy\n"
        await eventually(lambda: len(inbox.got) == 2)
        await hooks.rest(world)

        await beside.good("endpoint", "disable", "inbox")
        for _ in range(3):
            await beside.good("endpoint", "test", "inbox")
        assert "5 times a minute" in await beside.refused("endpoint", "test", "inbox")
        removed = await beside.good("endpoint", "remove", "inbox")
        assert (removed.out, "3 waiting deliveries" in removed.err) == ("removed\n", True)
        assert len((await beside.good("endpoint", "list")).words) == 1
    assert world.receiver.got == []
