"""Lines 51 to 57 of the list on the pages: text that is markup, cells that compute, files, other brands, secrets."""

import csv
import io
import re
from uuid import UUID

import aiohttp
import pytest

from quixess import dashboard
from quixess.access import Scope
from quixess.dashboard.page import PUBLIC, Page
from quixess.database import ids
from quixess.feed import Kind, Topic, board
from quixess.people import Role
from tests.dashboard import test_live
from tests.dashboard.streaming import Frame
from tests.dashboard.visiting import Browser, employ, forget_confirmation, visiting
from tests.hostile import strangers, twins
from tests.media import files
from tests.messages import hooks
from tests.support import customers
from tests.world import World

INBOX = "/app/whatsapp/inbox"
KINDS = {
    "conversation": "cnv", "event": "evt", "endpoint": "end", "key": "key", "connection": "con", "media": "med",
    "job": "rpl", "name": "template",
}  # fmt: skip
DRAWERS = (
    ("/app/whatsapp/messages", "message", "msg"),
    ("/app/whatsapp/messages", "q", "word"),
    ("/app/webhooks/deliveries", "event", "evt"),
    ("/app/webhooks/deliveries", "endpoint", "end"),
    ("/app/settings/api-keys", "key", "key"),
    ("/app/requests", "key", "key"),
    (INBOX, "q", "word"),
)
NO_SECRET = {
    "/app/settings/people/invitations/{invitation}/take-back": "takes a right away that nobody has yet",
    "/app/webhooks/endpoint/{endpoint}/off": "sends nothing to anybody new",
    "/app/webhooks/endpoint/{endpoint}/on": "sends to the URL that somebody has confirmed",
}
GUARDED = ("/settings/api-keys/", "/settings/people/", "/settings/brands/state", "/webhooks/endpoint",
           "/whatsapp/connection/", "/sandbox/endpoint")  # fmt: skip


# 51: text that is markup -----------------------------------------------------------------------------------------


async def test_no_text_of_anybody_becomes_markup_on_any_page(world: World) -> None:
    """And 55: what the pages hand out as files computes nothing."""
    async with visiting(world) as browser:
        assert browser.person is not None
        paths = await strangers.write_everywhere(world, browser.person.id)
        seen = 0
        for path in paths:
            page = await browser.get(path)
            assert page.status < 500, path
            found = [one for one in strangers.ALIVE if one in page.text]
            if ".csv" in path:
                assert_computes_nothing(page.text, path)
            else:
                assert not found, (path, found)
                seen += "&lt;script&gt;document.title=1" in page.text
    assert seen > len(paths) // 2


def assert_computes_nothing(text: str, path: str) -> None:
    cells = [cell for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) for cell in row]
    numbers = re.compile(r"-?[0-9.]+(e-?[0-9]+)?")
    assert not [cell for cell in cells if cell.lstrip()[:1] in {"=", "+", "-", "@"} and not numbers.fullmatch(cell)], (
        path
    )


# 52: names without measure ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["e" + "\u0301" * 10_000, "\u202e" + "evil " * 20, "Аdmin of Bordercart", "n" * 1_000_000, "\u0000\u001b[31m", " "],
    ids=["combining", "reversed", "homoglyph", "megabyte", "control", "blank"],
)
async def test_a_name_without_measure_leaves_the_page_as_it_is(world: World, name: str) -> None:
    contact = {"profile": {"name": name}, "wa_id": hooks.DIGITS}
    await hooks.tell(world, contacts=[contact], messages=[hooks.text("Hello?")])
    async with visiting(world, Role.AGENT) as browser:
        page = await browser.get(INBOX)
        (row,) = await world.rows("SELECT id FROM conversation")
        talk = await browser.get(f"{INBOX}/{ids.show('cnv', row['id'])}")

    for shown in (page, talk):
        assert shown.status == 200
        assert len(shown.text) < 200_000
        assert name not in shown.text or len(name) < 200
    assert "<bdi>" in page.text
    assert "+1 281-818-4370" in talk.words  # who it is stands beside what they call themselves


# 53: files that an answer brings along ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "claimed", "data"),
    [
        ("photo.jpg", "image/jpeg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("photo.jpg", "image/jpeg", b"<!DOCTYPE html><script>alert(1)</script>"),
        ("photo.gif", "image/gif", b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)"),
        ("photo.jpg", "image/jpeg", b""),
        ("../../etc/x.svg", "image/svg+xml", b"<svg/>"),
    ],
    ids=["svg", "html", "polyglot", "empty", "path"],
)
async def test_no_answer_brings_a_file_that_is_not_what_it_says(
    world: World, name: str, claimed: str, data: bytes
) -> None:
    async with visiting(world, Role.AGENT) as browser:
        form = aiohttp.FormData()
        form.add_field("file", data, filename=name, content_type=claimed)
        sent = {"Sec-Fetch-Site": "same-origin", "HX-Request": "true"}
        async with browser.http.post(f"{world.url}{INBOX}/files", data=form, headers=sent) as answer:
            said = await answer.text()
            assert answer.status in {200, 400, 422}, said
    assert await world.rows("SELECT FROM media") == []
    assert files.on_disk(world) == []


# 56 and 57: who asks, and what opens -----------------------------------------------------------------------------


async def test_no_page_and_no_endpoint_is_for_other_sites_to_read(world: World) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with visiting(world) as browser:
        for method in ("OPTIONS", "GET"):
            for path in ("/app", "/app/live", "/login", "/docs", "/openapi.json", "/api/v1/whatsapp/external/me"):
                async with browser.http.request(method, world.url + path, headers=asks) as answer:
                    assert not [name for name in answer.headers if name.lower().startswith("access-control-")], path


