"""Templates from the command line: from a preset to a message that somebody gets."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.api.templating import send
from tests.cli.shell import Said, Shell
from tests.docs import pages
from tests.media import files
from tests.meta import wire
from tests.templates.drafting import BODY, draft
from tests.templates.managing import at_meta
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


async def with_header(quixess: Shell, tmp_path: Path, *command: str, data: bytes = files.JPEG, **part: Any) -> Said:
    """Run a command about a template whose header shows a file."""
    picture, file = tmp_path / "picture", tmp_path / "template.json"
    picture.write_bytes(data)
    parts = [{"type": "HEADER"} | part] if part else []
    one = draft(*parts, BODY, name="with_picture")
    file.write_bytes(msgspec.json.encode(one))
    return await quixess("template", *command, "--file", str(file), "--header-file", str(picture))


async def test_a_header_shows_a_file_of_this_machine(world: World, quixess: Shell, tmp_path: Path) -> None:
    shown = await with_header(quixess, tmp_path, "preview")
    checked = await with_header(quixess, tmp_path, "lint")
    made = await with_header(quixess, tmp_path, "create", format="IMAGE")

    assert shown.lines[0] == "[image]", shown
    assert checked.out == "The template can be submitted.\n", checked
    assert made.out.startswith("with_picture en_US: "), made
    (there,) = await at_meta(world, "with_picture")
    assert there["components"][0]["format"] == "IMAGE"


async def test_a_file_that_the_header_does_not_show_is_refused(quixess: Shell, tmp_path: Path) -> None:
    another = await with_header(quixess, tmp_path, "create", format="VIDEO")
    a_text = await with_header(quixess, tmp_path, "create", data=files.TEXT)

    assert (another.status, a_text.status) == (1, 1)
    assert "a header with the format IMAGE" in another.err
    assert "shows no such file" in a_text.err


async def test_nothing_is_given_to_meta_for_a_template_that_breaks_rules(
    world: World, quixess: Shell, tmp_path: Path
) -> None:
    picture, file = tmp_path / "picture", tmp_path / "bad.json"
    picture.write_bytes(files.PNG)
    file.write_bytes(msgspec.json.encode(draft({"type": "BODY", "text": "{{1}}"}, name="spoiled")))
    async with wire.meta(wire.error(400, 100)) as meta:
        await world.rows("UPDATE connection SET graph_url = $1 RETURNING id", meta.base_url)
        said = await quixess("template", "create", "--file", str(file), "--header-file", str(picture))
        # The worker may look after the token meanwhile.
        assert [one.target for one in meta.requests if one.method == "POST" or "uploads" in one.target] == []

    assert said.status == 1
    assert "variables_inside" in said.err


async def test_a_sample_gives_its_handle(world: World, quixess: Shell, tmp_path: Path) -> None:
    picture = tmp_path / "bill"
    picture.write_bytes(files.PDF)

    said = await quixess.good("template", "sample", str(picture))

    assert said.out.strip()
    assert (await quixess("template", "sample", str(tmp_path / "nothing"))).status == 2


async def test_a_paused_template_goes_on(world: World, quixess: Shell) -> None:
    await world.meta.lever("templates/order_update", {"event": "PAUSED", "title": "RATE_LIMITING_PAUSE"})

    async def paused() -> bool:
        return [row[3] for row in await listed(quixess, "order_update")] == ["PAUSED"]

    await eventually(paused)
    said = await quixess.good("template", "unpause", "order_update", "en_US")

    assert said.out == "order_update en_US: APPROVED\n"
    assert "Only a PAUSED template" in await quixess.refused("template", "unpause", "order_update", "en_US")


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
