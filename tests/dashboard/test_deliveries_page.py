"""Events as people see them: what endpoints were told, attempt by attempt, and told again."""

import csv
import html
import io
import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import web

from quixess import access, metrics
from quixess.database import ids
from quixess.metrics import RANGES
from quixess.people import Role
from tests.dashboard.visiting import Browser, Page, visiting
from tests.events import past
from tests.world import PHONE, World, building, eventually, serving

HOME = "/app/webhooks/deliveries"


async def told(world: World, text: str = "Hi there", phone: str = PHONE) -> str:
    """A customer wrote and the endpoint heard of it; gives the event's id."""
    wamid = await world.customer_says(text, phone)

    def heard() -> str | None:
        found = world.receiver.of_type("message.received")
        return next((one["id"] for one in found if one["data"]["wa_message_id"] == wamid), None)

    event_id: str = await eventually(heard)
    return event_id


async def shown(browser: Browser, path: str, words: str) -> Page:
    """A page, once it has these words."""

    async def there() -> Page | None:
        page = await browser.get(path)
        assert page.status == 200, page.words
        return page if words in page.words else None

    page: Page = await eventually(there)
    return page


def many(page: Page) -> int:
    assert page.status == 200, page.words
    return page.text.count("data-row")


def block(page: Page, name: str) -> str:
    """What stands in a block of code."""
    found = re.search(rf'<pre id="{name}"[^>]*>(.*?)</pre>', page.text, re.DOTALL)
    assert found is not None, page.words
    return html.unescape(found[1])


async def endpoint_of(world: World) -> UUID:
    (row,) = await world.rows("SELECT id FROM endpoint WHERE brand_id = $1 ORDER BY id LIMIT 1", world.brand_id)
    found: UUID = row["id"]
    return found


async def test_a_first_visit_is_told_how_events_come_about(world: World) -> None:
    async with visiting(world) as browser:
        page = await browser.get(HOME)

    assert "Write something on the sandbox phone, or send a test event" in page.words


async def test_an_event_is_shown_as_it_was_sent_with_every_attempt(world: World) -> None:
    world.receiver.answers += [503, 500]
    event_id = await told(world)
    async with visiting(world) as browser:
        page = await shown(browser, f"{HOME}?event={event_id}", "Delivered 3 attempts")

    assert [words in page.words for words in ("503 Service Unavailable", "500 Internal Server Error", "200 OK")]
    headers, body = world.receiver.got[-1]
    assert f"X-Quixess-Signature-256: {headers['X-Quixess-Signature-256']}" in block(page, "headers-1")
    assert f"webhook-signature: {headers['webhook-signature']}" in block(page, "headers-1")
    assert json.loads(block(page, "payload-1")) == json.loads(body)
    command = shlex.split(block(page, "curl-1").replace("\\\n", " "))
    assert command[:4] == ["curl", "-X", "POST", world.receiver.url]
    assert command[-1].encode() == body


async def test_headers_of_the_tenants_own_are_named_and_not_told(world: World) -> None:
    endpoint = ids.show("end", await endpoint_of(world))
    fields = {"url": world.receiver.url, "event_types": "message.received", "headers": "X-Token: tenants-own-token"}
    async with visiting(world) as browser:
        await browser.follow(await browser.post(f"/app/webhooks/endpoint/{endpoint}", fields))
        event_id = await told(world)
        page = await shown(browser, f"{HOME}?event={event_id}", "Delivered 1 attempt")

    assert world.receiver.got[-1][0]["X-Token"] == "tenants-own-token"
    assert "X-Token: •••" in page.words
    assert "tenants-own-token" not in page.text


async def test_events_are_narrowed_by_state_type_endpoint_and_person(world: World) -> None:
    event_id = await told(world)
    await told(world, "Me too", "+12818184371")
    sent = await world.send_otp("+12818184372")
    await eventually(lambda: world.receiver.of_type("message.read"))
    endpoint_id = await endpoint_of(world)
    await past.fail(world.rooms.db, world.brand_id, endpoint_id, 2)
    message = ids.parse("msg", sent.json["id"])
    (about,) = await world.rows("SELECT count(*) AS n FROM event WHERE message_id = $1", message)
    async with visiting(world) as browser:
        await shown(browser, f"{HOME}?q={event_id}", "Delivered")
        for query, found in {
            f"q={event_id}": 1,
            f"q={sent.json['id']}": about["n"],
            f"q={sent.json['wa_message_id']}": about["n"],
            "q=%2B1+281-818-4371": 1,
            "q=%2B1+281-818-4399": 0,
            "q=nonsense": 0,
            "q=message.read": 1,
            "type=message.received": 4,
            "state=failed": 2,
            "state=exhausted": 2,
            "state=expired": 0,
            f"endpoint={ids.show('end', endpoint_id)}&state=failed": 2,
        }.items():
            assert many(await browser.get(f"{HOME}?{query}")) == found, query
        assert "Given up" in (await browser.get(f"{HOME}?state=failed")).words


