"""Templates as people see them: found, begun from a preset, checked, submitted, reviewed, mended, deleted."""

import html
import re

import pytest

from quixess import access
from quixess.people import Role
from tests.dashboard.visiting import visiting
from tests.media.files import JPEG
from tests.templates.managing import at_meta
from tests.world import World, eventually

HOME = "/app/whatsapp/templates"
ORDER = {
    "kind": "text",
    "name": "order_left",
    "language": "en_US",
    "category": "UTILITY",
    "body": "Hello {{1}}, your order {{2}} left our store a moment ago.",
    "examples": "Ann\nA-1001",
    "button_1_type": "QUICK_REPLY",
    "button_1_text": "Thanks",
}
CODE = {"kind": "code", "name": "login_code", "language": "en_US", "otp_type": "COPY_CODE", "minutes": "5"}
HOSTILE = "<img src=x onerror=alert(1)>"


async def status(world: World, name: str, language: str = "en_US") -> str | None:
    rows = await world.rows("SELECT status FROM template WHERE name = $1 AND language = $2", name, language)
    return rows[0]["status"] if rows else None


async def becomes(world: World, wanted: str, name: str = "order_left", language: str = "en_US") -> None:
    async def is_so() -> bool:
        return await status(world, name, language) == wanted

    await eventually(is_so)


async def test_templates_are_listed_narrowed_and_opened(world: World) -> None:
    async with visiting(world, Role.DEVELOPER) as browser:
        listed = await browser.get(HOME)
        assert "signup_otp" in listed.words
        assert "Approved" in listed.words
        assert "order_update" not in (await browser.get(f"{HOME}?q=otp")).words
        assert "order_update" not in (await browser.get(f"{HOME}?category=AUTHENTICATION")).words
        assert "Nothing fits" in (await browser.get(f"{HOME}?status=REJECTED")).words
        opened = html.unescape((await browser.get(f"{HOME}/signup_otp/en_US")).text)

    assert "<b>123456</b> is your verification code." in opened
    assert f"curl -X POST '{world.url}/api/v1/whatsapp/external/send/otp'" in opened


async def test_a_template_is_submitted_and_meta_has_it(world: World) -> None:
    async with visiting(world) as browser:
        done = await browser.post(f"{HOME}/new", ORDER)
        assert done.way == f"{HOME}/order_left/en_US"
        await becomes(world, "APPROVED")
        shown = html.unescape((await browser.get(done.way)).text)

    assert "Hello Ann, your order A-1001 left our store" in shown
    assert '"variables": {"body": ["Ann", "A-1001"]}' in shown
    (there,) = await at_meta(world, "order_left")
    assert there["components"][1]["buttons"] == [{"type": "QUICK_REPLY", "text": "Thanks"}]


@pytest.mark.parametrize(
    "preset", ["otp_copy_code", "otp_one_tap", "otp_zero_tap", "order_update", "appointment", "delivery", "text", "raw"]
)
async def test_every_preset_opens_the_editor(world: World, preset: str) -> None:
    async with visiting(world) as browser:
        assert f"preset={preset}" in (await browser.get(f"{HOME}/new")).text
        form = await browser.get(f"{HOME}/new?preset={preset}")
        assert form.status == 200
        assert 'id="f-name"' in form.text
        assert ("Fits" in form.words) == (preset not in {"text", "raw", "order_update"})  # one has a name that is taken


async def test_a_code_is_submitted_in_all_its_languages(world: World) -> None:
    async with visiting(world) as browser:
        done = await browser.post(f"{HOME}/new", CODE | {"more_languages": "de, xx"})
        page = await browser.follow(done)

    assert "Also in de." in page.words
    assert "Not in xx:" in page.words
    assert {one["language"] for one in await at_meta(world, "login_code")} == {"en_US", "de"}


