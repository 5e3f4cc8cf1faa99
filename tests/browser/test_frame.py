"""The frame around every page: keys, colours, the live dot, and that all of it works without a script too."""

import re

import pytest
from playwright.async_api import Browser, Page, Response, expect

from quixess.people import Role
from tests.browser import entering, judging
from tests.browser.chromium import Guard
from tests.world import World

COLD_BUDGET = 130 * 1024


async def test_the_overview_is_live_and_without_fault(page: Page, world: World):
    await page.goto("/app")

    await expect(page.locator("#live-dot")).to_have_text("Live")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert await judging.faults(page) == []


@pytest.mark.slow
async def test_a_message_shows_on_the_overview_that_is_looked_at(page: Page, world: World):
    await page.goto("/app")
    await expect(page.locator("#live-dot")).to_have_text("Live")
    sent = page.locator(".stat", has_text="Sent").locator("dd")
    await expect(sent).to_contain_text("0")

    assert (await world.send_otp()).status == 200

    await expect(sent).to_contain_text("1", timeout=20_000)


@pytest.mark.slow
async def test_g_and_a_letter_go_to_a_page(page: Page):
    await page.goto("/app/settings/people")
    await expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()

    await page.keyboard.press("g")
    await page.keyboard.press("o")

    await expect(page).to_have_url(re.compile(r"/app$"))


@pytest.mark.slow
async def test_a_question_mark_lists_the_keys_and_escape_closes_the_list(page: Page):
    await page.goto("/app")

    await page.keyboard.press("?")

    await expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Next and previous row")
    assert await judging.faults(page) == []
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.slow
async def test_the_colours_are_chosen_at_once_and_kept(page: Page):
    await page.goto("/app")
    await page.get_by_role("button", name="Dark colours").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")

    await page.reload()

    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_role("button", name="Light colours").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "light")


@pytest.mark.slow
async def test_tab_begins_with_the_way_past_the_side_bar(page: Page):
    await page.goto("/app")

    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")

    assert await page.evaluate("document.activeElement.id") == "main"


async def test_without_a_script_the_frame_works_by_links_and_forms(world: World, browser: Browser, guard: Guard):
    context = await browser.new_context(base_url=world.url, java_script_enabled=False)
    await entering.hand_cookie(context, world, await entering.enter(world, Role.OWNER))
    page = await context.new_page()
    await page.goto("/app")

    await page.get_by_role("button", name="Dark colours").click()

    await expect(page).to_have_url(re.compile(r"/app$"))
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.get_by_role("link", name="People").click()
    await expect(page.get_by_role("heading", name="People", level=1)).to_be_visible()
    await context.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 820, 1360])
async def test_no_page_is_wider_than_the_window(world: World, browser: Browser, guard: Guard, width: int):
    context = await browser.new_context(base_url=world.url, viewport={"width": width, "height": 800})
    await guard.watch(context)
    await entering.hand_cookie(context, world, await entering.enter(world, Role.OWNER))
    page = await context.new_page()

    await page.goto("/app")

    assert await judging.overhang(page) <= 0
    await context.close()


async def test_the_first_page_comes_within_its_budget(page: Page):
    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one))  # noqa: PLW0108 - Playwright marks what it is given

    await page.goto("/app", wait_until="load")

    whole = [one for one in answers if "text/event-stream" not in one.headers.get("content-type", "")]
    sizes = {one.url: (await one.request.sizes())["responseBodySize"] for one in whole}
    assert len(sizes) > 8
    assert sum(sizes.values()) <= COLD_BUDGET, sizes


@pytest.mark.slow
async def test_a_page_that_is_not_there_says_so_and_leads_on(page: Page, guard: Guard):
    guard.allow("404")

    await page.goto("/app/nowhere")

    await expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert await judging.faults(page) == []
    await page.get_by_role("link", name="To the overview").click()
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()


async def test_axe_can_fail(page: Page):
    await page.goto("/app")
    await page.evaluate("document.getElementById('main').append(document.createElement('button'))")

    assert [fault for fault in await judging.faults(page) if fault.startswith("button-name")]


async def test_the_guard_notices_a_script_that_the_policy_forbids(page: Page, guard: Guard):
    await page.goto("/app")

    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">x</p>')")

    await page.wait_for_function("true")
    assert any("CSP style-src" in line or "Content Security Policy" in line for line in guard.found)
    guard.allow("CSP", "Content Security Policy")
