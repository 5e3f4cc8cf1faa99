"""A day of work in a browser that runs no script: sign in, make a key, answer a customer, replay an event."""

import re

from playwright.async_api import Browser, expect

from quixess.people import Role
from tests.browser.chromium import Guard
from tests.dashboard.visiting import EMAIL, PASSWORD, employ
from tests.support import customers
from tests.world import World, eventually

KEYS = "/app/settings/api-keys"


async def test_a_day_of_work_needs_no_script(world: World, browser: Browser, guard: Guard) -> None:
    """Journey 18."""
    await employ(world, Role.OWNER)
    await customers.says(world, "Is my order on its way?")
    await eventually(lambda: len(world.receiver.of_type("message.received")) == 1)
    context = await browser.new_context(base_url=world.url, java_script_enabled=False)
    await guard.watch(context)
    page = await context.new_page()

    await page.goto(KEYS)
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page).to_have_url(re.compile(f"{KEYS}$"))

    await page.get_by_role("link", name="New key").click()
    await page.get_by_role("link", name="Signup service").click()
    await expect(page.get_by_role("textbox", name="Name")).to_have_value("Signup service")
    await page.get_by_role("button", name="Make the key").click()
    secret = await page.locator("#key-secret").inner_text()
    await page.get_by_role("link", name="I have saved it").click()
    await expect(page.get_by_role("row", name="Signup service")).to_contain_text(secret[-4:])
    assert (await world.send_otp(key=secret, to="+12818184371")).status == 200

    await page.get_by_role("link", name="Inbox").click()
    await page.get_by_role("link", name="Frank").click()
    await page.get_by_role("textbox", name="Message").fill("It is.")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("log", name="Messages")).to_contain_text("It is.")
    assert "It is." in str(await world.sends())

    await page.get_by_role("link", name="Events").click()
    await page.get_by_role("row", name="message.received").get_by_role("link").click()
    await page.get_by_role("button", name="Replay", exact=True).click()
    await expect(page.get_by_text("It is on its way again")).to_be_visible()
    await eventually(lambda: len(world.receiver.of_type("message.received")) == 2)
    await context.close()
