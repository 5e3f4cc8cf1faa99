"""Metrics as people see them: numbers and charts, each chart with its table, files, and a price list."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest

from quixess.people import Role
from tests.dashboard.visiting import Browser, Page, visiting
from tests.metrics.history import NOW, History, ago
from tests.world import World

PRICED = {"category": "marketing", "type": "regular", "billable": True, "model": "PMP"}
RANGES = ("1h", "24h", "7d", "30d")
REFUSED = [{"code": 131026, "title": "Message undeliverable"}]


async def past(world: World) -> History:
    """An hour ago two messages arrived, one of them for money, and one failed; two days ago one was read."""
    history = History(world.rooms.db, world.brand_id)
    await world.rows("UPDATE brand SET created_at = now() - interval '40 days'")
    await world.rows("DELETE FROM count_turn")
    code = await history.message(NOW - timedelta(minutes=1), "delivered")
    await history.delivered(code, NOW - timedelta(minutes=1) + timedelta(seconds=4))
    offer = {"template_name": "spring_sale", "template_category": "MARKETING", "pricing": PRICED}
    await history.message(NOW - timedelta(minutes=1), "read", **offer)
    await history.message(NOW - timedelta(minutes=1), "failed", errors=REFUSED)
    await history.message(ago(48), "read")
    await history.count()
    return history


def table(page: Page, title: str) -> str:
    """The table twin of a chart."""
    return page.text.partition(f'<caption class="sr">{title}</caption>')[2].partition("</table>")[0]


async def test_nothing_happened_is_told_by_charts_with_axes(world: World) -> None:
    async with visiting(world) as browser:
        for name in ("1h", "24h", "7d", "30d"):
            page = await browser.get(f"/app/metrics?range={name}")
            assert page.status == 200
            assert page.text.count("No traffic in this range") == 4
            assert f'href="/app/metrics?range={name}" aria-current="true"' in page.text


async def test_numbers_reasons_templates_and_cost_are_told(world: World) -> None:
    await past(world)
    async with visiting(world) as browser:
        page = await browser.get("/app/metrics?range=24h")
        month = await browser.get("/app/metrics?range=30d")

    assert "Sent 2" in page.words
    assert "Failed 1" in page.words
    assert "131026" in page.words
    assert "spring_sale" in page.words
    assert "marketing billable 1 no price" in page.words
    assert "Sent 3" in month.words


async def test_the_table_says_what_the_chart_shows(world: World) -> None:
    await past(world)
    async with visiting(world) as browser:
        page = await browser.get("/app/metrics?range=24h")

    shown = table(page, "Messages by what became of them")
    assert shown.count("<tr>") == 1 + 24
    last = shown.rpartition("<tr>")[2]
    assert [cell.partition("<")[0] for cell in last.split('class="num">')[1:]] == ["1", "1", "0", "1"]
    assert "Read 1, Delivered, not read 1, On the way 0, Failed 1" in page.text


async def test_every_chart_and_its_table_hold_the_same_numbers(world: World) -> None:
    """Nothing, one point, and a month of them."""
    history = History(world.rooms.db, world.brand_id)
    await world.rows("UPDATE brand SET created_at = now() - interval '40 days'")
    await world.rows("DELETE FROM count_turn")
    async with visiting(world) as browser:
        assert [await points(browser, name) for name in RANGES] == [0, 0, 0, 0]

        code = await history.message(NOW - timedelta(minutes=1), "delivered")
        await history.delivered(code, NOW - timedelta(minutes=1) + timedelta(seconds=4))
        await history.count()
        assert [await points(browser, name) for name in RANGES] == [1, 1, 1, 1]

        for day in range(2, 29):
            await history.message(ago(24 * day), "read")
        await world.rows("DELETE FROM count_turn")
        await history.count()
        assert [await points(browser, name) for name in RANGES[:2]] == [1, 1]
        assert await points(browser, "7d") > 5
        assert await points(browser, "30d") > 25


async def points(browser: Browser, name: str) -> int:
    """Hold the charts of a range against their tables, and count the points of the first one."""
    messages, *_ = charted((await browser.get(f"/app/metrics?range={name}")).text)
    return sum(set(values) != {"0"} for _, values in messages)


def charted(text: str) -> list[list[tuple[str, list[str]]]]:
    """Read the charts of a page, by label, and hold each against its table."""
    found = []
    for figure in re.findall(r"(?s)<figure.*?</figure>", text):
        heads = re.findall(r'<th scope="col" class="num">(.*?)</th>', figure)
        rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', figure)
        table = [(label, re.findall(r'class="num">(.*?)</td>', cells)) for label, cells in rows]
        drawn = [(label, said) for label, said in re.findall(r"<title>(.*?\d.*?): (.*?)</title>", figure)]
        assert drawn == [
            (label, ", ".join(f"{head} {value}" for head, value in zip(heads, values, strict=True)))
            for label, values in table
        ]
        found.append(table)
    assert len(found) == 4
    return found


async def test_every_table_comes_as_a_file(world: World) -> None:
    await past(world)
    files = {}
    async with visiting(world) as browser:
        for of in ("time", "failures", "templates", "keys", "endpoints", "prices"):
            file = await browser.get(f"/app/metrics.csv?range=24h&of={of}")
            assert file.status == 200, of
            files[of] = list(csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"))))

    assert len(files["time"]) == 24
    assert sum(int(row["messages"]) for row in files["time"]) == 3
    assert [(row["code"], row["messages"]) for row in files["failures"]] == [("131026", "1")]
    assert {row["template"] for row in files["templates"]} == {"signup_otp", "spring_sale"}
    assert [(row["category"], row["billable"], row["cost"]) for row in files["prices"]] == [("marketing", "True", "")]


async def test_an_owner_names_prices_and_sees_the_cost(world: World) -> None:
    await past(world)
    async with visiting(world) as browser:
        refused = await browser.post("/app/metrics/prices", {"currency": "euro", "marketing": "a lot"})
        assert refused.status == 422
        assert "three letters" in refused.words
        assert "a lot" in refused.text
        done = await browser.post("/app/metrics/prices", {"currency": "eur", "marketing": "0,0135", "utility": ""})
        page = await browser.follow(done)
        again = await browser.get("/app/metrics/prices")
        audited = await browser.get("/app/settings/audit")

    assert "about 0.0135 EUR" in page.words
    assert again.field("marketing") == "0.0135"
    assert "set the prices of messages" in audited.words


@pytest.mark.parametrize(("role", "read", "write"), [(Role.DEVELOPER, 200, 403), (Role.AGENT, 403, 403)])
async def test_a_developer_reads_metrics_and_an_agent_does_not(world: World, role: Role, read: int, write: int) -> None:
    async with visiting(world, role) as browser:
        assert (await browser.get("/app/metrics")).status == read
        assert (await browser.get("/app/metrics.csv")).status == read
        assert (await browser.get("/app/metrics/prices")).status == write
        assert (await browser.post("/app/metrics/prices", {"currency": "EUR"})).status == write


async def test_time_that_no_worker_counted_is_named(world: World) -> None:
    await past(world)
    await world.rows("UPDATE count_turn SET counted_to = now() - interval '9 hours', next_at = 'infinity'")
    async with visiting(world) as browser:
        page = await browser.get("/app/metrics?range=24h")

    assert f"{datetime.now(UTC):%Y}" in page.words
    assert "is not counted yet" in page.words