async def test_each_endpoint_has_its_own_word(world: World) -> None:
    """One endpoint took the event, another one gave it up: the list says both."""
    fields = {
        "url": "http://127.0.0.1:9/hooks",
        "name": "warehouse",
        "schedule_s": "0.01 s",
        "event_types": "message.received",
    }
    async with visiting(world) as browser:
        assert "Your endpoint is there" in (await browser.post("/app/webhooks/endpoint", fields)).words
        event_id = await told(world)
        page = await shown(browser, f"{HOME}?q={event_id}", "Given up")
        opened = await browser.get(f"{HOME}?event={event_id}")

    row = re.search(r"<tr[^>]*data-row.*?</tr>", page.text, re.DOTALL)
    assert row is not None
    assert "Delivered" in row[0]
    assert "warehouse" in row[0]
    assert "Attempts at warehouse" in opened.words
    assert "No connection" in opened.words


async def test_pages_go_on_where_the_one_before_ended(world: World) -> None:
    await past.fail(world.rooms.db, world.brand_id, await endpoint_of(world), 27)
    async with visiting(world) as browser:
        page = await browser.get(HOME)
        assert many(page) == 25
        older = re.search(r'href="([^"]*)" rel="next"', page.text)
        assert older is not None
        assert many(await browser.get(html.unescape(older[1]))) == 2


async def test_the_list_comes_as_a_file(world: World) -> None:
    event_id = await told(world)
    await past.fail(world.rooms.db, world.brand_id, await endpoint_of(world))
    await past.record(world.rooms.db, world.brand_id, at=past.ago(hours=2))
    async with visiting(world) as browser:
        await shown(browser, f"{HOME}?q={event_id}", "Delivered")
        file = await browser.get(f"{HOME}.csv")
        narrowed = await browser.get(f"{HOME}.csv?state=failed")

    rows = list(csv.DictReader(io.StringIO(file.text.removeprefix("\ufeff"))))
    assert [row["state"] for row in rows] == ["delivered", "exhausted", "no_endpoint"]
    assert rows[0]["id"] == event_id
    assert rows[0]["message"].startswith("msg_")
    assert len(narrowed.text.splitlines()) == 2


async def test_one_event_is_delivered_again_under_its_old_id(world: World) -> None:
    event_id = await told(world)
    async with visiting(world) as browser:
        await shown(browser, f"{HOME}?event={event_id}", "Delivered 1 attempt")
        page = await browser.follow(await browser.post(f"{HOME}/{event_id}/replay"))
        assert "It is on its way again" in page.words
        await eventually(lambda: len(world.receiver.got) == 2)
        await shown(browser, f"{HOME}?event={event_id}", "replay")

    headers, body = world.receiver.got[-1]
    assert headers["X-Quixess-Replay"] == "true"
    assert json.loads(body)["id"] == event_id
    (noted,) = await world.rows("SELECT actor, object FROM audit WHERE action = 'event.replayed'")
    assert (noted["actor"], noted["object"]) == ("anna@bordercart.example", event_id)


async def test_ticked_events_are_delivered_again(world: World) -> None:
    events = [await told(world), await told(world, "Me too")]
    async with visiting(world) as browser:
        done = await browser.post(f"{HOME}/replay/selected", {"event": events})
        assert "2 events on the way again" in (await browser.follow(done)).words
        await eventually(lambda: len(world.receiver.got) == 4)
        page = await shown(browser, HOME, "Replay is done")
        assert "2 delivered" in page.words
        nothing = await browser.post(f"{HOME}/replay/selected")
        assert "Tick some events first" in (await browser.follow(nothing)).words


async def test_all_that_failed_since_a_time_is_counted_first_and_then_delivered(world: World) -> None:
    endpoint_id = await endpoint_of(world)
    await past.fail(world.rooms.db, world.brand_id, endpoint_id, 3)
    await past.fail(world.rooms.db, world.brand_id, endpoint_id, 2, at=past.ago(days=2), kind="message.read")
    async with visiting(world) as browser:
        assert "3 events failed" in (await browser.get(f"{HOME}/replay?since=24h")).words
        assert "5 events failed" in (await browser.get(f"{HOME}/replay?since=7d")).words
        assert "2 events failed" in (await browser.get(f"{HOME}/replay?since=7d&type=message.read")).words
        none = await browser.post(f"{HOME}/replay", {"since": "24h", "type": "message.read"})
        assert none.status == 422
        assert "Nothing failed in this time" in none.words

        done = await browser.post(f"{HOME}/replay", {"since": "24h"})
        assert "on its way again" in (await browser.follow(done)).words
        await eventually(lambda: len(world.receiver.got) == 3)
        await shown(browser, f"{HOME}/replay?since=7d", "2 events failed")


