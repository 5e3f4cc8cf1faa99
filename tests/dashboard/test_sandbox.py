"""The sandbox page by plain forms: a code is sent and read, an answer is told, and what may go wrong goes wrong."""

import json
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import pytest

from quixess import access
from quixess.connections.model import META
from quixess.database import ids
from quixess.people import Role
from quixess.sandbox import PHONES, Handset
from tests.dashboard.visiting import Browser, Page, visiting
from tests.world import OTP, World, eventually

HOME = "/app/sandbox"
MAYA, JONAS = PHONES


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    async with visiting(world, Role.DEVELOPER) as one:
        yield one


async def chat(world: World, phone: str = MAYA.digits) -> list[dict[str, Any]]:
    """What a phone shows, oldest first."""
    return list((await world.meta.lever(f"phones/{phone}/messages"))["messages"])


async def last(world: World, phone: str = MAYA.digits) -> dict[str, Any]:
    return (await chat(world, phone))[-1]


async def wait_for_status(world: World, status: str) -> dict[str, Any]:
    async def reached() -> dict[str, Any] | None:
        one = await last(world)
        return one if one["status"] == status else None

    return dict(await eventually(reached))


async def run(browser: Browser, phone: str = "1") -> Page:
    """Press "Run it here" with a script, and give what it says."""
    return await browser.post(f"{HOME}/run", {"phone": phone}, {"HX-Request": "true"})


async def have_no_server(world: World, browser: Browser) -> None:
    """Have a brand without any endpoint of its own, as a fresh one is."""
    await world.rows("UPDATE endpoint SET deleted_at = now() WHERE brand_id = $1", world.brand_id)
    assert (await browser.get(HOME)).status == 200


def key_on(page: Page) -> str:
    found = re.search(r"qxt_[0-9A-Za-z]+", page.text)
    assert found is not None, page.words
    return found[0]


# The first column ---------------------------------------------------------------------------------------------------


