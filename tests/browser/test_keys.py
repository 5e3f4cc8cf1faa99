"""API keys in a browser: minted and gone, by the keyboard alone, with what is wrong in its place, and live."""

import re

import pytest
from playwright.async_api import Page, expect

from quixess.access import Scope
from tests.browser import judging
from tests.browser.chromium import Guard
from tests.world import World

HOME = "/app/settings/api-keys"
PATIENCE_MS = 20_000


async def mint(page: Page, name: str) -> str:
    """Make a key that sends codes, and leave its secret on the screen."""
    await page.get_by_role("link", name="New key").first.click()
    dialog = page.get_by_role("dialog", name="New API key")
    await dialog.get_by_role("textbox", name="Name").fill(name)
    await dialog.get_by_label("Send one-time codes").check()
    await dialog.get_by_role("button", name="Make the key").click()
    await expect(page.get_by_role("dialog", name="Copy your key now")).to_be_visible()
    return await page.locator("#key-secret").inner_text()


async def test_a_key_is_shown_once_and_is_nowhere_afterwards(page: Page, world: World) -> None:
    await page.goto(HOME)
    assert await judging.faults(page) == []

    secret = await mint(page, "Signup service")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Copy key")).to_be_focused()
    await expect(dialog).to_contain_text("send/otp")
    assert await judging.faults(page) == []
    await page.mouse.click(5, 5)  # beside the dialog
    await expect(dialog).to_be_visible()
    assert (await world.send_otp(key=secret)).status == 200

    await dialog.get_by_role("link", name="I have saved it").click()
    await expect(dialog).to_be_hidden()
    assert secret not in await page.content()
    await page.reload()
    await expect(page.get_by_role("row", name="Signup service")).to_contain_text(secret[-4:])
    assert secret not in await page.content()


async def test_a_key_is_made_by_the_keyboard_alone(page: Page) -> None:
    await page.goto(HOME)
    await expect(page.locator("#live-dot")).to_have_text("Live")

    await page.keyboard.press("c")
    await expect(page.get_by_role("textbox", name="Name")).to_be_focused()
    await page.keyboard.type("Ops")
    box = page.get_by_label("Manage webhook events")
    for _ in range(14):
        if await box.evaluate("(one) => one === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Copy key")).to_be_focused()
    await page.keyboard.press("Escape")

    await expect(page.get_by_role("dialog")).to_be_hidden()
    await expect(page.get_by_role("link", name="New key")).to_be_focused()
    await expect(page.get_by_role("row", name="Ops")).to_be_visible(timeout=PATIENCE_MS)


@pytest.mark.slow
async def test_a_preset_keeps_the_name_and_a_fault_is_told_in_its_place(page: Page, guard: Guard) -> None:
    guard.allow("422")
    await page.goto(HOME)
    await page.get_by_role("link", name="New key").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Make the key").click()
    name = dialog.get_by_role("textbox", name="Name")
    await expect(name).to_have_attribute("aria-invalid", "true")
    await expect(name).to_be_focused()
    await expect(dialog).to_contain_text("Choose what the key may do")
    assert await judging.faults(page) == []

    await name.fill("Support desk")
    await dialog.get_by_role("link", name="Support tool").click()
    await expect(dialog.get_by_label("Reply to customers")).to_be_checked()
    await expect(dialog.get_by_role("textbox", name="Name")).to_have_value("Support desk")

    await dialog.get_by_text("Limits and expiry").click()
    await dialog.get_by_label("Only from these addresses").fill("somewhere")
    await dialog.get_by_role("button", name="Make the key").click()
    await expect(dialog.get_by_label("Only from these addresses")).to_have_attribute("aria-invalid", "true")
    await expect(dialog.get_by_label("Reply to customers")).to_be_checked()


async def test_calls_are_counted_while_one_looks_and_the_scope_wall_shows_its_fix(page: Page, world: World) -> None:
    await page.goto(HOME)
    secret = await mint(page, "Signup service")
    await page.keyboard.press("Escape")
    row = page.get_by_role("row", name="Signup service")
    await expect(row).to_contain_text("never")
    for _ in range(7):
        await world.send_otp(key=secret)
    await world.call("GET", "/api/v1/whatsapp/external/messages", key=secret)

    await expect(row.locator(".num")).to_have_text("8", timeout=PATIENCE_MS)
    await expect(row.locator("time-ago")).to_have_text(re.compile("just now|sec"), timeout=PATIENCE_MS)

    await row.get_by_role("link", name="Signup service", exact=True).click()
    drawer = page.get_by_role("complementary", name="Signup service")
    await expect(drawer.get_by_text("GET /messages")).to_be_visible()
    assert await judging.faults(page) == []
    assert await judging.overhang(page) <= 0
    await drawer.get_by_text("GET /messages").click()
    await expect(page.get_by_role("complementary")).to_contain_text("mint one that has it")


@pytest.mark.slow
async def test_a_key_is_extended_rotated_and_revoked_from_its_drawer(page: Page, world: World) -> None:
    secret = await world.mint(Scope.SEND_OTP)
    await page.goto(HOME)
    await page.get_by_role("row", name="test").get_by_role("link", name="test", exact=True).click()

    await page.get_by_role("link", name="Add scopes").click()
    await page.get_by_label("Read templates").check()
    assert await judging.faults(page) == []
    await page.get_by_role("button", name="Add", exact=True).click()
    await expect(page.get_by_role("complementary")).to_contain_text("whatsapp:read_templates")

    await page.get_by_role("link", name="Rotate").click()
    await page.get_by_role("button", name="Make the new secret").click()
    await expect(page.get_by_role("dialog", name="Copy your key now")).to_contain_text("The key before")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("complementary")).to_contain_text("Being replaced", timeout=PATIENCE_MS)

    await page.get_by_role("complementary").get_by_role("link", name="Revoke").click()
    await expect(page.get_by_role("dialog", name="Revoke test?")).to_contain_text("Requests with it fail at once")
    await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    await expect(page.get_by_text("is revoked")).to_be_visible()
    assert (await world.send_otp(key=secret)).status == 401
