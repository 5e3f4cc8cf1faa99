"""Connections and operator tokens from the command line; no secret is ever an argument or an output."""

import re
from pathlib import Path

import pytest

from quixess.database import ids
from tests.cli.shell import Shell
from tests.world import World

LOCAL = {"webhook_http": "1", "webhook_ports": "any", "webhook_networks": "127.0.0.0/8"}


@pytest.fixture
async def quixess(world: World) -> Shell:
    """A shell beside a running gateway, with a second brand that has no number."""
    shell = Shell(world.dsn, world.settings.data_dir, LOCAL)
    await shell.good("brand", "create", "Rival")
    return shell


def kept(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text + "\n")
    return str(path)


def adding(world: World, folder: Path, **other: str) -> list[str]:
    known = world.meta.world
    secret = kept(folder, "secret", other.get("secret", known["app_secret"]))
    token = kept(folder, "token", other.get("token", known["access_token"]))
    return [
        *("connection", "add", "--brand", "Rival", "--app", known["app_id"], "--waba", known["waba_id"]),
        *("--number", other.get("number", known["phone_number_id"]), "--graph-url", world.meta.base_url),
        *("--secret-file", secret, "--token-file", token),
    ]


async def free(quixess: Shell, world: World) -> None:
    shown = ids.show("con", world.connection_id)
    said = await quixess.good("connection", "disconnect", shown, "--brand", "Bordercart")
    assert said.lines == ["disconnected"]


async def test_a_number_is_added_listed_shown_parted_with_and_taken_up_again(
    quixess: Shell, world: World, tmp_path: Path
) -> None:
    await free(quixess, world)

    made = await quixess.good(*adding(world, tmp_path), "--webhook", "http://127.0.0.1:9/hooks")

    connection, secret = made.lines
    assert re.fullmatch(r"con_[0-9A-Z]{26}", connection)
    assert secret.startswith("whsec_")
    assert "/webhooks/meta/" in made.err
    assert world.meta.world["verify_token"] in made.err
    listed = await quixess.good("connection", "list", "--brand", "Rival")
    assert listed.words[0][0] == connection
    shown = await quixess.good("connection", "show", "--brand", "Rival")
    assert f"…{world.meta.world['access_token'][-4:]}" in shown.out
    await quixess.good("connection", "disconnect", connection, "--brand", "Rival")
    again = await quixess.good("connection", "reconnect", "--brand", "Rival")
    assert again.lines == [connection]
    for said in (made, listed, shown, again):
        for name in ("app_secret", "access_token"):
            assert world.meta.world[name] not in said.out + said.err


async def test_what_is_wrong_is_said_in_one_line_with_its_fix(quixess: Shell, world: World, tmp_path: Path) -> None:
    assert "belongs to another brand" in await quixess.refused(*adding(world, tmp_path))
    await free(quixess, world)

    assert "make a new one" in await quixess.refused(*adding(world, tmp_path, token="EAAJnotatoken"))
    assert "page Basic" in await quixess.refused(*adding(world, tmp_path, secret="0" * 32))
    assert "phone number id" in await quixess.refused(*adding(world, tmp_path, number="999999999999999"))
    assert "no connection yet" in await quixess.refused("connection", "show", "--brand", "Rival")


async def test_a_secret_without_a_file_and_a_terminal_is_asked_for_by_name(quixess: Shell, world: World) -> None:
    known = world.meta.world
    which = ("--app", known["app_id"], "--waba", known["waba_id"], "--number", known["phone_number_id"])

    said = await quixess.refused("connection", "add", "--brand", "Rival", *which)

    assert "App secret" in said


async def test_an_app_secret_is_changed_and_its_overlap_ended(quixess: Shell, world: World, tmp_path: Path) -> None:
    app_id = world.meta.world["app_id"]
    new = (await world.meta.lever(f"apps/{app_id}", {"reset_secret": True}))["secret"]
    file = kept(tmp_path, "new", new)

    assert (await quixess.good("connection", "secret", "--app", app_id, "--secret-file", file)).lines == ["changed"]
    assert (await quixess.good("connection", "secret", "--app", app_id, "--secret-file", file)).lines == ["unchanged"]
    assert (await quixess.good("connection", "secret", "--app", app_id, "--end-overlap")).lines == ["ended"]
    assert (await world.send_otp()).status == 200


