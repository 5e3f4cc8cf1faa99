"""Templates from the command line: from a preset to a message that somebody gets."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.api.templating import send
from tests.cli.shell import Shell
from tests.docs import pages
from tests.world import World, eventually


@pytest.fixture
def quixess(world: World) -> Shell:
    return Shell(world.dsn, world.settings.data_dir)


async def listed(quixess: Shell, name: str) -> list[list[str]]:
    return (await quixess.good("template", "list", "--search", name)).words


async def test_a_preset_becomes_a_template_that_is_sent(world: World, quixess: Shell) -> None:
    assert (await quixess.good("template", "create", "--preset", "delivery", "--name", "parcel_left")).out.startswith(
        "parcel_left en_US: "
    )

    def approved() -> list[dict[str, Any]]:
        told = world.receiver.of_type("template.status_changed")
        return [one for one in told if (one["data"]["name"], one["data"]["new_status"]) == ("parcel_left", "APPROVED")]

    await eventually(approved)
    variables = {"body": ["Ann", "A-7", "14 May"], "buttons": [{"index": 0, "url_suffix": "A-7"}]}
    answer = await send(world, "parcel_left", variables=variables)

    assert answer.status == 200, answer.json
    assert await listed(quixess, "parcel") == [["parcel_left", "en_US", "UTILITY", "APPROVED", "-", "-"]]


async def test_the_template_of_the_documentation_is_previewed_checked_made_and_deleted(
    world: World, quixess: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "table_ready.json"
    file.write_text(pages.block("docs/templates.md", "json", "table_ready"))

    shown = await quixess.good("template", "preview", "--file", str(file))
    checked = await quixess.good("template", "lint", "--file", str(file))
    await quixess.good("template", "create", "--file", str(file))
    gone = await quixess.good("template", "delete", "table_ready")

    assert shown.lines == [
        "Hello Ann, your table for four is ready. We keep it for 15 minutes.",
        "Trattoria Da Lia",
        "[ We are coming ]",
    ]
    assert checked.out == "The template can be submitted.\n"
    assert gone.out == "deleted: en_US\n"
    assert all(row[3] == "DELETED" for row in await listed(quixess, "table"))


async def test_broken_rules_are_listed_with_their_places(quixess: Shell, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    parts = [{"type": "BODY", "text": "{{1}}"}, {"type": "FOOTER", "text": "{{1}}"}]
    file.write_text(json.dumps({"name": "Bad", "language": "en_US", "category": "UTILITY", "components": parts}))

    checked = await quixess("template", "lint", "--file", str(file))
    refused = await quixess("template", "create", "--file", str(file))

    assert (checked.status, refused.status) == (1, 1)
    assert "/name: name_form: " in checked.err
    assert "/components/1/text: footer_variables: " in checked.err
    assert refused.err.splitlines()[-1].startswith("error: A name is made of a-z")
    assert "/components/0/text: variables_inside: " in refused.err


async def test_a_code_is_made_for_ones_own_app_and_edited(quixess: Shell, tmp_path: Path) -> None:
    said = await quixess.good(
        "template", "create", "--preset", "otp_one_tap", "--name", "login", "--language", "de",
        "--app", "com.shop:K8a/AINcGX7",
    )  # fmt: skip
    assert said.out == "login de: APPROVED\n"
    file = tmp_path / "edit.json"
    file.write_text('{"message_send_ttl_seconds": 120}')

    assert (await quixess.good("template", "edit", "login", "de", "--file", str(file))).out.startswith("login de: ")


async def test_metas_list_is_fetched_on_demand(world: World, quixess: Shell) -> None:
    said = await quixess.good("template", "sync")

    assert "2 templates: 0 came, 0 changed, 0 went." in said.err
    assert "a moment ago" in await quixess.refused("template", "sync")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["create"], "by --file or by --preset"),
        (["create", "--preset", "delivery", "--file", "x"], "by --file or by --preset"),
        (["create", "--preset", "gift"], "no such preset"),
        (["create", "--preset", "otp_one_tap"], "--app PACKAGE:HASH"),
        (["create", "--file", "/nowhere/at/all.json"], "cannot be read"),
        (["delete", "nothing"], "There is no such template here"),
    ],
)
async def test_a_wrong_command_is_told_the_right_one(quixess: Shell, command: list[str], says: str) -> None:
    assert says in await quixess.refused("template", *command)
