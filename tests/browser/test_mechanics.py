"""What all pages share: dialogs, drawers, rows by key, copying, and lists that do not move under the reader."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from quixess.people import Role
from tests.browser import chromium, entering, judging
from tests.browser.chromium import Guard
from tests.world import World

INVITE = "/app/settings/people/invite"


async def test_a_form_opens_over_the_page_by_its_key_and_gives_the_focus_back(page: Page):
    await page.goto("/app/settings/people")
    await page.get_by_role("link", name="Invite").focus()

    await page.keyboard.press("c")

    dialog = page.get_by_role("dialog", name=re.compile("Invite somebody"))
    await expect(dialog.get_by_label("E-mail")).to_be_focused()
    assert await judging.faults(page) == []
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_role("link", name="Invite")).to_be_focused()


async def test_a_form_that_is_wrong_says_so_in_place(page: Page, guard: Guard):
    guard.allow("422")
    await page.goto("/app/settings/people")
    await page.get_by_role("link", name="Invite").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("E-mail").fill("nobody")
    await dialog.get_by_role("radio").last.check()

    await dialog.get_by_role("button", name="Make the link").click()

    await expect(dialog.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    await expect(dialog.get_by_label("E-mail")).to_be_focused()
    await expect(dialog.get_by_label("E-mail")).to_have_value("nobody")
    assert await judging.faults(page) == []
    await expect(page).to_have_url(re.compile(r"/app/settings/people$"))


@pytest.mark.slow
async def test_the_same_form_is_a_page_of_its_own_without_a_script(world: World, browser: Browser):
    context = await browser.new_context(base_url=world.url, java_script_enabled=False)
    await entering.hand_cookie(context, world, await entering.enter(world, Role.OWNER))
    page = await context.new_page()
    await page.goto("/app/settings/people")

    await page.get_by_role("link", name="Invite").click()

    await expect(page).to_have_url(re.compile(INVITE))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Invite somebody")
    await context.close()


async def test_a_row_opens_its_drawer_at_an_address_of_its_own(page: Page, world: World):
    await world.send_otp()
    await world.call("POST", "/api/v1/whatsapp/external/send/otp", body={})
    await page.goto("/app/requests")
    await expect(page.locator("[data-row]")).to_have_count(2)

    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")

    await expect(page.locator(".drawer")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"\?request=req_"))
    assert await judging.faults(page) == []
    await page.go_back()
    await expect(page.locator(".drawer")).to_have_count(0)
    await page.go_forward()
    await expect(page.locator(".drawer")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator(".drawer")).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"/app/requests$"))


@pytest.mark.slow
@pytest.mark.parametrize("allowed", [True, False])
async def test_an_id_is_copied_also_where_the_browser_has_no_clipboard(page: Page, world: World, allowed: bool):
    await world.send_otp()
    if allowed:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    else:
        await page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        await page.add_init_script(
            "document.execCommand = (word) => { window.copied = document.activeElement.value; return true; }"
        )
    await page.goto("/app/requests")
    await page.locator("[data-row] a").first.click()
    button = page.locator(".drawer copy-button").first

    await button.get_by_role("button").click()

    await expect(page.locator(".toast")).to_have_text("Copied")
    copied = await page.evaluate("window.copied ?? navigator.clipboard.readText()")
    assert copied
    assert copied == await button.evaluate(
        "(one) => one.getAttribute('value') ?? document.getElementById(one.getAttribute('for')).textContent"
    )


@pytest.mark.slow
async def test_times_are_told_in_words_and_stay_so_when_a_region_comes_anew(page: Page, world: World):
    await world.send_otp()
    await page.goto("/app/requests")
    moment = page.locator("[data-row] time-ago").first
    await expect(moment).to_have_text(re.compile("just now|sec"))

    await world.send_otp()

    await expect(page.locator("[data-row]")).to_have_count(2, timeout=20_000)
    for one in await page.locator("[data-row] time-ago").all():
        await expect(one).to_have_text(re.compile("just now|sec"))


@pytest.mark.slow
async def test_the_brand_is_switched_from_the_keyboard(page: Page, world: World):
    await page.goto("/app")

    await page.locator(".switcher > summary").press("Enter")

    await expect(page.locator(".switcher .menu button")).to_have_count(1)
    assert await judging.faults(page) == []
    await page.keyboard.press("Escape")
    await expect(page.locator(".switcher .menu")).to_be_hidden()
    await expect(page.locator(".switcher > summary")).to_be_focused()


@pytest.mark.slow
async def test_on_a_phone_the_menu_of_brands_is_on_the_screen(world: World, browser: Browser, guard: Guard):
    context = await browser.new_context(base_url=world.url, viewport=chromium.NARROW, has_touch=True)
    await guard.watch(context)
    await entering.hand_cookie(context, world, await entering.enter(world, Role.OWNER))
    page = await context.new_page()
    await page.goto("/app")

    await page.locator(".switcher > summary").tap()

    await expect(page.locator(".switcher .menu button")).to_be_in_viewport()
    assert await judging.overhang(page) <= 0
    await context.close()
