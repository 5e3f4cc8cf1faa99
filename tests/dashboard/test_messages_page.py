"""Messages as people see them: both directions, narrowed by the query, one beside the list, one sent as a test."""

import csv
import html
import io
import json
import re
import shlex

import pytest

from quixess import access
from quixess.access import Scope
from quixess.database import ids
from quixess.people import Role
from tests.dashboard.visiting import Browser, Page, visiting
from tests.world import CODE, World, eventually

HOME = "/app/whatsapp/messages"
HOSTILE = '<img src=x onerror="alert(1)">'


async def said(world: World, text: str, phone: str = "+12818184370") -> None:
    """A customer wrote, and it has come in."""
    many = await inbound(world)
    await world.customer_says(text, phone)

    async def came_in() -> bool:
        return await inbound(world) > many

    await eventually(came_in)


async def inbound(world: World) -> int:
    (row,) = await world.rows("SELECT count(*) AS n FROM message WHERE direction = 'inbound'")
    return int(row["n"])


async def settled(world: World, message_id: str, browser: Browser, state: str = "Read") -> Page:
    """The page with a message opened, once it has got as far as that."""

    async def got_there() -> Page | None:
        page = await browser.get(f"{HOME}?message={message_id}")
        assert page.status == 200, page.words
        return page if f">{state}</b>" in page.text else None

    page: Page = await eventually(got_there)
    return page


def many(page: Page) -> int:
    assert page.status == 200, page.words
    return page.text.count("data-row")


def link(page: Page, mark: str) -> str:
    """Where the first link goes that has this mark."""
    found = re.search(rf'<a [^>]*href="([^"]*)"[^>]*{mark}', page.text)
    assert found is not None
    return html.unescape(found[1])


async def test_a_first_visit_finds_a_request_that_works(world: World) -> None:
    async with visiting(world) as browser:
        page = await browser.get(HOME)

    assert "Send your first message" in page.words
    shown = html.unescape(re.search(r'<pre id="first-request"[^>]*>(.*?)</pre>', page.text, re.DOTALL)[1])  # type: ignore[index]
    words = shlex.split(shown.replace("\\\n", " "))
    answer = await world.call("POST", words[1].removeprefix(world.url), body=json.loads(words[-1]))
    assert answer.status == 200, answer.json


async def test_a_code_is_followed_from_its_request_to_its_being_read_and_never_shown(world: World) -> None:
    sent = await world.send_otp()
    async with visiting(world) as browser:
        page = await settled(world, sent.json["id"], browser)

    for words in ("Accepted", "Sent", "Delivered", "signup_otp", "full", "authentication", "The code was never kept"):
        assert words in page.words
    assert "••••••" in page.words
    assert CODE not in page.text
    assert f"/app/requests?q={sent.json['request_id']}" in page.text
    assert "message.delivered" in page.words


async def test_metas_error_is_told_with_its_cause_and_its_fix(world: World) -> None:
    await world.meta.lever("faults", {"outcome": "131026"})
    refused = await world.send_otp()
    async with visiting(world) as browser:
        page = await browser.get(f"{HOME}?message={refused.json['message_id']}")

    assert "131026" in page.words
    assert "Check that the number uses WhatsApp" in page.words
    assert "The same message would fail again" in page.words


async def test_messages_are_found_by_phone_id_and_words_and_narrowed_by_filters(world: World) -> None:
    first = await world.send_otp("+12818184370", key=await world.mint(Scope.SEND_OTP))
    await world.send_otp("+12818184371")
    await said(world, "Where is my parcel?", "+12818184371")
    (narrow,) = await world.rows("SELECT id FROM api_key WHERE name = 'test'")
    async with visiting(world) as browser:
        key = ids.show("key", narrow["id"])
        for query, found in {
            "": 3,
            "q=%2B1+281-818-4371": 2,
            f"q={first.json['id']}": 1,
            f"q={first.json['wa_message_id']}": 1,
            f"q={first.json['conversation_id']}": 1,
            "q=parcel": 1,
            "q=elephant": 0,
            "direction=inbound": 1,
            "type=template": 2,
            "template=signup_otp": 2,
            "state=received": 1,
            "since=1h": 3,
            f"key={key}": 1,
            "direction=inbound&type=template": 0,
        }.items():
            assert many(await browser.get(f"{HOME}?{query}")) == found, query
        assert "Nothing fits" in (await browser.get(f"{HOME}?q=elephant")).words
        assert "Write a letter or a digit" in (await browser.get(f"{HOME}?q=%3F%3F")).words


