"""The request log as people see it: what was asked and answered, narrowed by the query, one beside the list."""

import csv
import html
import io
from pathlib import Path

import pytest

from quixess.access import Scope
from quixess.people import Role
from tests.dashboard.visiting import Browser, Page, visiting
from tests.world import CODE, OTP, World, building, eventually

EXTERNAL = "/api/v1/whatsapp/external"
HOSTILE = "<img src=x onerror=alert(1)>"


async def listed(browser: Browser, many: int, path: str = "/app/requests") -> Page:
    """The page once it shows so many requests: lines are written within a second."""

    async def enough() -> Page | None:
        page = await browser.get(path)
        assert page.status == 200, page.words
        return page if page.text.count("data-row") == many else None

    page: Page = await eventually(enough)
    return page


async def test_a_first_visit_finds_the_request_to_begin_with(world: World) -> None:
    async with visiting(world) as browser:
        page = await browser.get("/app/requests")

    assert "No requests yet" in page.words
    assert f'curl {world.url}{EXTERNAL}/me \\ -H "X-API-Key: $QUIXESS_KEY"' in page.words


async def test_a_request_is_listed_with_its_answer_and_opened_beside_the_list(world: World) -> None:
    sent = await world.send_otp()
    async with visiting(world) as browser:
        page = await listed(browser, 1)
        assert "POST /send/otp" in page.words

        request_id = sent.headers["X-Request-Id"]
        opened = await browser.get(f"/app/requests?request={request_id}")

    assert request_id in opened.words
    assert sent.json["id"] in opened.words
    assert '"to": "+1281•••4370"' in opened.words
    assert CODE not in opened.text


async def test_the_scope_wall_is_told_with_its_fix(world: World) -> None:
    """A key that may send codes reads messages: 403, and the log says what to do."""
    narrow = await world.mint(Scope.SEND_OTP)
    answer = await world.call("GET", f"{EXTERNAL}/messages", key=narrow)
    async with visiting(world, Role.DEVELOPER) as browser:
        await listed(browser, 1)
        page = await browser.get(f"/app/requests?request={answer.headers['X-Request-Id']}")

    assert "403" in page.words
    assert "extend the key, or mint one that has it" in page.words
    assert "/docs/errors#insufficient_scope" in page.text


async def test_filters_are_in_the_address_and_older_pages_follow(world: World) -> None:
    narrow = await world.mint(Scope.SEND_OTP)
    for _ in range(26):
        await world.call("GET", f"{EXTERNAL}/me")
        await world.call("GET", f"{EXTERNAL}/messages", key=narrow)
    async with visiting(world) as browser:
        page = await listed(browser, 50)
        older = html.unescape(page.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0])
        assert (await browser.get(older)).text.count("data-row") == 2
        assert (await browser.get("/app/requests?status=4")).text.count("data-row") == 26
        assert (await browser.get("/app/requests?status=5")).text.count("data-row") == 0
        assert (await browser.get("/app/requests?code=insufficient_scope")).text.count("data-row") == 26
        found = await browser.get(f"/app/requests?endpoint=GET+{EXTERNAL}/me&status=2")
        assert found.text.count("data-row") == 26
        assert "Nothing fits" in (await browser.get("/app/requests?q=req_unknown")).words


async def test_a_request_id_finds_its_request_and_a_strangers_finds_nothing(world: World) -> None:
    mine = {"X-Request-Id": "order-4711-abc"}
    for _ in range(2):
        await world.call("GET", f"{EXTERNAL}/me", headers=mine)
    async with visiting(world) as browser:
        page = await listed(browser, 2)
        assert (await browser.get("/app/requests?q=order-4711-abc")).text.count("data-row") == 1
        one_of_two = html.unescape(page.text.rpartition('class="rowlink" href="')[2].partition('"')[0])
        assert "order-4711-abc" in (await browser.get(one_of_two)).words
        assert (await browser.get("/app/requests?request=req_01KAR3V6YZ4D1K7P3S6V8X0A2C")).status == 404


@pytest.mark.parametrize("query", ["before=nonsense", "key=nonsense", "status=9", "since=yesterday"])
async def test_a_query_that_makes_no_sense_is_told_so(world: World, query: str) -> None:
    async with visiting(world) as browser:
        page = await browser.get(f"/app/requests?{query}")
        assert page.status in (400, 404)
        assert "<h1" in page.text


async def test_the_list_comes_as_a_file(world: World) -> None:
    await world.send_otp()
    async with visiting(world) as browser:
        await listed(browser, 1)
        file = await browser.get("/app/requests.csv")

    (row,) = csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff")))
    assert (row["method"], row["path"], row["status"], row["key"]) == ("POST", OTP, "200", "full")


async def test_hostile_text_in_a_request_stays_text(world: World) -> None:
    await world.call("POST", OTP, body={"to": HOSTILE, "img": HOSTILE, "template_name": HOSTILE, HOSTILE: 1})
    await world.mint(Scope.SEND_OTP)
    async with visiting(world) as browser:
        page = await listed(browser, 1)
        link = html.unescape(page.text.rpartition('class="rowlink" href="')[2].partition('"')[0])
        assert HOSTILE not in (await browser.get(link)).text


async def test_an_agent_does_not_see_the_log_and_a_stranger_not_ours(world: World) -> None:
    answer = await world.send_otp()
    async with visiting(world) as owner:
        await listed(owner, 1)
    async with visiting(world, Role.AGENT, email="agent@bordercart.example") as agent:
        assert (await agent.get("/app/requests")).status == 403
        assert (await agent.get("/app/requests.csv")).status == 403
        assert answer.headers["X-Request-Id"] not in (await agent.get("/app")).text


async def test_an_installation_without_a_log_says_so(dsn: str, tmp_path: Path) -> None:
    async with building(dsn, tmp_path, request_log="off") as world, visiting(world) as browser:
        assert "keeps no request log" in (await browser.get("/app/requests")).words