async def test_the_preview_follows_what_is_typed_and_names_what_meta_would_refuse(world: World) -> None:
    async with visiting(world) as browser:
        seen = await browser.post(f"{HOME}/preview", ORDER, {"HX-Request": "true"})
        assert "<html" not in seen.text
        assert "Hello Ann, your order A-1001" in seen.words
        assert "Fits" in seen.words
        wrong = await browser.post(f"{HOME}/preview", ORDER | {"examples": "Ann", "name": "Order!"})
        assert wrong.words.count("Refused") == 2
        assert "your order {{2}} left" in wrong.words
        code = await browser.post(f"{HOME}/preview", CODE)
        assert "123456 is your verification code." in code.words
        broken = await browser.post(f"{HOME}/preview", {"kind": "raw", "components": "[{"})
        assert "Write a JSON list" in broken.words
        assert (await browser.post(f"{HOME}/preview", CODE | {"minutes": "soon"})).status == 200
    assert await status(world, "order_left") is None


async def test_faults_stand_beside_their_fields_and_what_was_typed_stays(world: World) -> None:
    async with visiting(world) as browser:
        refused = await browser.post(
            f"{HOME}/new", ORDER | {"name": "Order!", "examples": "", "body": f"Hi {{{{1}}}}, {HOSTILE} and bye"}
        )
        assert refused.status == 422
        assert 'id="err-name"' in refused.text
        assert 'id="err-examples"' in refused.text
        assert HOSTILE not in refused.text
        assert HOSTILE in html.unescape(refused.text)
        taken = await browser.post(f"{HOME}/new", ORDER | {"name": "order_update"})
        assert taken.status == 422
        assert (await browser.post(f"{HOME}/new", {"kind": "raw", "components": "{}"})).status == 422
        assert (await browser.post(f"{HOME}/new", {})).status == 422


async def test_a_rejected_template_says_why_and_is_mended(world: World) -> None:
    async with visiting(world) as browser:
        await browser.post(f"{HOME}/new", ORDER)
        await becomes(world, "APPROVED")
        await world.meta.lever("templates/order_left", {"event": "REJECTED", "reason": "TAG_CONTENT_MISMATCH"})
        await becomes(world, "REJECTED")
        shown = await browser.get(f"{HOME}/order_left/en_US")
        assert "Rejected: tag content mismatch." in shown.words
        assert "Change the one or the other" in shown.words
        assert "Edit and resubmit" in shown.words

        form = await browser.get(f"{HOME}/order_left/en_US/edit")
        assert "Hello {{1}}, your order {{2}}" in form.text
        await world.meta.lever(
            "settings", {"clock_offset_s": 60}
        )  # news that are alike to the second are one that came twice
        done = await browser.post(
            f"{HOME}/order_left/en_US/edit", ORDER | {"body": "Dear {{1}}, order {{2}} has left our store today."}
        )
        assert done.way == f"{HOME}/order_left/en_US"
        await becomes(world, "APPROVED")
        assert "Dear Ann, order A-1001" in (await browser.get(done.way)).words


async def test_a_header_shows_a_picture_once_meta_has_an_example_of_it(world: World) -> None:
    wanted = ORDER | {"header_shows": "IMAGE"}
    async with visiting(world) as browser:
        early = await browser.post(f"{HOME}/new", wanted | {"header_file": "table.jpg"})
        assert early.status == 422
        assert 'id="err-header_file"' in early.text
        assert "press “Give it to Meta”" in early.words

        given = await browser.send_file(f"{HOME}/samples", wanted, "header_file", JPEG, "image/jpeg")
        assert given.status == 200
        assert "Meta has an example" in given.words
        assert "Hello {{1}}, your order {{2}}" in given.text
        handle = given.field("header_handle")
        assert handle

        done = await browser.post(f"{HOME}/new", wanted | {"header_handle": handle})
        assert done.way == f"{HOME}/order_left/en_US", done.words
        await becomes(world, "APPROVED")
        again = await browser.get(f"{HOME}/order_left/en_US/edit")
        assert '<option value="IMAGE" selected>' in again.text
        assert again.field("header_handle") == ""  # Meta takes no address back
        path = f"{HOME}/order_left/en_US"
        sampled = await browser.send_file(f"{path}/samples", wanted, "header_file", JPEG, "image/jpeg")
        changed = {
            "header_handle": sampled.field("header_handle"),
            "body": "Dear {{1}}, order {{2}} has left our store today.",
        }
        await world.meta.lever("templates/order_left", {"event": "REJECTED", "reason": "PROMOTIONAL"})
        await becomes(world, "REJECTED")
        edited = await browser.post(f"{path}/edit", wanted | changed)
        assert edited.status == 303, edited.words

    (there,) = await at_meta(world, "order_left")
    assert there["components"][0]["format"] == "IMAGE"