async def test_a_pin_is_changed_and_never_shown(quixess: Shell, world: World, tmp_path: Path) -> None:
    file = kept(tmp_path, "pin", "139254")

    changed = await quixess.good("connection", "pin", "--brand", "Bordercart", "--pin-file", file)

    assert changed.lines == ["changed"]
    assert "139254" not in changed.err
    wrong = kept(tmp_path, "wrong", "1234567")
    said = await quixess.refused("connection", "pin", "--brand", "Bordercart", "--pin-file", wrong)
    assert "six digits" in said
    assert "1234567" not in said
    assert "no connection yet" in await quixess.refused("connection", "pin", "--brand", "Rival", "--pin-file", file)
    await free(quixess, world)
    refused = await quixess.refused("connection", "pin", "--brand", "Bordercart", "--pin-file", file)
    assert "reconnect it first" in refused


async def test_an_app_is_made_known_before_its_first_number(quixess: Shell, world: World, tmp_path: Path) -> None:
    app = await world.meta.lever("apps", {"name": "Second"})
    file = kept(tmp_path, "second", app["secret"])
    how = ("--app", app["id"], "--secret-file", file, "--graph-url", world.meta.base_url)

    made = await quixess.good("connection", "app", *how)

    assert (await quixess.good("connection", "app", *how)).lines == made.lines


async def test_operator_tokens_open_the_management_api_until_they_are_revoked(quixess: Shell, world: World) -> None:
    made = await quixess.good("operator", "token", "create", "backoffice")
    (token,) = made.lines
    headers = {"Authorization": f"Bearer {token}"}
    path = "/api/v1/whatsapp/brands/Bordercart/connections"
    assert (await world.call("GET", path, key="", headers=headers)).status == 200
    listed = await quixess.good("operator", "token", "list")
    assert token not in listed.out
    (words,) = listed.words

    assert (await quixess.good("operator", "token", "revoke", words[0])).lines == ["revoked"]

    refused = await world.call("GET", path, key="", headers=headers)
    assert (refused.status, refused.json["code"]) == (401, "invalid_operator_token")
    assert "opt_" in await quixess.refused("operator", "token", "revoke", "key_1")
    assert "printable" in await quixess.refused("operator", "token", "create", " ")


async def test_a_token_for_one_brand_opens_that_one_and_learns_of_no_other(quixess: Shell, world: World) -> None:
    (token,) = (await quixess.good("operator", "token", "create", "rivals own", "--brand", "Rival")).lines
    headers = {"Authorization": f"Bearer {token}"}

    async def ask(brand: str) -> tuple[int, bytes]:
        where = f"/api/v1/whatsapp/brands/{brand}/connections"
        answer = await world.call("GET", where, key="", headers=headers | {"X-Request-Id": "req_of_this_test"})
        return answer.status, answer.body

    assert (await ask("Rival"))[0] == 200
    theirs = await ask("Bordercart")
    assert theirs[0] == 404
    assert theirs == await ask(ids.show("brd", world.brand_id)) == await ask("Nobody")
    listed = await quixess.good("operator", "token", "list")
    assert listed.words[0][-1] == "Rival"
    assert "no brand" in (await quixess.refused("operator", "token", "create", "x", "--brand", "Nobody")).lower()


async def test_a_number_is_chosen_to_send_from(quixess: Shell, world: World, tmp_path: Path) -> None:
    number = await world.meta.lever("numbers", {"verified_name": "Bordercart Returns"})
    command = adding(world, tmp_path, number=number["id"])
    command[command.index("Rival")] = "Bordercart"
    second = (await quixess.good(*command)).lines[0]

    chosen = await quixess.good("connection", "send-from", second, "--brand", "Bordercart")

    assert chosen.lines == [f"+{re.sub('[^0-9]', '', number['display_phone_number'])}"]
    listed = await quixess.good("connection", "list", "--brand", "Bordercart")
    assert {row[0]: row[-2] for row in listed.words} == {ids.show("con", world.connection_id): "-", second: "yes"}
    assert (await world.send_otp()).json["from"]["phone_number_id"] == number["id"]
    await quixess.good("connection", "disconnect", second, "--brand", "Bordercart")
    refused = await quixess.refused("connection", "send-from", second, "--brand", "Bordercart")
    assert "reconnect it" in refused