async def test_a_running_replay_is_stopped(world: World) -> None:
    (event_id,) = await past.fail(world.rooms.db, world.brand_id, await endpoint_of(world))
    async with visiting(world) as browser:
        await browser.post(f"{HOME}/replay/selected", {"event": ids.show("evt", event_id)})
        (job,) = await world.rows("SELECT id FROM replay")
        done = await browser.post(f"{HOME}/replay/{ids.show('rpl', job['id'])}/cancel")
        assert "The replay is stopped" in (await browser.follow(done)).words


async def test_a_test_event_is_sent_and_opened(world: World) -> None:
    endpoint = ids.show("end", await endpoint_of(world))
    async with visiting(world, Role.DEVELOPER) as browser:
        assert endpoint in (await browser.get(f"{HOME}/test")).text
        page = await browser.follow(await browser.post(f"{HOME}/test", {"endpoint": endpoint}))
        assert "endpoint.test" in page.words
        await eventually(lambda: world.receiver.of_type("endpoint.test"))


async def hostile(_request: web.Request) -> web.Response:
    return web.Response(body=b"<img src=x onerror=alert(1)> \xff\x00 and so on" + b"x" * 5000, status=500)


async def test_an_answer_of_the_endpoint_is_shown_as_text(dsn: str, tmp_path: Path) -> None:
    async with (
        building(dsn, tmp_path, webhook_private_answers=True) as world,
        serving(hostile, "/hooks") as url,
        visiting(world) as browser,
    ):
        await browser.post("/app/webhooks/endpoint", {"url": f"{url}/hooks", "event_types": "message.received"})
        event_id = await told(world)
        page = await shown(browser, f"{HOME}?event={event_id}", "and so on")

    assert "&lt;img src=x" in page.text
    assert "<img src=x" not in page.text


async def test_the_charts_count_ends_and_times(world: World) -> None:
    await told(world)
    endpoint_id = await endpoint_of(world)

    async def counted() -> metrics.Deliveries | None:
        window = RANGES["1h"].until(datetime.now(UTC))
        report = await metrics.deliveries(world.rooms.db, world.brand_id, window)
        return report if sum(one["delivered"] for one in report.ends.values()) == 1 else None

    report: metrics.Deliveries = await eventually(counted)
    assert sum(waits.times for waits in report.waits[endpoint_id].values()) == 1
    async with visiting(world) as browser:
        page = await browser.get(f"{HOME}?range=1h")
    assert "Deliveries by how they ended" in page.text
    assert "Delivered 1" in page.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{HOME}?before=nonsense", 400),
        (f"{HOME}?endpoint=nonsense", 404),
        (f"{HOME}?event=evt_nonsense", 404),
        (f"{HOME}?range=2h", 400),
        (f"{HOME}/replay?since=ever", 400),
    ],
)
async def test_what_makes_no_sense_is_told_so(world: World, path: str, status: int) -> None:
    async with visiting(world) as browser:
        page = await browser.get(path)

    assert page.status == status
    assert "<h1" in page.text


async def test_agents_and_strangers_see_and_replay_nothing(world: World) -> None:
    event_id = await told(world)
    async with world.rooms.db.transaction() as tx:
        rival = await access.create_brand(tx, "Rival")
    async with visiting(world, Role.AGENT, email="agent@bordercart.example") as agent:
        for path in (HOME, f"{HOME}/replay", f"{HOME}/test"):
            assert (await agent.get(path)).status == 403
        assert (await agent.post(f"{HOME}/{event_id}/replay")).status == 403
    async with visiting(world, email="rita@rival.example", brand_id=rival.id) as stranger:
        assert many(await stranger.get(HOME)) == 0
        assert many(await stranger.get(f"{HOME}?q={event_id}")) == 0
        assert (await stranger.get(f"{HOME}?event={event_id}")).status == 404
        assert (await stranger.post(f"{HOME}/{event_id}/replay")).status == 404
        assert (await stranger.post(f"{HOME}/replay/selected", {"event": event_id})).status == 404
        mine = ids.show("end", await endpoint_of(world))
        assert (await stranger.post(f"{HOME}/test", {"endpoint": mine})).status == 404
    assert len(world.receiver.got) == 1