async def test_pages_go_on_where_the_one_before_ended(world: World) -> None:
    for number in range(27):
        await world.send_otp(f"+128181843{number:02}")
    await world.send_otp()
    async with visiting(world) as browser:
        page = await browser.get(HOME)
        assert many(page) == 25
        older = await browser.get(link(page, 'rel="next"'))
        assert many(older) == 3
        assert 'rel="prev"' in older.text
        assert many(await browser.get(f"{HOME}?rows=50")) == 28
        by_phone = await browser.get(f"{HOME}?q=%2B12818184370&rows=25")
        assert many(by_phone) == 1


@pytest.mark.parametrize("query", ["after=nonsense", "after=2026-01-01~x", "key=nonsense", "rows=26", "since=ever"])
async def test_a_query_that_makes_no_sense_is_told_so(world: World, query: str) -> None:
    async with visiting(world) as browser:
        page = await browser.get(f"{HOME}?{query}")

    assert page.status in {400, 404}
    assert "<h1" in page.text


async def test_the_file_has_no_cell_that_computes_and_is_written_down(world: World) -> None:
    await said(world, "=cmd|' /C calc'!A0")
    async with visiting(world) as browser:
        file = await browser.get(f"{HOME}.csv")
        audit = await browser.get("/app/settings/audit?what=messages.exported")

    (row,) = csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff")))
    assert row["says"] == "'=cmd|' /C calc'!A0"
    assert row["phone"] == "'+12818184370"
    assert row["direction"] == "inbound"
    assert audit.text.count("data-row") == 1


async def test_a_developer_reads_messages_and_takes_none_along(world: World) -> None:
    async with visiting(world, Role.DEVELOPER) as browser:
        page = await browser.get(HOME)
        assert page.status == 200
        assert f"{HOME}.csv" not in page.text
        assert (await browser.get(f"{HOME}.csv")).status == 403


async def test_hostile_names_and_texts_stay_text(world: World) -> None:
    await world.meta.lever("phones/12818184370/messages", {"text": HOSTILE, "name": HOSTILE})
    await eventually(lambda: inbound(world))
    async with visiting(world) as browser:
        page = await browser.get(HOME)
        opened = await browser.get(link(page, 'hx-get="[^"]*message='))

    for shown in (page, opened):
        assert html.escape("<img src=x", quote=False) in shown.text
        assert "<img src=x" not in shown.text


async def test_a_test_message_goes_out_and_is_opened(world: World) -> None:
    async with visiting(world, Role.DEVELOPER) as browser:
        form = await browser.get(f"{HOME}/test")
        assert form.field("to") == "+1 555 010 0001"
        done = await browser.post(f"{HOME}/test", {"to": form.field("to"), "template_name": "signup_otp en_US"})
        page = await browser.follow(done)

    assert "The dashboard" in page.words
    (send,) = await world.sends()
    assert send["to"].lstrip("+") == "15550100001"
    (row,) = await world.rows("SELECT key_id FROM message")
    assert row["key_id"] is None
    (noted,) = await world.rows("SELECT actor, object FROM audit WHERE action = 'message.tested'")
    assert noted["object"] in page.text


async def test_a_test_message_to_nobody_is_refused_beside_its_field(world: World) -> None:
    async with visiting(world) as browser:
        bad = await browser.post(f"{HOME}/test", {"to": "12", "template_name": "signup_otp en_US"})
        unknown = await browser.post(f"{HOME}/test", {"to": "+12818184370", "template_name": "nobody's"})

    assert (bad.status, unknown.status) == (422, 422)
    assert 'id="err-to"' in bad.text
    assert 'id="err-template_name"' in unknown.text
    assert not await world.sends()


async def test_agents_and_strangers_see_no_message(world: World) -> None:
    sent = await world.send_otp()
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    async with visiting(world, Role.AGENT, email="agent@bordercart.example") as agent:
        assert (await agent.get(HOME)).status == 403
        assert (await agent.post(f"{HOME}/test", {"to": "+12818184370"})).status == 403
    async with visiting(world, email="rita@rival.example", brand_id=rival.id) as stranger:
        assert many(await stranger.get(HOME)) == 0
        assert (await stranger.get(f"{HOME}?message={sent.json['id']}")).status == 404
        assert many(await stranger.get(f"{HOME}?q={sent.json['wa_message_id']}")) == 0