async def test_the_curl_on_the_page_works_as_it_stands(world: World, browser: Browser):
    page = await browser.get(HOME)
    curl = unescape(re.search(r'(?s)<pre id="sample-curl"[^>]*>(.*?)</pre>', page.text)[1])  # type: ignore[index]
    url, key = re.search(r"POST '(\S+)'", curl)[1], re.search(r"X-API-Key: (\S+)'", curl)[1]  # type: ignore[index]
    body = re.search(r"(?s)-d '(.*)'", curl)[1]  # type: ignore[index]

    async with world.http.post(
        url, data=body, headers={"X-API-Key": key, "Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 200

    assert (await last(world))["code"] == "482913"


async def test_the_page_shows_the_same_key_to_everybody_for_ever(world: World, browser: Browser):
    key = key_on(await browser.get(HOME))

    async with visiting(world, Role.OWNER, email="ben@bordercart.example") as another:
        assert key_on(await another.get(HOME)) == key
    kept = await world.rows("SELECT secret FROM sandbox")
    assert len(kept) == 1
    assert key.encode() not in kept[0]["secret"]


async def test_the_key_on_the_page_sends_codes_only_and_to_nobody_real(world: World, browser: Browser):
    key = key_on(await browser.get(HOME))

    assert (await world.send_otp(key=key)).json["code"] == "destination_not_allowed"
    asked = await world.call("GET", "/api/v1/whatsapp/external/messages", key=key)
    assert asked.json["code"] == "insufficient_scope"
    told = await world.rows("SELECT actor FROM audit WHERE action = 'key.minted' ORDER BY id DESC LIMIT 1")
    assert browser.person is not None
    assert browser.person.email in told[0]["actor"]


async def test_a_key_that_was_revoked_is_made_anew_on_wish_only(world: World, browser: Browser):
    key = key_on(await browser.get(HOME))
    (row,) = await world.rows("SELECT key_id FROM sandbox")
    async with world.rooms.db.transaction() as tx:
        await access.revoke_key(tx, row["key_id"], actor="test")

    page = await browser.get(HOME)
    assert "was revoked, or has ended" in page.words
    assert "qxt_" not in page.text
    assert "401" in (await run(browser)).words

    await browser.post(f"{HOME}/key")
    assert key_on(await browser.get(HOME)) != key
    assert "200 in" in (await run(browser)).words


async def test_run_it_here_sends_a_fresh_code_and_says_how_long_it_took(world: World, browser: Browser):
    await browser.get(HOME)

    said = await run(browser)

    assert re.search(r"200 in \d+ ms", said.words)
    code = re.search(r"\b(\d{6})\b", said.words)[1]  # type: ignore[index]
    assert (await last(world))["code"] == code
    shown = await browser.get(HOME)
    assert f"{code} is your verification code" in shown.words
    assert "Copy code" in shown.words


async def test_what_was_run_stands_in_the_request_log_without_the_code(world: World, browser: Browser):
    await browser.get(HOME)
    said = await run(browser)
    code = re.search(r"\b(\d{6})\b", said.words)[1]  # type: ignore[index]

    (line,) = await eventually(lambda: world.rows("SELECT * FROM request"))

    assert (line["method"], line["path"], line["status"]) == ("POST", OTP, 200)
    assert line["message_id"] is not None
    assert "signup_otp" in line["asked"]
    assert code not in line["asked"]


async def test_without_a_script_the_answer_is_told_by_the_page_itself(world: World, browser: Browser):
    await browser.get(HOME)

    page = await browser.follow(await browser.post(f"{HOME}/run", {"phone": "2"}))

    assert re.search(r"200 in \d+ ms: code \d{6}", page.words)
    assert "is your verification code" in page.words
    assert (await last(world, JONAS.digits))["code"]
    assert await chat(world) == []


# The phone ----------------------------------------------------------------------------------------------------------


async def test_an_answer_is_told_as_an_event_and_an_empty_one_is_thanks(world: World, browser: Browser):
    await browser.get(HOME)

    await browser.post(f"{HOME}/says", {"text": "Did you get <b>that</b>?"})
    await browser.post(f"{HOME}/says", {"text": ""})

    said = await eventually(lambda: len(world.receiver.of_type("message.received")) == 2 and world.receiver.events)
    assert {one["data"]["content"]["body"] for one in said} == {"Did you get <b>that</b>?", "Thanks!"}
    assert {one["data"]["from"]["name"] for one in said} == {"Maya"}
    page = await browser.get(HOME)
    assert "Did you get <b>that</b>?" in page.words
    assert "<b>that</b>" not in page.text


async def test_a_reply_of_the_brand_is_quoted_and_answered(world: World, browser: Browser):
    await browser.get(HOME)
    await run(browser)
    wamid = (await last(world))["wamid"]

    composing = await browser.get(f"{HOME}?quote={wamid}")
    assert composing.field("quote") == wamid
    await browser.post(f"{HOME}/says", {"text": "This one?", "quote": wamid})

    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    assert wamid in str(event["data"])


@pytest.mark.parametrize(
    ("what", "kind"), [("photo", "image"), ("voice", "audio"), ("document", "document"), ("location", "location")]
)
async def test_something_that_is_no_text_arrives_as_what_it_is(world: World, browser: Browser, what: str, kind: str):
    await browser.get(HOME)

    assert (await browser.post(f"{HOME}/shows", {"what": what})).status == 303

    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    assert event["data"]["type"] == kind
    if kind != "location":
        stored = "SELECT 1 FROM media WHERE state = 'stored'"
        assert await eventually(lambda: world.rows(stored))


async def test_a_thumb_stands_under_what_was_sent(world: World, browser: Browser):
    await browser.get(HOME)
    await run(browser)
    wamid = (await last(world))["wamid"]

    await browser.post(f"{HOME}/reacts", {"message": wamid, "emoji": "👍"})

    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    assert event["data"]["type"] == "reaction"


async def test_buttons_of_a_message_can_be_tapped(world: World, browser: Browser):
    await browser.get(HOME)
    await browser.post(f"{HOME}/says", {"text": "Hello"})
    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    titles = {"yes": "Yes, please", "no": "No"}
    buttons = [{"type": "reply", "reply": {"id": one, "title": title}} for one, title in titles.items()]
    asked = {"type": "button", "body": {"text": "Shall we?"}, "action": {"buttons": buttons}}
    body = {"conversation_id": event["data"]["conversation_id"], "type": "interactive", "interactive": asked}
    sent = await world.call("POST", "/api/v1/whatsapp/external/send/reply", body=body)
    assert sent.status == 200, sent.json

    page = await browser.get(HOME)
    assert "Yes, please" in page.words
    wamid = (await last(world))["wamid"]
    await browser.post(f"{HOME}/taps", {"message": wamid, "choice": "1"})

    await eventually(lambda: len(world.receiver.of_type("message.received")) == 2)
    assert (await last(world))["text"] == "No"
    gone = await browser.post(f"{HOME}/taps", {"message": wamid, "choice": "7"})
    assert gone.status == 404


# What may go wrong --------------------------------------------------------------------------------------------------


async def test_a_phone_that_is_offline_gets_its_messages_later(world: World, browser: Browser):
    await browser.get(HOME)
    await browser.post(f"{HOME}/state", {"state": "offline"})
    await run(browser)
    await wait_for_status(world, "sent")
    assert "Offline" in (await browser.get(HOME)).words

    await browser.post(f"{HOME}/state", {"state": "on"})

    assert (await last(world))["status"] == "read"
    await eventually(lambda: world.receiver.of_type("message.read"))


@pytest.mark.parametrize(("state", "status"), [("no_whatsapp", "failed"), ("no_receipts", "delivered")])
async def test_a_phone_may_not_be_reached_or_not_tell(world: World, browser: Browser, state: str, status: str):
    await browser.get(HOME)
    await browser.post(f"{HOME}/state", {"state": state})

    await run(browser)

    await wait_for_status(world, status)


async def test_the_next_message_is_refused_with_a_code_of_meta_once(world: World, browser: Browser):
    await browser.get(HOME)
    await browser.post(f"{HOME}/fail", {"code": "131008"})

    refused = await run(browser)

    assert "502 in" in refused.words
    assert "131008" in refused.words
    assert "200 in" in (await run(browser)).words


async def test_a_day_passes_and_only_a_template_reaches_the_customer(world: World, browser: Browser):
    await browser.get(HOME)
    nothing = await browser.follow(await browser.post(f"{HOME}/day"))
    assert "write from the phone first" in nothing.words
    await browser.post(f"{HOME}/says", {"text": "Hello"})
    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    reply = {"conversation_id": event["data"]["conversation_id"], "type": "text", "text": {"body": "Hi Maya"}}

    await browser.post(f"{HOME}/day")

    closed = await world.call("POST", "/api/v1/whatsapp/external/send/reply", body=reply)
    assert closed.json["code"] == "window_closed"
    await browser.post(f"{HOME}/says", {"text": "Still there?"})
    await eventually(lambda: len(world.receiver.of_type("message.received")) == 2)
    opened = await world.call("POST", "/api/v1/whatsapp/external/send/reply", body=reply)
    assert opened.status == 200, opened.json


async def test_a_number_that_is_hidden_is_told_as_a_user_id(world: World, browser: Browser):
    await browser.get(HOME)
    await browser.post(f"{HOME}/hide", {"hidden": "true"})

    await browser.post(f"{HOME}/says", {"text": "Who am I?"})

    (event,) = await eventually(lambda: world.receiver.of_type("message.received"))
    assert event["data"]["from"]["phone"] is None
    assert event["data"]["from"]["user_id"].startswith("US.")
    assert "Show it again" in (await browser.get(f"{HOME}/simulate")).words


async def test_meta_decides_of_a_template(world: World, browser: Browser):
    await browser.get(HOME)
    assert "signup_otp (en_US)" in (await browser.get(f"{HOME}/simulate")).words

    await browser.post(f"{HOME}/verdict", {"template": "signup_otp en_US", "verdict": "reject"})

    rejected = "SELECT 1 FROM template WHERE name = 'signup_otp' AND status = 'REJECTED'"
    await eventually(lambda: world.rows(rejected))
    unknown = await browser.post(f"{HOME}/verdict", {"template": "no_such en_US", "verdict": "approve"})
    assert unknown.status == 404


# The events ---------------------------------------------------------------------------------------------------------


async def test_who_has_no_server_yet_is_given_one_that_verifies(world: World, browser: Browser):
    await have_no_server(world, browser)

    await run(browser)

    caught = await eventually(lambda: world.rows("SELECT * FROM caught WHERE status = 200"))
    words = (await browser.get(HOME)).words
    assert "Caught here." in words
    assert "200 message.delivered" in words
    event = ids.show("evt", caught[0]["event_id"])
    shown = await browser.get(f"{HOME}/events/{event}")
    assert "x-quixess-signature-256: sha256=" in shown.words
    assert event in shown.words


async def test_who_has_a_server_keeps_it_and_may_watch_here_too(world: World, browser: Browser):
    page = await browser.get(HOME)
    assert world.receiver.url in page.words
    assert "Caught here." not in page.words

    await browser.post(f"{HOME}/catcher")
    await run(browser)

    await eventually(lambda: world.rows("SELECT 1 FROM caught"))
    await eventually(lambda: world.receiver.of_type("message.delivered"))


async def test_the_next_two_deliveries_fail_and_are_made_again(world: World, browser: Browser):
    await have_no_server(world, browser)
    await browser.post(f"{HOME}/refusals", {"count": "2"})
    assert "the next 2 with 503" in (await browser.get(HOME)).words

    await browser.post(f"{HOME}/says", {"text": "Hello"})

    caught = "SELECT status FROM caught ORDER BY id"
    rows = await eventually(lambda: rows_of(world, caught, 3))
    assert [row["status"] for row in rows] == [503, 503, 200]
    (row,) = await world.rows("SELECT DISTINCT event_id FROM caught")
    event = ids.show("evt", row["event_id"])
    assert "Attempts 503" in (await browser.get(f"{HOME}/events/{event}")).words

    again = await browser.follow(await browser.post(f"{HOME}/events/{event}/replay"))
    assert "on its way again" in again.words
    assert await eventually(lambda: rows_of(world, caught, 4))


async def rows_of(world: World, sql: str, count: int) -> list[Any]:
    rows = await world.rows(sql)
    return rows if len(rows) >= count else []


async def test_events_are_posted_to_a_server_of_ones_own(world: World, browser: Browser):
    await have_no_server(world, browser)

    done = await browser.post(f"{HOME}/endpoint", {"url": world.receiver.url})
    await run(browser)

    assert done.status == 303
    await eventually(lambda: world.receiver.of_type("message.delivered"))
    await eventually(lambda: world.rows("SELECT 1 FROM caught"))
    for wrong in ("ftp://127.0.0.1/x", "", world.receiver.url):
        assert (await browser.post(f"{HOME}/endpoint", {"url": wrong})).status == 400
    assert len(await world.rows("SELECT 1 FROM endpoint WHERE deleted_at IS NULL AND url IS NOT NULL")) == 2


async def test_a_second_server_takes_nothing_from_the_first(world: World, browser: Browser):
    await browser.get(HOME)

    await browser.post(f"{HOME}/endpoint", {"url": f"{world.receiver.url}/second"})

    page = await browser.get(HOME)
    assert f"{world.receiver.url} " in page.words
    assert f"{world.receiver.url}/second" in page.words


async def test_the_catcher_takes_nothing_that_is_not_signed_by_us(world: World, browser: Browser):
    await have_no_server(world, browser)
    address = f"{world.url}/sandbox/catcher/{ids.show('brd', world.brand_id)}"
    await browser.post(f"{HOME}/says", {"text": "Hello"})
    (row,) = await eventually(lambda: world.rows("SELECT headers, body FROM caught"))
    headers = json.loads(row["headers"])

    for change in ({"x-quixess-signature-256": "sha256=00"}, {"webhook-timestamp": "1000000000"}, {}):
        body = row["body"] if change else row["body"] + " "
        async with world.http.post(address, data=body, headers=headers | change) as answer:
            assert answer.status == 401
    async with world.http.post(address.replace("brd_", "evt_"), data="{}") as answer:
        assert answer.status == 404
    assert len(await world.rows("SELECT 1 FROM caught")) == 1


async def test_the_catcher_is_over_when_the_brand_has_a_real_number(world: World, browser: Browser):
    await have_no_server(world, browser)
    await world.rows("UPDATE connection SET graph_url = 'https://graph.facebook.com'")
    address = f"{world.url}/sandbox/catcher/{ids.show('brd', world.brand_id)}"

    async with world.http.post(address, data="{}") as answer:
        assert answer.status == 410


# Where there is no sandbox ------------------------------------------------------------------------------------------


async def test_a_brand_with_a_real_number_is_told_how_to_get_a_phone(world: World, browser: Browser):
    await world.rows("UPDATE connection SET graph_url = 'https://graph.facebook.com'")

    page = await browser.get(HOME)

    assert "has a real number" in page.words
    assert "quixess simulate" in page.words
    assert await world.rows("SELECT 1 FROM sandbox") == []
    for path in ("says", "run", "day"):
        assert (await browser.post(f"{HOME}/{path}")).status == 404


async def test_another_graph_url_than_the_simulators_is_never_asked(world: World, browser: Browser):
    """A tenant's URL that calls itself a simulator gets no request of the sandbox."""
    await world.rows("UPDATE connection SET graph_url = $1", world.receiver.url)

    assert "not known here" in (await browser.get(HOME)).words
    assert (await browser.post(f"{HOME}/state", {"state": "offline"})).status == 404

    assert world.receiver.got == []


async def test_a_simulator_that_is_away_leaves_the_rest_of_the_page(world: World, browser: Browser):
    await browser.get(HOME)
    await world.rooms.handset.close()
    world.rooms.handset._url = "http://127.0.0.1:9"
    await world.rows("UPDATE connection SET graph_url = 'http://127.0.0.1:9'")

    page = await browser.get(HOME)

    assert page.status == 200
    assert "does not answer" in page.words
    assert (await browser.post(f"{HOME}/says", {"text": "Hello"})).status == 503


async def test_the_phones_of_two_brands_on_one_simulator_show_nothing_of_each_other(world: World, browser: Browser):
    await browser.get(HOME)
    await run(browser)
    number = await world.meta.lever("numbers", {"display_phone_number": "+15550783999"})
    await world.rows("UPDATE connection SET phone_number_id = $1", str(number["id"]))

    page = await browser.get(HOME)

    assert "is your verification code" not in page.words


async def test_a_support_agent_has_no_sandbox(world: World):
    async with visiting(world, Role.AGENT) as agent:
        assert (await agent.get(HOME)).status == 403
        assert (await agent.post(f"{HOME}/says", {"text": "Hello"})).status == 403


def test_there_is_a_number_of_the_simulator_only_where_the_settings_say_so():
    assert not Handset(None).serves("http://127.0.0.1:8801")
    assert Handset("http://127.0.0.1:8801").serves("http://127.0.0.1:8801")
    assert not Handset("http://127.0.0.1:8801").serves(META)
