"""The inbox in a browser: a conversation appears, is answered, quoted, noted, closed by time, opened by a template."""

import re
from base64 import b64encode

import pytest
from playwright.async_api import Locator, Page, expect

from quixess.people import Role
from quixess.support import canned
from tests.browser import chromium, entering, judging
from tests.browser.chromium import Guard
from tests.browser.test_live import HIDE
from tests.support import customers
from tests.world import World, eventually

HOME = "/app/whatsapp/inbox"
DAY_S = 86_400
PATIENCE_MS = 20_000
PASTE = """(field, data) => {
  const clipboardData = new DataTransfer();
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  clipboardData.items.add(new File([bytes], "label.png", { type: "image/png" }));
  field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


async def open_conversation(page: Page, world: World, text: str = "Hello?") -> None:
    """Let Frank write, and open what he wrote; wait until the page is live."""
    await customers.says(world, text)
    await page.goto(HOME)
    await page.get_by_role("link", name="Frank").click()
    await expect(page.get_by_role("heading", name="Frank")).to_be_visible()
    await expect(page.locator("#live-dot")).to_have_text("Live")


def thread(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages")


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


async def test_a_new_conversation_appears_and_is_answered(page: Page, world: World) -> None:
    await page.goto(HOME)
    await expect(page.get_by_role("heading", name="No one has written yet")).to_be_visible()
    await expect(page.locator("#live-dot")).to_have_text("Live")
    assert await judging.faults(page) == []

    await customers.says(world, "Is my order on its way?")
    row = page.get_by_role("link", name="Frank")
    await expect(row).to_contain_text("1 unread", timeout=PATIENCE_MS)
    await row.click()

    await expect(thread(page)).to_contain_text("Is my order on its way?")
    await expect(page.locator("#window")).to_contain_text("23 h left")
    await field(page).fill("It is, and arrives tomorrow.")
    await field(page).press("Enter")
    answer = thread(page).locator(".bubble.me")
    await expect(answer).to_have_count(1)
    await expect(answer.get_by_role("img", name=re.compile("Delivered|Read"))).to_be_visible(timeout=PATIENCE_MS)
    await expect(answer).to_have_count(1)
    await expect(answer).to_contain_text("Anna Owner")
    await expect(field(page)).to_have_value("")
    await expect(page.locator(".talk.unread")).to_have_count(0, timeout=PATIENCE_MS)
    assert [one["content"]["body"] for one in await world.sends()] == ["It is, and arrives tomorrow."]
    assert await judging.faults(page) == []


async def test_what_is_not_sent_says_so_and_gives_the_text_back(page: Page, world: World, guard: Guard) -> None:
    """Journey 6: one bubble only; when nothing went out, it says so."""
    await open_conversation(page, world)
    guard.allow("503")
    await world.rows("UPDATE connection SET graph_url = 'http://127.0.0.1:9'")

    await field(page).fill("Hello Frank")
    await field(page).press("Enter")

    await expect(thread(page)).to_contain_text("Not sent", timeout=PATIENCE_MS)
    await expect(field(page)).to_have_value("Hello Frank")
    await expect(thread(page).locator(".bubble.me")).to_have_count(1)

    await world.rows("UPDATE connection SET graph_url = $1", world.meta.base_url)
    await field(page).press("Enter")
    await expect(thread(page).locator(".bubble.me.is-read")).to_have_count(1, timeout=PATIENCE_MS)


@pytest.mark.slow
async def test_answers_in_quick_succession_all_go_out_once_and_in_order(page: Page, world: World) -> None:
    await open_conversation(page, world)
    said = ["One", "Two", "Three"]
    for text in said:
        await field(page).fill(text)
        await field(page).press("Enter")

    bubbles = thread(page).locator(".bubble.me")
    await expect(bubbles).to_have_count(3)
    await eventually(lambda: sent(world, 3))
    assert [one["content"]["body"] for one in await world.sends()] == said
    await expect(thread(page).locator(".bubble.me.is-read")).to_have_count(3, timeout=PATIENCE_MS)
    texts = await bubbles.locator("p:not(.by)").all_text_contents()
    assert texts == said


async def sent(world: World, many: int) -> bool:
    return len(await world.sends()) == many


@pytest.mark.slow
async def test_a_hidden_tab_misses_nothing_and_shows_nothing_twice(page: Page, world: World) -> None:
    """Journey 7."""
    await open_conversation(page, world)
    await page.evaluate(HIDE, True)
    await expect(page.locator("#live-dot")).to_have_text("Paused")
    await eventually(lambda: not world.rooms.feed._following._streams)

    for text in ("One", "Two", "Three"):
        await customers.says(world, text)
    await page.evaluate(HIDE, False)

    them = thread(page).locator(".bubble.them p")
    await expect(them.last).to_have_text("Three", timeout=PATIENCE_MS)
    assert await them.all_text_contents() == ["Hello?", "One", "Two", "Three"]


async def test_the_window_closes_after_a_day_and_a_template_opens_the_talk_again(page: Page, world: World) -> None:
    """Journey 10: at 23:59 one may answer, at 24:01 a template is offered."""
    await world.meta.lever("settings", {"clock_offset_s": -DAY_S + 60})
    await open_conversation(page, world)
    await expect(page.locator("#window .pill")).to_have_class("pill warn")
    await expect(page.get_by_role("radio", name="Answer")).to_be_checked()

    await world.rows("UPDATE conversation SET window_until = now() - interval '1 minute'")
    await page.reload()
    await expect(page.locator("#window")).to_have_text("24 h over")
    await expect(page.get_by_role("radio", name="Answer")).to_have_count(0)
    assert await judging.faults(page) == []
    await page.get_by_role("link", name="Send a template").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("link", name="order_update").click()
    await dialog.get_by_label("Text 1").fill("Frank")
    await dialog.get_by_label("Text 2").fill("A-1042")
    await expect(dialog.get_by_role("region", name="Preview")).to_contain_text("Hello Frank, your order A-1042")
    assert await judging.faults(page) == []
    await dialog.get_by_role("button", name="Send template").click()

    await expect(thread(page)).to_contain_text("Hello Frank, your order A-1042", timeout=PATIENCE_MS)
    await world.meta.lever("settings", {"clock_offset_s": 0})
    await customers.says(world, "Thank you!")
    await expect(page.get_by_role("radio", name="Answer")).to_be_checked(timeout=PATIENCE_MS)
    await expect(page.locator("#window")).to_contain_text("23 h left")


@pytest.mark.slow
async def test_hostile_text_is_text(page: Page, world: World) -> None:
    """Journey 19."""
    await customers.says(world, customers.HOSTILE, name=customers.HOSTILE)
    await customers.says(world, "👩‍👩‍👧 " + "W" * 4080, name=customers.HOSTILE)
    card = {"name": {"formatted_name": customers.HOSTILE}, "urls": [{"url": "javascript:alert(1)"}]}
    await customers.writes(world, {"type": "contacts", "contacts": [card]}, name=customers.HOSTILE)
    place = {"latitude": 1, "longitude": 2, "name": customers.HOSTILE, "url": "javascript:alert(1)"}
    await customers.writes(world, {"type": "location", "location": place}, name=customers.HOSTILE)
    await page.goto(HOME)
    await page.locator("[data-row]").click()

    await expect(thread(page).locator(".bubble").first).to_contain_text("<img src=x onerror=")
    assert await page.locator(".bubble script, .bubble img, .talk-head img").count() == 0
    assert await page.locator("a[href^='javascript']").count() == 0
    assert await page.title() != "1"
    for window in (chromium.WIDE, chromium.NARROW):
        await page.set_viewport_size(window)
        assert await judging.overhang(page) <= 0
    assert await judging.faults(page) == []


@pytest.mark.slow
async def test_every_kind_of_message_has_its_shape(page: Page, world: World) -> None:
    await customers.fill_thread(world)
    await page.goto(HOME)
    await page.locator("[data-row]").click()

    await expect(thread(page).get_by_role("img", name="Photo")).to_be_visible()
    await expect(thread(page).get_by_role("img", name="Reactions: 👍")).to_be_visible()
    await expect(thread(page).get_by_role("link", name="bill.pdf")).to_be_visible()
    await expect(thread(page).locator(".quote").last).to_contain_text("Is this one still there?")
    assert await page.evaluate("document.querySelector('.picture img').naturalWidth") == 320
    assert await judging.faults(page) == []


async def test_keys_lead_through_the_inbox(page: Page, world: World) -> None:
    await customers.says(world, "From Ann", "+12818184371", "Ann")
    await open_conversation(page, world)
    await page.goto(HOME)

    await page.keyboard.press("j")
    await expect(page.get_by_role("link", name="Frank")).to_be_focused()
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Frank")).to_be_visible()
    await page.keyboard.press("r")
    await expect(field(page)).to_be_focused()
    await page.keyboard.type("Line one")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("line two")
    await expect(field(page)).to_have_value("Line one\nline two")
    await page.keyboard.press("Escape")
    await expect(field(page)).not_to_be_focused()
    await page.keyboard.press("n")
    await expect(page.get_by_role("radio", name="Note")).to_be_checked()
    await expect(field(page)).to_be_focused()
    await page.keyboard.press("Enter")
    note = thread(page).locator(".is-note")
    await expect(note).to_contain_text("note, not sent", timeout=PATIENCE_MS)
    await expect(note).to_have_count(1)
    assert await world.sends() == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("e")
    await expect(page.get_by_role("button", name="Open again")).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.slow
async def test_a_bubble_is_quoted_by_r_and_dropped_again(page: Page, world: World) -> None:
    await open_conversation(page, world, "Which one?")
    await thread(page).locator(".bubble.them").hover()
    await thread(page).get_by_role("link", name="Quote this message").focus()
    await page.keyboard.press("r")
    await expect(page.locator("#quote")).to_contain_text("Which one?")
    await expect(field(page)).to_be_focused()
    await page.get_by_role("button", name="Do not quote it").click()
    await expect(page.locator("#quote")).to_have_text("")
    await thread(page).get_by_role("link", name="Quote this message").click()
    await expect(page.locator("#quote")).to_contain_text("Which one?")

    await field(page).fill("This one")
    await field(page).press("Enter")

    await expect(thread(page).locator(".bubble.me .quote")).to_contain_text("Which one?", timeout=PATIENCE_MS)
    await expect(page.locator("#quote")).to_have_text("")


@pytest.mark.slow
async def test_a_slash_finds_a_canned_reply(page: Page, world: World) -> None:
    async with world.rooms.db.transaction() as tx:
        await canned.save(tx, world.brand_id, "hours", "We are here from 9 to 17.", actor="test")
        await canned.save(tx, world.brand_id, "thanks", "Thank you!", actor="test")
    await open_conversation(page, world)
    await field(page).press_sequentially("/")
    answers = page.get_by_role("listbox", name="Canned replies")
    await expect(answers.get_by_role("option")).to_have_count(2)
    await field(page).press("ArrowDown")
    await expect(answers.get_by_role("option", name="/thanks")).to_have_attribute("aria-selected", "true")
    assert await judging.faults(page) == []
    await field(page).press_sequentially("ho")
    await field(page).press("Enter")

    await expect(field(page)).to_have_value("We are here from 9 to 17.")
    await expect(answers).to_be_hidden()


@pytest.mark.slow
async def test_a_pasted_picture_goes_with_the_answer(page: Page, world: World) -> None:
    await open_conversation(page, world)
    await field(page).evaluate(PASTE, b64encode(customers.picture(40, 30)).decode())
    await expect(page.locator("#attached")).to_contain_text("label.png", timeout=PATIENCE_MS)
    await field(page).fill("Your label")
    await field(page).press("Enter")

    answer = thread(page).locator(".bubble.me")
    await expect(answer.get_by_role("img", name="Photo")).to_be_visible(timeout=PATIENCE_MS)
    await expect(answer).to_contain_text("Your label")
    await expect(page.locator("#attached")).to_have_text("")


@pytest.mark.slow
async def test_enter_that_chooses_a_letter_sends_nothing(page: Page, world: World) -> None:
    """As Japanese and Chinese are typed: the first Enter belongs to the choice of a word."""
    await open_conversation(page, world)
    await field(page).fill("こんにち")
    for told in ({"isComposing": True}, {"keyCode": 229}):
        await field(page).dispatch_event("keydown", {"key": "Enter", "bubbles": True, "cancelable": True} | told)
    await expect(thread(page).locator(".bubble.me")).to_have_count(0)
    await expect(field(page)).to_have_value("こんにち")

    await field(page).fill("こんにちは")
    await field(page).press("Enter")
    await expect(thread(page).locator(".bubble.me")).to_have_count(1)
    await eventually(lambda: sent(world, 1))
    assert [one["content"]["body"] for one in await world.sends()] == ["こんにちは"]


@pytest.mark.slow
async def test_older_messages_come_on_demand(page: Page, world: World) -> None:
    for number in range(56):
        await world.customer_says(f"Message {number}")
    await eventually(lambda: inbound(world, 56))
    await page.goto(HOME)
    await page.locator("[data-row]").click()
    them = thread(page).locator(".bubble.them")
    await expect(them).to_have_count(50)

    await thread(page).get_by_role("link", name="Older messages").click()

    await expect(them).to_have_count(56)
    rows = await world.rows("SELECT content ->> 'body' AS body FROM message ORDER BY occurred_at, id")
    assert await thread(page).locator(".bubble.them p").all_text_contents() == [row["body"] for row in rows]
    await expect(thread(page)).to_contain_text("The beginning of what is kept")


async def inbound(world: World, many: int) -> bool:
    (row,) = await world.rows("SELECT count(*) AS n FROM message WHERE direction = 'inbound'")
    return bool(row["n"] == many)


@pytest.mark.slow
async def test_somebody_takes_care_of_it_and_others_see_it(page: Page, world: World) -> None:
    agent = await entering.enter(world, Role.AGENT)
    await open_conversation(page, world)
    await page.get_by_label("Takes care of it").select_option(label=agent.person.name)
    await expect(page.locator("#talk-head")).to_contain_text(f"{agent.person.name} takes care", timeout=PATIENCE_MS)
    await page.goto(f"{HOME}?view=nobody")
    await expect(page.get_by_role("heading", name="Nothing here")).to_be_visible()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 820, 1360])
async def test_no_width_scrolls_sideways(page: Page, world: World, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 844})
    await customers.fill_thread(world)
    await page.goto(HOME)
    assert await judging.overhang(page) <= 0
    await page.locator("[data-row]").click()
    await expect(field(page)).to_be_visible()
    assert await judging.overhang(page) <= 0
    assert await judging.faults(page) == []