async def test_what_is_no_example_is_told_beside_the_file(world: World) -> None:
    async with visiting(world) as browser:
        for data, kind, says in (
            (b"", "image/jpeg", "empty"),
            (b"GIF89a", "image/gif", ""),
            (JPEG, "application/pdf", ""),
        ):
            refused = await browser.send_file(f"{HOME}/samples", ORDER, "header_file", data, kind)
            assert refused.status == 422
            assert 'id="err-header_file"' in refused.text
            assert says in refused.words
            assert refused.field("name") == "order_left"
        missing = await browser.post(f"{HOME}/samples", ORDER)
        assert "Choose a file first." in missing.words
    async with visiting(world, Role.AGENT, email="agent@bordercart.example") as agent:
        assert (await agent.post(f"{HOME}/samples", ORDER)).status == 403


async def test_a_pause_for_its_pace_is_ended(world: World) -> None:
    path = f"{HOME}/order_update/en_US"
    async with visiting(world) as browser:
        early = await browser.follow(await browser.post(f"{path}/unpause"))
        assert "Only a PAUSED template" in early.words
        assert "End the pause" not in early.words
        await world.meta.lever("templates/order_update", {"event": "PAUSED", "title": "RATE_LIMITING_PAUSE"})
        await becomes(world, "PAUSED", "order_update")
        assert "End the pause" in (await browser.get(path)).words
        done = await browser.follow(await browser.post(f"{path}/unpause"))
        assert "it can be sent" in done.words
        assert await status(world, "order_update") == "APPROVED"
        assert (await browser.post(f"{HOME}/nobody/en_US/unpause")).status == 404
    assert await world.rows("SELECT FROM audit WHERE action = 'template.unpaused'")


async def test_another_language_begins_with_the_words_that_are_there(world: World) -> None:
    async with visiting(world) as browser:
        form = await browser.get(f"{HOME}/new?name=order_update&like=en_US")
        assert form.field("name") == "order_update"
        assert (await browser.get(f"{HOME}/new?name=nobody&like=en_US")).status == 404
        words = re.search(r'name="body"[^>]*>\s*([^<]+)<', form.text)
        assert words is not None


async def test_a_template_is_deleted_in_one_language_or_in_all(world: World) -> None:
    async with visiting(world) as browser:
        await browser.post(f"{HOME}/new", CODE | {"more_languages": "de es"})
        asked = await browser.get(f"{HOME}/login_code/de/delete")
        assert "in all 3 languages" in asked.words
        assert (await browser.post(f"{HOME}/login_code/de/delete")).way == HOME
        assert {one["language"] for one in await at_meta(world, "login_code")} == {"en_US", "es"}
        assert (await browser.post(f"{HOME}/login_code/es/delete", {"everywhere": "true"})).way == HOME
        assert await at_meta(world, "login_code") == []


async def test_metas_list_is_fetched_and_what_changed_is_told(world: World) -> None:
    async with visiting(world) as browser:
        first = await browser.follow(await browser.post(f"{HOME}/sync"))
        assert "at Meta: 0 new" in first.words
        again = await browser.follow(await browser.post(f"{HOME}/sync"))
        assert "a moment ago" in again.words


async def test_a_brand_without_a_number_is_led_to_one(world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    async with visiting(world, brand_id=rival.id) as browser:
        assert "No number is connected" in (await browser.get(HOME)).words
        assert (await browser.get(f"{HOME}/signup_otp/en_US")).status == 404
        refused = await browser.post(f"{HOME}/new", ORDER)
        assert refused.status == 422
        assert "Connect" in refused.words


async def test_an_agent_has_no_templates_and_nothing_is_where_there_is_none(world: World) -> None:
    async with visiting(world, Role.AGENT) as agent:
        assert (await agent.get(HOME)).status == 403
        assert (await agent.post(f"{HOME}/new", ORDER)).status == 403
    async with visiting(world, email="boss@bordercart.example") as browser:
        for path in ("nobody/en_US", "signup_otp/xx", "signup_otp/xx/edit", "no%00body/en_US"):
            assert (await browser.get(f"{HOME}/{path}")).status in {400, 404}
