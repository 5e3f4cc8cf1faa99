"""`quixess admin`: people let in, helped and shut out from the server."""

import re
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.dashboard.visiting import EMAIL, PASSWORD, browsing
from tests.world import World

NEW = "small ship, tall harbour"


@pytest.fixture
def quixess(world: World) -> Shell:
    """A shell over the database of a running gateway, which knows where that is."""
    return Shell(world.dsn, world.settings.data_dir, {"public_url": world.url})


def path(said: str, world: World) -> str:
    found = re.search(rf"^{re.escape(world.url)}(/\w+/qxl_[0-9a-f]{{64}})$", said, re.MULTILINE)
    assert found is not None, said
    return found[1]


def kept(folder: Path, password: str) -> str:
    file = folder / "password"
    file.write_text(password + "\n")
    return str(file)


async def test_the_first_owner_comes_by_a_link_and_the_next_by_an_invitation(world: World, quixess: Shell) -> None:
    async with browsing(world.url) as browser, browsing(world.url) as second:
        first = path((await quixess.good("admin", "link")).out, world)
        assert (await browser.post(first, {"name": "Anna", "email": EMAIL, "password": PASSWORD})).status == 303
        assert "quixess admin invite" in await quixess.refused("admin", "link")
        invited = path((await quixess.good("admin", "invite", "ben@x.example", "--role", "developer")).out, world)
        assert (await second.post(invited, {"name": "Ben", "password": PASSWORD})).status == 303
    listed = (await quixess.good("admin", "list")).out
    assert re.search(r"opr_\w+ +anna@bordercart\.example +Anna +off +active +\S+ +owner of Bordercart", listed)
    assert re.search(r"ben@x\.example +Ben +off +active +\S+ +developer of Bordercart", listed)


async def test_an_account_is_made_with_a_password_from_a_file(world: World, quixess: Shell, tmp_path: Path) -> None:
    made = await quixess.good("admin", "create", EMAIL, "--name", "Anna", "--password-file", kept(tmp_path, PASSWORD))
    assert made.out.split() == [made.out.split()[0], EMAIL, "owner", "of", "Bordercart"]
    async with browsing(world.url) as browser:
        assert (await browser.log_in()).status == 303


async def test_a_password_is_reset_and_an_account_switched_off_and_on(
    world: World, quixess: Shell, tmp_path: Path
) -> None:
    await quixess.good("admin", "create", EMAIL, "--name", "Anna", "--password-file", kept(tmp_path, PASSWORD))
    async with browsing(world.url) as browser:
        link = path((await quixess.good("admin", "reset-password", EMAIL, "--second-factor")).out, world)
        assert (await browser.post(link, {"password": NEW})).status == 303
        assert (await quixess.good("admin", "disable", EMAIL)).out.strip() == "disabled"
        assert (await browser.log_in(password=NEW)).status == 401
        assert (await quixess.good("admin", "enable", EMAIL)).out.strip() == "active"
        assert (await browser.log_in(password=NEW)).status == 303


async def test_what_cannot_be_is_said_in_one_line(quixess: Shell, tmp_path: Path) -> None:
    assert "admin list" in await quixess.refused("admin", "reset-password", "nobody@x.example")
    assert "e-mail" in await quixess.refused("admin", "invite", "nobody")
    short = await quixess.refused(
        "admin", "create", EMAIL, "--name", "Anna", "--password-file", kept(tmp_path, "short")
    )
    assert "12 to 128" in short