def test_what_opens_something_for_good_asks_for_the_password_once_more() -> None:
    """Keys, roles, tokens, secrets and where events are sent. Each one that does not ask says why not."""
    changes = [page for page in dashboard.PAGES if page.method == "POST"]
    matters = [page for page in changes if any(part in f"{page.path}/" for part in GUARDED)]
    assert len(matters) > 15
    assert {page.path for page in matters if not page.step_up} == set(NO_SECRET)


async def test_an_hour_old_session_opens_nothing_for_good(world: World) -> None:
    async with visiting(world) as browser:
        assert browser.person is not None
        await forget_confirmation(world, browser.person)
        before = await counts(world)
        for page in dashboard.PAGES:
            if page.step_up:
                path = re.sub(r"\{\w+\}", "x", page.path)
                asked = await (browser.get(path) if page.method == "GET" else browser.post(path))
                assert asked.way.startswith("/app/confirm?next="), page.path
        assert await counts(world) == before


async def counts(world: World) -> list[int]:
    tables = ("api_key", "endpoint", "connection", "membership", "link", "audit")
    return [(await world.rows(f"SELECT count(*) AS n FROM {table}"))[0]["n"] for table in tables]


async def test_a_secret_that_is_shown_is_written_down_and_kept_by_nobody(world: World) -> None:
    (row,) = await world.rows("SELECT id FROM endpoint WHERE brand_id = $1", world.brand_id)
    async with visiting(world) as browser:
        shown = await browser.post(f"/app/webhooks/endpoint/{ids.show('end', row['id'])}/secret")
    assert world.endpoint_secret in shown.text
    assert "no-store" in shown.headers["Cache-Control"]
    assert [one["actor"] for one in await world.rows("SELECT actor FROM audit WHERE action LIKE '%reveal%'")] == [
        "anna@bordercart.example"
    ]


# Other brands ----------------------------------------------------------------------------------------------------


async def test_no_page_tells_anything_of_another_brand(world: World) -> None:
    """Every page with every id of Rival's in its path: like one that nobody has. Nothing of Rival's is ever shown."""
    async with twins.settled(world) as (_, theirs), visiting(world) as browser:
        rita = await employ(world, Role.AGENT, email="rita@rival.example", brand_id=theirs.brand_id)
        values = theirs.values | {"person": rita.shown_id, "language": "en_US"}
        nobodys = {"template": "nobody_signup", "person": ids.show("opr", ids.new()), "language": "en_US"}
        before = await rivals(world, theirs.brand_id)
        for page in dashboard.PAGES:
            if page.permission is not PUBLIC and page.path != "/app/live":
                answer = await ask(browser, page, values)
                assert twins.CANARY not in answer.text, page.path
                assert "rival.example" not in answer.text, page.path
                if "{" in page.path:
                    assert answer.status == (await ask(browser, page, nobodys)).status, (page.method, page.path)
        for path, name, kind in DRAWERS:
            answer = await browser.get(f"{path}?{name}={theirs.values[kind]}")
            assert twins.CANARY not in answer.text, (path, name)
            assert answer.status in {200, 400, 404}
        assert await rivals(world, theirs.brand_id) == before


async def ask(browser: Browser, page: Page, known: dict[str, str]):
    """Ask for a page with the ids that are `known`, and with new ones for all others."""

    def value(found: re.Match[str]) -> str:
        kind = KINDS.get(found[1], found[1])
        return known.get(kind) or ids.show({"invitation": "inv", "session": "ses"}.get(kind, kind[:3]), ids.new())

    path = re.sub(r"\{(\w+)\}", value, page.path)
    return await (browser.get(path) if page.method == "GET" else browser.post(path))


async def rivals(world: World, brand_id: UUID) -> list[int]:
    """What Rival has: nothing that Bordercart asks for changes it."""
    tables = ("api_key", "endpoint", "connection", "membership", "message", "delivery", "outcome", "template")
    found = [await world.rows(f"SELECT count(*) AS n FROM {table} WHERE brand_id = $1", brand_id) for table in tables]
    alive = "SELECT count(*) AS n FROM api_key WHERE brand_id = $1 AND revoked_at IS NULL"
    return [rows[0]["n"] for rows in [*found, await world.rows(alive, brand_id)]]


async def test_no_stream_tells_anything_of_another_brand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every topic, and the very conversation of the other brand by its id."""
    monkeypatch.setattr(board, "_SPREADS_S", 0.1)
    await customers.says(world, "Hello?")
    (talk,) = await world.rows("SELECT id FROM conversation")
    rival = await test_live.rival(world)
    thread = f"thread:{ids.show('cnv', talk['id'])}"
    topics = ",".join([*(topic.value for topic in Topic), thread])
    async with (
        visiting(world) as anna,
        visiting(world, email="rita@rival.example", brand_id=rival) as rita,
        test_live.hearing(anna, world, thread) as ours,
        test_live.hearing(rita, world, topics, brand_id=rival) as theirs,
    ):
        await customers.says(world, "Is anybody there?")
        await world.send_otp()
        await world.mint(Scope.SEND_OTP)
        await hooks.rest(world)
        assert await ours.frame()  # so it was told
        await test_live.tell(world, Kind.TEMPLATE, brand_id=rival)

        told = await theirs.frame()
    assert told == Frame("live-templates", "")
