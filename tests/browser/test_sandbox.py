"""The sandbox in a browser: a code is run and read, an answer is written, a delivery fails and is made again."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser import judging
from tests.browser.chromium import NARROW
from tests.world import World, eventually

PATIENCE_MS = 20_000


async def begin(page: Page, world: World) -> None:
    """Open the page of a brand that nobody listens for yet, as a fresh one is."""
    await world.rows("UPDATE endpoint SET deleted_at = now() WHERE brand_id = $1", world.brand_id)
    await page.goto("/app/sandbox")
    await expect(page.locator("#live-dot")).to_have_text("Live", timeout=PATIENCE_MS)


def bubbles(page: Page) -> Locator:
    return page.locator("#bubbles .bubble")


async def test_a_code_is_run_arrives_is_read_and_is_answered(page: Page, world: World) -> None:
    await begin(page, world)
    await expect(page.get_by_role("button", name="Run it here")).to_be_focused()
    assert await judging.faults(page) == []

    await page.keyboard.press("Enter")

    await expect(page.locator("#result")).to_contain_text(re.compile(r"200 in \d+ ms"), timeout=PATIENCE_MS)
    code = await page.locator("#result b").inner_text()
    bubble = bubbles(page).first
    await expect(bubble).to_contain_text(f"{code} is your verification code", timeout=PATIENCE_MS)
    await expect(bubble.get_by_role("img", name="Read")).to_be_visible(timeout=PATIENCE_MS)
    await expect(bubble.get_by_role("button", name="Copy code")).to_be_visible()
    told = page.locator("#told")
    for event in ("message.delivered", "message.read"):
        await expect(told.locator("li", has_text=event)).to_contain_text("200", timeout=PATIENCE_MS)

    field = page.get_by_label("Answer as Maya")
    await field.focus()
    await page.keyboard.press("Enter")

    await expect(bubbles(page)).to_have_count(2, timeout=PATIENCE_MS)
    await expect(bubbles(page).last).to_contain_text("Thanks!")
    await expect(page.locator("#bubbles .is-sending")).to_have_count(0, timeout=PATIENCE_MS)
    await expect(field).to_have_value("")
    await expect(told.locator("li", has_text="message.received")).to_contain_text("200", timeout=PATIENCE_MS)
    assert await judging.faults(page) == []


@pytest.mark.slow
async def test_the_request_is_there_in_three_languages(page: Page, world: World) -> None:
    await begin(page, world)
    await expect(page.get_by_role("region", name="Curl request")).to_contain_text("X-API-Key: qxt_")

    await page.get_by_role("radio", name="Python").check(force=True)
    await expect(page.get_by_role("region", name="Python request")).to_contain_text("httpx.post")
    await expect(page.get_by_role("region", name="Curl request")).to_be_hidden()

    await page.get_by_role("radio", name="Node").check(force=True)
    await expect(page.get_by_role("region", name="Node request")).to_contain_text("await fetch")


async def test_a_delivery_fails_is_made_again_and_is_replayed(page: Page, world: World) -> None:
    await begin(page, world)
    told = page.locator("#told")
    await page.get_by_role("button", name="Fail the next 2").click()
    await expect(told).to_contain_text("but the next 2 with 503", timeout=PATIENCE_MS)

    await page.get_by_label("Answer as Maya").fill("Hello?")
    await page.keyboard.press("Enter")

    row = told.locator("li", has_text="message.received")
    await expect(row).to_contain_text("200", timeout=PATIENCE_MS)
    await row.get_by_role("link").click()
    dialog = page.get_by_role("dialog", name="message.received")
    await expect(dialog.get_by_role("list", name="Attempts").get_by_role("listitem")).to_have_count(3)
    await expect(dialog).to_contain_text("x-quixess-signature-256: sha256=")
    assert await judging.faults(page) == []
    await dialog.get_by_role("button", name="Replay").click()

    async def delivered_again() -> bool:
        return len(await world.rows("SELECT 1 FROM caught")) == 4

    await eventually(delivered_again)


@pytest.mark.slow
async def test_the_levers_open_over_the_page_and_a_phone_that_is_off_stays_at_one_tick(
    page: Page, world: World
) -> None:
    await begin(page, world)
    await page.get_by_role("link", name="Simulate").click()
    dialog = page.get_by_role("dialog", name="Simulate")
    await dialog.get_by_text("Offline").click()
    assert await judging.faults(page) == []
    await dialog.get_by_role("button", name="Do it").click()
    await expect(page.locator(".phone-state")).to_contain_text("Offline", timeout=PATIENCE_MS)

    await page.get_by_role("button", name="Run it here").click()

    await expect(bubbles(page).first.get_by_role("img", name="Sent")).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.slow
async def test_a_message_is_quoted_and_reacted_to(page: Page, world: World) -> None:
    await begin(page, world)
    await page.get_by_role("button", name="Run it here").click()
    first = bubbles(page).first
    await expect(first).to_be_visible(timeout=PATIENCE_MS)

    await first.hover()
    await first.get_by_role("button", name="React with a thumb").click()
    await expect(bubbles(page).nth(1)).to_contain_text("👍", timeout=PATIENCE_MS)
    await first.hover()
    await first.get_by_role("link", name="Quote this message").click()
    await expect(page.locator("#composer .quoting")).to_contain_text("is your verification code")
    await page.get_by_label("Answer as Maya").fill("This one?")
    await page.keyboard.press("Enter")

    await expect(bubbles(page).last).to_contain_text("This one?", timeout=PATIENCE_MS)
    await expect(page.locator("#composer .quoting")).to_have_count(0)


@pytest.mark.slow
async def test_it_fits_on_a_phone(page: Page, world: World) -> None:
    await page.set_viewport_size(NARROW)
    await begin(page, world)
    await page.get_by_role("button", name="Run it here").click()
    await expect(bubbles(page).first).to_be_visible(timeout=PATIENCE_MS)

    assert await judging.overhang(page) <= 0
    assert await judging.faults(page) == []
